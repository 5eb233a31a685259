"""`kill -9` under load: what was acknowledged stays, what was not can be asked for again."""

from tests.e2e.crowd import ROOM, Crowd, assert_nothing_lost, open_hot_auction
from tests.e2e.places import Place

KILL_AT = (1, 1_500, 4_000)
"""Acknowledgements in the life of a server, after which it is killed."""


async def test_acknowledged_bids_survive_kill_nine(place: Place) -> None:
    """Killed three times in mid-flow and started again: nothing lost, nothing twice, no gap."""
    crowd = Crowd()
    async with place.serve("--test-clock") as server:
        await open_hot_auction(server, crowd.users)
        server.process.stop()
        await server.process.ended()
    for acknowledged in KILL_AT:
        async with place.serve() as server, crowd.at(server):
            await answer_what_is_open(place, crowd)
            await crowd.bid(acknowledged, server.process.kill)
            assert await server.process.ended() == -9
            assert crowd.open, "it was killed with bids under way"
        place.bury()
    async with place.serve() as server:
        async with crowd.at(server):
            await answer_what_is_open(place, crowd)
            await crowd.bid(300, crowd.rest)
            await crowd.catch_up(server)
        await assert_nothing_lost(place, server, crowd)
    verified = await place.verify()
    assert verified.code == 0, verified.err


async def answer_what_is_open(place: Place, crowd: Crowd) -> None:
    """Ask again for each bid that got no answer. Those in the log get their first answer, once
    more; the others are decided now, as if they had never been sent."""
    before = {record.command_id: record for record in await place.records(ROOM)}
    for bid, answer in await crowd.ask_again():
        written = before.get(bid.id)
        if written:
            assert answer.ok, answer
            assert answer.duplicate
            assert (answer.seq, answer.result["receipt"]) == (written.seq, written.hash)
        else:
            assert not answer.duplicate
            assert answer.ok or answer.code == "BID_TOO_LOW", answer
