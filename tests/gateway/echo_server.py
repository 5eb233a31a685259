"""An echo server on the bare connection, for the Autobahn test suite's fuzzing client.

Run `python -m tests.gateway.echo_server --port 9001` and point the client at it. Bounds are wide,
because the suite sends messages of up to 16 MiB. Compression (cases 12 and 13) is not offered.
"""

import argparse
import asyncio
import sys

import uvloop
from websockets.http11 import Request

from gateway.connection import Connection, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.frames import frame_binary
from gateway.handshake import Refusal


class Echo:
    """Sends back what it receives."""

    def check(self, connection: Connection, request: Request) -> Refusal | None:
        return None

    def opened(self, connection: Connection, request: Request) -> None:
        pass

    def received(self, connection: Connection, text: bytes) -> None:
        connection.send(text)

    def binary(self, connection: Connection, payload: bytes) -> None:
        connection.send_framed(frame_binary(payload))

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


async def serve(port: int) -> None:
    """Serve on the loopback until the process is stopped."""
    settings = ConnectionSettings(
        message_bytes_max=2**24, fragments_max=2**20, backlog_bytes_max=2**27
    )
    loop = asyncio.get_running_loop()
    listener = Listener(Echo(), settings, loop)
    server = await loop.create_server(listener.connection, "127.0.0.1", port)
    actual_port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"ws://127.0.0.1:{actual_port}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9001)
    uvloop.run(serve(parser.parse_args().port))
