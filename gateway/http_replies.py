"""HTTP's side of every door: requests in bounded pieces, answers as JSON, also when all fails."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from engine.kernel.outcome import (
    FRAME_TOO_LARGE,
    MALFORMED,
    UNAUTHENTICATED,
    UNKNOWN,
    Code,
    Rejected,
)
from gateway import replies
from gateway.decoding import READING_FAULTS, blame
from gateway.limits import MESSAGE_BYTES_MAX

NOT_FOUND = Code("NOT_FOUND", "never", 404)
METHOD_NOT_ALLOWED = Code("METHOD_NOT_ALLOWED", "never", 405)
HTTP_CODES = (NOT_FOUND, METHOD_NOT_ALLOWED)
"""Refusals that only HTTP knows."""

T = TypeVar("T")


class JsonResponse(Response):
    """JSON that is already encoded, and that nobody may keep."""

    media_type = "application/json"

    def __init__(
        self, body: bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(body, status, {"Cache-Control": "no-store"} | (headers or {}))


def refusal(id_: str | None, rejected: Rejected, status: int | None = None) -> JsonResponse:
    """An error reply, with the status of its code."""
    headers = {}
    if rejected.code == UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    if wait_ms := rejected.details.get("retry_after_ms"):
        headers["Retry-After"] = str(-(-wait_ms // 1_000))
    return JsonResponse(
        replies.error(id_, rejected), rejected.code.status if status is None else status, headers
    )


async def read_body(request: Request) -> bytes | Rejected:
    """The whole body, unless it is larger than a frame may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MESSAGE_BYTES_MAX:
            return Rejected(
                FRAME_TOO_LARGE,
                f"a body has at most {MESSAGE_BYTES_MAX} bytes",
                {"limit": MESSAGE_BYTES_MAX},
            )
    return bytes(body)


def read_as(type_: type[T], body: bytes) -> T | Rejected:
    """A body that is no command, as a struct."""
    try:
        return msgspec.json.decode(body, type=type_)
    except READING_FAULTS as fault:
        field, rule = blame(str(fault))
        what = f"`{field}`: {rule}" if field else rule
        return Rejected(MALFORMED, f"{what}; see /openapi.json", {"field": field, "rule": rule})


def exception_handlers() -> dict[Any, Callable[[Request, Any], Any]]:
    """What Starlette asks when an endpoint gives no answer of its own."""
    return {HTTPException: _refuse, ClientDisconnect: _gone, Exception: _fail}


async def _refuse(request: Request, fault: HTTPException) -> Response:
    if fault.status_code == 405:
        what = f"{request.url.path} does not take {request.method}; /docs lists what it takes"
        response = refusal(None, Rejected(METHOD_NOT_ALLOWED, what))
    else:
        what = f"there is nothing at {request.url.path}; /docs lists the addresses"
        response = refusal(None, Rejected(NOT_FOUND, what), fault.status_code)
    response.headers.update(fault.headers or {})
    return response


async def _gone(_request: Request, _fault: ClientDisconnect) -> Response:
    return Response(status_code=400)


async def _fail(_request: Request, _fault: Exception) -> Response:
    """A fault of ours. The server logs it; the client learns what to do."""
    what = "the house has made a mistake; what became of this is not known: ask with the same id"
    return refusal(None, Rejected(UNKNOWN, what), 500)
