"""What is true of the log in memory alone: its clock is the test's, and so is its switch."""

import pytest

from persistence.errors import LeaseHeld, LogUnavailable
from persistence.memory import MemoryLog, MemoryStore
from tests.persistence.samples import START


async def test_the_lease_is_counted_by_the_store_s_clock() -> None:
    """Nothing waits: a test moves the clock and sees the lease end to the millisecond."""
    now = [START]
    store = MemoryStore(lambda: now[0])
    first, second = MemoryLog(store, lease_ttl_ms=100), MemoryLog(store, lease_ttl_ms=100)
    await first.acquire("first")
    now[0] += 60
    await first.renew()
    now[0] += 99
    with pytest.raises(LeaseHeld) as refusal:
        await second.acquire("second")
    assert refusal.value.remaining_ms == 1
    now[0] += 1
    assert (await second.acquire("second")).alive_at == START + 60


async def test_the_switch_reaches_every_call() -> None:
    """Reading fails too while the store is off."""
    store = MemoryStore(lambda: START)
    log = MemoryLog(store)
    await log.acquire("first")
    store.available = False
    for call in (log.head(), log.read(0, 1), log.read_room("x:1", 0, 1), log.load_snapshot()):
        with pytest.raises(LogUnavailable):
            await call
