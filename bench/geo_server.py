"""The usual way to keep positions: a websocket server that hands them to Redis by `GEOADD`.
`python -m bench.geo_server SOCKET` serves it on a free port until it is told to end.

It stands on the house's own websocket stack, so that the comparison is about what is behind it. It
does what favours it: positions that came while Redis was busy go in one `GEOADD` together, and each
driver is told yes when Redis has said so. It looks at no token and at no time, believes every
position, logs none and tells nobody.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

import msgspec
import uvloop
from msgspec import Struct
from redis.asyncio import Redis
from websockets.http11 import Request

from bench.echo import BACKLOG_OF_SOCKET, WELCOME, Echo
from bench.town import degrees
from engine.domains.dispatch.geo import Place
from gateway.connection import Connection, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.settings import SUBPROTOCOL

KEY = "zone"
YES = b'{"type":"ok","id":"%b","result":{"taken":true}}'


class Ping(Struct, gc=False):
    """Where a driver is."""

    id: str
    pos: Place


class GeoHandler(Echo):
    """Takes positions, and passes them on."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._names: dict[Connection, str] = {}
        self._waiting: list[tuple[Connection, Ping]] = []
        self._sending: asyncio.Task[None] | None = None

    def opened(self, connection: Connection, request: Request) -> None:
        self._names[connection] = f"driver-{len(self._names)}"
        connection.send(WELCOME)

    def received(self, connection: Connection, text: bytes) -> None:
        self._waiting.append((connection, _decode(text)))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    def closed(self, connection: Connection, code: int, reason: str) -> None:
        self._names.pop(connection, None)

    async def _send(self) -> None:
        while self._waiting:
            sent, self._waiting = self._waiting, []
            values: list[float | str] = []
            for connection, ping in sent:
                name = self._names[connection]
                values += (degrees(ping.pos.lon), degrees(ping.pos.lat), name)
            await self._redis.geoadd(KEY, values)
            for connection, ping in sent:
                connection.send(YES % ping.id.encode())
        self._sending = None


async def serve(socket_path: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with Redis(unix_socket_path=socket_path) as redis:
        settings = ConnectionSettings(subprotocols=(SUBPROTOCOL,))
        listener = Listener(GeoHandler(redis), settings, loop)
        server = await loop.create_server(
            listener.connection, "127.0.0.1", 0, backlog=BACKLOG_OF_SOCKET
        )
        port = server.sockets[0].getsockname()[1]
        print(f"positions are ready at http://127.0.0.1:{port}", flush=True)
        await stopped.wait()
        server.close()
        listener.stop()


def main(argv: Sequence[str]) -> None:
    """Serve over the Redis at this socket."""
    parser = argparse.ArgumentParser(prog="python -m bench.geo_server")
    parser.add_argument("socket", help="Unix socket of a Redis server")
    uvloop.run(serve(parser.parse_args(argv).socket))


_decode = msgspec.json.Decoder(Ping).decode

if __name__ == "__main__":
    main(sys.argv[1:])
