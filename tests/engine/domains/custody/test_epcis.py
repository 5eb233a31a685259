"""The custody log as an EPCIS 2.0 document: valid, honest about times, redacted (X1)."""

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft7Validator

from engine.domains.custody import commands as c
from engine.domains.custody.epcis_text import event_id, iso, prehash, uri
from engine.domains.custody.terms import Movement, MovementKind
from engine.kernel.actor import Actor
from engine.kernel.time import DAY, HOUR, MINUTE
from testkit.house import House
from tests.engine.domains.custody.cast import (
    CHAIN,
    EVE,
    GUEST,
    LEA,
    MOD,
    RITA,
    SAM,
    TOM,
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
    resolve,
    scan,
    state_of,
    token,
    tracking,
)

SCHEMA = Path(__file__).parent / "gs1" / "EPCIS-JSON-Schema.json"
EXPORT = c.ExportEpcis(id="c", shipment="s1")

Document = dict[str, Any]


@cache
def validator() -> Draft7Validator:
    """GS1's own schema."""
    return Draft7Validator(msgspec.json.decode(SCHEMA.read_bytes()))


def export(house: House, actor: Actor = MOD, **changes: Any) -> list[Document]:
    """The events of the document, which GS1's schema has accepted."""
    command = c.ExportEpcis(id="c", shipment="s1", **changes)
    document = house.when(actor, command).then_accepted().result["document"]
    validator().validate(document)
    assert document["type"] == "EPCISDocument"
    events: list[Document] = document["epcisBody"]["eventList"]
    assert all(event["eventID"] == event_id(event) for event in events)
    return events


def steps(events: list[Document]) -> list[tuple[str, str | None, str | None]]:
    return [(e["type"], e.get("bizStep"), e.get("disposition")) for e in events]


def test_a_whole_way_is_valid() -> None:
    """Object, transaction and association events, in the words of the CBV."""
    with House() as house:
        picked_up(house).given((TOM, tracking("DEPARTED", "lagos", "")))
        house.given((TOM, tracking("CUSTOMS_IN", "dover")))
        house.given((LEA, scan(token(house, 2), house.now)))
        house.given((LEA, scan(token(house, 3), house.now)), (LEA, photos(3, "l2")))
        assert steps(export(house)) == [
            ("AssociationEvent", "packing", None),
            ("TransactionEvent", "staging_outbound", "active"),
            ("ObjectEvent", "shipping", "in_transit"),
            ("ObjectEvent", "departing", "in_transit"),
            ("ObjectEvent", "entering_exiting", "in_transit"),
            ("ObjectEvent", "receiving", "in_transit"),
            ("ObjectEvent", "arriving", "in_transit"),
            ("ObjectEvent", "accepting", "available"),
            ("AssociationEvent", "unpacking", None),
        ]


def test_event_time_is_the_devices_and_record_time_the_engines() -> None:
    """X4 in EPCIS."""
    with House() as house:
        planned(house)
        scanned_at = house.now + MINUTE
        shown = token(house, 1, scanned_at)
        house.advance(5 * HOUR)
        house.given((TOM, scan(shown, scanned_at)))
        event = export(house)[-1]
        assert event["eventTime"] == iso(scanned_at)
        assert event["recordTime"] == iso(house.now)
        assert event["readPoint"] == {"id": uri("place", "there")}
        assert event["sourceList"][0]["source"] == uri("shipment", "s1", "sender")
        assert event["destinationList"][0]["destination"] == uri("shipment", "s1", "carrier", 1)


def test_a_correction_is_an_error_declaration() -> None:
    """The wrong event again, with the same id, and the id of what is right."""
    with House() as house:
        picked_up(house).given((TOM, tracking("ARRIVED", "dover")))
        fix = c.CorrectTracking(
            id="c",
            shipment="s1",
            number=2,
            cause="incorrect_data",
            reason="he meant Calais",
            instead=Movement(kind="ARRIVED", place_id="calais"),
        )
        house.given((MOD, fix))
        wrong, declared, right = export(house)[-3:]
        assert declared["eventID"] == wrong["eventID"] != right["eventID"]
        assert declared["errorDeclaration"]["reason"] == "incorrect_data"
        assert declared["errorDeclaration"]["correctiveEventIDs"] == [right["eventID"]]
        assert "errorDeclaration" not in wrong
        assert right["eventTime"] == wrong["eventTime"]


def test_a_correction_may_have_nothing_instead() -> None:
    """It did not occur; of what a scan said, the scan speaks."""
    with House() as house:
        picked_up(house).given((TOM, tracking("ARRIVED", "dover")))
        for number in (1, 2):
            fix = c.CorrectTracking(
                id="c", shipment="s1", number=number, cause="did_not_occur", reason="x"
            )
            house.given((MOD, fix))
        declared = [event for event in export(house) if "errorDeclaration" in event]
        assert len(declared) == 1
        assert "correctiveEventIDs" not in declared[0]["errorDeclaration"]


@pytest.mark.parametrize("end", ["return", "cancel", "lost", "damage", "override"])
def test_other_ends_are_valid_too(end: str) -> None:
    """Whatever becomes of it, the schema accepts it."""
    with House() as house:
        if end == "cancel":
            planned(house).given((SAM, cancel()))
        elif end == "return":
            picked_up(house).given((MOD, give_back()))
            house.given((SAM, scan(token(house, 2), house.now)))
        elif end == "damage":
            picked_up(house).given((TOM, problem("DAMAGE", photo_file_ids=("p3",))))
        else:
            handed_on(house).given((LEA, problem("LOSS")))
            house.given((MOD, resolve("LOST" if end == "lost" else "DELIVERED")))
        last = {
            "return": ("AssociationEvent", "unpacking", None),
            "cancel": ("TransactionEvent", "void_shipping", None),
            "lost": ("ObjectEvent", "other", "unknown"),
            "damage": ("ObjectEvent", "inspecting", "damaged"),
            "override": ("AssociationEvent", "unpacking", None),
        }
        assert steps(export(house))[-1] == last[end]


def test_whatever_is_said_of_it_is_valid() -> None:
    """Each movement and its correction, each problem, at places with any letters, and a delivery by
    code after a return that was begun: the schema accepts what each reader is given."""
    with House() as house:
        picked_up(house, is_international=True, customs=customs().declaration)
        for kind in get_args(MovementKind):
            house.given((TOM, tracking(kind, "K\u00f6ln / S\u00fcd, #3~?")))
            right = Movement(kind=kind, place_id="\u57ce")
            fix = c.CorrectTracking(
                id="c",
                shipment="s1",
                number=state_of(house).tracked,
                cause="incorrect_data",
                reason="x",
                instead=right,
            )
            house.given((MOD, fix))
        for kind in ("REFUSED", "NO_SHOW", "LOSS", "MISMATCH"):
            house.given((TOM, problem(kind)))
            if kind in ("LOSS", "MISMATCH"):
                house.given((MOD, resolve("IN_CUSTODY")))
        house.given((LEA, scan(token(house, 2), house.now, scan_location_id="a b")))
        house.given((MOD, give_back()), (LEA, problem("LOSS")))
        house.given((MOD, resolve("IN_CUSTODY", steps=(CHAIN[2],))))
        house.given((LEA, enter(code_of(house))), (LEA, photos(3, "l2")))
        said = [event["bizStep"] for event in export(house)]
        for step, count in {"departing": 3, "holding": 3, "entering_exiting": 6}.items():
            assert said.count(step) == count, f"{step}: wrong, declared, right"
        assert said.count("inspecting") == 3
        assert [len(export(house, actor)) for actor in (SAM, RITA, TOM, LEA)] == [25, 25, 23, 9]


def test_a_carrier_exports_the_own_legs() -> None:
    """Redacted: what others did is not there; what is there has the same id for everybody."""
    with House() as house:
        delivered(house)
        whole = {event["eventID"] for event in export(house)}
        toms = export(house, TOM)
        assert {event["eventID"] for event in toms} < whole
        for actor in (SAM, RITA):
            assert {event["eventID"] for event in export(house, actor)} == whole
        by_link = export(house, GUEST, link=link())
        assert {event["eventID"] for event in by_link} == whole


def test_no_person_is_named() -> None:
    """People are their parts in the shipment."""
    with House() as house:
        delivered(house)
        text = str(export(house))
        assert not any(name in text for name in ("sam", "tom", "lea", "rita", "Rita"))


def test_strangers_export_nothing() -> None:
    """FORBIDDEN, UNAUTHENTICATED, SHIPMENT_NOT_FOUND."""
    with House() as house:
        house.when(MOD, EXPORT).then_rejected("SHIPMENT_NOT_FOUND")
        planned(house).when(EVE, EXPORT).then_rejected("FORBIDDEN")
        house.when(GUEST, EXPORT).then_rejected("UNAUTHENTICATED")


COMPLETE: Document = {
    "type": "ObjectEvent",
    "eventTime": "2020-03-04T11:00:30.123Z",
    "recordTime": "2020-03-04T11:00:31.000Z",
    "eventTimeZoneOffset": "+00:00",
    "epcList": ["urn:x-openoutcry:package:s1:2", "urn:x-openoutcry:package:s1:1"],
    "action": "OBSERVE",
    "bizStep": "shipping",
    "disposition": "in_transit",
    "persistentDisposition": {"set": ["damaged"], "unset": ["completeness_verified"]},
    "readPoint": {"id": "urn:x-openoutcry:place:hub%201"},
    "bizLocation": {"id": "urn:x-openoutcry:place:hub1"},
    "bizTransactionList": [{"type": "bol", "bizTransaction": "urn:x-openoutcry:shipment:s1"}],
    "sourceList": [
        {"type": "possessing_party", "source": "urn:x-openoutcry:shipment:s1:sender"},
        {"type": "location", "source": "urn:x-openoutcry:place:home"},
    ],
    "destinationList": [
        {"type": "possessing_party", "destination": "urn:x-openoutcry:shipment:s1:carrier:1"}
    ],
    "errorDeclaration": {"declarationTime": "2020-01-01T00:00:00.000Z"},
}

PREHASH = (
    "eventType=ObjectEventeventTime=2020-03-04T11:00:30.123ZeventTimeZoneOffset=+00:00"
    "epcListepc=urn:x-openoutcry:package:s1:1epc=urn:x-openoutcry:package:s1:2action=OBSERVE"
    "bizStep=https://ref.gs1.org/cbv/BizStep-shipping"
    "disposition=https://ref.gs1.org/cbv/Disp-in_transit"
    "persistentDispositionset=https://ref.gs1.org/cbv/Disp-damaged"
    "unset=https://ref.gs1.org/cbv/Disp-completeness_verified"
    "readPointid=urn:x-openoutcry:place:hub%201bizLocationid=urn:x-openoutcry:place:hub1"
    "bizTransactionListtype=https://ref.gs1.org/cbv/BTT-bol"
    "bizTransaction=urn:x-openoutcry:shipment:s1"
    "sourceListtype=https://ref.gs1.org/cbv/SDT-locationsource=urn:x-openoutcry:place:home"
    "type=https://ref.gs1.org/cbv/SDT-possessing_party"
    "source=urn:x-openoutcry:shipment:s1:sender"
    "destinationListtype=https://ref.gs1.org/cbv/SDT-possessing_party"
    "destination=urn:x-openoutcry:shipment:s1:carrier:1"
)


def test_the_pre_hash_string_has_all_fields_in_canonical_order() -> None:
    """CBV 2.0, 8.9.2: without record time, event id and error declaration."""
    assert prehash(COMPLETE) == PREHASH
    digest = sha256(PREHASH.encode()).hexdigest()
    assert event_id(COMPLETE) == f"ni:///sha-256;{digest}?ver=CBV2.0"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {
                "type": "TransactionEvent",
                "eventTime": "2020-03-04T11:00:30.000Z",
                "eventTimeZoneOffset": "+00:00",
                "bizTransactionList": [
                    {"type": "bol", "bizTransaction": "urn:x-openoutcry:shipment:s1"}
                ],
                "epcList": ["urn:x-openoutcry:package:s1:1"],
                "action": "ADD",
                "disposition": "active",
            },
            "0b7f00329f37b471e82ee602a4be677007694fcee16d360e53a4bd759c249b68",
        ),
        (
            {
                "type": "AssociationEvent",
                "eventTime": "2020-03-04T11:00:30.000Z",
                "eventTimeZoneOffset": "+00:00",
                "parentID": "urn:x-openoutcry:shipment:s1",
                "childEPCs": ["urn:x-openoutcry:package:s1:1"],
                "action": "ADD",
                "bizStep": "packing",
                "readPoint": {"id": "urn:x-openoutcry:place:home"},
            },
            "751aac6ca0019276e56d55eb451f6535404c6dfcee8d42b3493b5d3d3cd7d54f",
        ),
    ],
)
def test_ids_are_those_of_the_reference_implementation(event: Document, expected: str) -> None:
    """What epcis_event_hash_generator 1.9.3 makes of the same events."""
    assert event_id(event) == f"ni:///sha-256;{expected}?ver=CBV2.0"


@pytest.mark.parametrize("year", [1970, 1972, 1999, 2000, 2023, 2024, 2100, 2400, 9999])
def test_times_are_iso_8601(year: int) -> None:
    """Each day of a year, as the calendar of the standard library has it."""
    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000
    for day in range(366):
        moment = first + day * DAY + 45_296_789
        if moment > 253_402_300_799_999:
            continue
        expected = datetime.fromtimestamp(moment / 1_000, UTC).isoformat(timespec="milliseconds")
        assert iso(moment) == expected.replace("+00:00", "Z")
