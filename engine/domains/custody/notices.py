"""What custody tells people in their private rooms `user:{id}`: a storage format too (H4)."""

from engine.contract import Event
from engine.kernel.time import Millis


class ShipmentUpdate(Event, frozen=True, tag="custody.shipment_update"):
    """A shipment of yours has another state or another holder."""

    shipment: str
    status: str
    holder: str = ""
    """First name of the carrier who has it; empty if nobody's business changed hands."""
    cause: str = ""


class HandoffDue(Event, frozen=True, tag="custody.handoff_due"):
    """You give or take a parcel at the next step."""

    shipment: str
    step_seq: int
    place: str
    expires_at: Millis


class CustodyAlert(Event, frozen=True, tag="custody.alert"):
    """A hand-over is late, or a parcel does not move."""

    shipment: str
    kind: str
    since: Millis


NOTICES: tuple[type[Event], ...] = (ShipmentUpdate, HandoffDue, CustodyAlert)
