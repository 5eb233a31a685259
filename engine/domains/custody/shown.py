"""What each class of viewer is shown of an event (custody 10).

An event looks the same in a year: what is shown comes from the event, from who took part in the
step that it names, or from names, which never change. Staff see everything; no event has a secret.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.contract import Event, fields_of
from engine.domains.custody import events as e
from engine.domains.custody.state import Shipment, name_of
from engine.domains.custody.terms import CARRIERS, Package, StepTerms

STAFF = "staff"
SENDER = "sender"
RECIPIENT = "recipient"
CARRIER_MARK = "carrier:"

Shown = dict[str, Any]


def carrier_in(viewer: str) -> str:
    """The carrier of whom a class of viewer consists; empty for other classes."""
    return viewer.partition(CARRIER_MARK)[2]


def show(state: Shipment, event: Event, viewer: str) -> Shown:
    """The wire's `data` of this event for this class."""
    if viewer == STAFF:
        return fields_of(event)
    shower = _SHOW.get(type(event))
    return shower(state, event, viewer) if shower else {}


def party_for(state: Shipment, type_: str, user: str, viewer: str) -> Shown:
    """How a party is named: to sender and recipient by first name, unless it is they (custody
    10)."""
    by_name = type_ in CARRIERS or viewer == RECIPIENT
    if by_name and type_ != "RECIPIENT" and not carrier_in(viewer):
        return {"party_type": type_, "name": name_of(state, user)}
    if type_ == "RECIPIENT":
        return {"party_type": type_}
    return {"party_type": type_, "party_id": user}


def packages_for(packages: tuple[Package, ...], viewer: str) -> list[Shown]:
    """Carriers see category and weight; values are for the sender."""
    if viewer == SENDER:
        return [
            {
                "type": package.type,
                "weight_grams": package.weight_grams,
                "dims": package.dims,
                "declared_value": package.declared_value,
                "currency": package.currency,
                "contents": package.contents,
            }
            for package in packages
        ]
    return [{"type": package.type, "weight_grams": package.weight_grams} for package in packages]


def terms_for(state: Shipment, terms: StepTerms, viewer: str) -> Shown:
    """The parties of a step, its place and time."""
    return {
        "kind": terms.kind,
        "from": party_for(state, *terms.giver, viewer),
        "to": party_for(state, *terms.receiver, viewer),
        "place_id": terms.place_id,
        "planned_at": terms.planned_at,
    }


def steps_for(
    state: Shipment, steps: tuple[StepTerms, ...], first: int, viewer: str
) -> list[Shown]:
    """A plan: carriers see the steps in which they take part."""
    carrier = carrier_in(viewer)
    return [
        {"seq": seq, **terms_for(state, terms, viewer)}
        for seq, terms in enumerate(steps, start=first)
        if not carrier or carrier in (terms.from_id, terms.to_id)
    ]


def _planned(state: Shipment, event: e.HandoffsPlanned, viewer: str) -> Shown:
    shown: Shown = {
        "shipment": event.shipment,
        "packages": packages_for(event.packages, viewer),
        "steps": steps_for(state, event.steps, 1, viewer),
        "is_international": event.is_international,
    }
    return shown | ({"recipient": event.recipient} if viewer == SENDER else {})


def _new_plan(state: Shipment, event: e.HandoffsReplanned | e.ReturnStarted, viewer: str) -> Shown:
    steps = steps_for(state, event.steps, event.first_seq, viewer)
    shown: Shown = {"steps": steps} if steps else {}
    return shown | ({"reason": event.reason} if viewer == SENDER else {})


def _issued(_: Shipment, event: e.QrIssued, viewer: str) -> Shown:
    """To whoever shows it."""
    shown: Shown = {"step_seq": event.step_seq, "qr_id": event.qr_id, "version": event.version}
    if viewer == SENDER or event.shown_by == carrier_in(viewer):
        return shown
    return {}


def _step(_: Shipment, event: Any, viewer: str) -> Shown:
    """For the parties of the step, and for those who follow all of it."""
    carrier = carrier_in(viewer)
    if carrier and carrier not in (event.giver, event.receiver):
        return {}
    hidden = {"giver", "receiver", "qr_id", "active_from"}
    return {name: value for name, value in fields_of(event).items() if name not in hidden}


def _scanned(state: Shipment, event: e.HandoffScanned, viewer: str) -> Shown:
    """Flags are for staff, positions for nobody else."""
    carrier = carrier_in(viewer)
    if carrier and carrier not in (event.giver, event.receiver):
        return {}
    return {
        "step_seq": event.step_seq,
        "scan_id": event.scan_id,
        "scanner": name_of(state, event.scanner) if not carrier else event.scanner,
        "scan_location_id": event.scan_location_id,
        "device_at": event.device_at,
        "lateness_ms": event.lateness_ms,
        "is_late": "LATE" in event.flags,
    }


def _changed(state: Shipment, event: e.CustodyChanged, viewer: str) -> Shown:
    carrier = carrier_in(viewer)
    if carrier and carrier not in (event.from_id, event.to_id):
        return {}
    return {
        "step_seq": event.step_seq,
        "from": party_for(state, event.from_type, event.from_id, viewer),
        "to": party_for(state, event.to_type, event.to_id, viewer),
        "place_id": event.place_id,
        "scan_id": event.scan_id,
    }


def _tracked(_: Shipment, event: e.TrackingRecorded, viewer: str) -> Shown:
    """Carriers: the own legs."""
    carrier = carrier_in(viewer)
    if carrier and carrier != event.holder:
        return {}
    return {
        "number": event.number,
        "kind": event.kind,
        "place_id": event.place_id,
        "note": event.note,
        "happened_at": event.happened_at or None,
    }


def _corrected(_: Shipment, event: e.TrackingCorrected, viewer: str) -> Shown:
    carrier = carrier_in(viewer)
    if carrier and carrier != event.holder:
        return {}
    return {
        "number": event.number,
        "cause": event.cause,
        "replaced_by": event.replaced_by or None,
    }


def _photos(_: Shipment, event: e.PhotosAdded, viewer: str) -> Shown:
    carrier = carrier_in(viewer)
    if carrier and carrier not in event.seen_by:
        return {}
    if viewer == RECIPIENT and not event.is_delivery:
        return {}
    return {"step_seq": event.step_seq, "photos": event.photos}


def _proof(_: Shipment, event: e.DeliveryProofRecorded, viewer: str) -> Shown:
    carrier = carrier_in(viewer)
    if carrier and carrier != event.carrier:
        return {}
    return {
        "method": event.method,
        "receiver_name": event.receiver_name,
        "photo_ids": event.photo_ids,
        "scan_id": event.scan_id,
    }


def _code(_: Shipment, event: e.BackupCodeAccepted, viewer: str) -> Shown:
    carrier = carrier_in(viewer)
    if carrier and carrier != event.carrier:
        return {}
    return {"step_seq": event.step_seq, "scan_id": event.scan_id}


def _problem(state: Shipment, event: e.ProblemReported, viewer: str) -> Shown:
    """That there is one, to all; the words and pictures to the sender and whoever reported it."""
    shown: Shown = {"kind": event.kind}
    mine = event.by == carrier_in(viewer) != ""
    if viewer == RECIPIENT:
        mine = event.by in ("", state.recipient_id)
    if viewer == SENDER or mine:
        shown |= {
            "note": event.note,
            "photos": event.photos,
            "weight_grams": event.weight_grams,
        }
    return shown


def _all(_: Shipment, event: Event, _viewer: str) -> Shown:
    """How it stands, for every party."""
    hidden = {"by", "reason", "note"}
    return {name: value for name, value in fields_of(event).items() if name not in hidden}


def _cancelled(_: Shipment, event: e.ShipmentCancelled, viewer: str) -> Shown:
    shown: Shown = {"shipment": event.shipment}
    return shown | ({"reason": event.reason} if viewer == SENDER else {})


def _customs(_: Shipment, event: e.CustomsDeclared, viewer: str) -> Shown:
    """Carriers must be able to say at the border what it is."""
    return {} if viewer == RECIPIENT else {"declaration": event.declaration}


def _rated(_: Shipment, event: e.CarrierRated, viewer: str) -> Shown:
    """To whoever has rated. Carriers know the mean of many, and not who said what."""
    if {"SENDER": SENDER, "RECIPIENT": RECIPIENT}[event.by] != viewer:
        return {}
    return {"step_seq": event.step_seq, "stars": event.stars}


def _still(_: Shipment, event: e.NoMovement, viewer: str) -> Shown:
    carrier = carrier_in(viewer)
    return {} if carrier and carrier != event.holder else {"since": event.since}


def _late(_: Shipment, event: e.HandoffLate, viewer: str) -> Shown:
    carrier = carrier_in(viewer)
    if carrier and carrier not in (event.giver, event.receiver):
        return {}
    return {"step_seq": event.step_seq, "planned_at": event.planned_at}


_SHOW: Mapping[type[Event], Callable[[Shipment, Any, str], Shown]] = {
    e.HandoffsPlanned: _planned,
    e.HandoffsReplanned: _new_plan,
    e.ReturnStarted: _new_plan,
    e.QrIssued: _issued,
    e.StepReady: _step,
    e.HandoffScanned: _scanned,
    e.CustodyChanged: _changed,
    e.StepConfirmed: _step,
    e.StepFailed: _step,
    e.TrackingRecorded: _tracked,
    e.TrackingCorrected: _corrected,
    e.PhotosAdded: _photos,
    e.BackupCodeAccepted: _code,
    e.DeliveryProofRecorded: _proof,
    e.ProblemReported: _problem,
    e.CustodyDisputed: _all,
    e.CustodyResolved: _all,
    e.ShipmentDelivered: _all,
    e.ShipmentReturned: _all,
    e.ShipmentCancelled: _cancelled,
    e.CustomsDeclared: _customs,
    e.CarrierRated: _rated,
    e.HandoffLate: _late,
    e.NoMovement: _still,
}
"""What is not here is for staff only."""
