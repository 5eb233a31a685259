"""`outcry verify`: read the log, replay it, check every invariant and every receipt."""

from collections.abc import Callable

from msgspec import Struct

from engine import snapshot
from engine.core import Core
from engine.kernel.market import Market
from engine.kernel.record import CHAIN_START, chain_hash
from engine.ports import EventLog
from engine.registry import Registry

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


class VerifyError(Exception):
    """The log does not hold what it should; the text names position and rule."""


async def verify(
    log: EventLog,
    registry: Registry,
    markets: dict[str, Market],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verified:
    """Replay from the first record, ignoring snapshots. Raises VerifyError."""
    core = Core(registry, markets)
    events: dict[str, int] = {}
    chains: dict[str, str] = {}
    head = await log.head()
    while page := await log.read(core.position, PAGE):
        for record in page:
            previous = chains.get(record.room, CHAIN_START)
            chained = chain_hash(
                previous, record.room, record.seq, record.at, record.actor, record.event
            )
            if chained != record.hash:
                raise VerifyError(
                    f"position {record.position}: the hash of {record.room} seq {record.seq} "
                    "does not follow from the records before it; the log has been changed"
                )
            chains[record.room] = chained
            try:
                core.replay(record)
            except AssertionError as problem:
                raise VerifyError(f"position {record.position}: {problem}") from problem
            tag = _tag(record.event)
            events[tag] = events.get(tag, 0) + 1
        _check(core)
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


def _check(core: Core) -> None:
    try:
        core.check()
    except AssertionError as problem:
        raise VerifyError(f"at position {core.position}: {problem}") from problem


def _tag(event: bytes) -> str:
    # The tag is the first field of every event: `{"event":"auction.bid_placed",…`.
    return event.split(b'"', 4)[3].decode()
