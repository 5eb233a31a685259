"""Invariants over random runs of escrows, payouts and time (accounts 10)."""

from collections import Counter
from random import Random

import msgspec
import pytest

from engine.contract import Event, Stage
from engine.kernel.actor import ADMIN, DEALER, MANAGER, USER, Actor
from engine.kernel.time import HOUR, MINUTE
from engine.ledger import workload as of_the_ledger
from engine.ledger.escrow import events as e
from engine.ledger.escrow.state import EVOLVE
from engine.ledger.escrow.workload import workload
from testkit.house import House
from testkit.naive_market import NaiveMarket

PEOPLE = {
    USER: ("u1", "u2", "u3"),
    DEALER: ("s1", "s2"),
    ADMIN: ("m1",),
    MANAGER: ("m1",),
}
THINGS = tuple(range(20))


def _run(house: House, dice: Random, steps: int) -> Counter[str]:
    """Random commands and time; what came of the commands."""
    for user in PEOPLE[USER]:
        house.deposit(user, 50_000, "USD")
    answers: Counter[str] = Counter()
    for number in range(steps):
        stage = Stage(
            id=str(number),
            now=house.now,
            span_ms=HOUR,
            currency="USD",
            people=PEOPLE,
            things=THINGS,
            look=lambda _: None,
        )
        maker = workload if dice.randrange(6) else of_the_ledger.workload
        actor, command = maker(dice, stage)
        if house.core.registry.refuse(type(command), actor) is None:
            house.when(actor, command).then_any()
            answers[house.refusal.code.name if house.refusal else "ok"] += 1
        if dice.randrange(4) == 0:
            house.advance(dice.randrange(5 * MINUTE))
    return answers


@pytest.mark.parametrize("seed", range(10))
def test_invariants_hold_over_random_runs(seed: int) -> None:
    """Each step is checked by the house; then a notary with a book of its own reads the log:
    a share goes out once, and what is closed is empty."""
    with House() as house:
        answers = _run(house, Random(seed), 400)
        assert answers["ok"] > 100, "a run in which nothing happens proves nothing"
        notary = NaiveMarket()
        for applied in house.log:
            event = msgspec.json.decode(applied.record.event)
            notary.take(applied.record, event, None)
        assert notary.escrows.keys() == {
            name for name in house.core.rooms if name.startswith("escrow:")
        }
        for name, escrow in notary.escrows.items():
            assert escrow.status == house.state(name).status
        house.core.check()


def test_the_runs_reach_everything() -> None:
    """Each event of an escrow, each of its states, and each refusal that is its own."""
    seen: set[type[Event]] = set()
    refused: set[str] = set()
    states: set[str] = set()
    for seed in range(10):
        with House() as house:
            refused |= _run(house, Random(seed), 400).keys()
            seen |= {type(applied.event) for applied in house.log}
            states |= {
                room.state.status
                for name, room in house.core.rooms.items()
                if name.startswith("escrow:")
            }
    assert {*EVOLVE, e.SharePaid} <= seen
    assert states >= {"released", "refunded", "split", "expired", "cancelled", "held"}
    assert refused >= {
        *("ESCROW_NOT_FOUND", "ESCROW_NOT_HELD", "ESCROW_DISPUTED", "DISPUTE_CLOSED"),
        *("SPLIT_MISMATCH", "INSUFFICIENT_FUNDS", "FORBIDDEN", "INVALID_TRANSITION"),
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_payee_s_feed_says_nothing_of_others(seed: int) -> None:
    """Whatever happens: no other name stands in what a seller is shown."""
    with House() as house:
        _run(house, Random(50 + seed), 300)
        for name in house.core.rooms:
            if name.startswith("escrow:order."):
                for seller, other in (("s1", "s2"), ("s2", "s1")):
                    viewer = Actor(seller, DEALER, "approved")
                    shown = [house.view(viewer, name), house.history(viewer, name)]
                    assert f'"{other}"'.encode() not in msgspec.json.encode(shown)
