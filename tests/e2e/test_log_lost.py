"""The database dies under load and comes back: nobody is lied to, and the house goes on."""

import asyncio

from testkit.client import connected
from testkit.postgres import PostgresServer
from tests.e2e.crowd import ROOM, Crowd, assert_nothing_lost, open_hot_auction
from tests.e2e.door import Door, door_of
from tests.e2e.places import Place

PATIENCE_S = 20


async def test_the_house_outlives_its_log(on_postgres: Place, postgres: PostgresServer) -> None:
    """Without the log nothing is acknowledged and nobody is sent away; with it all goes on, and
    every listener, on the same connection, has heard every event once."""
    crowd = Crowd()
    async with (
        on_postgres.serve("--test-clock") as server,
        door_of(server) as door,
        connected(server.websocket, server.token("ann")) as ann,
    ):
        await open_hot_auction(server, crowd.users)
        await ann.subscribe("user:ann")
        async with crowd.at(server):
            await crowd.bid(800, postgres.kill)
            acknowledged = len(crowd.acknowledged)
            assert {bid.answer.code for bid in crowd.open if bid.answer} <= {
                "UNKNOWN",
                "UNAVAILABLE",
            }
            assert all(bid.answer for bid in crowd.open), "everybody was answered"
            assert (await door.get("/readyz")).status_code == 503
            assert (await door.get("/healthz")).status_code == 200
            assert 'outcry_ready{market="main"} 0.0' in (await door.get("/metrics")).text
            for bid, answer in await crowd.ask_again():
                assert answer.code == "UNAVAILABLE", (bid, answer)
            assert (await ann.ask("subscribe", room=ROOM)).code == "UNAVAILABLE"
            assert len(crowd.acknowledged) == acknowledged
            everybody = [ann, *crowd.clients.values()]
            assert not any(client.ended.done() for client in everybody)

            postgres.start()
            await ready(door)
            before = {r.command_id: r.seq for r in await on_postgres.records(ROOM)}
            for bid, answer in await crowd.ask_again():
                assert answer.duplicate == (bid.id in before)
                assert answer.seq == before.get(bid.id, answer.seq)
            await crowd.bid(300, crowd.rest)
            assert not any(client.ended.done() for client in everybody)
            await crowd.catch_up(server)
        await assert_nothing_lost(on_postgres, server, crowd)
    verified = await on_postgres.verify()
    assert verified.code == 0, verified.err


async def ready(door: Door) -> None:
    """Ask until the house is ready, as a load balancer does: there is nothing to await."""
    async with asyncio.timeout(PATIENCE_S):
        while (await door.get("/readyz")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
