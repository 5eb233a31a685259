"""Start is recovery: the same after a clean stop and after a kill (architecture rule 7)."""

from collections.abc import Callable

from msgspec import Struct

from engine import snapshot
from engine.core import Core
from engine.kernel.limits import COMMANDS_REMEMBERED
from engine.kernel.market import Market
from engine.ports import EventLog
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
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Recovered:
    """Load the latest snapshot, replay the tail, and remember the answers of the past.

    `progress` is told records read and records in all. Raises LogUnavailable; an AssertionError
    means that the log is damaged or was written by other rules, and nothing should run on it.
    """
    saved = await log.load_snapshot()
    core = snapshot.restore(saved.data, registry, markets) if saved else None
    if core is None:
        core = Core(registry, markets)
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
