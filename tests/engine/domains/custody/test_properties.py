"""Whatever people do, custody keeps its promises: random runs against a naive model (custody 9)."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contract import Command
from engine.domains.custody import commands as c
from engine.domains.custody.terms import Movement
from engine.kernel.actor import Actor
from engine.kernel.time import DAY, HOUR, MINUTE
from engine.ledger.escrow.events import EscrowReleased
from testkit.house import House
from testkit.naive_custody import NaiveCustody
from tests.engine.domains.custody.cast import (
    CHAIN,
    EVE,
    GUEST,
    LEA,
    MOD,
    PICTURES,
    RITA,
    ROOM,
    SAM,
    TOM,
    cancel,
    code_of,
    confirm,
    customs,
    device,
    enter,
    give_back,
    link,
    photos,
    planned,
    problem,
    refused_scan,
    reissue,
    replan,
    resolve,
    scan,
    show,
    state_of,
    step,
    token,
    tracking,
    wrong_code,
)

PEOPLE = (SAM, TOM, LEA, RITA, EVE)
Asked = tuple[Actor, Command]


def audited(house: House) -> NaiveCustody:
    """What a naive reader makes of the log; it complains of what must not be."""
    model = NaiveCustody()
    for applied in house.log:
        model.take(applied.record, msgspec.json.decode(applied.record.event))
    return model


def anything(house: House, dice: Random) -> Asked:
    """Mostly what suits the moment, now and then nonsense."""
    state = state_of(house)
    current = state.current
    if current and dice.random() < 0.6:
        return suitable(house, dice, current)
    seq = dice.randrange(1, len(state.steps) + 2)
    actor = dice.choice((*PEOPLE, MOD))
    options: tuple[Command, ...] = (
        show(seq),
        reissue(seq, "lost"),
        photos(seq, dice.choice((*PICTURES.get(actor.user, ("p1",)), "nowhere"))),
        confirm(),
        enter("0000"),
        tracking(),
        problem(dice.choice(("LOSS", "MISMATCH", "REFUSED", "NO_SHOW", "DAMAGE"))),
        resolve(dice.choice(("IN_CUSTODY", "RETURNING", "DELIVERED", "LOST"))),
        give_back(),
        replan(*CHAIN),
        replan(CHAIN[1], CHAIN[2]),
        replan(step("TRAVELER:tom", "RECIPIENT:rita", "door")),
        cancel("x") if dice.random() < 0.1 else customs(),
        c.ExpireQr(id="c", shipment="s1", qr_id=f"s1.q{seq}"),
        c.CorrectTracking(
            id="c",
            shipment="s1",
            number=seq,
            cause="incorrect_data",
            reason="x",
            instead=Movement(kind="ARRIVED", place_id="y"),
        ),
    )
    return actor, dice.choice(options)


def suitable(house: House, dice: Random, current: Any) -> Asked:
    """The next step of the way."""
    status = state_of(house).status
    if status == "DISPUTED":
        return MOD, resolve(dice.choice(("IN_CUSTODY", "IN_CUSTODY", "RETURNING")))
    if current.state == "SCANNED":
        who = next(a for a in PEOPLE if a.user == current.scanner)
        return who, photos(current.seq, dice.choice(PICTURES[who.user]))
    code = state_of(house).codes[current.qr_id]
    if code.state == "EXPIRED":
        return MOD, reissue(current.seq, "over")
    scanner = next((a for a in PEOPLE if a.user == current.scanner), EVE)
    if current.kind == "DELIVERY" and dice.random() < 0.3:
        return scanner, enter(dice.choice((code_of(house), wrong_code(house))))
    then = house.now - dice.choice((0, 0, MINUTE, HOUR, 25 * HOUR))
    made = dice.choice((None, device(dice.randrange(1, 5), key=current.scanner)))
    return scanner, scan(token(house, current.seq, then), then, device=made)


@pytest.mark.parametrize("seed", range(60))
def test_custody_keeps_its_promises_whatever_happens(seed: int) -> None:
    """One holder at every instant, in the order of the plan; replay gives the same; no token
    in the log. The house checks the invariants after each step, the model after the run."""
    dice = Random(seed)
    with House() as house:
        planned(house, is_international=dice.random() < 0.2)
        for _ in range(60):
            house.when(*anything(house, dice)).then_any()
            if dice.random() < 0.3:
                house.advance(dice.choice((MINUTE, HOUR, DAY)))
        released = [a.event for a in house.log if isinstance(a.event, EscrowReleased)]
        assert len(released) == (state_of(house).status == "DELIVERED")
        model = audited(house).shipments[ROOM]
        assert model.holder == state_of(house).holder
        assert bool(model.end) == state_of(house).is_over


@given(st.lists(st.sampled_from(["scan", "photo", "wait"]), max_size=24))
@settings(max_examples=40, deadline=None)
def test_the_holder_after_a_step_is_its_receiver(moves: list[str]) -> None:
    """Invariant 2: the way goes step by step, whatever the pace."""
    with House() as house:
        planned(house)
        for move in moves:
            current = state_of(house).current
            if current is None or move == "wait":
                house.advance(HOUR)
                continue
            actor = next(a for a in PEOPLE if a.user == current.scanner)
            if move == "scan":
                house.when(actor, scan(token(house, current.seq), house.now)).then_any()
            else:
                house.when(actor, photos(current.seq, f"p{current.seq}")).then_any()
        state = state_of(house)
        for held in state.holders[1:]:
            terms = state.steps[held.step_seq - 1].terms
            assert (held.party_type, held.party_id) == terms.receiver
        assert len(state.holders) - 1 <= sum(one.state != "PENDING" for one in state.steps)
        audited(house)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_is_taken_for_a_token(text: str) -> None:
    """Whatever is scanned: QR_INVALID, and never a crash."""
    with House() as house:
        planned(house).when(TOM, scan(text, house.now))
        refused_scan(house, "QR_INVALID")


@given(st.text(max_size=100))
@settings(max_examples=50, deadline=None)
def test_no_text_is_taken_for_a_link(text: str) -> None:
    """UNAUTHENTICATED."""
    with House() as house:
        planned(house).when(GUEST, c.Track(id="c", shipment="s1", link=text))
        house.then_rejected("UNAUTHENTICATED")
        assert link() != text
