"""The bare echo: the house's websocket stack with nothing behind it. `python -m bench.echo`
serves it on a free port until it is told to end.

It welcomes a client as the house does, so that the same clients can talk to both.
"""

import asyncio
import signal

import uvloop
from websockets.http11 import Request

from gateway.connection import Connection, Handler, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.handshake import Refusal
from gateway.settings import SUBPROTOCOL

WELCOME = b'{"type":"welcome","server_time":0}'
BACKLOG_OF_SOCKET = 4_096


class Echo(Handler):
    """Sends back what it is sent."""

    def check(self, connection: Connection, request: Request) -> Refusal | None:
        return None

    def opened(self, connection: Connection, request: Request) -> None:
        connection.send(WELCOME)

    def received(self, connection: Connection, text: bytes) -> None:
        connection.send(text)

    def binary(self, connection: Connection, payload: bytes) -> None:
        connection.close()

    def oversized(self, connection: Connection) -> None:
        pass

    def drained(self, connection: Connection) -> None:
        pass

    def waiting(self, connection: Connection) -> None:
        pass

    def shutdown(self, connection: Connection) -> None:
        pass

    def closed(self, connection: Connection, code: int, reason: str) -> None:
        pass


async def serve() -> None:
    """Echo until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    listener = Listener(Echo(), ConnectionSettings(subprotocols=(SUBPROTOCOL,)), loop)
    server = await loop.create_server(
        listener.connection, "127.0.0.1", 0, backlog=BACKLOG_OF_SOCKET
    )
    print(f"echo is ready at http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()
    server.close()
    listener.stop()


if __name__ == "__main__":
    uvloop.run(serve())
