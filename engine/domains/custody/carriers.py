"""The rooms `carrier:{user}`: how somebody was rated who carries parcels (custody 10, identity 11).

Anybody may look. What each has said stands in the shipments, for those who said it and for staff.
"""

from typing import Any

from msgspec import Struct

from engine.contract import Context, Decision, Domain, Event, fields_of
from engine.domains.custody.messages import CountRating
from engine.domains.custody.terms import CARRIER_DOMAIN, carrier_room
from engine.kernel.time import Millis


class RatingCounted(Event, frozen=True, tag="custody.rating_counted"):
    """One rating more."""

    stars: int
    rating: int
    """The mean of all, hundredths of a star."""
    ratings: int


class Carrier(Struct):
    """The state of a room `carrier:{user}`, and its card."""

    stars: int = 0
    """All of them."""
    ratings: int = 0

    @property
    def rating(self) -> int | None:
        """The mean, hundredths of a star, rounded half up; None: nobody has rated them."""
        return _mean(self.stars, self.ratings) if self.ratings else None


def _mean(stars: int, ratings: int) -> int:
    return (200 * stars + ratings) // (2 * ratings)


def rating_of(user: str, ctx: Context) -> int | None:
    """The mean of what was said of a carrier, hundredths of a star."""
    known = ctx.card(carrier_room(user))
    return known.rating if isinstance(known, Carrier) else None


def count(state: Carrier, message: CountRating, _: Context) -> Decision:
    """Shipments have seen that whoever rates may, and does it once."""
    stars, ratings = state.stars + message.stars, state.ratings + 1
    return [RatingCounted(stars=message.stars, rating=_mean(stars, ratings), ratings=ratings)]


def on_counted(state: Carrier, event: RatingCounted, _: Millis) -> None:
    state.stars += event.stars
    state.ratings = event.ratings


def _audience(_: Carrier, ctx: Context) -> str:
    return "staff" if ctx.actor.is_staff else "public"


def _show(_: Carrier, event: Event, viewer: str) -> dict[str, Any]:
    shown = fields_of(event)
    if viewer != "staff":
        del shown["stars"]
    return shown


def _view(state: Carrier, _: Context) -> dict[str, Any]:
    return {"rating": state.rating, "ratings": state.ratings}


def check(state: Carrier) -> None:
    """Each rating has one to five stars."""
    assert state.ratings <= state.stars <= 5 * state.ratings, "custody 10: stars of nobody"


def _card(state: Carrier) -> Carrier:
    return state


CARRIER = Domain(
    name=CARRIER_DOMAIN,
    summary="How senders and recipients have rated a carrier.",
    initial=Carrier,
    decide={CountRating: count},
    evolve={RatingCounted: on_counted},
    audience=_audience,
    show=_show,
    view=_view,
    card=_card,
    check=check,
)
