"""What each class of viewer is shown of an event (negotiation 10).

What is shown comes from the event alone, so it is the same now and from history.
"""

from collections.abc import Mapping
from typing import Any

from engine.contract import Event, fields_of
from engine.domains.negotiation import events as e
from engine.domains.negotiation.state import Negotiation
from engine.domains.negotiation.views import ADMIN, CUSTOMER, SHOP


def show(_: Negotiation, event: Event, viewer: str) -> dict[str, Any]:
    """The wire's `data` of this event for this class."""
    shown = fields_of(event)
    for name in _HIDDEN.get(type(event), {}).get(viewer, ()):
        del shown[name]
    return shown


_HIDDEN: Mapping[type[Event], Mapping[str, tuple[str, ...]]] = {
    e.NegotiationOpened: {CUSTOMER: ("customer_name",), SHOP: ("customer",), ADMIN: ()},
    e.OfferMade: {CUSTOMER: ("mode",)},
    e.CounterOffered: {CUSTOMER: ("strategy",)},
    e.PriceLocked: {CUSTOMER: ("token_jti",), SHOP: ("token_jti",)},
}
"""Fields that a class does not see. Nobody sees a minimum here, for none is in these events."""
