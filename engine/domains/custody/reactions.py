"""What a shipment causes elsewhere: the escrow, scanners' rooms, notices, letters (H4, H6, H7)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.contract import Context, Event, Message, Notify, Person, Reaction, Send
from engine.domains.custody import events as e
from engine.domains.custody import notices as n
from engine.domains.custody.links import link_for
from engine.domains.custody.messages import CountRating, ScanReported
from engine.domains.custody.state import Shipment, carriers_of, name_of, step_of
from engine.domains.custody.terms import CARRIERS, Device, carrier_room, scanner_room
from engine.kernel.ids import room_name
from engine.kernel.outside import Errand, Letter
from engine.kernel.time import Millis
from engine.ledger.escrow.terms import escrow_room
from engine.ledger.messages import DisputeEscrow, RefundEscrow, ReleaseEscrow


def react(state: Shipment, event: Event, ctx: Context) -> Iterable[Reaction]:
    """What this event causes in other rooms."""
    handler = _REACTIONS.get(type(event))
    caused = handler(state, event) if handler else ()
    return (*caused, *_to_recipient(state, event, ctx))


def _money(state: Shipment, message: Message) -> Send:
    return Send(escrow_room("shipment", state.shipment), message)


def _to_recipient(state: Shipment, event: Event, ctx: Context) -> list[Reaction]:
    """What letters say to every recipient, one whom the house knows hears as a notice, too."""
    notice = _as_notice(state, event)
    if notice is None or state.recipient_id in (state.sender, *state.carriers):
        return []
    person = ctx.card(room_name("identity", state.recipient_id))
    return [Notify(state.recipient_id, notice)] if isinstance(person, Person) else []


def _as_notice(state: Shipment, event: Event) -> Event | None:
    match event:
        case e.StepReady(is_delivery=True):
            return _due(state, event)
        case (
            e.ShipmentDelivered()
            | e.ShipmentCancelled()
            | e.CustodyDisputed()
            | e.ReturnStarted()
            | e.CustodyResolved(outcome="LOST")
        ):
            return n.ShipmentUpdate(shipment=state.shipment, status=state.status)
    return None


def _tell(
    state: Shipment, status: str, *users: str, holder: str = "", cause: str = ""
) -> list[Reaction]:
    """The sender, and whom else it concerns. The recipient is sent letters."""
    update = n.ShipmentUpdate(shipment=state.shipment, status=status, holder=holder, cause=cause)
    return [Notify(user, update) for user in _accounts(state, state.sender, *users)]


def _hands(state: Shipment) -> list[str]:
    """The carriers of all legs, whom an end concerns."""
    return carriers_of(tuple(step.terms for step in state.steps))


def _on_delivered(state: Shipment, _: e.ShipmentDelivered) -> list[Reaction]:
    """Once: the carriers of every leg are paid (H6)."""
    release = ReleaseEscrow(cause=f"delivered: shipment {state.shipment}")
    return [_money(state, release), *_tell(state, "DELIVERED", *_hands(state))]


def _on_cancelled(state: Shipment, event: e.ShipmentCancelled) -> list[Reaction]:
    refund = RefundEscrow(reason=f"shipment cancelled: {event.reason}"[:500])
    return [_money(state, refund), *_tell(state, "CANCELLED", *_hands(state))]


def _on_returned(state: Shipment, _: e.ShipmentReturned) -> list[Reaction]:
    """Who bears the cost of the return is decided in the dispute (custody 11.7)."""
    dispute = DisputeEscrow(reason="the shipment was returned")
    return [_money(state, dispute), *_tell(state, "RETURNED", *_hands(state))]


def _on_resolved(state: Shipment, event: e.CustodyResolved) -> list[Reaction]:
    """Of a return or a delivery tells what follows."""
    if event.outcome == "LOST":
        dispute = DisputeEscrow(reason="the shipment was lost")
        return [_money(state, dispute), *_tell(state, "LOST", *_hands(state), cause="RESOLVED")]
    if event.outcome == "IN_CUSTODY":
        return _tell(state, state.status, state.holder[1], cause="RESOLVED")
    return []


def _on_return(state: Shipment, _: e.ReturnStarted) -> list[Reaction]:
    return _tell(state, "RETURNING", state.holder[1])


def _on_replanned(state: Shipment, event: e.HandoffsReplanned) -> list[Reaction]:
    """Whoever need not come any more; those who are to come hear of it when their step is next."""
    update = n.ShipmentUpdate(shipment=state.shipment, status=state.status, cause="REPLANNED")
    return [Notify(user, update) for user in event.dropped]


def _on_code(state: Shipment, _: e.BackupCodeAccepted) -> list[Reaction]:
    return _tell(state, "DELIVERY_PENDING_PROOF")


def _on_changed(state: Shipment, event: e.CustodyChanged) -> list[Reaction]:
    if event.to_type not in CARRIERS:
        return []
    return _tell(state, state.status, holder=name_of(state, event.to_id))


def _on_disputed(state: Shipment, event: e.CustodyDisputed) -> list[Reaction]:
    return _tell(state, "DISPUTED", state.holder[1], cause=event.cause)


def _on_ready(state: Shipment, event: e.StepReady) -> list[Reaction]:
    due = _due(state, event)
    return [Notify(user, due) for user in _accounts(state, event.giver, event.receiver)]


def _due(state: Shipment, event: e.StepReady) -> n.HandoffDue:
    step = step_of(state, event.step_seq)
    assert step is not None, "a step is ready when the plan has it"
    return n.HandoffDue(
        shipment=state.shipment,
        step_seq=event.step_seq,
        place=step.terms.place_id,
        expires_at=event.expires_at,
    )


def _accounts(state: Shipment, *users: str) -> list[str]:
    """Those of them who surely have a room of their own; of a recipient `_to_recipient` knows."""
    known = (state.sender, *state.carriers)
    return [user for user in dict.fromkeys(users) if user in known]


def _alert(state: Shipment, kind: str, since: Millis, *users: str) -> list[Reaction]:
    alert = n.CustodyAlert(shipment=state.shipment, kind=kind, since=since)
    return [Notify(user, alert) for user in _accounts(state, state.sender, *users)]


def _on_late(state: Shipment, event: e.HandoffLate) -> list[Reaction]:
    return _alert(state, "HANDOFF_LATE", event.planned_at, event.giver, event.receiver)


def _on_still(state: Shipment, event: e.NoMovement) -> list[Reaction]:
    return _alert(state, "NO_MOVEMENT", event.since, event.holder)


def _on_rated(_: Shipment, event: e.CarrierRated) -> list[Reaction]:
    return [Send(carrier_room(event.carrier), CountRating(stars=event.stars))]


def _on_scanned(state: Shipment, event: e.HandoffScanned) -> list[Reaction]:
    reported = _report(state, event.device, event.scanner, event.scan_id, event)
    if state.status != "DELIVERY_PENDING_PROOF":
        return reported
    return [*reported, *_tell(state, "DELIVERY_PENDING_PROOF")]


def _on_rejected(state: Shipment, event: e.ScanRejected) -> list[Reaction]:
    return _report(state, event.device, event.scanner, "", event)


def _report(
    state: Shipment,
    device: Device | None,
    user: str,
    scan_id: str,
    scan: e.HandoffScanned | e.ScanRejected,
) -> list[Reaction]:
    """The scanner's room looks whether it follows from the scan before (X2)."""
    if device is None:
        return []
    reported = ScanReported(
        device=device,
        user=user,
        shipment=state.shipment,
        scan_id=scan_id,
        scan_hash=scan.scan_hash,
        device_at=scan.device_at,
        code=scan.code if isinstance(scan, e.ScanRejected) else "",
    )
    return [Send(scanner_room(device.key_id), reported)]


_REACTIONS: Mapping[type[Event], Callable[[Shipment, Any], Iterable[Reaction]]] = {
    e.HandoffScanned: _on_scanned,
    e.ScanRejected: _on_rejected,
    e.ShipmentDelivered: _on_delivered,
    e.ShipmentCancelled: _on_cancelled,
    e.ShipmentReturned: _on_returned,
    e.CustodyResolved: _on_resolved,
    e.ReturnStarted: _on_return,
    e.HandoffsReplanned: _on_replanned,
    e.BackupCodeAccepted: _on_code,
    e.CustodyChanged: _on_changed,
    e.CustodyDisputed: _on_disputed,
    e.StepReady: _on_ready,
    e.CarrierRated: _on_rated,
    e.HandoffLate: _on_late,
    e.NoMovement: _on_still,
}


def errands(state: Shipment, event: Event, ctx: Context) -> Iterable[Errand]:
    """Letters to the recipient, who may have no account."""
    match event:
        case e.RecipientLinkIssued():
            link = link_for(ctx.vault, state.shipment, event.version)
            return _letters(state, "shipment-link", {"link": link})
        case e.ShipmentDelivered():
            return _letters(state, "shipment-delivered", {})
        case e.StepReady(is_delivery=True):
            return _letters(state, "shipment-arriving", {}, event.expires_at)
        case e.CustodyDisputed():
            return _letters(state, "shipment-held-up", {})
    why = _why_not_coming(event)
    return _letters(state, "shipment-not-coming", {"why": why}) if why else ()


def _why_not_coming(event: Event) -> str:
    """In words for the recipient; the reasons that others gave are not for them."""
    match event:
        case e.ShipmentCancelled():
            return "it was called off"
        case e.ReturnStarted():
            return "it goes back to its sender"
        case e.CustodyResolved(outcome="LOST"):
            return "it was lost"
    return ""


def _letters(
    state: Shipment, template: str, fields: dict[str, str], expires_at: Millis = 0
) -> list[Errand]:
    recipient = state.recipient
    assert recipient is not None, "a planned shipment has a recipient"
    told = {"shipment": state.shipment, "name": recipient.name, **fields}
    ways = (("email", recipient.email), ("sms", recipient.phone))
    return [Letter(way, to, template, told, expires_at) for way, to in ways if to]
