"""The opening handshake: which HTTP response a request to upgrade is given."""

from collections.abc import Callable

import msgspec
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

SWITCHING_PROTOCOLS = 101

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
"""For what is no HTTP request at all."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a websocket is not opened, as an HTTP response."""

    status: int
    body: bytes
    content_type: str = "application/json"


def answer(
    protocol: ServerProtocol,
    request: Request,
    subprotocols: tuple[str, ...],
    check: Callable[[Request], Refusal | None],
) -> Response:
    """The response to `request`: 101, or a refusal by RFC 6455 or, failing that, by `check`.

    A client that names no subprotocol is accepted without one; a client that names only strange
    ones is refused, because a browser would drop the connection anyway.
    """
    # websockets would refuse a client that names none as soon as it is told of ours.
    if "Sec-WebSocket-Protocol" in request.headers:
        protocol.available_subprotocols = [Subprotocol(name) for name in subprotocols]
    response = protocol.accept(request)
    if response.status_code != SWITCHING_PROTOCOLS:
        return response
    refusal = check(request)
    return response if refusal is None else refuse(protocol, refusal)


def refuse(protocol: ServerProtocol, refusal: Refusal) -> Response:
    """The HTTP response that says `refusal`. The connection ends after it."""
    response = protocol.reject(refusal.status, "")
    response.body = refusal.body
    del response.headers["Content-Type"], response.headers["Content-Length"]
    response.headers["Content-Type"] = refusal.content_type
    response.headers["Content-Length"] = str(len(refusal.body))
    return response
