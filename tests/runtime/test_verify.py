"""`outcry verify --room`: one room proves itself by its own records (custody X3)."""

import pytest
from msgspec.structs import replace

from engine.registry import build_registry, find_domains
from persistence.errors import CorruptLog
from persistence.memory import MemoryLog, MemoryStore
from runtime.verify import VerifyError, verify, verify_room
from testkit.house import House
from testkit.world import vault
from tests.engine.domains.custody.cast import delivered, handed_on

ROOM = "shipment:s1"
REGISTRY = build_registry(find_domains())


async def log_of(house: House) -> MemoryLog:
    """What happened in a house, in a log."""
    log = MemoryLog(MemoryStore(lambda: 0))
    await log.acquire("tests")
    await log.append([applied.record for applied in house.log])
    return log


async def test_a_room_is_proved_by_its_own_records() -> None:
    """Every receipt follows; the last one covers the whole."""
    with House() as house:
        delivered(house)
        found = await verify_room(await log_of(house), REGISTRY, vault(), ROOM)
        room = house.core.rooms[ROOM]
        assert (found.records, found.receipt) == (room.seq, room.hash)
        assert found.events["custody.handoff_scanned"] == 3
        assert found.first_at <= found.last_at == house.now


async def test_what_was_changed_is_found() -> None:
    """One byte of one event, or its actor, or its time."""
    with House() as house:
        handed_on(house)
        for change in (
            {"event": b'{"event":"custody.handoff_late","step_seq":1}'},
            {"actor": "eve"},
            {"at": 1},
        ):
            log = await log_of(house)
            records = log._store.rooms[ROOM]
            records[4] = replace(records[4], **change)
            with pytest.raises(VerifyError, match="has been changed"):
                await verify_room(log, REGISTRY, vault(), ROOM)


async def test_what_was_left_out_is_found() -> None:
    """A record that is missing is a gap."""
    with House() as house:
        handed_on(house)
        log = await log_of(house)
        del log._store.rooms[ROOM][4]
        with pytest.raises(CorruptLog, match="gap"):
            await verify_room(log, REGISTRY, vault(), ROOM)


@pytest.mark.parametrize("room", ["shipment:nowhere", "castle:c1"])
async def test_a_room_that_is_not_there_is_not_proved(room: str) -> None:
    """Nothing is not a proof."""
    with House() as house:
        handed_on(house)
        with pytest.raises(VerifyError):
            await verify_room(await log_of(house), REGISTRY, vault(), room)


async def test_the_whole_log_is_checked_between_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst of one, invariants need not hold: pages may end there."""
    monkeypatch.setattr("runtime.verify.PAGE", 1)
    with House() as house:
        delivered(house)
        found = await verify(await log_of(house), REGISTRY, house.core.markets, vault())
        assert found.records == len(house.log)
