"""Questions that several decisions ask first, and the refusals that answer them."""

from engine.contract import Command, Context, tag_of
from engine.domains.auction import commands as c
from engine.domains.auction.codes import AUCTION_ENDED, AUCTION_NOT_FOUND, AUCTION_NOT_LIVE
from engine.domains.auction.state import Auction, Status
from engine.kernel.outcome import (
    FORBIDDEN,
    INVALID_TRANSITION,
    KYC_REQUIRED,
    REASON_REQUIRED,
    Rejected,
)

FROM: dict[type[Command], tuple[Status, ...]] = {
    c.ApproveAuction: ("draft",),
    c.RejectAuction: ("draft",),
    c.WithdrawMaxBid: ("live",),
    c.ExtendAuction: ("live",),
    c.ForceEnd: ("live",),
    c.CancelAuction: ("draft", "scheduled", "live"),
    c.VoidResult: ("pending_settlement",),
    c.FundDeposit: ("pending_settlement",),
    c.DeclineOffer: ("pending_settlement",),
    c.PayRemainder: ("pending_settlement",),
    c.ChooseDelivery: ("pending_settlement", "settled"),
    c.SubmitSettlementDoc: ("pending_settlement", "settled"),
    c.ReportDelivery: ("settled",),
    c.ConfirmHandover: ("settled",),
    c.Relist: ("unsold",),
}
"""In which states a command has a row in auction 3. Bids and joins have codes of their own."""

AFTER_THE_END: tuple[Status, ...] = (
    "ended",
    "pending_settlement",
    "settled",
    "unsold",
    "relisted",
)


def not_found(state: Auction, command: c.AuctionCommand) -> Rejected | None:
    """Nobody has created this auction."""
    if state.status != "absent":
        return None
    return Rejected(
        AUCTION_NOT_FOUND,
        f"there is no auction {command.auction!r}; check the field `auction`",
        {"auction": command.auction},
    )


def out_of_place(state: Auction, command: c.AuctionCommand) -> Rejected | None:
    """The auction is not there, or not in a state that knows this command (auction 3)."""
    if state.status in FROM[type(command)]:
        return None
    return not_found(state, command) or no_such_step(state, command, "its state does not allow it")


def no_such_step(state: Auction, command: c.AuctionCommand, why: str) -> Rejected:
    """A row that is missing in auction 3."""
    tag = tag_of(type(command))
    return Rejected(
        INVALID_TRANSITION,
        f"{tag} is not possible while the auction is {state.status}: {why}",
        {"status": state.status, "command": tag},
    )


def no_reason(reason: str) -> Rejected | None:
    """Staff must say why (auction 4)."""
    if reason.strip():
        return None
    return Rejected(
        REASON_REQUIRED, "`reason` must say why; it is kept with the act", {"field": "reason"}
    )


def not_open(state: Auction, ctx: Context) -> Rejected | None:
    """Bids are taken from the start until before the end (auction B2)."""
    if state.status == "live":
        if state.terms.start_at <= ctx.now < state.end_at:
            return None
        return _ended(state)
    if state.status in AFTER_THE_END:
        return _ended(state)
    return Rejected(
        AUCTION_NOT_LIVE,
        f"the auction is {state.status}; bids are taken while it is live",
        {"status": state.status, "start_at": state.terms.start_at},
    )


def _ended(state: Auction) -> Rejected:
    return Rejected(
        AUCTION_ENDED,
        f"the auction ended at {state.end_at}; no bid is taken from then on",
        {"status": state.status, "end_at": state.end_at},
    )


def forbidden(why: str) -> Rejected:
    """The role might do this, but not this person here."""
    return Rejected(FORBIDDEN, why)


def kyc_missing(ctx: Context) -> Rejected | None:
    """Those who deal have been identified (auction A2, B1)."""
    if ctx.actor.is_approved:
        return None
    return Rejected(
        KYC_REQUIRED,
        f"KYC must be approved and is {ctx.actor.kyc}; have your documents approved first",
        {"kyc": ctx.actor.kyc},
    )
