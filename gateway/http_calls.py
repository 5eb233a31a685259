"""What a client calls over HTTP: commands, rooms, their history, and the test clock."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct
from starlette.requests import Request
from starlette.responses import Response

from engine.contract import Command, tag_of
from engine.kernel.actor import ADMIN
from engine.kernel.ids import ROOM_LETTERS
from engine.kernel.limits import HISTORY_PAGE_MAX
from engine.kernel.money import AMOUNT_MAX
from engine.kernel.outcome import (
    FORBIDDEN,
    MALFORMED,
    ROOM_NOT_FOUND,
    UNKNOWN_COMMAND,
    Rejected,
)
from engine.kernel.time import Duration, Millis
from engine.ports import Answer
from engine.sequencer import Refused
from gateway import replies
from gateway.addresses import client_address
from gateway.decoding import Unreadable, clip
from gateway.desk import Desk, for_viewer
from gateway.http_replies import JsonResponse, read_as, read_body, refusal
from gateway.limits import HISTORY_PAGE
from gateway.logins import into_cookie, set_cookie, with_cookie_of
from gateway.origin import origin_allowed
from gateway.session_commands import SessionCommand
from gateway.tokens import NOBODY, Caller

AdvanceClock = Callable[[int], Awaitable[Millis]]
"""Moves the house's time ahead by so many ms, and returns it when all that is due is durable."""


class Advance(Struct, frozen=True, forbid_unknown_fields=True):
    """How far the test clock is to go."""

    advance_ms: Annotated[Duration, Meta(description="ms, at most a year")]


class ClockTime(Struct, frozen=True):
    """The house's time."""

    now: Millis


class Calls:
    """The endpoints. Each call is identified, counted and answered as on a websocket."""

    def __init__(self, desk: Desk, advance: AdvanceClock | None) -> None:
        self._desk = desk
        self._advance = advance

    async def command(self, request: Request) -> Response:
        """`POST /v1/commands`: one command, and the reply that a websocket would get."""
        started_s = self._desk.monotonic_s()
        body = await read_body(request)
        if isinstance(body, Rejected):
            return self._refuse(None, body)
        decoded = self._desk.decoder.decode(body)
        caller = self._admit(request)
        if isinstance(caller, Rejected):
            return self._refuse(decoded.id, caller)
        if isinstance(decoded, Unreadable):
            return self._refuse(decoded.id, decoded.rejected)
        if isinstance(decoded, SessionCommand):
            return self._refuse(decoded.id, _of_the_websocket(decoded))
        return await self._decide(with_cookie_of(decoded, request), caller, started_s)

    async def room(self, request: Request) -> Response:
        """`GET /v1/rooms/{room}`: the room as this viewer may see it."""
        caller = self._admit(request)
        if isinstance(caller, Rejected):
            return self._refuse(None, caller)
        room = _room(request)
        if isinstance(room, Rejected):
            return self._refuse(None, room)
        sink = self._desk.sink
        sight = await answer_of(lambda to: sink.see(room, caller.actor, to))
        if isinstance(sight, Refused):
            return self._refuse(None, for_viewer(sight.rejected, caller.actor))
        view = replies.RoomView(sight.room, sink.log_id, sight.seq, Raw(sight.state))
        return JsonResponse(replies.encode(view))

    async def events(self, request: Request) -> Response:
        """`GET /v1/rooms/{room}/events`: a page of what happened, redacted likewise."""
        caller = self._admit(request)
        if isinstance(caller, Rejected):
            return self._refuse(None, caller)
        room = _room(request)
        if isinstance(room, Rejected):
            return self._refuse(None, room)
        after = _number(request, "after", 0, 0, AMOUNT_MAX)
        if isinstance(after, Rejected):
            return self._refuse(None, after)
        limit = _number(request, "limit", HISTORY_PAGE, 1, HISTORY_PAGE_MAX)
        if isinstance(limit, Rejected):
            return self._refuse(None, limit)
        sink = self._desk.sink
        frames = await sink.history(room, caller.actor, after, limit)
        if isinstance(frames, Rejected):
            return self._refuse(None, for_viewer(frames, caller.actor))
        page = replies.History(room, sink.log_id, [Raw(frame) for frame in frames])
        return JsonResponse(replies.encode(page))

    async def clock(self, request: Request) -> Response:
        """`POST /v1/test/clock`: an admin moves the house's time ahead."""
        assert self._advance is not None, "the route exists only with a clock to move"
        body = await read_body(request)
        caller = self._admit(request)
        asked = read_as(Advance, body) if isinstance(body, bytes) else body
        for answer in (caller, self._not_admin(caller), asked):
            if isinstance(answer, Rejected):
                return self._refuse(None, answer)
        assert isinstance(asked, Advance), "everything else was refused"
        return JsonResponse(replies.encode(ClockTime(await self._advance(asked.advance_ms))))

    def _admit(self, request: Request) -> Caller | Rejected:
        """Who calls, unless they call too often, from a foreign page or with a bad token."""
        desk = self._desk
        desk.counts.http_requests += 1
        caller = desk.identify(request.headers.getlist("authorization"))
        known = NOBODY if isinstance(caller, Rejected) else caller
        limited = desk.charge(known.actor, self._address(request))
        refused = limited or self._foreign(request)
        if refused or isinstance(caller, Rejected):
            return refused or caller
        actor = desk.admit(caller)
        return actor if isinstance(actor, Rejected) else Caller(actor, caller.expires_at)

    def _foreign(self, request: Request) -> Rejected | None:
        """The refusal of what a page of a foreign origin wants to change (operations 1)."""
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        if request.method in ("GET", "HEAD") or origin_allowed(
            origin, host, self._desk.settings.origins
        ):
            return None
        return Rejected(
            FORBIDDEN,
            "the Origin of this request is neither the server's own nor on its allow-list",
            {"rule": "origin", "origin": origin},
        )

    async def _decide(self, command: Command, caller: Caller, started_s: float) -> Response:
        desk = self._desk
        actor = desk.may(command, caller.actor)
        if isinstance(actor, Rejected):
            return self._refuse(command.id, actor)
        answer: Answer = await answer_of(lambda to: desk.submit(command, actor, to))
        desk.counts.latency.observe((desk.monotonic_s() - started_s) * 1_000)
        if isinstance(answer, Refused):
            return self._refuse(command.id, answer.rejected)
        desk.counts.accept(is_duplicate=answer.duplicate)
        answer, refresh_token = into_cookie(answer)
        response = JsonResponse(replies.ok(answer, desk.sink.log_id))
        if refresh_token is not None:
            set_cookie(response, refresh_token)
        return response

    def _refuse(self, id_: str | None, rejected: Rejected) -> Response:
        self._desk.counts.refuse(rejected)
        return refusal(id_, rejected)

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        forwarded = request.headers.getlist("x-forwarded-for")
        return client_address(peer, forwarded, self._desk.settings.proxies)

    def _not_admin(self, caller: Caller | Rejected) -> Rejected | None:
        if isinstance(caller, Caller) and caller.actor.role != ADMIN:
            refused = Rejected(FORBIDDEN, "only an admin moves the clock", {"roles": [ADMIN]})
            return for_viewer(refused, caller.actor)
        return None


async def answer_of(call: Callable[[Callable[[Any], None]], None]) -> Any:
    """What `call` hands to the function that it is given."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def settle(answer: Any) -> None:
        # The server may have cancelled the request meanwhile.
        if not future.done():
            future.set_result(answer)

    call(settle)
    return await future


def _of_the_websocket(command: SessionCommand) -> Rejected:
    type_ = tag_of(type(command))
    return Rejected(
        UNKNOWN_COMMAND,
        f"{type_!r} concerns a websocket; over HTTP use GET /v1/rooms and a Bearer token",
        {"field": "type", "type": type_},
    )


def _room(request: Request) -> str | Rejected:
    """The room of the path. What cannot be a room's name never reaches the log."""
    room: str = request.path_params["room"]
    if re.fullmatch(ROOM_LETTERS, room):
        return room
    return Rejected(ROOM_NOT_FOUND, f"no room can be called {clip(room)!r}", {"room": clip(room)})


def _number(request: Request, name: str, default: int, least: int, most: int) -> int | Rejected:
    """A whole number of the query."""
    text = request.query_params.get(name, str(default))
    # A number of thousands of digits would be slow to read, and is out of bounds anyway.
    if text.isascii() and text.isdecimal() and len(text) <= 16 and least <= int(text) <= most:
        return int(text)
    rule = f"expected a whole number from {least} to {most}"
    return Rejected(MALFORMED, f"`{name}`: {rule}", {"field": name, "rule": rule})
