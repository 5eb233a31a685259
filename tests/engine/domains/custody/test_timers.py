"""What happens by itself, and how often (custody 6)."""

from engine.domains.custody import events as e
from engine.domains.custody.notices import CustodyAlert
from engine.domains.custody.terms import LATE_AFTER_MS, PROOF_MS, QR_LIFE_MS, STILL_MS
from engine.kernel.time import DAY, HOUR
from testkit.house import OPENING, House
from tests.engine.domains.custody.cast import (
    CHAIN,
    LEA,
    MOD,
    TOM,
    at_the_door,
    photos,
    picked_up,
    planned,
    problem,
    resolve,
    scan,
    state_of,
    step,
    token,
    tracking,
)

SOON = (step("SENDER:sam", "TRAVELER:tom", "lagos", planned_at=OPENING + HOUR), *CHAIN[1:])


def test_a_late_hand_over_is_told_once() -> None:
    """HandoffLate: two hours after the time that was planned; no state changes."""
    with House() as house:
        planned(house, steps=SOON).at(OPENING + HOUR + LATE_AFTER_MS - 1)
        assert not house.happened(e.HandoffLate)
        house.advance(1).then(e.HandoffLate, step_seq=1)
        users = {a.room.name for a in house.log if isinstance(a.event, CustodyAlert)}
        assert users == {"user:sam", "user:tom"}
        house.advance(DAY)
        assert not house.happened(e.HandoffLate)
        assert state_of(house).status == "AWAITING_PICKUP"


def test_a_hand_over_that_waits_for_photos_is_late_too() -> None:
    """HandoffLate: what matters is the plan, not why nothing happens; and each step has its own."""
    second = step("TRAVELER:tom", "LOCAL_COURIER:lea", "london", planned_at=OPENING + HOUR)
    with House() as house:
        planned(house, steps=(SOON[0], second, CHAIN[2]))
        house.given((TOM, scan(token(house, 1), house.now)))
        house.at(OPENING + HOUR + LATE_AFTER_MS).then(e.HandoffLate, step_seq=2, giver="tom")
        house.given((TOM, photos(1, "p1")), (LEA, scan(token(house, 2), house.now)))
        house.advance(HOUR)
        assert not house.happened(e.HandoffLate)


def test_a_parcel_that_does_not_move_is_told_once() -> None:
    """NoMovement: 48 hours without tracking; again only after it has moved."""
    with House() as house:
        picked_up(house).advance(STILL_MS - 1)
        assert not house.happened(e.NoMovement)
        house.advance(1).then(e.NoMovement, holder="tom")
        house.advance(STILL_MS)
        assert not house.happened(e.NoMovement)
        house.given((TOM, tracking())).advance(STILL_MS).then(e.NoMovement)


def test_the_proof_is_due_after_a_day() -> None:
    """ProofDue."""
    with House() as house:
        at_the_door(house).advance(PROOF_MS - 1)
        assert not house.happened(e.CustodyDisputed)
        house.advance(1).then_only(e.CustodyDisputed)
        assert state_of(house).status == "DISPUTED"


def test_a_code_ends_once() -> None:
    """QrDue."""
    with House() as house:
        planned(house).advance(QR_LIFE_MS - 1)
        assert not house.happened(e.QrExpired)
        house.advance(1).then_only(e.QrExpired)
        house.advance(DAY).then_nothing_happened()


def test_what_fell_due_in_an_outage_fires_at_once() -> None:
    """Custody 6: after a restart due timers fire, each once."""
    with House() as house:
        picked_up(house, steps=SOON)
        since = house.now
        house.outage(since, since + 5 * DAY)
        assert len(house.happened(e.QrExpired)) == 1
        assert len(house.happened(e.NoMovement)) == 1


def test_nothing_falls_due_while_disputed() -> None:
    """It waits for staff; afterwards it fires."""
    with House() as house:
        picked_up(house).given((TOM, problem("LOSS"))).advance(5 * DAY).then_nothing_happened()
        house.given((MOD, resolve("IN_CUSTODY"))).advance(0)
        house.then(e.QrExpired, step_seq=2)
