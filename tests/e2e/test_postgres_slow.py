"""Postgres is merely slow, or its line breaks in the midst of a commit: nobody is lied to."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from testkit.line import Lost, line_to
from testkit.postgres import PostgresServer
from tests.e2e.crowd import ROOM, Crowd, assert_nothing_lost, open_hot_auction
from tests.e2e.door import Door, door_of
from tests.e2e.places import Place
from tests.e2e.seams import with_small_backlog
from tests.e2e.test_faults import goes_on
from tests.e2e.test_log_lost import PATIENCE_S

BACKLOG = 300
"""Records; more than the bids of a crowd that waits for its answers bring about at once."""
DELAY_S = 0.1
"""Of each answer. A batch takes one to four of them: less than what would cost the lease."""


async def test_a_slow_database_makes_wait_and_then_refuses_at_once(
    tmp_path: Path, on_postgres: Place, postgres: PostgresServer
) -> None:
    """As long as there is room in the backlog commands wait; beyond, OVERLOADED overtakes them.
    What was acknowledged is there, the house stays ready, and is quick again afterwards."""
    crowd = Crowd()
    under = with_small_backlog(tmp_path, BACKLOG)
    async with line_to(postgres, on_postgres.flags[-1]) as (line, url):
        place = _over(on_postgres, url)
        async with place.serve("--test-clock", under=under) as server, door_of(server) as door:
            await open_hot_auction(server, crowd.users)
            async with crowd.at(server):
                line.delay_s = DELAY_S
                flood = asyncio.create_task(crowd.flood(2 * BACKLOG))
                await _backlog_reaches(BACKLOG, door)
                assert (await door.get("/readyz")).status_code == 200
                codes = [bid.answer.code for bid in await flood if bid.answer]
                assert codes[:BACKLOG] == [""] * BACKLOG, "there was room for these"
                assert set(codes[BACKLOG:]) >= {"OVERLOADED"}
                heard = [reply.code for reply in crowd.clients[crowd.users[-1]].replied]
                assert heard[heard.index("OVERLOADED") :].count("") >= BACKLOG // 2
                line.delay_s = 0
                await crowd.bid(300, crowd.rest)
                refused = {bid.answer.code for bid in crowd.bids[2 * BACKLOG :] if bid.answer}
                assert "OVERLOADED" not in refused
                await crowd.catch_up(server)
            await assert_nothing_lost(place, server, crowd)


async def _backlog_reaches(records: int, door: Door) -> None:
    """Ask the gauge, as Prometheus does: there is nothing to await."""
    async with asyncio.timeout(PATIENCE_S):
        gauge = f'outcry_backlog_records{{market="main"}} {records}.0'
        while gauge not in (await door.get("/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _over(place: Place, url: str) -> Place:
    """The same log, but over a line."""
    return replace(place, flags=(*place.flags[:-1], url))


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_a_line_that_breaks_at_a_commit_loses_nothing(
    lost: Lost, on_postgres: Place, postgres: PostgresServer
) -> None:
    """The connection is reset: what was in flight is UNKNOWN. If the commit had been done, asking
    again gives the first answer; if it had not, the bid is decided now."""
    crowd = Crowd()
    async with line_to(postgres, on_postgres.flags[-1]) as (line, url):
        place = _over(on_postgres, url)
        async with place.serve("--test-clock") as server:
            await open_hot_auction(server, crowd.users)
            async with crowd.at(server):
                await crowd.bid(300, lambda: line.cut_at_commit(lost, crowd.rest))
                unknown = {b.id for b in crowd.open if b.answer and b.answer.code == "UNKNOWN"}
                assert unknown, "the batch under way"
                written = {record.command_id for record in await place.records(ROOM)}
                assert unknown & written == (unknown if lost == "answer" else set())
                await goes_on(place, server, crowd)
            await assert_nothing_lost(place, server, crowd)
        verified = await place.verify()
        assert verified.code == 0, verified.err
