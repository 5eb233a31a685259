"""One process at a time serves a log: the second waits, takes over, and the first is shut out."""

import asyncio
import signal

from tests.e2e.crowd import ROOM, Crowd, assert_nothing_lost, open_hot_auction
from tests.e2e.places import Place

LEASE_LOST = 3
COME_BACK_AND_RESUME = 4201


async def test_a_second_process_is_refused_and_takes_over_from_the_dead(place: Place) -> None:
    """While the first lives the second ends with 1 and says who serves; after `kill -9` of the
    first it serves, within the time of a lease, with no help from outside."""
    crowd = Crowd()
    async with place.serve("--test-clock") as first:
        await open_hot_auction(first, crowd.users)
        second = await place.serve_to_the_end()
        assert second.code == 1
        assert f"is served by pid {first.process.pid} on " in second.err
        assert "stop that process first" in second.err
        async with crowd.at(first):
            await crowd.bid(200, first.process.kill)
        assert await first.process.ended() == -signal.SIGKILL
    async with place.serve() as third:
        async with crowd.at(third):
            await crowd.ask_again()
            await crowd.bid(200, crowd.rest)
            await crowd.catch_up(third)
        await assert_nothing_lost(place, third, crowd)


async def test_a_process_that_slept_past_its_lease_can_neither_write_nor_answer(
    on_postgres: Place,
) -> None:
    """Frozen under load, its lease taken: thawed, it says ok to nothing that is not in the log,
    writes nothing, and ends with code 3."""
    place = on_postgres
    sleepers, successors = Crowd("sleeper"), Crowd("successor")
    async with place.serve("--test-clock") as first:
        await open_hot_auction(first, [*sleepers.users, *successors.users])
        async with sleepers.at(first):
            bidding = asyncio.create_task(sleepers.bid(500, first.process.freeze))
            async with place.serve() as second:
                taken_over = len(await place.after(0))
                async with successors.at(second):
                    await successors.bid(500, successors.rest)
                first.process.thaw()
                assert await first.process.ended() == LEASE_LOST
                await bidding
            ends = [await client.ended for client in sleepers.clients.values()]
            assert {end.code for end in ends} == {COME_BACK_AND_RESUME}
    assert all(bid.answer for bid in sleepers.open), "what was in flight was told to try again"
    written = {record.command_id for record in await place.records(ROOM)}
    for crowd in (sleepers, successors):
        assert {bid.id for bid in crowd.acknowledged} <= written
    late = [record for record in await place.after(taken_over) if record.room == ROOM]
    assert {record.actor for record in late} == set(successors.users)
    verified = await place.verify()
    assert verified.code == 0, verified.err
