"""Who sees what of a shipment, in snapshots, feeds and answers (custody 10)."""

import json
from typing import Any

import pytest

from engine.contract import Person
from engine.domains.custody import SHIPMENT, qr
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody.plan import names_of
from engine.domains.custody.state import Shipment
from engine.kernel.actor import Actor
from engine.kernel.outcome import Rejected
from engine.kernel.time import DAY, HOUR
from engine.room import StepContext
from testkit.house import OPENING, House
from tests.engine.domains.custody.cast import (
    BOSS,
    CHAIN,
    EVE,
    FAR,
    GUEST,
    KEYS,
    LEA,
    MOD,
    RITA,
    ROOM,
    SAM,
    TOM,
    at_the_door,
    cancel,
    code_of,
    customs,
    delivered,
    enter,
    give_back,
    handed_on,
    link,
    photos,
    picked_up,
    planned,
    problem,
    scan,
    step,
    token,
    tracking,
    tried,
)

EVERYBODY = (SAM, TOM, LEA, RITA, MOD)
PHONE, ADDRESS = "+441234567890", "1 High Street"


def seen(house: House, actor: Actor) -> str:
    """All that somebody is shown: snapshot, feed, and answers to questions."""
    ask = c.GetCustody(id="c", shipment="s1")
    house.when(actor, ask).then_accepted()
    return json.dumps([house.view(actor, ROOM), house.history(actor, ROOM), house.result])


def test_classes_of_viewers() -> None:
    """Strings; strangers and guests see nothing."""
    with House() as house:
        planned(house)
        classes = [house.audience(actor, ROOM) for actor in (*EVERYBODY, BOSS, EVE, GUEST)]
        assert classes == [
            "sender",
            "carrier:tom",
            "carrier:lea",
            "recipient",
            "staff",
            "staff",
            "",
            "",
        ]
        house.when(EVE, c.GetCustody(id="c", shipment="s1")).then_rejected("FORBIDDEN")


def test_no_secret_is_shown_to_anybody_or_written() -> None:
    """Invariant 7: neither token nor secret, link nor delivery code, at any time."""
    with House() as house:
        delivered(house)
        secrets = [qr.secret_of(KEYS, f"s1.q{number}", 1) for number in (1, 2, 3)]
        secrets += [link(), *(f'"{qr.delivery_code(KEYS, f"s1.q{n}", 1)}"' for n in (1, 2, 3))]
        written = b"".join(a.record.event + a.record.result for a in house.log).decode()
        for text in (written, *(seen(house, actor) for actor in EVERYBODY)):
            assert not any(secret in text for secret in secrets)


def test_phone_and_address_are_for_the_last_carrier_once_holder() -> None:
    """Custody 10; the sender knows them, and staff."""
    with House() as house:
        picked_up(house)
        for actor in (TOM, LEA):
            text = seen(house, actor)
            assert PHONE not in text
            assert ADDRESS not in text
        house.given((LEA, scan(token(house, 2), house.now)))
        assert house.view(LEA, ROOM)["recipient"]["address"] == ADDRESS
        assert PHONE not in seen(house, TOM)
        for actor in (SAM, RITA, MOD):
            assert PHONE in seen(house, actor)
        house.given((LEA, scan(token(house, 3), house.now)), (LEA, photos(3, "l2")))
        assert PHONE not in json.dumps(house.view(LEA, ROOM))


def test_carriers_are_known_by_first_name_or_number() -> None:
    """To sender and recipient; staff see who they are."""
    with House() as house:
        picked_up(house)
        for actor in (SAM, RITA):
            text = seen(house, actor)
            assert '"tom"' not in text
            assert "Carrier 1" in text
        holder = {"party_type": "TRAVELER", "party_id": "tom", "rating": None}
        assert house.view(MOD, ROOM)["holder"] == holder
        assert house.view(LEA, ROOM)["holder"] is None
        house.given((LEA, scan(token(house, 2), house.now)))
        assert house.view(TOM, ROOM)["holder"] == {
            "party_type": "LOCAL_COURIER",
            "party_id": "lea",
        }


def test_values_are_for_the_sender_and_staff() -> None:
    """Carriers see category and weight."""
    with House() as house:
        picked_up(house)
        assert house.view(SAM, ROOM)["packages"][0]["declared_value"] == 50_00
        assert house.view(MOD, ROOM)["packages"][0]["declared_value"] == 50_00
        for actor in (TOM, LEA, RITA):
            shown = house.view(actor, ROOM)["packages"]
            assert shown == [{"type": "books", "weight_grams": 2_000}]
            assert "declared_value" not in seen(house, actor)


def test_a_carrier_sees_the_own_legs() -> None:
    """Tracking of others, and hand-overs between others, are not theirs to see."""
    with House() as house:
        picked_up(house).given((TOM, tracking("DEPARTED", "lagos")))
        assert house.history(TOM, ROOM)[-1]["kind"] == "DEPARTED"
        assert house.history(LEA, ROOM)[-1] == {}
        events = [line["event"] for line in house.view(LEA, ROOM)["timeline"]]
        assert "custody.custody_changed" not in events
        kinds = [line["data"]["kind"] for line in house.view(RITA, ROOM)["timeline"] if _is(line)]
        assert kinds == ["PICKED_UP", "DEPARTED"]


def _is(line: dict[str, Any]) -> bool:
    return line["event"] == "custody.tracking_recorded"


def test_photos_are_for_those_of_the_step_and_the_next() -> None:
    """The recipient sees those of the delivery."""
    with House() as house:
        delivered(house)
        shown = {
            actor.user: [step.get("photos") for step in house.view(actor, ROOM)["steps"]]
            for actor in EVERYBODY
        }
        one, none, two = [_photo("p1")], [], [_photo("l2")]
        assert shown["sam"] == [one, none, two]
        assert shown["mod"] == [one, none, two]
        assert shown["rita"] == [two]
        assert shown["tom"] == [one, none]
        assert shown["lea"] == [none, two]
        told = {
            actor.user: [data["photos"] for data in house.history(actor, ROOM) if "photos" in data]
            for actor in EVERYBODY
        }
        everything, of_the_door = [one, two], [two]
        assert told == {
            **dict.fromkeys(("sam", "mod", "lea"), everything),
            "tom": [one],
            "rita": of_the_door,
        }


def _photo(name: str) -> dict[str, str]:
    return {"file_id": name, "sha256": f"sha-{name}"}


def test_warnings_and_rejected_scans_are_for_staff() -> None:
    """Custody 10."""
    with House() as house:
        tried(planned(house), (TOM, scan("forged", house.now)))
        house.given((TOM, scan(token(house, 1), house.now, pos=FAR)))
        assert house.view(MOD, ROOM)["location_warnings"] == ["s1.q1.1"]
        for actor in (SAM, TOM, LEA, RITA):
            text = seen(house, actor)
            assert "LOCATION_WARN" not in text
            assert "rejected" not in text
            assert "lat_e7" not in text


def test_who_held_it_from_when_to_when_with_which_evidence() -> None:
    """X5: the timeline of a party."""
    with House() as house:
        delivered(house)
        custody = house.view(MOD, ROOM)["custody"]
        assert [held["holder"]["party_id"] for held in custody] == ["sam", "tom", "lea", "rita"]
        assert [held["scan_id"] for held in custody] == [None, "s1.q1.1", "s1.q2.1", "s1.q3.1"]
        assert [held["until"] for held in custody[:-1]] == [held["since"] for held in custody[1:]]
        near = [held["holder"] for held in house.view(TOM, ROOM)["custody"]]
        assert [party.get("party_id") for party in near] == ["sam", "tom", "lea"]
        names = [held["holder"].get("name") for held in house.view(RITA, ROOM)["custody"]]
        assert names == ["Sender", "Carrier 1", "Carrier 2", None]


def test_an_event_looks_the_same_in_a_year() -> None:
    """What was shown of an event does not change with what follows."""
    with House() as house:
        handed_on(house)
        before = {actor.user: house.history(actor, ROOM) for actor in EVERYBODY}
        house.given((LEA, scan(token(house, 3), house.now)), (LEA, photos(3, "l2")))
        for actor in EVERYBODY:
            shown = before[actor.user]
            assert house.history(actor, ROOM)[: len(shown)] == shown


def test_the_timeline_goes_on_where_it_was_left() -> None:
    """GetCustody with last_seq."""
    with House() as house:
        picked_up(house)
        ask = c.GetCustody(id="c", shipment="s1")
        lines = house.when(SAM, ask).then_accepted().result["timeline"]
        house.given((TOM, tracking()))
        later = c.GetCustody(id="c", shipment="s1", last_seq=lines[-1]["line"])
        rest = house.when(SAM, later).then_accepted().result["timeline"]
        assert [line["data"]["kind"] for line in rest] == ["ARRIVED"]


def test_customs_are_for_the_carrier_who_has_it() -> None:
    """Contents only as customs require."""
    with House() as house:
        picked_up(house, is_international=True, customs=customs().declaration)
        assert house.view(TOM, ROOM)["customs"]["contents"] == "books"
        assert "customs" not in house.view(LEA, ROOM)
        assert "customs" not in house.view(RITA, ROOM)
        told = [data for data in house.history(TOM, ROOM) if "declaration" in data]
        assert told == [{"declaration": house.view(SAM, ROOM)["customs"]}]
        assert not any("declaration" in data for data in house.history(RITA, ROOM))


def test_a_problem_is_known_to_all_and_its_words_to_few() -> None:
    """Sender, staff, and whoever reported it."""
    with House() as house:
        at_the_door(house).given((LEA, problem("REFUSED", note="he shouted")))
        assert house.history(SAM, ROOM)[-1]["note"] == "he shouted"
        assert house.history(LEA, ROOM)[-1]["note"] == "he shouted"
        for actor in (TOM, RITA):
            assert house.history(actor, ROOM)[-1] == {"kind": "REFUSED"}
        house.given((RITA, problem("NO_SHOW", note="I waited", photo_file_ids=("r1",))))
        for actor in (SAM, RITA):
            assert house.history(actor, ROOM)[-1]["note"] == "I waited"
        house.when(RITA, c.OpenPhoto(id="c", shipment="s1", file="r1")).then_nothing_happened()
        assert house.history(LEA, ROOM)[-1] == {"kind": "NO_SHOW"}


def test_what_was_corrected_or_typed_is_shown_to_those_of_the_leg() -> None:
    """Corrections, the delivery code, alerts: carriers see those of their own legs."""
    with House() as house:
        picked_up(house).given((TOM, tracking()))
        wrong = c.CorrectTracking(
            id="c", shipment="s1", number=2, cause="did_not_occur", reason="he slept"
        )
        house.given((MOD, wrong))
        assert house.history(SAM, ROOM)[-1]["cause"] == "did_not_occur"
        assert house.history(TOM, ROOM)[-1]["number"] == 2
        assert house.history(LEA, ROOM)[-1] == {}
        house.advance(2 * DAY)
        assert [house.history(actor, ROOM)[-1] == {} for actor in (SAM, TOM, LEA)] == [
            False,
            False,
            True,
        ]
        house.given((LEA, scan(token(house, 2), house.now)), (LEA, enter(code_of(house))))
        shown = [house.history(actor, ROOM)[-3] for actor in (SAM, LEA, TOM)]
        assert shown == [{"step_seq": 3, "scan_id": "s1.q3.1.code"}] * 2 + [{}]


def test_a_late_hand_over_is_shown_to_its_parties() -> None:
    """HandoffLate."""
    late = (step("SENDER:sam", "TRAVELER:tom", "lagos", planned_at=OPENING), *CHAIN[1:])
    with House() as house:
        planned(house, steps=late).advance(2 * HOUR)
        assert house.history(TOM, ROOM)[-1] == {"step_seq": 1, "planned_at": OPENING}
        assert house.history(LEA, ROOM)[-1] == {}


def test_why_it_was_called_off_is_for_sender_and_staff() -> None:
    """And why it goes back."""
    with House() as house:
        planned(house).given((SAM, cancel("cold feet")))
        assert house.history(SAM, ROOM)[-1] == {"shipment": "s1", "reason": "cold feet"}
        assert house.history(TOM, ROOM)[-1] == {"shipment": "s1"}
        assert house.view(SAM, ROOM)["reason"] == house.view(MOD, ROOM)["reason"] == "cold feet"
    with House() as house:
        handed_on(house).given((MOD, give_back("nobody is there")))
        shown = {actor.user: str(house.history(actor, ROOM)) for actor in EVERYBODY}
        assert {user for user, text in shown.items() if "nobody is there" in text} == {"sam", "mod"}


def test_the_proof_is_for_the_last_carrier_sender_and_recipient() -> None:
    """Custody 10: with the snapshot and the feed alike."""
    with House() as house:
        delivered(house)
        for actor in EVERYBODY:
            told = [data for data in house.history(actor, ROOM) if "receiver_name" in data]
            seen_by_them = actor is not TOM
            assert [data["method"] for data in told] == ["QR"] * seen_by_them
            assert ("proof" in house.view(actor, ROOM)) == seen_by_them


def test_whoever_gets_a_part_sees_their_legs_from_now_on() -> None:
    """Regrouped by the plan that names them."""
    found = SHIPMENT.regroups(
        Shipment(),
        e.HandoffsReplanned(first_seq=2, steps=CHAIN[1:], names={}, reason="x", by="mod"),
    )
    assert list(found) == ["tom", "lea"]
    assert not list(SHIPMENT.regroups(Shipment(), e.ShipmentDelivered(shipment="s1")))


class Cards:
    """A context that knows people."""

    def __init__(self, people: dict[str, Person]) -> None:
        self._people = people

    def card(self, room: str) -> Person | None:
        return self._people.get(room)


def test_the_recipient_knows_the_sender_by_first_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Custody 10: not by account; the KYC of senders is nobody's concern."""

    def card(_: StepContext, room: str) -> Person | None:
        sam = Person(display_name="Samuel Sender", is_active=True)
        return sam if room == "identity:sam" else None

    with House() as house, monkeypatch.context() as patched:
        patched.setattr(StepContext, "card", card)
        handed_on(house).given((MOD, give_back()))
        house.given((TOM, scan(token(house, 3), house.now)))
        house.given((SAM, scan(token(house, 4), house.now)))
        text = seen(house, RITA)
        assert '"Samuel"' in text
        assert '"sam"' not in text
        assert '"sam"' in seen(house, TOM), "a neighbour in the chain"


@pytest.mark.parametrize(("kyc", "known"), [("approved", True), ("pending", False)])
def test_a_plan_looks_up_its_carriers(kyc: str, known: bool) -> None:
    """H8: identified before the plan; their first names are taken from what the house knows."""
    people = {"identity:tom": Person(display_name="Tom Traveller", is_active=True, kyc=kyc)}
    found: Any = names_of(CHAIN, Cards(people))  # type: ignore[arg-type]
    if known:
        assert found == {"tom": "Tom"}
    else:
        assert isinstance(found, Rejected)
        assert found.code.name == "KYC_REQUIRED"
