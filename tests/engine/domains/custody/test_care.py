"""On the way: tracking, problems, disputes, returns, losses (custody 3, H7, H11)."""

from typing import Any

import pytest

from engine.contract import Person
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody.notices import HandoffDue, ShipmentUpdate
from engine.domains.custody.terms import Movement
from engine.kernel.outside import Letter
from engine.kernel.time import HOUR
from engine.ledger.escrow.events import EscrowDisputed, EscrowReleased
from engine.room import StepContext
from testkit.house import House
from tests.engine.domains.custody.cast import (
    CHAIN,
    ESCROW,
    EVE,
    GUEST,
    LEA,
    MOD,
    RITA,
    SAM,
    TOM,
    at_the_door,
    cancel,
    delivered,
    give_back,
    handed_on,
    link,
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


def told(house: House) -> set[tuple[str, str]]:
    """Who heard of which status in the latest step."""
    users = ("sam", "tom", "lea", "rita", "eve")
    return {
        (user, notice.status)
        for user in users
        for notice in house.happened(ShipmentUpdate, f"user:{user}")
    }


def disputed_at_sams(house: House) -> House:
    return planned(house).given((SAM, problem("LOSS")))


def test_the_holder_says_where_it_is() -> None:
    """RecordTracking: nobody else, and only on the way."""
    with House() as house:
        planned(house).when(SAM, tracking()).then_rejected("INVALID_TRANSITION")
        house.given((TOM, scan(token(house, 1), house.now)))
        house.when(TOM, tracking("DEPARTED", "lagos", "on time"))
        house.then(e.TrackingRecorded, kind="DEPARTED", number=2, holder="tom")
        for actor in (SAM, LEA, RITA, MOD):
            house.when(actor, tracking()).then_rejected("FORBIDDEN")


def test_there_are_only_so_many_tracking_events() -> None:
    """A bound: OVERLOADED."""
    with House() as house:
        picked_up(house).given(*((TOM, tracking()) for _ in range(499)))
        house.when(TOM, tracking()).then_rejected("OVERLOADED", limit=500)


def test_a_wrong_tracking_event_is_corrected_and_not_edited() -> None:
    """Invariant 8, X1."""
    with House() as house:
        picked_up(house).given((TOM, tracking("CUSTOMS_IN", "dover")))
        fix = c.CorrectTracking(
            id="c",
            shipment="s1",
            number=2,
            cause="incorrect_data",
            reason="he meant Calais",
            instead=Movement(kind="CUSTOMS_IN", place_id="calais"),
        )
        house.when(TOM, fix).then_rejected("FORBIDDEN")
        house.when(MOD, fix).then(e.TrackingCorrected, number=2, replaced_by=3)
        house.then(e.TrackingRecorded, number=3, place_id="calais", holder="tom")
        house.when(MOD, fix).then_rejected("INVALID_TRANSITION")


def test_what_is_put_right_was_so_when_the_wrong_statement_said() -> None:
    """X4: at the device's time, where a scan that waited had said it."""
    with House() as house:
        planned(house)
        made_at, shown = house.now, token(house, 1)
        house.advance(HOUR).given((TOM, scan(shown, made_at)))
        fix = c.CorrectTracking(
            id="c",
            shipment="s1",
            number=1,
            cause="incorrect_data",
            reason="another place",
            instead=Movement(kind="DEPARTED", place_id="abuja"),
        )
        house.when(MOD, fix).then(e.TrackingRecorded, number=2, happened_at=made_at)


def test_a_correction_says_why_and_what() -> None:
    """REASON_REQUIRED; INVALID_TRANSITION for what was never said."""
    with House() as house:
        picked_up(house)
        fix = c.CorrectTracking(id="c", shipment="s1", number=1, cause="did_not_occur")
        house.when(MOD, fix).then_rejected("REASON_REQUIRED")
        nine = c.CorrectTracking(id="c", shipment="s1", number=9, cause="did_not_occur", reason="x")
        house.when(MOD, nine).then_rejected("INVALID_TRANSITION")
        one = c.CorrectTracking(id="c", shipment="s1", number=1, cause="did_not_occur", reason="x")
        house.when(MOD, one).then_only(e.TrackingCorrected)


@pytest.mark.parametrize("kind", ["LOSS", "MISMATCH"])
def test_some_problems_stop_everything(kind: str) -> None:
    """DISPUTED, and the parties hear of it."""
    with House() as house:
        picked_up(house).when(TOM, problem(kind, note="look"))
        house.then_only(e.ProblemReported, e.CustodyDisputed)
        assert state_of(house).status == "DISPUTED"
        told = house.happened(ShipmentUpdate)
        assert [notice.status for notice in told] == ["DISPUTED", "DISPUTED"]
        house.when(TOM, tracking()).then_rejected("CUSTODY_DISPUTED")


@pytest.mark.parametrize("kind", ["REFUSED", "NO_SHOW"])
def test_others_are_only_told(kind: str) -> None:
    """Custody 3: the state stays."""
    with House() as house:
        picked_up(house).when(TOM, problem(kind)).then_only(e.ProblemReported)
        assert state_of(house).status == "IN_CUSTODY"


def test_damage_needs_a_photo() -> None:
    """H1: PHOTO_REQUIRED."""
    with House() as house:
        at_the_door(house).when(RITA, problem("DAMAGE")).then_rejected("PHOTO_REQUIRED")
        bad = problem("DAMAGE", photo_file_ids=("nowhere",))
        house.when(RITA, bad).then_rejected("PHOTO_INVALID")
        house.when(GUEST, problem("DAMAGE", photo_file_ids=("g1",), link=link()))
        house.then(e.ProblemReported, kind="DAMAGE", by="").then(e.CustodyDisputed)


@pytest.mark.parametrize(
    ("grams", "code"), [(2_200, "MALFORMED"), (1_800, "MALFORMED"), (2_201, ""), (1_799, "")]
)
def test_a_weight_within_a_tenth_is_no_mismatch(grams: int, code: str) -> None:
    """H11: more than 10 % of the 2,000 g declared."""
    with House() as house:
        planned(house).when(TOM, problem("MISMATCH", weight_grams=grams))
        if code:
            house.then_rejected(code, declared_grams=2_000)
        else:
            house.then(e.CustodyDisputed, cause="MISMATCH")


def test_only_those_who_are_near_it_report() -> None:
    """Custody 3: holder, giver, receiver, recipient; the sender and staff besides."""
    with House() as house:
        planned(house)
        house.when(EVE, problem("LOSS")).then_rejected("FORBIDDEN")
        house.when(LEA, problem("LOSS")).then_rejected("FORBIDDEN")
        house.when(GUEST, problem("LOSS")).then_rejected("UNAUTHENTICATED")
        for actor in (SAM, TOM, RITA, MOD):
            house.when(actor, problem("NO_SHOW")).then(e.ProblemReported)


def test_a_dispute_ends_by_a_decision_with_a_reason() -> None:
    """ResolveCustody: staff; the way goes on where it was."""
    with House() as house:
        picked_up(house).given((TOM, problem("LOSS")))
        house.when(SAM, resolve("IN_CUSTODY")).then_rejected("FORBIDDEN")
        house.when(MOD, resolve("IN_CUSTODY", "")).then_rejected("REASON_REQUIRED")
        house.when(MOD, resolve("IN_CUSTODY")).then_only(e.CustodyResolved)
        assert state_of(house).status == "IN_CUSTODY"
        house.when(LEA, scan(token(house, 2), house.now)).then(e.CustodyChanged)
        house.when(MOD, resolve("LOST")).then_rejected("INVALID_TRANSITION")


def test_a_dispute_before_the_pick_up_goes_back_to_waiting() -> None:
    """The sender still has it, so there is nothing to return."""
    with House() as house:
        planned(house).given((TOM, problem("MISMATCH")))
        house.when(MOD, resolve("RETURNING")).then_rejected("INVALID_TRANSITION")
        house.when(MOD, resolve("IN_CUSTODY")).then_only(e.CustodyResolved)
        assert state_of(house).status == "AWAITING_PICKUP"


def test_staff_may_decide_that_it_was_delivered() -> None:
    """Invariant 5, 6: the proof is an override, and the money is released once."""
    with House() as house:
        handed_on(house).given((LEA, problem("MISMATCH")))
        house.when(MOD, resolve("DELIVERED", receiver_name="a neighbour"))
        house.then(e.DeliveryProofRecorded, method="OVERRIDE", receiver_name="a neighbour")
        house.then(e.CustodyChanged, to_type="RECIPIENT").then(e.ShipmentDelivered)
        assert len(house.happened(EscrowReleased)) == 1
        house.when(LEA, scan(token(house, 3), house.now)).then_noted(e.ScanRejected, "QR_REVOKED")


def test_a_lost_parcel_freezes_the_money() -> None:
    """H7: no release; accounts decide."""
    with House() as house:
        picked_up(house).given((TOM, problem("LOSS")))
        house.when(MOD, resolve("LOST")).then(e.CustodyResolved).then(EscrowDisputed)
        assert (state_of(house).status, house.state(ESCROW).status) == ("LOST", "disputed")
        assert state_of(house).holder == ("TRAVELER", "tom")


def test_a_delivery_without_proof_is_disputed_and_made_again() -> None:
    """Custody 6, ProofDue; the failed step is passed over, and another follows."""
    with House() as house:
        at_the_door(house)
        house.advance(24 * 3_600_000).then(e.CustodyDisputed, cause="NO_PROOF")
        house.when(MOD, resolve("IN_CUSTODY")).then(e.StepFailed, step_seq=3, cause="NO_PROOF")
        house.then(e.QrIssued, step_seq=4).then(e.StepReady, step_seq=4)
        house.given((LEA, scan(token(house, 4), house.now)), (LEA, photos(4, "l2")))
        assert state_of(house).status == "DELIVERED"


def test_a_delivery_without_proof_may_be_believed() -> None:
    """The step that was scanned is confirmed by the decision."""
    with House() as house:
        at_the_door(house).advance(24 * 3_600_000)
        house.when(MOD, resolve("DELIVERED")).then(e.StepConfirmed, step_seq=3)
        assert state_of(house).proof is not None


def test_a_parcel_goes_back_the_way_that_it_came() -> None:
    """StartReturn: new steps, new codes; the last receiver is the sender, who scans."""
    with House() as house:
        handed_on(house).when(MOD, give_back()).then(e.ReturnStarted, first_seq=3)
        house.then(e.StepReady, step_seq=3, giver="lea", receiver="tom")
        back = [(s.terms.from_id, s.terms.to_id) for s in state_of(house).steps[2:]]
        assert back == [("lea", "tom"), ("tom", "sam")]
        house.given((TOM, scan(token(house, 3), house.now)))
        house.when(SAM, scan(token(house, 4), house.now))
        house.then(e.CustodyChanged, to_type="SENDER", to_id="sam").then(e.ShipmentReturned)
        house.then(EscrowDisputed)
        assert state_of(house).status == "RETURNED"
        assert house.state(ESCROW).status == "disputed"


def test_who_is_told_how_it_stands() -> None:
    """H4: the sender of each new state and holder, the holder of decisions, all carriers of an
    end."""
    with House() as house:
        at_the_door(house)
        assert told(house) == {("sam", "DELIVERY_PENDING_PROOF")}
        house.when(RITA, problem("LOSS")).then_any()
        assert told(house) == {("sam", "DISPUTED"), ("lea", "DISPUTED")}
        house.when(MOD, resolve("RETURNING")).then_any()
        assert told(house) == {("sam", "RETURNING"), ("lea", "RETURNING")}
        house.when(TOM, scan(token(house, 4), house.now)).then_any()
        assert told(house) == {("sam", "RETURNING")}
        house.when(SAM, scan(token(house, 5), house.now)).then_any()
        assert told(house) == {(user, "RETURNED") for user in ("sam", "tom", "lea")}


@pytest.mark.parametrize(
    ("made", "asked", "expected"),
    [
        (handed_on, (MOD, give_back()), {("sam", "RETURNING"), ("lea", "RETURNING")}),
        (planned, (SAM, cancel()), {(u, "CANCELLED") for u in ("sam", "tom", "lea")}),
        (at_the_door, (LEA, photos(3, "l2")), {(u, "DELIVERED") for u in ("sam", "tom", "lea")}),
        (disputed_at_sams, (MOD, resolve("IN_CUSTODY")), {("sam", "AWAITING_PICKUP")}),
        (disputed_at_sams, (MOD, resolve("LOST")), {(u, "LOST") for u in ("sam", "tom", "lea")}),
    ],
)
def test_who_is_told_of_a_decision(made: Any, asked: Any, expected: set[tuple[str, str]]) -> None:
    """H4: once each, and of what it is, not of what was asked for."""
    with House() as house:
        made(house).when(*asked).then_accepted()
        assert told(house) == expected
        assert len(house.happened(ShipmentUpdate)) == len(expected)


def test_a_recipient_with_an_account_hears_what_letters_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """H4: on the own feed; the others have letters alone."""

    def card(_: StepContext, room: str) -> Person | None:
        return Person("Rita", is_active=True) if room == "identity:rita" else None

    with House() as house, monkeypatch.context() as patched:
        patched.setattr(StepContext, "card", card)
        picked_up(house).when(LEA, scan(token(house, 2), house.now))
        house.then(HandoffDue, step_seq=3)
        assert len(house.happened(HandoffDue, "user:rita")) == 1
        for who, asked, status in (
            (LEA, problem("LOSS"), "DISPUTED"),
            (MOD, resolve("RETURNING"), "RETURNING"),
            (LEA, problem("LOSS"), "DISPUTED"),
            (MOD, resolve("LOST"), "LOST"),
        ):
            house.when(who, asked).then_accepted()
            assert [u.status for u in house.happened(ShipmentUpdate, "user:rita")] == [status]
    with House() as house:
        delivered(house)
        assert "user:rita" not in house.core.rooms


def test_the_old_delivery_code_does_not_work_on_the_way_back() -> None:
    """All codes of the way there are void."""
    with House() as house:
        handed_on(house)
        old = token(house, 3)
        house.given((MOD, give_back()))
        house.when(LEA, scan(old, house.now)).then_noted(e.ScanRejected, "QR_REVOKED")


def test_no_letter_says_that_it_arrives_when_it_goes_back() -> None:
    """The recipient hears of the last step to them, and of no other."""
    with House() as house:
        picked_up(house)
        before = len(house.world.errands)
        house.given((MOD, give_back()))
        sent = [one.template for one in house.world.errands if isinstance(one, Letter)]
        assert sent[before:] == ["shipment-not-coming"] * 2
        assert sent[:before] == ["shipment-link"] * 2


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ((SAM, cancel("too dear")), "it was called off"),
        ((MOD, give_back("sam has not paid")), "it goes back to its sender"),
        ((MOD, resolve("LOST", "tom drank it")), "it was lost"),
        ((MOD, resolve("RETURNING", "it is broken")), "it goes back to its sender"),
    ],
)
def test_the_recipient_is_told_that_it_does_not_come(asked: Any, why: str) -> None:
    """H4: by letter, once for each address, and not in the words of others."""
    with House() as house:
        planned(house)
        if not isinstance(asked[1], c.CancelShipment):
            house.given((TOM, scan(token(house, 1), house.now)))
        if isinstance(asked[1], c.ResolveCustody):
            house.given((TOM, problem("LOSS")))
            held_up = [one.template for one in house.world.errands if isinstance(one, Letter)]
            assert held_up[-2:] == ["shipment-held-up"] * 2
        house.given(asked)
        last = house.world.errands[-2:]
        assert [one.channel for one in last if isinstance(one, Letter)] == ["email", "sms"]
        for one in last:
            assert isinstance(one, Letter)
            assert one.template == "shipment-not-coming"
            assert one.fields == {"shipment": "s1", "name": "Rita", "why": why}


def test_letters_say_when_it_arrives_and_when_it_has() -> None:
    """H4, for a recipient without an account."""
    with House() as house:
        delivered(house)
        sent = [one.template for one in house.world.errands if isinstance(one, Letter)]
        assert sent[::2] == ["shipment-link", "shipment-arriving", "shipment-delivered"]


def test_a_return_may_take_another_way() -> None:
    """Straight to the sender by the one who has it."""
    with House() as house:
        handed_on(house)
        direct = step("LOCAL_COURIER:lea", "SENDER:sam", "lagos")
        house.when(MOD, give_back(steps=(direct,))).then(e.ReturnStarted)
        house.when(SAM, scan(token(house, 3), house.now)).then(e.ShipmentReturned)


def test_a_return_is_for_staff_with_a_reason_and_only_on_the_way() -> None:
    """Custody 3."""
    with House() as house:
        planned(house).when(MOD, give_back()).then_rejected("INVALID_TRANSITION")
        house.given((TOM, scan(token(house, 1), house.now)))
        house.when(SAM, give_back()).then_rejected("FORBIDDEN")
        house.when(MOD, give_back("")).then_rejected("REASON_REQUIRED")
        house.when(MOD, give_back(steps=CHAIN)).then_rejected("CHAIN_BROKEN")


def test_a_pick_up_without_photos_is_passed_over_by_a_return() -> None:
    """Invariant 4: no step is confirmed before all earlier ones are done or given up."""
    with House() as house:
        planned(house).given((TOM, scan(token(house, 1), house.now)))
        house.when(MOD, give_back()).then(e.StepFailed, step_seq=1, cause="NO_PHOTOS")
        house.when(TOM, photos(1, "p1")).then_rejected("INVALID_TRANSITION")
        assert house.refusal is not None
        assert "given up" in house.refusal.message
        house.when(SAM, scan(token(house, 2), house.now)).then(e.ShipmentReturned)


def test_a_dispute_on_the_way_back_needs_a_new_way() -> None:
    """Back by the same way anew, or on to the recipient by steps that are given."""
    with House() as house:
        handed_on(house).given((MOD, give_back()), (LEA, problem("MISMATCH")))
        house.when(MOD, resolve("IN_CUSTODY")).then_rejected("INVALID_TRANSITION")
        house.when(MOD, resolve("RETURNING")).then(e.ReturnStarted)
        house.given((LEA, problem("MISMATCH")))
        house.when(MOD, resolve("IN_CUSTODY", steps=(CHAIN[2],))).then(e.HandoffsReplanned)
        house.given((LEA, scan(token(house, 3), house.now)), (LEA, photos(3, "l2")))
        assert state_of(house).status == "DELIVERED"


@pytest.mark.parametrize("outcome", ["IN_CUSTODY", "RETURNING", "DELIVERED", "LOST"])
def test_a_finished_shipment_is_not_disputed(outcome: str) -> None:
    """INVALID_TRANSITION."""
    with House() as house:
        delivered(house).when(RITA, problem("LOSS")).then_rejected("INVALID_TRANSITION")
        house.when(MOD, resolve(outcome)).then_rejected("INVALID_TRANSITION")
