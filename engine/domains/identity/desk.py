"""The room `identity_desk:staff`: applications that wait for a reviewer (K3), and suspended
sellers, whose live auctions a manager has to look after (K7)."""

from typing import Any

from msgspec import Struct

from engine.contract import Context, Decision, Domain, Event, fields_of
from engine.domains.identity import messages as m
from engine.domains.identity.terms import ROOMS_TOLD, KycKind
from engine.kernel.actor import STAFF
from engine.kernel.ids import room_name, split_room
from engine.kernel.time import Millis

DESK_DOMAIN = "identity_desk"
DESK = room_name(DESK_DOMAIN, "staff")
SHOWN_MAX = 200
"""So many of the oldest are shown; the rest follow as these are done."""


class KycQueued(Event, frozen=True, tag="identity_desk.kyc_queued"):
    """An application is to be looked at."""

    user: str
    application: str
    kind: KycKind
    due_at: Millis


class KycOverdue(Event, frozen=True, tag="identity_desk.kyc_overdue"):
    """An alert: nobody has looked within 48 hours (K3)."""

    user: str
    application: str


class KycLeft(Event, frozen=True, tag="identity_desk.kyc_left"):
    """An application was decided."""

    user: str
    application: str


class SellerListed(Event, frozen=True, tag="identity_desk.seller_listed"):
    """A seller is suspended: look after their auctions."""

    user: str
    reason: str
    auctions: tuple[str, ...] = ()
    """The rooms of those that are not over; the view has them as they are by now."""


class SellerUnlisted(Event, frozen=True, tag="identity_desk.seller_unlisted"):
    """There is nothing more to look after."""

    user: str


class Waiting(Struct):
    """An application in the queue."""

    user: str
    application: str
    kind: KycKind
    since: Millis
    due_at: Millis
    overdue: bool = False


class Listed(Struct):
    """A suspended seller."""

    reason: str
    since: Millis


class Desk(Struct):
    """What staff have to do, oldest first."""

    waiting: dict[str, Waiting] = {}
    sellers: dict[str, Listed] = {}


def _key(user: str, application: str) -> str:
    return f"{user} {application}"


def _queue(_: Desk, message: m.KycWaits, __: Context) -> Decision:
    return [
        KycQueued(
            user=message.user,
            application=message.application,
            kind=message.kind,
            due_at=message.due_at,
        )
    ]


def _late(state: Desk, message: m.KycLate, _: Context) -> Decision:
    if _key(message.user, message.application) not in state.waiting:
        return ()
    return [KycOverdue(user=message.user, application=message.application)]


def _done(state: Desk, message: m.KycDone, _: Context) -> Decision:
    if _key(message.user, message.application) not in state.waiting:
        return ()
    return [KycLeft(user=message.user, application=message.application)]


def _list(_: Desk, message: m.SellerSuspended, ctx: Context) -> Decision:
    auctions = _auctions_of(message.user, ctx)
    if not message.may_sell and not auctions:
        return ()
    return [SellerListed(user=message.user, reason=message.reason, auctions=auctions)]


def _auctions_of(user: str, ctx: Context) -> tuple[str, ...]:
    """Drafts and scheduled ones, too: they would begin while the seller cannot answer."""
    sales = [room for room in ctx.stakes_of(user) if split_room(room)[0] == "auction"]
    return tuple(sales[:ROOMS_TOLD])


def _unlist(state: Desk, message: m.SellerBack, _: Context) -> Decision:
    return [SellerUnlisted(user=message.user)] if message.user in state.sellers else ()


def _on_queued(state: Desk, event: KycQueued, at: Millis) -> None:
    state.waiting[_key(event.user, event.application)] = Waiting(
        event.user, event.application, event.kind, at, event.due_at
    )


def _on_overdue(state: Desk, event: KycOverdue, _: Millis) -> None:
    state.waiting[_key(event.user, event.application)].overdue = True


def _on_left(state: Desk, event: KycLeft, _: Millis) -> None:
    del state.waiting[_key(event.user, event.application)]


def _on_listed(state: Desk, event: SellerListed, at: Millis) -> None:
    state.sellers[event.user] = Listed(event.reason, at)


def _on_unlisted(state: Desk, event: SellerUnlisted, _: Millis) -> None:
    del state.sellers[event.user]


def _audience(_: Desk, ctx: Context) -> str:
    return "staff" if ctx.actor.has(STAFF) else ""


def _show(_: Desk, event: Event, __: str) -> Any:
    return fields_of(event)


def _view(state: Desk, ctx: Context) -> Any:
    sellers = list(state.sellers.items())[:SHOWN_MAX]
    return {
        "count": len(state.waiting),
        "waiting": list(state.waiting.values())[:SHOWN_MAX],
        "suspended_sellers": [
            {
                "user": user,
                "reason": found.reason,
                "since": found.since,
                "auctions": _auctions_of(user, ctx),
            }
            for user, found in sellers
        ],
    }


IDENTITY_DESK = Domain(
    name=DESK_DOMAIN,
    always=True,
    summary="What staff have to do about people: applications to look at, suspended sellers.",
    initial=Desk,
    decide={
        m.KycWaits: _queue,
        m.KycLate: _late,
        m.KycDone: _done,
        m.SellerSuspended: _list,
        m.SellerBack: _unlist,
    },
    evolve={
        KycQueued: _on_queued,
        KycOverdue: _on_overdue,
        KycLeft: _on_left,
        SellerListed: _on_listed,
        SellerUnlisted: _on_unlisted,
    },
    audience=_audience,
    show=_show,
    view=_view,
)
