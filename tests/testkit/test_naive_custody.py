"""The naive reader of shipments is content with what happened, and with nothing else."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.domains.custody import qr
from engine.kernel.record import Record
from testkit.house import House
from testkit.naive_custody import NaiveCustody
from testkit.violation import Violation
from tests.engine.domains.custody.cast import KEYS, ROOM, delivered

Log = list[tuple[Record, dict[str, Any]]]


def log_of(house: House) -> Log:
    """The room's records with their events."""
    found = [applied.record for applied in house.log if applied.room.name == ROOM]
    return [(record, msgspec.json.decode(record.event)) for record in found]


def read(log: Log) -> NaiveCustody:
    model = NaiveCustody()
    for record, event in log:
        model.take(record, event)
    return model


def at(log: Log, tag: str, which: int = 0) -> int:
    """Where the log has this event."""
    return [index for index, (_, event) in enumerate(log) if event["event"] == tag][which]


def another_scan(log: Log) -> None:
    log.insert(at(log, "custody.handoff_scanned") + 1, log[at(log, "custody.handoff_scanned")])


def another_proof(log: Log) -> None:
    proof = at(log, "custody.delivery_proof_recorded")
    log.insert(proof, log[proof])


def no_proof(log: Log) -> None:
    del log[at(log, "custody.delivery_proof_recorded")]


def another_receiver(log: Log) -> None:
    log[at(log, "custody.custody_changed")][1]["to_id"] = "eve"


def a_holder_left_out(log: Log) -> None:
    del log[at(log, "custody.custody_changed")]


def a_step_left_out(log: Log) -> None:
    del log[at(log, "custody.step_confirmed")]


def tracking_left_out(log: Log) -> None:
    del log[at(log, "custody.tracking_recorded")]


def a_scan_without_a_code(log: Log) -> None:
    log[at(log, "custody.handoff_scanned")][1]["qr_id"] = "s1.q9"


def a_scan_of_last_week(log: Log) -> None:
    log[at(log, "custody.handoff_scanned")][1]["lateness_ms"] = 7 * 86_400_000


def another_plan(log: Log) -> None:
    log.insert(2, log[0])


def a_move_after_the_end(log: Log) -> None:
    log.append(log[at(log, "custody.custody_changed")])


def a_token(log: Log) -> None:
    record, event = log[0]
    shown = qr.token_for(KEYS, "s1.q1", 1, 1).encode()
    log[0] = (replace(record, event=record.event + shown), event)


LIES: tuple[Callable[[Log], None], ...] = (
    another_scan,
    another_proof,
    no_proof,
    another_receiver,
    a_holder_left_out,
    a_step_left_out,
    tracking_left_out,
    a_scan_without_a_code,
    a_scan_of_last_week,
    another_plan,
    a_move_after_the_end,
    a_token,
)


def test_it_is_content_with_a_delivery() -> None:
    """And knows who has the parcel."""
    with House() as house:
        delivered(house)
        found = read(log_of(house)).shipments[ROOM]
        assert (found.holder, found.end) == (("RECIPIENT", "rita"), "custody.shipment_delivered")


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_it_finds_every_lie(lie: Callable[[Log], None]) -> None:
    """One change of the log is enough."""
    with House() as house:
        log = log_of(delivered(house))
        lie(log)
        with pytest.raises(Violation):
            read(log)
