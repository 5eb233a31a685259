"""How fast the log is read back at a start: `runtime.writer.recovery.recover`, without a snapshot.

The log is filled by the real core with what a busy house writes: bids of many users in many
auctions, their holds, and the notices to whom they outbid.
"""

import time
from contextlib import AsyncExitStack

import uvloop
from msgspec import Struct

from bench.bids_in_memory import BidsInMemory
from engine.kernel.market import BUILT_IN
from engine.ports import EventLog
from engine.registry import build_registry, find_domains
from engine.snapshot import digest
from persistence.postgres import PostgresLog
from persistence.sqlite import SqliteLog
from runtime.writer.recovery import recover
from testkit.world import vault

AUCTIONS = 100
USERS = 200
APPEND = 4_096
"""Records in a transaction, as the writer does it under full load."""


class Filled(Struct, frozen=True):
    """A log to be read."""

    place: str
    """URL of a Postgres, or path of an SQLite file."""
    records: int
    digest: str
    """Of the state that the log tells."""


def fill(places: list[str], records: int) -> list[Filled]:
    """Write the same records to all of these new logs."""
    return uvloop.run(_fill(places, records))


def replay(filled: Filled) -> float:
    """Records a second. The state must be that which was written."""
    return uvloop.run(_replay(filled))


async def _fill(places: list[str], count: int) -> list[Filled]:
    bids = BidsInMemory(AUCTIONS, USERS)
    while len(bids.records) < count:
        bids.place(bids.next_bids(1_000))
    wanted = digest(bids.core)
    for place in places:
        log = _log(place)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(log.close)
            await log.acquire("bench")
            for first in range(0, len(bids.records), APPEND):
                await log.append(bids.records[first : first + APPEND])
            await log.release()
    return [Filled(place, len(bids.records), wanted) for place in places]


async def _replay(filled: Filled) -> float:
    log = _log(filled.place)
    registry = build_registry(find_domains())
    try:
        begun_s = time.perf_counter()
        recovered = await recover(log, registry, dict(BUILT_IN), vault())
        passed_s = time.perf_counter() - begun_s
    finally:
        await log.close()
    assert recovered.replayed == filled.records, "all records were replayed"
    assert digest(recovered.core) == filled.digest, "replay gives the state that was written"
    return filled.records / passed_s


def _log(place: str) -> EventLog:
    return PostgresLog(place) if "://" in place else SqliteLog(place)
