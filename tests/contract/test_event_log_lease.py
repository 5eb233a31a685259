"""Who may append: the lease and the fence of a log, in memory, in SQLite and in Postgres."""

import asyncio

import msgspec
import pytest

from engine.ports import COMMANDS, EventLog, Snapshot
from persistence.errors import LeaseHeld, LeaseLost
from tests.contract.places import Open, Place
from tests.persistence.samples import START, batch, record


async def test_a_living_owner_keeps_the_lease(log: EventLog, open_log: Open) -> None:
    """A second process is refused, and told by whom."""
    contender = asyncio.ensure_future(open_log().acquire("second"))
    while not contender.done():
        await log.renew()
        await asyncio.wait({contender}, timeout=0.01)
    with pytest.raises(LeaseHeld) as refusal:
        await contender
    assert refusal.value.owner.startswith("first")
    assert "is served by first" in str(refusal.value)
    await log.append([record(1)])


async def test_release_lets_the_next_in_at_once(log: EventLog, open_log: Open) -> None:
    """A rolling restart does not wait for a lease to run out."""
    await log.release()
    second = open_log()
    assert (await second.acquire("second")).epoch == 2
    with pytest.raises(LeaseLost):
        await log.append([record(1)])
    await second.append([record(1)])


async def test_a_dead_owner_is_followed(log: EventLog, open_log: Open, place: Place) -> None:
    """Whoever dies without a word is followed when its lease has run out."""
    await log.append([record(1)])
    await log.close()
    place.lapse()
    second = open_log()
    await second.acquire("second")
    await second.append([record(2)])
    assert await second.head() == 2


async def test_a_lapsed_lease_nobody_took_still_holds(log: EventLog, place: Place) -> None:
    """A slow owner loses nothing as long as nobody else wants the shard."""
    place.lapse()
    await log.append([record(1)])
    await log.renew()
    await log.append([record(2)])
    assert await log.head() == 2


async def test_a_fenced_owner_never_writes_again(
    log: EventLog, open_log: Open, place: Place
) -> None:
    """An owner that slept through its own succession finds every door shut, each time."""
    await log.append([record(1)])
    place.lapse()
    second = open_log()
    await second.acquire("second")
    for _ in range(2):
        with pytest.raises(LeaseLost):
            await log.append([record(2, room="user:u1", seq=1)], 7)
        with pytest.raises(LeaseLost):
            await log.renew()
        with pytest.raises(LeaseLost):
            await log.save_snapshot(Snapshot(1, b"stale"))
        with pytest.raises(LeaseLost):
            await log.save_mark("errands", 1)
    await log.release()
    await second.append([record(2)])
    assert list(await second.read(0, 10)) == batch(1, 2)
    assert await second.load_snapshot() is None
    assert await second.load_mark("errands") == 0
    assert await second.load_mark(COMMANDS) == 0


async def test_nobody_writes_who_does_not_own(log: EventLog, open_log: Open) -> None:
    """A log that was never acquired has no epoch that could pass the fence."""
    await log.release()
    stranger = open_log()
    for attempt in (stranger.append([record(1)]), stranger.renew(), log.renew()):
        with pytest.raises(LeaseLost):
            await attempt
    assert await log.head() == 0


async def test_epochs_grow(log: EventLog, open_log: Open, place: Place) -> None:
    """Each ownership has a higher number, also that of an owner who asks again."""
    epochs = [(await log.acquire("first")).epoch]
    place.lapse()
    second = open_log()
    epochs.append((await second.acquire("second")).epoch)
    await second.release()
    epochs.append((await open_log().acquire("third")).epoch)
    assert epochs == [2, 3, 4]


async def test_the_log_keeps_its_name(log: EventLog, open_log: Open) -> None:
    """Clients hold a seq together with this name, so it lasts as long as the log."""
    name = (await log.acquire("first")).log_id
    await log.release()
    assert len(name) == 8
    assert (await open_log().acquire("second")).log_id == name


async def test_alive_at_is_when_the_house_last_served(open_log: Open) -> None:
    """A deadline is moved by the outage, so owning a log does not count: serving does."""
    log = open_log()
    assert (await log.acquire("first")).alive_at is None
    assert (await log.acquire("first")).alive_at is None
    await log.append([record(1)])
    assert (await log.acquire("first")).alive_at == START + 1
    far = START + 10**12
    await log.append([msgspec.structs.replace(record(2), at=far)])
    await log.renew()
    assert (await log.acquire("first")).alive_at == far


async def test_an_owner_that_does_not_serve_yet_keeps_the_lease(
    log: EventLog, open_log: Open
) -> None:
    """Until what an outage brought about is durable, the outage is not over: what stood there
    stays, be it nothing or the last time that the house served."""
    await log.renew(False)
    assert (await log.acquire("first")).alive_at is None
    await log.renew()
    served_at = (await log.acquire("first")).alive_at
    assert served_at is not None
    await log.renew(False)
    assert (await log.acquire("first")).alive_at == served_at


async def test_renew_says_that_the_house_serves(log: EventLog, open_log: Open) -> None:
    """A quiet house is not an outage."""
    await log.renew()
    await log.release()
    alive_at = (await open_log().acquire("second")).alive_at
    assert alive_at is not None
    assert alive_at >= START
