"""What auctions and their groups tell one another."""

from engine.contract import Message
from engine.domains.auction.terms import Terms
from engine.kernel.time import Millis


class CreateRelisted(Message, frozen=True, tag="auction.create_relisted"):
    """From an unsold auction to the room that its vehicle is relisted in."""

    terms: Terms
    created_by: str
    relisted_from: str


class ExtendWithGroup(Message, frozen=True, tag="auction.extend_with_group"):
    """From a group to its open lots: end no earlier than this (X9)."""

    end_at: Millis


class LotOpened(Message, frozen=True, tag="auction_group.open_lot"):
    """From a lot that has gone live to its group."""

    auction: str


class LotClosed(Message, frozen=True, tag="auction_group.close_lot"):
    """From a lot that takes no more bids."""

    auction: str


class LotExtended(Message, frozen=True, tag="auction_group.extend_lots"):
    """From a lot that a bid extended."""

    auction: str
    end_at: Millis
