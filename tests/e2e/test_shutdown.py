"""SIGTERM under load: everybody is told, what is decided is written, nothing is to be replayed."""

import asyncio

from testkit.client import Client, connected
from testkit.postgres import PostgresServer
from testkit.process import Server
from tests.e2e.crowd import ROOM, Crowd, assert_nothing_lost, open_hot_auction
from tests.e2e.places import Place

COME_BACK_AND_RESUME = 4201


async def test_sigterm_under_load(place: Place) -> None:
    """Goodbye, then 4201, exit code 0; the rest is UNAVAILABLE or never was; nothing is lost."""
    crowd = Crowd()
    async with place.serve("--test-clock") as server:
        await open_hot_auction(server, crowd.users)
        async with crowd.at(server):
            await crowd.bid(1_000, server.process.stop)
            assert crowd.open, "it was stopped with bids under way"
            for client in crowd.clients.values():
                await assert_told(client)
            assert await server.process.ended() == 0
    written = {record.command_id for record in await place.records(ROOM)}
    assert written.isdisjoint(bid.id for bid in crowd.open)
    async with place.serve() as server:
        await assert_nothing_replayed(server)
        async with crowd.at(server):
            await crowd.ask_again()
            await crowd.bid(100, crowd.rest)
            await crowd.catch_up(server)
        await assert_nothing_lost(place, server, crowd)


async def assert_told(client: Client) -> None:
    """The goodbye is the last that this client heard before its connection was closed."""
    ended = await client.ended
    assert ended.code == COME_BACK_AND_RESUME
    goodbye = client.unasked[-1]
    assert (goodbye.type, goodbye.code) == ("goodbye", "RESTART")
    assert 500 <= goodbye.reconnect_after_ms < 5_000


async def assert_nothing_replayed(server: Server) -> None:
    """The snapshot holds the whole log."""
    found = await server.process.err.until(r"recovered (\d+) records .*\((\d+) on top of")
    assert int(found[1]) > 1_000
    assert int(found[2]) == 0


async def test_a_second_signal_ends_it_at_once(on_sqlite: Place) -> None:
    """An operator who presses Ctrl-C twice does not wait for a client that will not hang up."""
    async with on_sqlite.serve() as server:
        host, port = server.address.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(
                b"POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
            )
            await writer.drain()
            async with connected(server.websocket) as client:
                server.process.stop()
                await client.hear("goodbye")
            server.process.stop()
            assert await server.process.ended() == 130
        finally:
            writer.close()


async def test_stop_while_the_log_is_away(on_postgres: Place, postgres: PostgresServer) -> None:
    """Nothing is in flight, so nothing can be lost: it says goodbye and ends with 0 all the
    same, and the next start does without the snapshot."""
    async with on_postgres.serve("--test-clock") as server:
        await open_hot_auction(server, ["ann"])
        async with connected(server.websocket) as client:
            postgres.kill()
            server.process.stop()
            await assert_told(client)
            assert await server.process.ended() == 0
    postgres.start()
    on_postgres.bury()
    async with on_postgres.serve() as server:
        await server.process.err.until(r"recovered [1-9]\d* records")
