"""Who may see what of a shipment (custody 10), with its timeline (X5).

Classes: `sender`, `carrier:{user}` for each carrier who has ever had a part, `recipient` (an
account, or the link) and `staff`. Nobody else sees anything.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from engine.contract import Context, Event, tag_of
from engine.domains.custody import commands as c
from engine.domains.custody import decide_qr, epcis, photos, qr
from engine.domains.custody import events as e
from engine.domains.custody.carriers import rating_of
from engine.domains.custody.shown import (
    CARRIER_MARK,
    RECIPIENT,
    SENDER,
    STAFF,
    Shown,
    carrier_in,
    packages_for,
    party_for,
    show,
    terms_for,
)
from engine.domains.custody.state import Interval, Shipment, Step, carriers_of, step_of
from engine.domains.custody.terms import CARRIERS, PHOTO_LINK_MS, UPLOAD_LINK_MS


def audience(state: Shipment, ctx: Context) -> str:
    """The class of viewer that the actor is here."""
    actor = ctx.actor
    if actor.is_staff:
        return STAFF
    if not actor.user:
        return ""
    if actor.user == state.sender:
        return SENDER
    if actor.user in state.carriers:
        return f"{CARRIER_MARK}{actor.user}"
    return RECIPIENT if actor.user == state.recipient_id else ""


def regroups(_: Shipment, event: Event) -> Iterable[str]:
    """Whoever is given a part by a new plan sees their legs from now on."""
    if isinstance(event, e.HandoffsReplanned | e.ReturnStarted):
        return carriers_of(event.steps)
    return ()


def view(state: Shipment, ctx: Context) -> Any:
    """The snapshot for the actor; None if there is no such shipment."""
    if state.status == "ABSENT":
        return None
    return view_for(state, audience(state, ctx), ctx)


def view_for(state: Shipment, viewer: str, ctx: Context, last_seq: int = 0) -> Shown:
    """The snapshot of a class; of the timeline, what comes after line `last_seq`."""
    shown: Shown = {
        "shipment": state.shipment,
        "status": state.status,
        "is_international": state.is_international,
        "packages": packages_for(state.packages, SENDER if viewer == STAFF else viewer),
        "steps": [
            _step(state, step, viewer) for step in state.steps if _may_see_step(step, viewer)
        ],
        "custody": [
            _interval(state, held, viewer)
            for index, held in enumerate(state.holders)
            if _may_see_interval(state, index, viewer)
        ],
        "timeline": timeline(state, viewer, last_seq),
        "ended_at": state.ended_at,
        "qr_public_key": qr.public_key(ctx.vault),
    }
    return shown | _holder(state, viewer, ctx) | _own(state, viewer)


def timeline(state: Shipment, viewer: str, last_seq: int = 0) -> list[Shown]:
    """The history as this class may see it, numbered alike for all (X5)."""
    lines = []
    for number, entry in enumerate(state.history[last_seq:], start=last_seq + 1):
        data = show(state, entry.event, viewer)
        if data:
            event = tag_of(type(entry.event))
            lines.append({"line": number, "at": entry.at, "event": event, "data": data})
    return lines


def _may_see_step(step: Step, viewer: str) -> bool:
    carrier = carrier_in(viewer)
    if viewer == RECIPIENT:
        return step.kind == "DELIVERY"
    return not carrier or carrier in (step.terms.from_id, step.terms.to_id)


def _step(state: Shipment, step: Step, viewer: str) -> Shown:
    if viewer == STAFF:
        parties: Shown = {
            "kind": step.kind,
            "from": {"party_type": step.terms.from_party_type, "party_id": step.terms.from_id},
            "to": {"party_type": step.terms.to_party_type, "party_id": step.terms.to_id},
            "place_id": step.terms.place_id,
            "planned_at": step.terms.planned_at,
        }
    else:
        parties = terms_for(state, step.terms, viewer)
    shown = parties | {"seq": step.seq, "state": step.state}
    code = state.codes.get(step.qr_id)
    if code and (viewer == STAFF or _shows(step, viewer)):
        shown["qr"] = {
            "qr_id": code.qr_id,
            "version": code.version,
            "state": code.state,
            "expires_at": code.expires_at or None,
        }
    if photos.may_see(state, step, viewer):
        shown["photos"] = step.photos
    return shown


def _shows(step: Step, viewer: str) -> bool:
    if step.kind == "DELIVERY":
        return viewer == RECIPIENT
    if viewer == SENDER:
        return step.terms.from_party_type == "SENDER"
    return step.shower == carrier_in(viewer)


def _may_see_interval(state: Shipment, index: int, viewer: str) -> bool:
    """Carriers: when they held it, and from whom and to whom it went."""
    carrier = carrier_in(viewer)
    near = state.holders[max(index - 1, 0) : index + 2]
    return not carrier or any(held.party_id == carrier for held in near)


def _interval(state: Shipment, held: Interval, viewer: str) -> Shown:
    who = (held.party_type, held.party_id)
    party = (
        {"party_type": who[0], "party_id": who[1]}
        if viewer == STAFF
        else party_for(state, *who, viewer)
    )
    step = step_of(state, held.step_seq)
    shown: Shown = {
        "holder": party,
        "since": held.since,
        "until": held.until,
        "place_id": held.place_id,
        "step_seq": held.step_seq or None,
        "scan_id": held.scan_id or None,
    }
    if step and photos.may_see(state, step, viewer):
        shown["photos"] = step.photos
    return shown


def _holder(state: Shipment, viewer: str, ctx: Context) -> Shown:
    """Who has it now: to carriers only if it is they or a neighbour in the chain. The sender and
    staff see how the carrier was rated by others."""
    if not _may_see_interval(state, len(state.holders) - 1, viewer):
        return {"holder": None}
    holder: Shown = _interval(state, state.holders[-1], viewer)["holder"]
    if viewer in (SENDER, STAFF) and state.holder[0] in CARRIERS:
        holder |= {"rating": rating_of(state.holder[1], ctx)}
    return {"holder": holder}


def _own(state: Shipment, viewer: str) -> Shown:
    """What this class alone may know."""
    if viewer == STAFF:
        return {
            "sender": state.sender,
            "recipient": state.recipient,
            "recipient_id": state.recipient_id,
            "customs": state.customs,
            "proof": state.proof,
            "reason": state.reason or None,
            "rejected_scans": state.rejected,
            "flagged_scans": state.flagged,
            "location_warnings": [
                entry.event.scan_id
                for entry in state.history
                if isinstance(entry.event, e.HandoffScanned)
                and "LOCATION_WARN" in entry.event.flags
            ],
            "wrong_codes": state.wrong_codes,
            "link_version": state.link_version,
        }
    if viewer == SENDER:
        return {
            "recipient": state.recipient,
            "customs": state.customs,
            "proof": state.proof,
            "reason": state.reason or None,
        }
    if viewer == RECIPIENT:
        return {"recipient": state.recipient, "proof": state.proof}
    return _for_carrier(state, carrier_in(viewer))


def _for_carrier(state: Shipment, carrier: str) -> Shown:
    """The last carrier needs the address, once the parcel is theirs."""
    shown: Shown = {}
    is_holder = state.holder == (state.holder[0], carrier) and state.holder[0] in CARRIERS
    last = state.steps[-1]
    if is_holder and last.kind == "DELIVERY" and last.terms.from_id == carrier:
        shown["recipient"] = state.recipient
    if is_holder and state.is_international:
        shown["customs"] = state.customs
    if state.proof and last.terms.from_id == carrier:
        shown["proof"] = state.proof
    return shown


def result(state: Shipment, command: Any, events: Sequence[Any], ctx: Context) -> Any:
    """The reply: what was asked for, or where the shipment stands."""
    match command:
        case c.ShowQr():
            return decide_qr.shown(state, command, ctx)
        case c.GetCustody():
            return view_for(state, audience(state, ctx), ctx, command.last_seq)
        case c.Track():
            return _tracked(state, command, ctx)
        case c.OpenPhoto():
            return {"until": ctx.now + PHOTO_LINK_MS}
        case c.RequestUpload():
            return {"owner": photos.owner_for(ctx), "until": ctx.now + UPLOAD_LINK_MS}
        case c.ExportEpcis():
            viewer = RECIPIENT if command.link else audience(state, ctx)
            return {"document": epcis.document(state, viewer, ctx.now)}
    current = state.current
    shown: Shown = {
        "shipment": state.shipment,
        "status": state.status,
        "step_seq": current.seq if current and not state.is_over else None,
    }
    return shown | _scan(events)


def _scan(events: Sequence[Any]) -> Shown:
    for event in events:
        if isinstance(event, e.HandoffScanned):
            return {
                "scan_id": event.scan_id,
                "scanned_step_seq": event.step_seq,
                "lateness_ms": event.lateness_ms,
                "scan_hash": event.scan_hash or None,
            }
    return {}


def _tracked(state: Shipment, command: c.Track, ctx: Context) -> Shown:
    """As the recipient sees it; `delivery` names the code that `reveal` makes anew."""
    shown = view_for(state, RECIPIENT, ctx, command.last_seq)
    last = state.steps[-1]
    code = state.codes[last.qr_id]
    if last.kind == "DELIVERY" and code.state in ("ISSUED", "ACTIVE"):
        shown["delivery"] = {"qr_id": code.qr_id, "version": code.version}
    return shown
