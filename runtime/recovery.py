"""Start is recovery: the same after a clean stop and after a kill (architecture rule 7)."""

from collections.abc import Callable

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

PAGE = 10_000


class Recovered(Struct, frozen=True):
    """State as the log has it, and which commands have been answered."""

    core: Core
    remembered: Remembered
    replayed: int
    """Records applied on top of the snapshot."""
    snapshot_position: int


async def recover(
    log: EventLog,
    registry: Registry,
    markets: dict[str, Market],
    vault: Vault,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Recovered:
    """Load the latest snapshot, replay the tail, and remember the answers of the past.

    `progress` is told records read and records in all. Raises LogUnavailable; an AssertionError
    means that the log is damaged or was written by other rules, and nothing should run on it.
    """
    saved = await log.load_snapshot()
    core = snapshot.restore(saved.data, registry, markets, vault) if saved else None
    if core is None:
        core = Core(registry, markets, vault)
    since = core.position
    remembered = Remembered()
    first = after = max(0, since - COMMANDS_REMEMBERED)
    head = await log.head()
    while page := await log.read(after, PAGE):
        for record in page:
            if record.position <= since:
                core.rooms[record.room].tail.append(record)
            else:
                core.replay(record)
            remembered.add(record)
        after = page[-1].position
        progress(after - first, head - first)
    return Recovered(core, remembered, core.position - since, since)


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
