"""`outcry export`: the history of one room, for a dispute or a regulator."""

from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct

from engine import look
from engine.contract import Vault
from engine.core import Core
from engine.kernel.actor import ANYONE, MANAGER, Actor
from engine.kernel.limits import HISTORY_PAGE_MAX
from engine.kernel.market import Market
from engine.kernel.record import CHAIN_START, Record
from engine.kernel.time import Millis
from engine.registry import Registry
from engine.room import Room
from runtime.archive.files import line_of
from runtime.verify import History, VerifyError, follow

RAW = "raw"
VIEWERS = {"manager": Actor("", MANAGER), "public": ANYONE}


class Head(Struct, frozen=True, tag_field="type", tag="head"):
    """The last line of an export."""

    room: str
    seq: int
    hash: str
    """Of the last record; it covers all before it."""
    first_at: Millis
    last_at: Millis
    seen_by: str


async def export_room(
    log: History,
    registry: Registry,
    markets: dict[str, Market],
    vault: Vault,
    room: str,
    seen_by: str,
) -> AsyncIterator[bytes]:
    """The room's events as lines of JSON, each with its receipt, which is checked; then its head.

    `seen_by`: `manager` and `public` see what they would over the wire; `raw` is what the log has.
    Raises VerifyError if there is no such room, or if it is not for such eyes.
    """
    records = await _records(log, vault, room)
    if not records:
        raise VerifyError(f"there is no room {room!r} in this log")
    for line in _raw(records) if seen_by == RAW else _seen(records, registry, markets, seen_by):
        yield line
    last = records[-1]
    yield msgspec.json.encode(Head(room, last.seq, last.hash, records[0].at, last.at, seen_by))


async def _records(log: History, vault: Vault, room: str) -> list[Record]:
    found: list[Record] = []
    receipt = CHAIN_START
    while page := await log.read_room(room, len(found), HISTORY_PAGE_MAX):
        for record in page:
            receipt = follow(record, receipt, vault)
        found += page
    return found


def _raw(records: list[Record]) -> list[bytes]:
    return [line_of(record) for record in records]


def _seen(
    records: list[Record], registry: Registry, markets: dict[str, Market], seen_by: str
) -> list[bytes]:
    """As a class of viewers sees it. What an event looks like rests on the event, and on what its
    room never forgets."""
    room = records[0].room
    domain = registry.domain_of(room)
    if domain is None:
        raise VerifyError(f"no room can be called {room!r}")
    core = Core(registry, markets)
    state = core.rooms[room] = Room(room, domain)
    for record in records:
        event = registry.event_decoder.decode(record.event)
        evolve = domain.evolve.get(type(event))
        if evolve is not None:
            evolve(state.state, event, record.at)
    audience = look.audience_of(core, room, VIEWERS[seen_by])
    if not audience:
        raise VerifyError(f"{room} is not for a viewer such as {seen_by}; --as raw shows all of it")
    frames = look.frames(core, records, audience)
    return [
        b'%s,"hash":"%s"}' % (frame[:-1], record.hash.encode())
        for frame, record in zip(frames, records, strict=True)
    ]
