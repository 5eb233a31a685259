"""The people of these tests, and the commands that they send."""

from typing import Any

from engine.domains.auction import commands as c
from engine.domains.auction.terms import auction_room
from engine.kernel.actor import ADMIN, ANYONE, DEALER, MANAGER, USER, VERIFIED_SELLER, Actor
from engine.kernel.time import HOUR
from testkit.house import OPENING, House

SELLER = Actor("seller", DEALER, "approved")
RIVAL = Actor("rival", DEALER, "approved")
MOD = Actor("mod", MANAGER, "approved")
BOSS = Actor("boss", ADMIN, "approved")
ANN = Actor("ann", USER, "approved")
BOB = Actor("bob", USER, "approved")
CAT = Actor("cat", VERIFIED_SELLER, "approved")
NEW = Actor("new", USER, "pending")
POOR = Actor("poor", USER, "approved")
GUEST = ANYONE

M = 1_000_000
"""NGN 10,000 in kobo."""

START = OPENING + HOUR
END = START + 3 * HOUR
ROOM = auction_room("a1")


def create(auction: str = "a1", **changes: Any) -> c.CreateAuction:
    """A timed auction in NGN: from 50 M kobo, increment 5 M, deposit 20 %."""
    fields: dict[str, Any] = {
        "vehicle": "v1",
        "kind": "timed",
        "currency": "NGN",
        "start_price": 50 * M,
        "start_at": START,
        "end_at": END,
    }
    return c.CreateAuction(id="c", auction=auction, **(fields | changes))


def approve(auction: str = "a1") -> c.ApproveAuction:
    return c.ApproveAuction(id="c", auction=auction)


def reject(reason: str = "no papers", auction: str = "a1") -> c.RejectAuction:
    return c.RejectAuction(id="c", auction=auction, reason=reason)


def join(auction: str = "a1") -> c.JoinAuction:
    return c.JoinAuction(id="c", auction=auction)


def bid(amount: int, currency: str = "NGN", auction: str = "a1") -> c.PlaceBid:
    return c.PlaceBid(id="c", auction=auction, amount=amount, currency=currency)


def maximum(amount: int, switch_ms: int | None = None, auction: str = "a1") -> c.SetMaxBid:
    return c.SetMaxBid(
        id="c",
        auction=auction,
        max_amount=amount,
        currency="NGN",
        cancel_if_offline_ms=switch_ms,
    )


def withdraw(auction: str = "a1") -> c.WithdrawMaxBid:
    return c.WithdrawMaxBid(id="c", auction=auction)


def extend(new_end_at: int, reason: str = "storm", auction: str = "a1") -> c.ExtendAuction:
    return c.ExtendAuction(id="c", auction=auction, new_end_at=new_end_at, reason=reason)


def force_end(reason: str = "agreed", auction: str = "a1") -> c.ForceEnd:
    return c.ForceEnd(id="c", auction=auction, reason=reason)


def cancel(reason: str = "stolen", auction: str = "a1") -> c.CancelAuction:
    return c.CancelAuction(id="c", auction=auction, reason=reason)


def void(reason: str = "fraud", auction: str = "a1") -> c.VoidResult:
    return c.VoidResult(id="c", auction=auction, reason=reason)


def fund(auction: str = "a1") -> c.FundDeposit:
    return c.FundDeposit(id="c", auction=auction)


def decline(auction: str = "a1") -> c.DeclineOffer:
    return c.DeclineOffer(id="c", auction=auction)


def pay(auction: str = "a1") -> c.PayRemainder:
    return c.PayRemainder(id="c", auction=auction)


def deliver(method: Any = "PICKUP", address: str | None = None) -> c.ChooseDelivery:
    return c.ChooseDelivery(id="c", auction="a1", method=method, address=address)


def document(kind: Any = "ID", file: str = "f1") -> c.SubmitSettlementDoc:
    return c.SubmitSettlementDoc(id="c", auction="a1", kind=kind, file=file)


def delivered(proof: str = "f1") -> c.ReportDelivery:
    return c.ReportDelivery(id="c", auction="a1", proof=proof)


def confirm() -> c.ConfirmHandover:
    return c.ConfirmHandover(id="c", auction="a1")


def relist(now: int, new_auction: str = "a2", **changes: Any) -> c.Relist:
    fields: dict[str, Any] = {"start_at": now + HOUR, "end_at": now + 2 * HOUR}
    return c.Relist(id="c", auction="a1", new_auction=new_auction, **(fields | changes))


def scheduled(house: House, **changes: Any) -> House:
    """Auction a1 is approved."""
    return house.given((SELLER, create(**changes)), (MOD, approve()))


def live(house: House, **changes: Any) -> House:
    """Auction a1 is live; ann, bob and cat have 1,000 M kobo each, which bids up to 5,000 M."""
    for user in (ANN, BOB, CAT):
        house.deposit(user.user, 1_000 * M)
    return scheduled(house, **changes).at(START)


def ended(house: House, *bids: tuple[Actor, c.AuctionCommand], **changes: Any) -> House:
    """Auction a1 has ended at its time, after these bids."""
    return live(house, **changes).given(*bids).at(house.state(ROOM).end_at)
