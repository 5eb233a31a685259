"""`outcry verify`: read the log, replay it, check every invariant and every receipt; or those of
one room, which anybody who holds its records can do alone (custody X3)."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from engine import snapshot
from engine.contract import Domain, Vault
from engine.core import Core
from engine.kernel.limits import HISTORY_PAGE_MAX
from engine.kernel.market import Market
from engine.kernel.record import CHAIN_START, Record, chain_hash
from engine.kernel.time import Millis
from engine.registry import Registry
from engine.room import chain_key

PAGE = 10_000


class Verified(Struct, frozen=True):
    """What a whole log turned out to hold."""

    records: int
    rooms: dict[str, int]
    """Kind of room -> how many."""
    events: dict[str, int]
    """Type of event -> how many."""
    sums: dict[str, int]
    """Currency -> sum over all accounts, minor units: always 0."""
    digest: str


class VerifiedRoom(Struct, frozen=True):
    """What the log of one room turned out to hold."""

    room: str
    records: int
    events: dict[str, int]
    """Type of event -> how many."""
    first_at: Millis
    last_at: Millis
    receipt: str
    """Hash of the last record, which covers all before it."""


class History(Protocol):
    """What can be read from its beginning: a log, or an archive with the log that follows it."""

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        """`EventLog.read`."""

    async def read_room(self, room: str, after: int, limit: int) -> Sequence[Record]:
        """`EventLog.read_room`."""

    async def head(self) -> int:
        """`EventLog.head`."""


class VerifyError(Exception):
    """The log does not hold what it should; the text names position and rule."""


async def verify(
    log: History,
    registry: Registry,
    markets: dict[str, Market],
    vault: Vault,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verified:
    """Replay from the first record, ignoring snapshots. Raises VerifyError."""
    core = Core(registry, markets)
    events: dict[str, int] = {}
    chains: dict[str, str] = {}
    head, checked = await log.head(), 0
    while page := await log.read(core.position, PAGE):
        for record in page:
            # The records of one decision have one time; in their midst nothing is promised.
            if record.at > core.last_at and core.position >= checked + PAGE:
                _check(core)
                checked = core.position
            previous = chains.get(record.room, CHAIN_START)
            chains[record.room] = follow(record, previous, vault)
            try:
                core.replay(record)
            except AssertionError as problem:
                raise VerifyError(f"position {record.position}: {problem}") from problem
            tag = _tag(record.event)
            events[tag] = events.get(tag, 0) + 1
        progress(core.position, head)
    _check(core)
    rooms: dict[str, int] = {}
    for name in core.rooms:
        kind = name.partition(":")[0]
        rooms[kind] = rooms.get(kind, 0) + 1
    return Verified(
        records=core.position,
        rooms=dict(sorted(rooms.items())),
        events=dict(sorted(events.items())),
        sums={c: sum(b.balances.values()) for c, b in sorted(core.book.currencies.items())},
        digest=snapshot.digest(core),
    )


async def verify_room(log: History, registry: Registry, vault: Vault, room: str) -> VerifiedRoom:
    """Check one room by its own records: each receipt follows from the one before, and after each
    decision the invariants of its rules hold. Raises VerifyError."""
    domain = registry.domain_of(room)
    if domain is None:
        raise VerifyError(f"no room can be called {room!r}")
    state, events = domain.initial(), dict[str, int]()
    seq, receipt, first_at, last_at = 0, CHAIN_START, 0, 0
    while page := await log.read_room(room, seq, HISTORY_PAGE_MAX):
        for record in page:
            assert record.seq == seq + 1, "a log that reads a room finds its gaps"
            # The records of one decision have one time; in their midst nothing is promised.
            if record.at > last_at:
                _check_room(domain, state, seq)
            seq, receipt = record.seq, follow(record, receipt, vault)
            event = registry.event_decoder.decode(record.event)
            evolve = domain.evolve.get(type(event))
            if evolve is not None:
                evolve(state, event, record.at)
            first_at, last_at = first_at or record.at, record.at
            tag = _tag(record.event)
            events[tag] = events.get(tag, 0) + 1
    if not seq:
        raise VerifyError(f"there is no room {room!r} in this log")
    _check_room(domain, state, seq)
    return VerifiedRoom(room, seq, dict(sorted(events.items())), first_at, last_at, receipt)


def _check_room(domain: Domain, state: Any, seq: int) -> None:
    try:
        domain.check(state)
    except AssertionError as problem:
        raise VerifyError(f"after seq {seq}: {problem}") from problem


def follow(record: Record, previous: str, vault: Vault) -> str:
    """The record's receipt, which must follow from the one before it in its room. Raises
    VerifyError."""
    key = chain_key(vault, record.room)
    chained = chain_hash(
        key, previous, record.room, record.seq, record.at, record.actor, record.event
    )
    if chained != record.hash:
        raise VerifyError(
            f"position {record.position}: the hash of {record.room} seq {record.seq} "
            "does not follow from the records before it: the log has been changed, or this is "
            "not the vault secret that it was written with"
        )
    return chained


def _check(core: Core) -> None:
    try:
        core.check()
    except AssertionError as problem:
        raise VerifyError(f"at position {core.position}: {problem}") from problem


def _tag(event: bytes) -> str:
    # The tag is the first field of every event: `{"event":"auction.bid_placed",…`.
    return event.split(b'"', 4)[3].decode()
