"""The custody log of a shipment as an EPCIS 2.0 document in JSON-LD (custody X1).

A pure function of the room's events. People are named by their part in the shipment only, so the
document holds no personal data and an event has the same id for every reader; a carrier is given
the events of the own legs. Words are those of the Core Business Vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.contract import Event
from engine.domains.custody import events as e
from engine.domains.custody.epcis_text import Fields, event_id, iso, uri
from engine.domains.custody.shown import carrier_in
from engine.domains.custody.state import Entry, Shipment
from engine.kernel.time import Millis

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

MOVEMENTS: Mapping[str, tuple[str, str]] = {
    "DEPARTED": ("departing", "in_transit"),
    "ARRIVED": ("arriving", "in_transit"),
    "DELAYED": ("holding", "in_transit"),
    "CUSTOMS_IN": ("entering_exiting", "in_transit"),
    "CUSTOMS_OUT": ("entering_exiting", "in_transit"),
}
"""What a holder says -> business step and disposition. What scans say is told by the scans."""

PROBLEMS: Mapping[str, str] = {
    "DAMAGE": "damaged",
    "LOSS": "unknown",
    "MISMATCH": "non_conformant",
}


def document(state: Shipment, viewer: str, now: Millis) -> Fields:
    """Everything that this class of viewer may see."""
    events = [
        made
        for entry in state.history
        for made in _of(state, entry)
        if _may_see(entry.event, viewer)
    ]
    return {
        "@context": [CONTEXT],
        "id": uri("shipment", state.shipment, "epcis"),
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": iso(now),
        "epcisBody": {"eventList": events},
    }


def _may_see(event: Event, viewer: str) -> bool:
    carrier = carrier_in(viewer)
    if not carrier:
        return True
    parties = [getattr(event, name, "") for name in ("giver", "receiver", "holder", "carrier")]
    ends = [getattr(event, name, "") for name in ("from_id", "to_id")]
    if isinstance(event, e.CustodyChanged | e.HandoffScanned | e.BackupCodeAccepted):
        return carrier in (*parties, *ends)
    if isinstance(event, e.TrackingRecorded | e.TrackingCorrected):
        return carrier == event.holder
    return True


def _of(state: Shipment, entry: Entry) -> Sequence[Fields]:
    maker = _MAKERS.get(type(entry.event))
    return [] if maker is None else maker(state, entry.event, entry.at)


def _packages(state: Shipment) -> list[str]:
    return [uri("package", state.shipment, number) for number in range(1, len(state.packages) + 1)]


def _party(state: Shipment, type_: str, user: str) -> str:
    if type_ in ("SENDER", "RECIPIENT"):
        return uri("shipment", state.shipment, type_.lower())
    return uri("shipment", state.shipment, "carrier", state.carriers.index(user) + 1)


def _event(
    type_: str, state: Shipment, happened_at: Millis, recorded_at: Millis, **fields: Any
) -> Fields:
    """An event with its id; fields that are None are left out."""
    made: Fields = {
        "type": type_,
        "eventTime": iso(happened_at),
        "recordTime": iso(recorded_at),
        "eventTimeZoneOffset": "+00:00",
        "bizTransactionList": [{"type": "bol", "bizTransaction": uri("shipment", state.shipment)}],
        **{name: value for name, value in fields.items() if value is not None},
    }
    return {**made, "eventID": event_id(made)}


def _object(state: Shipment, happened_at: Millis, at: Millis, **fields: Any) -> Fields:
    return _event(
        "ObjectEvent",
        state,
        happened_at,
        at,
        epcList=_packages(state),
        **{"action": "OBSERVE", **fields},
    )


def _at_place(place_id: str) -> dict[str, str] | None:
    return {"id": uri("place", place_id)} if place_id else None


def _planned(state: Shipment, event: e.HandoffsPlanned, at: Millis) -> list[Fields]:
    """The packages become one shipment, and the shipment a transaction."""
    place = _at_place(event.steps[0].place_id)
    return [
        _event(
            "AssociationEvent",
            state,
            at,
            at,
            parentID=uri("shipment", state.shipment),
            childEPCs=_packages(state),
            action="ADD",
            bizStep="packing",
            readPoint=place,
        ),
        _event(
            "TransactionEvent",
            state,
            at,
            at,
            epcList=_packages(state),
            action="ADD",
            bizStep="staging_outbound",
            disposition="active",
            readPoint=place,
        ),
    ]


def _changed(state: Shipment, event: e.CustodyChanged, at: Millis) -> list[Fields]:
    """Possession passes; the scan by which it did gives the time and the place."""
    scan = _scan(state, event.scan_id)
    step = {"SENDER": "shipping", "RECIPIENT": "accepting"}
    returned = event.to_type == "SENDER"
    disposition = "returned" if returned else "in_transit"
    if event.to_type == "RECIPIENT":
        disposition = "available"
    is_delivery = event.to_type == "RECIPIENT"
    happened_at = scan.device_at if scan and not is_delivery else at
    return [
        _object(
            state,
            happened_at,
            at,
            bizStep=step.get(event.to_type if is_delivery else event.from_type, "receiving"),
            disposition=disposition,
            readPoint=_at_place(event.place_id),
            sourceList=[
                {
                    "type": "possessing_party",
                    "source": _party(state, event.from_type, event.from_id),
                }
            ],
            destinationList=[
                {
                    "type": "possessing_party",
                    "destination": _party(state, event.to_type, event.to_id),
                }
            ],
        )
    ]


def _scan(state: Shipment, scan_id: str) -> e.HandoffScanned | None:
    for entry in state.history:
        if isinstance(entry.event, e.HandoffScanned) and entry.event.scan_id == scan_id:
            return entry.event
    return None


def _arrived(state: Shipment, place_id: str, happened_at: Millis, at: Millis) -> list[Fields]:
    """At the recipient's door: scanned or the code typed, and not proved yet."""
    return [
        _object(
            state,
            happened_at,
            at,
            bizStep="arriving",
            disposition="in_transit",
            readPoint=_at_place(place_id),
        )
    ]


def _tracked(state: Shipment, event: e.TrackingRecorded, at: Millis) -> list[Fields]:
    happened_at = event.happened_at or at
    if event.kind == "AT_RECIPIENT":
        return _arrived(state, event.place_id, happened_at, at)
    if event.kind not in MOVEMENTS:
        return []
    step, disposition = MOVEMENTS[event.kind]
    return [
        _object(
            state,
            happened_at,
            at,
            bizStep=step,
            disposition=disposition,
            readPoint=_at_place(event.place_id),
        )
    ]


def _corrected(state: Shipment, event: e.TrackingCorrected, at: Millis) -> list[Fields]:
    """The wrong event once more, with the declaration; never an edit."""
    (wrong,) = _told_by(state, event.number) or (None,)
    if wrong is None:
        return []
    declared: Fields = {"declarationTime": iso(at), "reason": event.cause}
    if event.replaced_by and (right := _told_by(state, event.replaced_by)):
        declared["correctiveEventIDs"] = [right[0]["eventID"]]
    return [{**wrong, "recordTime": iso(at), "errorDeclaration": declared}]


def _told_by(state: Shipment, number: int) -> list[Fields]:
    for entry in state.history:
        if isinstance(entry.event, e.TrackingRecorded) and entry.event.number == number:
            return _tracked(state, entry.event, entry.at)
    return []


def _problem(state: Shipment, event: e.ProblemReported, at: Millis) -> list[Fields]:
    if event.kind not in PROBLEMS:
        return []
    found = PROBLEMS[event.kind]
    return [
        _object(
            state,
            at,
            at,
            bizStep="inspecting",
            disposition=found,
            persistentDisposition={"set": ["damaged"]} if found == "damaged" else None,
        )
    ]


def _resolved(state: Shipment, event: e.CustodyResolved, at: Millis) -> list[Fields]:
    """A lost parcel is nowhere; what the other outcomes mean is told by what follows them."""
    if event.outcome != "LOST":
        return []
    return [_object(state, at, at, bizStep="other", disposition="unknown")]


def _cancelled(state: Shipment, _: e.ShipmentCancelled, at: Millis) -> list[Fields]:
    return [
        _event(
            "TransactionEvent",
            state,
            at,
            at,
            epcList=_packages(state),
            action="DELETE",
            bizStep="void_shipping",
        )
    ]


def _ended(state: Shipment, _: Event, at: Millis) -> list[Fields]:
    """The packages are no shipment any more."""
    return [
        _event(
            "AssociationEvent",
            state,
            at,
            at,
            parentID=uri("shipment", state.shipment),
            childEPCs=_packages(state),
            action="DELETE",
            bizStep="unpacking",
        )
    ]


_MAKERS: Mapping[type[Event], Callable[[Shipment, Any, Millis], list[Fields]]] = {
    e.HandoffsPlanned: _planned,
    e.CustodyChanged: _changed,
    e.TrackingRecorded: _tracked,
    e.TrackingCorrected: _corrected,
    e.ProblemReported: _problem,
    e.CustodyResolved: _resolved,
    e.ShipmentCancelled: _cancelled,
    e.ShipmentDelivered: _ended,
    e.ShipmentReturned: _ended,
}
