"""Letters between markets are carried once in effect, in order, whatever fails on the way."""

import asyncio
import copy
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import pytest

from engine.house import DEAD_LETTERS, HOUSE
from engine.kernel.outcome import FORBIDDEN, Rejected
from engine.ledger.journal import JOURNAL
from engine.ledger.user import USER as USER_ROOMS
from engine.mail import INBOX, OUTBOX, RenewInbox, TakeLetter
from engine.ports import Answer, CommandSink
from engine.registry import Registry, build_registry
from engine.sequencer import Refused
from persistence.memory import MemoryLog, MemoryStore
from runtime.writer.mail import MARK, RETRY_S
from tests.engine.toys import ADA, TOY, Play
from tests.runtime.writer.markets import MarketHere, Road, until_seen
from tests.runtime.writer.writing import ADMIN, until


def toys() -> Registry:
    """Toys that write letters."""
    return build_registry([TOY, HOUSE, JOURNAL, USER_ROOMS, OUTBOX, INBOX])


class Pair:
    """Two markets, near and far; near tells a toy of far."""

    def __init__(self) -> None:
        sinks: dict[str, CommandSink] = {}
        self.stores = {name: MemoryStore(lambda: time.time_ns() // 1_000_000) for name in NAMES}
        self.road = Road(sinks)
        self.near, self.far = (
            MarketHere(name, toys(), partial(self._log, name), self.road, sinks) for name in NAMES
        )

    def _log(self, name: str) -> MemoryLog:
        return MemoryLog(self.stores[name])

    async def tell(self, *texts: str) -> None:
        """Near says so to the toy of far."""
        for text in texts:
            await self.near.ask(Play(id=text, text=text, tell=("toy:t1@far",)), ADA)

    async def until_told(self, *texts: str) -> None:
        """The toy of far has heard this and nothing else."""
        await until_seen(self.far, "toy:t1", lambda seen: len(seen["texts"]) >= len(texts))
        assert (await self.far.see("toy:t1"))["texts"] == list(texts)


NAMES = ("near", "far")


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Both are up."""
    pair = Pair()
    await pair.near.start()
    await pair.far.start()
    yield pair
    for market in (pair.near, pair.far):
        with suppress(KeyError):
            await market.stop()


async def test_letters_arrive_in_order_and_once(pair: Pair) -> None:
    """More than a window of them."""
    texts = [f"m{number}" for number in range(20)]
    await pair.tell(*texts)
    await pair.until_told(*texts)
    assert pair.road.taken == [("far", number) for number in range(1, 21)]
    assert pair.near.mail.counts.taken == 20


async def test_a_letter_leaves_only_when_it_is_durable(pair: Pair) -> None:
    """What the log may never hold, nobody else hears of (architecture rule 1)."""
    may_write = asyncio.Event()
    append = pair.near.log.append

    async def slowly(records: object, cursor: int | None = None) -> None:
        await may_write.wait()
        await append(records, cursor)  # type: ignore[arg-type]

    pair.near.log.append = slowly  # type: ignore[method-assign]
    told = asyncio.create_task(pair.tell("one"))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not pair.road.taken
    may_write.set()
    await told
    await pair.until_told("one")


async def test_the_sender_is_killed_before_it_is_sent(pair: Pair) -> None:
    """The log is the queue: the next one finds the letter there."""
    pair.road.open.clear()
    await pair.tell("one", "two")
    await pair.near.kill()
    pair.road.open.set()
    await pair.near.start()
    await pair.tell("three")
    await pair.until_told("one", "two", "three")


async def test_the_sender_is_killed_before_it_knows_the_answer(pair: Pair) -> None:
    """No mark was kept, so all are sent again, and nothing happens."""
    await pair.tell("one", "two")
    await pair.until_told("one", "two")
    await pair.near.kill()
    await pair.near.start()
    await until(lambda: pair.near.mail.counts.taken == 2)
    assert pair.road.taken.count(("far", 1)) == 2
    await pair.until_told("one", "two")


async def test_the_taker_is_killed_when_it_has_taken(pair: Pair) -> None:
    """Its answer was lost; after its recovery the same letter has no effect."""

    def lose(letter: TakeLetter) -> None:
        if letter.number == 2 and pair.road.taken.count(("far", 2)) == 1:
            raise ConnectionError("the answer got lost")

    pair.road.after = lose
    await pair.tell("one", "two", "three")
    await until(lambda: pair.near.mail.counts.taken == 3)
    await pair.far.kill()
    await pair.far.start()
    await pair.tell("four")
    await pair.until_told("one", "two", "three", "four")
    assert pair.road.taken.count(("far", 2)) == 2


async def test_the_taker_is_away_for_a_while(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Letters wait, longer each time up to a bound, and then go on where they were."""
    await pair.far.kill()
    await pair.tell("one", "two")
    await until(lambda: pair.near.waits.count(RETRY_S[-1]) >= 2)
    assert pair.near.mail.counts.waiting == 2
    assert list(RETRY_S) == [wait for wait in RETRY_S if wait in pair.near.waits]
    assert max(pair.near.waits) == RETRY_S[-1]
    await pair.far.start()
    await pair.until_told("one", "two")
    await until(lambda: not pair.near.mail.counts.waiting)
    [said] = [message for message in caplog.messages if "for far wait" in message]
    assert said.startswith("letters of near for far wait: ")


async def test_a_letter_that_gets_lost_holds_up_those_behind_it(pair: Pair) -> None:
    """Those come too early, are refused, and come again in order."""
    lost: list[int] = []

    def lose(letter: TakeLetter) -> None:
        if letter.number == 2 and not lost:
            lost.append(letter.number)
            raise ConnectionError("nobody there")

    pair.road.before = lose
    pair.road.open.clear()
    await pair.tell("one", "two", "three", "four")
    pair.road.open.set()
    await pair.until_told("one", "two", "three", "four")
    assert lost


async def test_an_orderly_stop_keeps_the_mark(pair: Pair) -> None:
    """The next start sends nothing that is known to be taken."""
    await pair.tell("one", "two")
    await until(lambda: pair.near.mail.counts.taken == 2)
    await pair.near.stop()
    await pair.near.start()
    assert await pair.near.log.load_mark(f"{MARK}:far") == 2
    await pair.tell("three")
    await pair.until_told("one", "two", "three")
    assert pair.road.taken == [("far", 1), ("far", 2), ("far", 3)]


async def test_a_refused_message_is_a_dead_letter_over_there(pair: Pair) -> None:
    """Operators of the market that refused it see it; the letters behind it go on."""
    await pair.tell("no", "two")
    await pair.until_told("two")
    assert (await pair.far.see(DEAD_LETTERS))["count"] == 1
    assert (await pair.near.see(DEAD_LETTERS))["count"] == 0


async def test_a_log_that_cannot_be_read_is_read_later(pair: Pair) -> None:
    """Letters that are durable are not lost by an outage of their own log."""
    pair.road.open.clear()
    await pair.tell("one", "two")
    pair.stores["near"].available = False
    pair.road.open.set()
    await until(lambda: pair.near.waits.count(RETRY_S[1]) > 0)
    pair.stores["near"].available = True
    await pair.until_told("one", "two")


async def test_what_no_market_in_trouble_says_is_a_bug(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged as an error, counted, and tried again all the same."""
    take, answers = pair.road.take, [Rejected(FORBIDDEN, "not you")]

    async def refuse_once(market: str, letter: TakeLetter) -> Answer:
        if answers:
            return Refused(None, letter.id, answers.pop())
        return await take(market, letter)

    monkeypatch.setattr(pair.road, "take", refuse_once)
    await pair.tell("one")
    await pair.until_told("one")
    assert pair.near.mail.counts.refused == 1
    assert [record.levelno for record in caplog.records if "bug" in record.message] == [
        logging.ERROR
    ]


async def test_a_market_that_has_forgotten_is_told_again(pair: Pair) -> None:
    """After a backup was put back it asks for an earlier letter; the sender still has it."""
    await pair.tell("one", "two")
    await until(lambda: pair.near.mail.counts.taken == 2)
    await pair.far.kill()
    pair.stores["far"] = MemoryStore(lambda: time.time_ns() // 1_000_000)
    await pair.far.start()
    await pair.tell("three")
    await pair.until_told("one", "two", "three")


@pytest.mark.parametrize("anew", [["deux"], ["deux", "trois", "quatre"]])
async def test_a_market_that_was_put_back_is_told_so_and_loses_no_letter(
    pair: Pair, caplog: pytest.LogCaptureFixture, anew: list[str]
) -> None:
    """It gives numbers that others had. The other does not take them for the same, whether it has
    more letters than are here or as many others; when staff say where they begin, it takes all."""
    await pair.tell("one")
    await until(lambda: pair.near.mail.counts.taken == 1)
    backup = copy.deepcopy(pair.stores["near"])
    backup.lease_until = 0
    await pair.tell("two", "three")
    await until(lambda: pair.near.mail.counts.taken == 3)
    await pair.near.kill()
    pair.stores["near"] = backup
    await pair.near.start()
    await pair.tell(*anew)
    await until(lambda: pair.near.mail.counts.refused > 1)
    assert any("`inbox.renew`" in message for message in caplog.messages)
    await pair.until_told("one", "two", "three")
    await pair.far.ask(RenewInbox(id="r", source="near", number=1), ADMIN)
    await pair.until_told("one", "two", "three", *anew)


async def test_answers_go_back_the_same_way(pair: Pair) -> None:
    """Letters of both directions, and the room that was named with its market."""
    play = Play(id="p", text="ping", tell=("toy:t2@far",), notify=("bob@far",))
    await pair.near.ask(play, ADA)
    await pair.far.ask(Play(id="q", text="pong", tell=("toy:t9@near",)), ADA)
    await until_seen(pair.near, "toy:t9", lambda seen: seen["texts"] == ["pong"])
    await until_seen(pair.far, "inbox:near", lambda seen: seen["taken"] == 2)
    assert (await pair.far.see("toy:t2"))["texts"] == ["ping"]
