"""Start is recovery: the same after a clean stop, after a kill, and by a standby that has
followed the log (architecture rule 7)."""

import logging
from collections.abc import Callable, Sequence

from msgspec import Struct

from engine import look, snapshot
from engine.contract import Vault
from engine.core import Core
from engine.kernel.limits import COMMANDS_REMEMBERED, HISTORY_PAGE_MAX
from engine.kernel.market import Market
from engine.kernel.record import Record
from engine.ports import EventLog, FanOut
from engine.registry import Registry
from engine.sequencer import Remembered
from persistence.errors import CorruptLog, LogUnavailable
from persistence.order import ARCHIVED
from runtime import garbage

logger = logging.getLogger(__name__)

PAGE = 10_000


class Recovered(Struct, frozen=True):
    """State as the log has it, and which commands have been answered."""

    core: Core
    remembered: Remembered
    replayed: int
    """Records applied on top of the snapshot, or of what a standby had."""
    snapshot_position: int
    """From where the next snapshot is counted: that of the latest one, or where a standby began
    to catch up, for until then somebody else kept snapshots."""


class Replay:
    """A core on its way through the log: read a page from `after`, then `add` it, again and again.

    Whoever has it may go on with it at any time, unless `add` has raised: then it is void."""

    __slots__ = ("_last_hash", "core", "read_to", "remembered")

    def __init__(self, core: Core, archived: int = 0) -> None:
        """`archived`: up to this position the log has nothing any more. Where state does not reach
        that far, the first page says so."""
        self.core = core
        self.remembered = Remembered()
        begins = min(archived, core.position)
        self.read_to = max(begins, core.position - COMMANDS_REMEMBERED)
        """Position of the record read last, or before the first to be read."""
        self._last_hash = ""

    @property
    def after(self) -> int:
        """Where the next page begins: with the record read last, once there is one, so that
        another log in the place of this one, such as a backup put back, is found out."""
        return self.read_to - 1 if self._last_hash else self.read_to

    def add(self, page: Sequence[Record]) -> bool:
        """Apply a page. Returns whether it held anything new.

        Raises CorruptLog if it does not go on from what was read before, and AssertionError if
        the log is damaged or was written by other rules."""
        if self._last_hash:
            if not page or page[0].hash != self._last_hash:
                raise CorruptLog(f"position {self.read_to} holds another record than before")
            page = page[1:]
        for record in page:
            if record.position <= self.core.position:
                # State has it from the snapshot, but not its text and its answer.
                self.core.rooms[record.room].tail.append(record)
            else:
                self.core.replay(record)
            self.remembered.add(record)
        if page:
            self.read_to, self._last_hash = page[-1].position, page[-1].hash
        return bool(page)


async def begin(
    log: EventLog, registry: Registry, markets: dict[str, Market], vault: Vault
) -> Replay:
    """The state of the latest snapshot, or that of an empty log. Raises LogUnavailable."""
    saved = await log.load_snapshot()
    core = snapshot.restore(saved.data, registry, markets, vault) if saved else None
    return Replay(core or Core(registry, markets, vault), await log.load_mark(ARCHIVED))


async def recover(
    log: EventLog,
    registry: Registry,
    markets: dict[str, Market],
    vault: Vault,
    progress: Callable[[int, int], None] = lambda done, total: None,
    onto: Replay | None = None,
) -> Recovered:
    """Load the latest snapshot, replay the tail, and remember the answers of the past.

    `progress` is told records read and records in all. `onto`: what a standby has replayed, to go
    on from; nobody else may have it any more. Raises LogUnavailable; an AssertionError means that
    the log is damaged or was written by other rules, and nothing should run on it.
    """
    if onto is not None:
        try:
            return await _read_to_end(log, onto, progress)
        except LogUnavailable:
            raise
        except Exception:
            # Whether it is the log that is damaged or only this state, a start from the snapshot
            # tells.
            logger.exception("what the standby has replayed does not fit the log: starting anew")
    return await _read_to_end(log, await begin(log, registry, markets, vault), progress)


async def _read_to_end(
    log: EventLog, replay: Replay, progress: Callable[[int, int], None]
) -> Recovered:
    core = replay.core
    since, first, head = core.position, replay.read_to, await log.head()
    while replay.add(page := await log.read(replay.after, PAGE)):
        progress(replay.read_to - first, head - first)
        if len(page) == PAGE:
            # Each search for garbage walks over all that was made so far, and all of it stays.
            garbage.keep()
    return Recovered(core, replay.remembered, core.position - since, since)


async def catch_up(log: EventLog, core: Core, fan_out: FanOut) -> None:
    """Tell listeners what was written but, as the log failed, never released.

    Raises LogUnavailable; it may then be called again."""
    for room, heard in fan_out.positions().items():
        missed = look.tail_after(core, room, heard)
        if missed is None:
            missed = await _read_all(log, room, heard)
        for audience in fan_out.audiences(room):
            for record, body in zip(missed, look.frames(core, missed, audience), strict=True):
                fan_out.publish(room, audience, record.seq, body)


async def _read_all(log: EventLog, room: str, after: int) -> list[Record]:
    found: list[Record] = []
    while page := await log.read_room(room, after + len(found), HISTORY_PAGE_MAX):
        found += page
    return found
