"""Invariants over random runs of everything (dispatch 9)."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from engine.contract import Event, Stage
from engine.domains.dispatch import events as e
from engine.domains.dispatch.terms import order_key
from engine.domains.dispatch.workload import workload
from engine.kernel.actor import ADMIN, DRIVER, SHOPKEEPER, USER
from engine.kernel.time import HOUR, MINUTE
from engine.ledger.escrow.events import EscrowRefunded, EscrowReleased
from testkit.house import House
from testkit.naive_dispatch import NaiveDispatch
from testkit.violation import Violation
from tests.engine.domains.dispatch.cast import ANN, BOSS, assigned, town

PEOPLE = {
    USER: ("u0", "u1", "u2"),
    DRIVER: ("d0", "d1", "d2", "d3"),
    SHOPKEEPER: ("s0",),
    ADMIN: ("m0",),
}


def run(house: House, dice: Random, steps: int) -> list[str]:
    """Random commands, time, absences and outages; what came of the commands."""
    for user in PEOPLE[USER]:
        house.deposit(user, 10_000_000, "USD")
    answers = []
    for number in range(steps):
        stage = Stage(
            id=f"c{number}",
            now=house.now,
            span_ms=HOUR,
            currency="USD",
            people=PEOPLE,
            things=range(number // 30, number // 30 + 3),
            look=lambda room: house.view(BOSS, room) if room in house.core.rooms else None,
        )
        house.when(*workload(dice, stage)).then_any()
        answers.append(house.refusal.code.name if house.refusal else "ok")
        _pass(house, dice)
    return answers


def _pass(house: House, dice: Random) -> None:
    kind = dice.randrange(300)
    if kind < 150:
        house.advance(dice.randrange(8_000))
    elif kind < 153:
        house.outage(house.now, house.now + dice.randrange(3 * MINUTE))
    elif kind < 160:
        house.advance(dice.randrange(30 * MINUTE))
    elif kind < 190:
        house.presence(dice.choice(PEOPLE[DRIVER]), online=dice.random() < 0.7)


@pytest.mark.parametrize("seed", range(12))
def test_invariants_hold_over_random_runs(seed: int) -> None:
    """Every step is checked by the house; here the log is audited as a whole."""
    with House() as house:
        answers = run(house, Random(seed), 600)
        assert answers.count("ok") > 100, "a run in which nothing happens proves nothing"
        for zone in ("z1", "z2"):
            _audit([a.event for a in house.log if a.room.name == f"zone:{zone}"])
        _money(house)
        _read_by_a_stranger(house)
        house.core.check()


def test_random_runs_come_far() -> None:
    """All of them together see deliveries, returns, claims over the border and empty searches."""
    seen: set[type[Event]] = set()
    for seed in range(15):
        with House() as house:
            run(house, Random(100 + seed), 600)
            seen |= {type(applied.event) for applied in house.log}
    assert seen >= {
        *(e.OrderCompleted, e.JobCancelled, e.OffersTaken, e.OffersExpired, e.NoDriverFound),
        *(e.ClaimAnswered, e.DriverReleased, e.DeliveryCodeRejected, e.BatchMatched),
    }


def _audit(events: Sequence[Event]) -> None:
    """Invariants 1 to 6, read off the log of a zone alone."""
    has: dict[str, str] = {}
    picked_up: set[str] = set()
    proved: set[str] = set()
    attempts: dict[str, int] = {}
    for event in events:
        match event:
            case e.DriverAssigned():
                assert event.driver not in has.values(), "dispatch INV-1: two jobs"
                assert event.order not in has, "dispatch INV-1: two drivers"
                has[event.order] = event.driver
            case e.DriverReleased():
                assert has.pop(event.order) == event.driver, "dispatch INV-1"
            case e.PackagePickedUp():
                assert has[event.order] == event.driver, "dispatch INV-3"
                picked_up.add(event.order)
            case e.DeliveryCodeAccepted() | e.DeliveryOverridden():
                proved.add(event.order)
            case e.DeliveryCodeRejected():
                assert event.attempt == attempts.get(event.order, 0) + 1, "dispatch INV-6"
                attempts[event.order] = event.attempt
            case e.OrderCompleted():
                assert event.order in picked_up, "dispatch INV-3: a state was skipped"
                assert event.order in proved, "dispatch INV-4: no proof"
                has.pop(event.order)
            case e.JobCancelled() | e.PackageReturned():
                has.pop(event.order, None)


def _read_by_a_stranger(house: House) -> None:
    """The notebook of the simulator's auditor agrees, page by page."""
    notebook = NaiveDispatch()
    for applied in house.log:
        notebook.take(applied.record, msgspec.json.decode(applied.record.event))
    busy = {d: o for z in ("z1", "z2") for d, o in house.state(f"zone:{z}").assigned.items()}
    assert notebook.has == busy


def test_the_notebook_complains() -> None:
    """Of a second driver, a second job, a state that was skipped, and an offer that is not open."""
    with House() as house:
        assigned(town(house), ANN)
        records = [applied.record for applied in house.log]
        again = next(r for r in records if b'"dispatch.driver_assigned"' in r.event)
        for change in (
            {},
            {"driver": "other"},
            {"order": "other"},
            {"event": "dispatch.order_completed"},
            {"event": "dispatch.package_returned"},
        ):
            notebook = NaiveDispatch()
            for record in records:
                notebook.take(record, msgspec.json.decode(record.event))
            with pytest.raises(Violation):
                notebook.take(again, msgspec.json.decode(again.event) | change)


def _money(house: House) -> None:
    """Invariant 5: each escrow of a job that ended has paid one way, once."""
    ended: dict[str, type[Event]] = {}
    paid: dict[str, list[type[Event]]] = {}
    for applied in house.log:
        match applied.event:
            case e.OrderCompleted():
                ended[applied.event.order] = EscrowReleased
            case e.JobCancelled() | e.PackageReturned():
                ended[applied.event.order] = EscrowRefunded
            case EscrowReleased() | EscrowRefunded():
                order = applied.room.name.removeprefix("escrow:order.")
                paid.setdefault(order, []).append(type(applied.event))
    assert paid == {order: [way] for order, way in ended.items()}, "dispatch INV-5"
    assert all(order_key(order) in house.core.claims for order in ended)


def test_the_same_chance_gives_the_same_commands() -> None:
    """A workload can be repeated from its seed."""
    runs = []
    for _ in range(2):
        with House() as house:
            answers = run(house, Random(7), 150)
            log = [msgspec.json.encode(applied.event) for applied in house.log]
            runs.append((answers, log))
    assert runs[0] == runs[1]
