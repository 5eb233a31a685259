"""The usual way to give jobs to drivers who are on websockets: positions in Redis, a lock there for
each job, the job in Postgres. `python -m bench.job_server SOCKET POSTGRES` serves it on a free port
until it is told to end.

An order is looked up with `GEOSEARCH`, and the ten nearest are told; who accepts tries `SET
job:{id} driver NX EX 30`; whoever was first is written down with `UPDATE jobs`, told yes, and taken
out of the positions. It stands on the house's own websocket stack, and does what favours it: what
came meanwhile goes to Redis in one pipeline, and all who were first in one transaction to Postgres.
It looks at no token's signature and at no time; the job is in the table before; who was asked, and
who was left out and why, is written nowhere; no offer expires, nobody hears that an offer is gone,
no party hears of the order; and two jobs at a time may get the same driver.
"""

import argparse
import asyncio
import base64
import signal
import sys
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
import uvloop
from msgspec import Struct
from redis.asyncio import Redis
from websockets.http11 import Request

from bench.echo import BACKLOG_OF_SOCKET, WELCOME, Echo
from bench.geo_server import KEY
from bench.town import ASKED, REACH_M, ZONE, degrees
from bench.usual_dispatch import LOCK_S, POOL, SCHEMA, UPDATE
from engine.domains.dispatch.geo import Place
from gateway.connection import Connection, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.settings import SUBPROTOCOL

JOBS_MAX = 20_000
"""Rows of the table."""
YES = b'{"type":"ok","id":"%b","result":{"taken":true}}'
TAKEN = b'{"type":"error","id":"%b","code":"ORDER_TAKEN"}'
OFFER = (
    b'{"type":"event","room":"user:%b","event":"dispatch.offer_made",'
    b'"data":{"offer":"%d-%d.%b","pickup":{"lat":%d,"lon":%d}}}'
)
ORDER, ACCEPT = "dispatch.order_paid", "dispatch.accept_offer"
HERE = ("dispatch.go_online", "dispatch.update_location")


class Asked(Struct, gc=False):
    """What of a command matters here."""

    id: str
    type: str
    pos: Place | None = None
    pickup: Place | None = None
    offer: str = ""

    @property
    def job(self) -> int:
        """The job of an offer."""
        return int(self.offer.partition("-")[0])


class JobHandler(Echo):
    """Looks for drivers, and gives the job to the first."""

    def __init__(self, redis: "Redis", postgres: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._redis = redis
        self._postgres = postgres
        self._names: dict[Connection, str] = {}
        self._drivers: dict[str, Connection] = {}
        self._jobs = 0
        self._waiting: list[tuple[Connection, Asked]] = []
        self._working: asyncio.Task[None] | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def opened(self, connection: Connection, request: Request) -> None:
        name = _name_in(request.headers["Authorization"])
        self._names[connection], self._drivers[name] = name, connection
        connection.send(WELCOME)

    def received(self, connection: Connection, text: bytes) -> None:
        asked = _decode(text)
        if asked.type not in (ORDER, ACCEPT, *HERE):
            connection.send(YES % asked.id.encode())
            return
        self._waiting.append((connection, asked))
        if self._working is None:
            self._working = asyncio.create_task(self._work())

    def closed(self, connection: Connection, code: int, reason: str) -> None:
        self._drivers.pop(self._names.pop(connection), None)

    async def _work(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            pipeline = self._redis.pipeline(transaction=False)
            for connection, asked in waiting:
                self._ask(pipeline, self._names[connection], asked)
            won: list[tuple[Connection, Asked]] = []
            for (connection, asked), found in zip(waiting, await pipeline.execute(), strict=True):
                if asked.type == ORDER:
                    self._offer(asked, found)
                if asked.type == ACCEPT and found:
                    won.append((connection, asked))
                else:
                    is_late = asked.type == ACCEPT
                    connection.send((TAKEN if is_late else YES) % asked.id.encode())
            if won:
                task = asyncio.create_task(self._assign(won))
                self._writing.add(task)
                task.add_done_callback(self._writing.discard)
        self._working = None

    def _ask(self, pipeline: Any, name: str, asked: Asked) -> None:
        if asked.pickup is not None:
            pipeline.geosearch(
                KEY,
                longitude=degrees(asked.pickup.lon),
                latitude=degrees(asked.pickup.lat),
                radius=REACH_M,
                unit="m",
                sort="ASC",
                count=ASKED,
            )
        elif asked.pos is not None:
            pipeline.geoadd(KEY, (degrees(asked.pos.lon), degrees(asked.pos.lat), name))
        else:
            pipeline.set(f"job:{asked.job}", name, nx=True, ex=LOCK_S)

    def _offer(self, asked: Asked, found: Sequence[bytes]) -> None:
        self._jobs += 1
        pickup = asked.pickup
        assert pickup is not None, "an order has one"
        for number, name in enumerate(found, 1):
            fields = (name, self._jobs, number, ZONE.encode(), pickup.lat, pickup.lon)
            self._drivers[name.decode()].send(OFFER % fields)

    async def _assign(self, won: Sequence[tuple[Connection, Asked]]) -> None:
        winners = [(asked.job, self._names[connection]) for connection, asked in won]
        await asyncio.gather(
            self._postgres.executemany(UPDATE, winners),
            self._redis.zrem(KEY, *(name for _, name in winners)),
        )
        for connection, asked in won:
            connection.send(YES % asked.id.encode())


def _name_in(authorization: str) -> str:
    """Whose token it is; nobody asks whether it is right."""
    payload = authorization.rpartition(" ")[2].split(".")[1]
    claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(f"{payload}=="))
    return str(claims["sub"])


async def serve(socket_path: str, url: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with (
        Redis(unix_socket_path=socket_path) as redis,
        asyncpg.create_pool(url, min_size=POOL, max_size=POOL) as postgres,
    ):
        await redis.flushall()
        await postgres.execute(SCHEMA)
        await postgres.execute("INSERT INTO jobs (id) SELECT generate_series(1, $1)", JOBS_MAX)
        await postgres.execute("ANALYZE")
        settings = ConnectionSettings(subprotocols=(SUBPROTOCOL,))
        listener = Listener(JobHandler(redis, postgres), settings, loop)
        server = await loop.create_server(
            listener.connection, "127.0.0.1", 0, backlog=BACKLOG_OF_SOCKET
        )
        port = server.sockets[0].getsockname()[1]
        print(f"jobs are ready at http://127.0.0.1:{port}", flush=True)
        await stopped.wait()
        server.close()
        listener.stop()


def main(argv: Sequence[str]) -> None:
    """Serve over these servers."""
    parser = argparse.ArgumentParser(prog="python -m bench.job_server")
    parser.add_argument("socket", help="Unix socket of a Redis server")
    parser.add_argument("postgres", help="URL of an empty database")
    arguments = parser.parse_args(argv)
    uvloop.run(serve(arguments.socket, arguments.postgres))


_decode = msgspec.json.Decoder(Asked).decode

if __name__ == "__main__":
    main(sys.argv[1:])
