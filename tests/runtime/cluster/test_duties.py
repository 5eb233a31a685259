"""What a process does with what it is told, round by round."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from persistence.errors import LeaseHeld, LeaseLost, LogUnavailable, ShardsRefused
from persistence.shards import Living
from runtime.clock import wall_ms
from runtime.cluster.duties import HELD_MS, ROUNDS_AFTER_OUTAGE, TOLD_MS, Rates
from tests.runtime.cluster.duty_paper import Process
from tests.runtime.writer.writing import until


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    """One process, which has reported once."""
    process = Process()
    process.table.others = [Living("w2", "there:9100", {}, frozenset({"main", "east"}), False)]
    yield process
    process.running.cancel()
    await asyncio.wait({process.running})


async def test_it_does_what_it_is_told(process: Process) -> None:
    """It follows, takes up what it followed, lays down, and lets the other have it."""
    await process.told("main", "w2", "w1")
    await process.done(("follow", "main"))
    await process.told("main", "w1", "w2")
    await process.done(("follow", "main"), ("take up", "main"))
    await process.round()
    assert process.hands.served == {"main": 0}
    await process.told("main", "w2", "w1")
    expected = [("follow", "main"), ("take up", "main"), ("lay down", "main"), ("follow", "main")]
    await process.done(*expected)
    await process.told("main", "w2", "w3")
    await process.done(*expected, ("unfollow", "main"))


async def test_it_reports_what_it_does(process: Process) -> None:
    """What it serves and what it follows without a lag, from the next round on."""
    await process.told("main", "w1")
    await process.told("east", "w2", "w1")
    await process.done(("take up", "main"), ("follow", "east"))
    await process.round()
    assert process.table.reports[-1] == ({"main": 0}, {"east"})


async def test_reports_go_on_while_a_market_is_taken_up(process: Process) -> None:
    """A long log takes its time; whoever did not report meanwhile would be taken for dead."""
    process.hands.held_back = asyncio.Event()
    await process.told("main", "w1")
    before = len(process.table.reports)
    await process.round()
    await process.round()
    assert len(process.table.reports) == before + 2
    assert process.hands.done == [("take up", "main")]
    process.hands.held_back.set()
    await until(lambda: "main" in process.hands.served)


async def test_what_changes_meanwhile_is_done_after_it(process: Process) -> None:
    """It was told to serve, and before it does, not to: it takes up, and lays down."""
    process.hands.held_back = asyncio.Event()
    await process.told("main", "w1")
    await process.told("main", "w2")
    process.hands.held_back.set()
    await process.done(("take up", "main"), ("lay down", "main"))


async def test_a_market_is_served_until_the_other_has_been_told(process: Process) -> None:
    """Who is to have it hears of it in a round of its own, and would find nobody meanwhile. If it
    is to stay after all, or is lost before, nothing is laid down."""
    for market in ("main", "east"):
        await process.told(market, "w1")
    await until(lambda: len(process.hands.served) == 2)
    process.hands.done.clear()
    process.telling = asyncio.Event()
    for market in ("main", "east"):
        await process.told(market, "w2")
    assert not process.hands.done
    await process.told("main", "w1")
    process.duties.lost("east")
    process.telling.set()
    await process.round()
    await process.round()
    assert not process.hands.done
    await process.told("main", "w2")
    await process.done(("lay down", "main"))


async def test_a_market_is_served_until_its_heir_has_replayed_the_log(process: Process) -> None:
    """Told long ago, the heir has still much to read: a release would leave nobody."""
    await process.told("main", "w1")
    await until(lambda: len(process.hands.served) == 1)
    process.hands.done.clear()
    process.table.others = [Living("w2", "there:9100", {}, frozenset(), False)]
    await process.told("main", "w2")
    await until(lambda: process.waits_ms.count(TOLD_MS) > 2)
    assert not process.hands.done
    process.table.others = [Living("w2", "there:9100", {}, frozenset({"main"}), False)]
    await process.round()
    await process.done(("lay down", "main"))


async def test_what_is_not_to_be_had_yet_is_followed(process: Process) -> None:
    """So that this process is ready when the lease is free."""
    held = LeaseHeld("shard 0", "w2", 5_000)
    process.hands.problems = [held]
    await process.told("main", "w1")
    await process.done(("take up", "main"), ("follow", "main"), ("take up", "main"))
    assert process.hands.served == {"main": 0}


async def test_one_market_does_not_wait_for_another(process: Process) -> None:
    """They are brought to where they should be side by side."""
    process.hands.held_back = asyncio.Event()
    await process.told("main", "w1")
    await process.told("east", "w1")
    await process.done(("take up", "main"), ("take up", "east"))
    process.hands.held_back.set()


async def test_what_fails_is_tried_again(process: Process) -> None:
    """The owner before is slow, the database is away, the log is damaged: it goes on trying, the
    more slowly the less hope there is, and reports all the time."""
    process.hands.problems = [
        LeaseHeld("shard 0", "w2", 900),
        LogUnavailable("away"),
        AssertionError("damaged"),
    ]
    await process.told("main", "w1")
    again = [("take up", "main")] * 3
    await process.done(("take up", "main"), ("follow", "main"), *again)
    await until(lambda: "main" in process.hands.served)
    assert process.waits_ms == [200, 500, 10_000]


async def test_what_is_no_longer_wanted_is_not_tried_again(process: Process) -> None:
    """It followed, could not have the lease, and is not to have it any more: it follows no more."""
    await process.told("main", "w2", "w1")
    await process.done(("follow", "main"))
    process.hands.problems = [LeaseHeld("shard 0", "w2", 900)] * 10_000
    await process.told("main", "w1", "w2")
    await until(lambda: len(process.hands.done) > 3)
    await process.told("main", "w2")
    await until(lambda: process.hands.done[-1] == ("unfollow", "main"))
    assert set(process.hands.done[1:-1]) == {("take up", "main")}
    assert not process.hands.followed


async def test_what_is_lost_is_taken_up_again_if_it_is_still_ours(process: Process) -> None:
    """Its writer ended by itself; what was lost and given to another is left alone."""
    for market in ("main", "east"):
        await process.told(market, "w1")
    await until(lambda: len(process.hands.served) == 2)
    process.table.place("east", "w2")
    for market in ("main", "east"):
        del process.hands.served[market]
        process.duties.lost(market)
    process.hands.done.clear()
    await process.round()
    await process.done(("take up", "main"))


async def test_what_cannot_be_written_is_given_to_whoever_stands_ready(process: Process) -> None:
    """After an outage that one has to report anew, and is waited for; then this process stands by.
    Where nobody stood ready before, nobody is waited for."""
    await process.told("main", "w1", "w2")
    await process.told("east", "w1")
    await until(lambda: len(process.hands.served) == 2)
    ready, process.table.others = process.table.others, []
    process.table.problem = LogUnavailable("away")
    await process.round()
    process.table.problem = None
    await process.round()
    giving = asyncio.create_task(process.duties.give_away("main"))
    await until(lambda: HELD_MS in process.waits_ms)
    process.table.others = ready
    assert await giving
    process.waits_ms.clear()
    assert not await process.duties.give_away("east")
    assert not process.waits_ms
    process.hands.done.clear()
    del process.hands.served["main"]
    process.duties.lost("main")
    await process.round()
    await process.done(("follow", "main"))


async def test_a_wrong_clock_is_told(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    """Once, and by how much. The time that a report takes is no difference."""
    for ahead_ms in (600_000, -600_000, 0):
        process.table.clock = partial(_clock, ahead_ms)
        await process.round()
        # On a slow machine a report takes its time, and so much is not known.
        assert abs(process.duties.ahead_ms - ahead_ms) < 60_000
    said = [message for message in caplog.messages if "clock" in message]
    assert said[0].startswith("this machine's clock is not the database's: by +")
    assert len(said) == 1


def _clock(ahead_ms: int) -> int:
    return wall_ms() - ahead_ms


async def test_without_the_table_all_stays_as_it_is(process: Process) -> None:
    """For as long as it takes: who owns a shard is decided by its lease."""
    await process.told("main", "w1")
    await process.done(("take up", "main"))
    process.table.problem = LogUnavailable("away")
    for _ in range(20):
        await process.round()
    await process.done(("take up", "main"))
    process.table.problem = None
    await process.told("main", "w2")
    await process.done(("take up", "main"), ("lay down", "main"))


async def test_after_an_outage_the_others_get_time_to_report(process: Process) -> None:
    """Nobody could, so all look dead to whoever can first: it must not take what they serve."""
    process.table.place("main", "w2", "w1")
    process.table.place("east", "w2", "w1")
    process.table.leader = "w1"
    others, process.table.others = process.table.others, []
    process.table.problem = LogUnavailable("away")
    await process.round()
    process.table.problem = None
    for _ in range(ROUNDS_AFTER_OUTAGE):
        await process.round()
    assert not process.table.assigned
    process.table.others = others
    await process.round()
    assert not process.table.assigned
    process.table.others = []
    await process.round()
    assert {change.writer for change in process.table.assigned} == {"w1"}


async def test_whoever_leads_assigns_and_publishes(process: Process) -> None:
    """It acts upon its own word at once, and tells gateways in every round."""
    process.table.leader = "w1"
    await process.round()
    assert {m.market: bool(m.writer and m.standby) for m in process.table.markets} == {
        "main": True,
        "east": True,
    }
    mine = next(m.market for m in process.table.markets if m.writer == "w1")
    other = next(m.market for m in process.table.markets if m.writer == "w2")
    await until(lambda: mine in process.hands.served and other in process.hands.followed)
    count = len(process.table.assigned)
    await process.round()
    assert len(process.table.assigned) == count, "nothing has changed"
    await until(lambda: len(process.hands.published) == 2)
    assert all(published == process.table.markets for published in process.hands.published)


async def test_whoever_does_not_lead_does_neither(process: Process) -> None:
    """Two who assigned would take markets from one another for ever."""
    process.table.leader = "w2"
    await process.told("main", "dead")
    assert not process.table.assigned
    assert not process.hands.published


@pytest.mark.parametrize("problem", [LeaseLost("the lead", 1), LogUnavailable("away")])
async def test_a_leader_that_may_not_assign_changes_nothing(
    process: Process, problem: Exception
) -> None:
    """Neither for itself nor for gateways: what it meant is not what the table says."""
    process.table.leader = "w1"
    process.table.assign_problem = problem
    await process.round()
    await process.round()
    assert not process.hands.done
    assert not process.hands.published


async def test_a_slow_word_to_gateways_holds_nothing_up(process: Process) -> None:
    """Redis hangs: reports go on, and one word at a time is on its way."""
    process.table.leader = "w1"
    process.hands.publishing = asyncio.Event()
    for _ in range(3):
        await process.round()
    assert len(process.table.reports) >= 3
    assert len(process.hands.published) == 1


async def test_leaving_waits_for_the_others(process: Process) -> None:
    """It says that it drains, and goes when they have been told to take over and it has let go;
    then its row goes too, and nothing is reported after that."""
    await process.told("main", "w1", "w2")
    await process.told("east", "w2", "w1")
    await process.done(("take up", "main"), ("follow", "east"))
    leaving = asyncio.create_task(process.duties.leave(60_000))
    await until(lambda: process.table.draining == {"w1"})
    await process.round()
    assert "main" in process.hands.served
    assert not leaving.done()
    await process.told("main", "w2", "")
    await leaving
    assert not process.hands.served
    assert not process.hands.followed
    assert process.table.left == ["w1"]
    await process.running


async def test_the_last_one_leaves_without_waiting(process: Process) -> None:
    """There is nobody to take over: it lays down what it has."""
    process.table.others = []
    await process.told("main", "w1")
    await process.done(("take up", "main"))
    await process.duties.leave(60_000)
    assert not process.hands.served
    assert process.table.left == ["w1"]
    assert not process.table.draining
    await process.running


@pytest.mark.parametrize("problem", [LogUnavailable("away"), ShardsRefused("not living")])
async def test_it_leaves_without_the_table(process: Process, problem: Exception) -> None:
    """What it has is laid down all the same; the others will find out."""
    await process.told("main", "w1")
    await process.done(("take up", "main"))
    process.table.problem = problem
    await process.duties.leave(60_000)
    assert not process.hands.served
    await process.running


async def test_patience_has_an_end(process: Process) -> None:
    """The others live and take nothing: it leaves when its time is over."""
    await process.told("main", "w1")
    await process.done(("take up", "main"))
    await process.duties.leave(20)
    assert not process.hands.served
    assert process.table.left == ["w1"]


def test_rates_are_smooth_and_begin_anew() -> None:
    """A burst counts for a part only; a market that was laid down and taken up counts from 0."""
    now_s = 100
    rates = Rates(lambda: now_s * 1_000_000_000)
    assert rates.of({"main": 5_000}) == {"main": 0}
    now_s += 1
    assert rates.of({"main": 6_000, "east": 0}) == {"main": 1_000, "east": 0}
    now_s += 1
    assert rates.of({"main": 9_000, "east": 50}) == {"main": 1_200, "east": 50}
    now_s += 2
    assert rates.of({"east": 150}) == {"east": 50}
    now_s += 1
    assert rates.of({"main": 30, "east": 200}) == {"main": 0, "east": 50}
    now_s += 1
    assert rates.of({"main": 40, "east": 10}) == {"main": 10, "east": 45}
