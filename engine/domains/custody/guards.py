"""The questions that come first: is there such a shipment, who asks, and is it the moment."""

from collections.abc import Mapping

from msgspec import Struct

from engine.contract import Command, Context, tag_of
from engine.domains.custody import commands as c
from engine.domains.custody.codes import CUSTODY_DISPUTED, SELF_HANDOFF, SHIPMENT_NOT_FOUND
from engine.domains.custody.links import opens
from engine.domains.custody.shown import CARRIER_MARK, RECIPIENT, SENDER, STAFF
from engine.domains.custody.state import Shipment, Status, Step
from engine.domains.custody.terms import HISTORY_MAX
from engine.kernel.actor import GUEST
from engine.kernel.outcome import (
    FORBIDDEN,
    INVALID_TRANSITION,
    KYC_REQUIRED,
    OVERLOADED,
    REASON_REQUIRED,
    UNAUTHENTICATED,
    Rejected,
)

OPEN: tuple[Status, ...] = ("AWAITING_PICKUP", "IN_CUSTODY", "DELIVERY_PENDING_PROOF", "RETURNING")
MOVING: tuple[Status, ...] = ("IN_CUSTODY", "RETURNING")

FROM: Mapping[type[Command], tuple[Status, ...]] = {
    c.PlanHandoffs: ("ABSENT",),
    c.DeclareCustoms: ("AWAITING_PICKUP",),
    c.CancelShipment: ("AWAITING_PICKUP",),
    c.Replan: ("AWAITING_PICKUP", "IN_CUSTODY"),
    c.ShowQr: OPEN,
    c.ReissueQr: OPEN,
    c.ExpireQr: OPEN,
    c.RequestUpload: OPEN,
    c.AddPhotos: ("IN_CUSTODY", "DELIVERY_PENDING_PROOF", "RETURNING"),
    c.RecordTracking: MOVING,
    c.ConfirmReceipt: ("DELIVERY_PENDING_PROOF",),
    c.EnterDeliveryCode: ("IN_CUSTODY",),
    c.ReportProblem: OPEN,
    c.RateCarrier: ("DELIVERED", "RETURNED"),
    c.StartReturn: ("IN_CUSTODY",),
    c.ResolveCustody: ("DISPUTED",),
}
"""In which states a command has a row in custody 3. A scan has refusals of its own."""


class Caller(Struct, frozen=True):
    """Who asks, as far as this shipment is concerned."""

    user: str
    is_staff: bool
    is_sender: bool
    is_recipient: bool
    is_carrier: bool

    @property
    def is_party(self) -> bool:
        return self.is_sender or self.is_recipient or self.is_carrier

    @property
    def viewers(self) -> list[str]:
        """The classes of viewer that they are: somebody with a link may have a part besides."""
        classes = {
            STAFF: self.is_staff,
            SENDER: self.is_sender,
            RECIPIENT: self.is_recipient,
            f"{CARRIER_MARK}{self.user}": self.is_carrier,
        }
        return [viewer for viewer, is_one in classes.items() if is_one]


def not_found(state: Shipment, shipment: str) -> Rejected | None:
    """Nobody has planned this shipment."""
    if state.status != "ABSENT":
        return None
    return Rejected(
        SHIPMENT_NOT_FOUND,
        f"there is no shipment {shipment!r}; check the field `shipment`",
        {"shipment": shipment},
    )


def out_of_place(state: Shipment, command: c.CustodyCommand) -> Rejected | None:
    """No such shipment, or a state that does not know this command (custody 3)."""
    if state.status in FROM[type(command)]:
        return None
    if refusal := not_found(state, command.shipment):
        return refusal
    if state.status == "DISPUTED":
        return disputed()
    tag, allowed = tag_of(type(command)), " or ".join(FROM[type(command)])
    return Rejected(
        INVALID_TRANSITION,
        f"{tag} is not possible while the shipment is {state.status}; it is while it is {allowed}",
        {"status": state.status, "command": tag},
    )


def entered(
    state: Shipment, command: c.CustodyCommand, ctx: Context, link: str = ""
) -> Caller | Rejected:
    """Who asks, if they have a part in the shipment, and it is the moment. In this order: how a
    shipment stands is for its parties (custody 10)."""
    if refusal := not_found(state, command.shipment):
        return refusal
    who = caller(state, ctx, link)
    return who if isinstance(who, Rejected) else out_of_place(state, command) or who


def disputed() -> Rejected:
    """Custody invariant 9."""
    return Rejected(
        CUSTODY_DISPUTED, "the custody of this shipment is disputed; staff must decide first"
    )


def no_such_step(why: str) -> Rejected:
    """A row of custody 3 whose guard does not hold."""
    return Rejected(INVALID_TRANSITION, why)


def caller(state: Shipment, ctx: Context, link: str = "") -> Caller | Rejected:
    """Who asks; refused, if they present a link that opens nothing here, or are nobody here."""
    actor = ctx.actor
    by_link = bool(link) and opens(state, link, ctx)
    if link and not by_link:
        return Rejected(
            UNAUTHENTICATED, "this link is not good, or not any more; ask for a new one"
        )
    found = Caller(
        actor.user,
        actor.is_staff,
        bool(actor.user) and actor.user == state.sender,
        by_link or (bool(actor.user) and actor.user == state.recipient_id),
        actor.user in state.carriers,
    )
    if found.is_party or found.is_staff:
        return found
    if actor.role == GUEST:
        return Rejected(UNAUTHENTICATED, "this needs a token, or the recipient's `link`")
    return forbidden("you have no part in this shipment")


def both_sides(step: Step, who: Caller) -> Rejected | None:
    """The recipient's link in the hands of the one who is to scan the recipient's code (Q5)."""
    if not who.user or who.user != step.scanner:
        return None
    return Rejected(
        SELF_HANDOFF, "you are the carrier of this step; the recipient does this, by their own link"
    )


def forbidden(why: str) -> Rejected:
    """The role might do this, but not this person here."""
    return Rejected(FORBIDDEN, why)


def no_reason(reason: str) -> Rejected | None:
    """Staff must say why."""
    if reason.strip():
        return None
    return Rejected(
        REASON_REQUIRED, "`reason` must say why; it is kept with the act", {"field": "reason"}
    )


def too_long(state: Shipment) -> Rejected | None:
    """A room's state is bounded; what scans and timers add comes on top."""
    if len(state.history) < HISTORY_MAX:
        return None
    return Rejected(
        OVERLOADED, f"a shipment has at most {HISTORY_MAX} such events", {"limit": HISTORY_MAX}
    )


def kyc_missing(kyc: str) -> Rejected | None:
    """Carriers have been identified (H8)."""
    if kyc == "approved":
        return None
    return Rejected(
        KYC_REQUIRED,
        f"the carrier's KYC must be approved and is {kyc or 'none'}",
        {"kyc": kyc or "none"},
    )
