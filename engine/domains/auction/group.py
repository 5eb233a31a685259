"""The rooms `auction_group:{group}`: lots that share a soft close (auction X9).

A lot tells its group when it opens, closes, or is extended by a bid; the group tells the other
open lots. They are then extended for cause GROUP, of which a group hears nothing: no loop.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from engine.contract import Context, Decision, Domain, Event, Reaction, Send, fields_of
from engine.domains.auction.codes import GROUP_FULL
from engine.domains.auction.messages import ExtendWithGroup, LotClosed, LotExtended, LotOpened
from engine.domains.auction.terms import GROUP_DOMAIN, GROUP_LOTS_MAX, auction_room
from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis


class LotJoined(Event, frozen=True, tag="auction_group.lot_joined"):
    """A lot of the group is live."""

    auction: str


class LotLeft(Event, frozen=True, tag="auction_group.lot_left"):
    """A lot takes no more bids."""

    auction: str


class GroupExtended(Event, frozen=True, tag="auction_group.extended"):
    """A bid on one lot extends all that are open."""

    auction: str
    end_at: Millis


class Group(Struct):
    """The open lots of a group, in the order in which they opened."""

    lots: list[str] = []
    end_at: Millis = 0
    """To where a bid last extended them; 0 if none has."""


def _open_lot(state: Group, message: LotOpened, _: Context) -> Decision:
    if len(state.lots) >= GROUP_LOTS_MAX:
        return Rejected(
            GROUP_FULL,
            f"the group has {GROUP_LOTS_MAX} open lots; this one closes on its own",
            {"auction": message.auction},
        )
    return [LotJoined(auction=message.auction)]


def _close_lot(state: Group, message: LotClosed, _: Context) -> Decision:
    return [LotLeft(auction=message.auction)] if message.auction in state.lots else ()


def _extend_lots(state: Group, message: LotExtended, _: Context) -> Decision:
    if message.auction not in state.lots:
        return ()
    return [GroupExtended(auction=message.auction, end_at=message.end_at)]


def _on_joined(state: Group, event: LotJoined, _: Millis) -> None:
    state.lots.append(event.auction)


def _on_left(state: Group, event: LotLeft, _: Millis) -> None:
    state.lots.remove(event.auction)


def _on_extended(state: Group, event: GroupExtended, _: Millis) -> None:
    state.end_at = max(state.end_at, event.end_at)


def _react(state: Group, event: Event, _: Context) -> Iterable[Reaction]:
    if not isinstance(event, GroupExtended):
        return ()
    message = ExtendWithGroup(end_at=event.end_at)
    return [Send(auction_room(lot), message) for lot in state.lots if lot != event.auction]


def _audience(_: Group, __: Context) -> str:
    return "public"


def _show(_: Group, event: Event, __: str) -> Any:
    return fields_of(event)


def _view(state: Group, _: Context) -> Any:
    return {"lots": state.lots, "end_at": state.end_at or None}


def _check(state: Group) -> None:
    assert len(state.lots) == len(set(state.lots)), "auction X9: a lot is in its group twice"
    assert len(state.lots) <= GROUP_LOTS_MAX, "auction X9: more lots than a group may have"


GROUP = Domain(
    name=GROUP_DOMAIN,
    summary="Lots of one group share a soft close: what extends one extends all that are open.",
    initial=Group,
    decide={LotOpened: _open_lot, LotClosed: _close_lot, LotExtended: _extend_lots},
    evolve={LotJoined: _on_joined, LotLeft: _on_left, GroupExtended: _on_extended},
    react=_react,
    audience=_audience,
    show=_show,
    view=_view,
    check=_check,
)
