"""A maker of commands, plausible and not, from a source of chance that is handed in.

For simulation and load: the same chance makes the same commands.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from engine.contract import Command, Dice, Stage
from engine.domains.auction import commands as c
from engine.domains.auction.terms import Kind, auction_room
from engine.kernel.actor import ADMIN, DEALER, MANAGER, SYSTEM, USER, Actor
from engine.kernel.money import share_up
from engine.kernel.time import HOUR, MINUTE, SECOND, Millis
from engine.ledger.commands import ProviderEvent
from engine.ledger.escrow.commands import OpenDispute, Refund, Release


class Scene(Struct, frozen=True, kw_only=True):
    """The people and things of a run, by id, and the currency of all of it."""

    sellers: tuple[str, ...]
    bidders: tuple[str, ...]
    staff: tuple[str, ...]
    auctions: tuple[str, ...]
    vehicles: tuple[str, ...]
    currency: str = "USD"
    span_ms: Millis = 2 * HOUR
    """The longest that an auction lasts; it starts within a quarter of that."""


class Glance(Struct, frozen=True):
    """What the public snapshot of an auction says; it may be stale."""

    status: str = "absent"
    minimum_bid: int = 1
    remainder: int = 0
    """What the winner has to pay at the end, if there is one."""
    start_at: Millis | None = None


class Turn(Struct, frozen=True):
    """Where a run stands when it asks for the next command."""

    scene: Scene
    id: str
    """The id that the command is to have."""
    now: Millis
    auction: str
    glance: Glance

    @property
    def minimum_bid(self) -> int:
        """The least that may be bid, as far as is known."""
        return self.glance.minimum_bid


Asked = tuple[Actor, Command]
Maker = Callable[[Dice, Turn], Asked]


def workload(dice: Dice, stage: Stage) -> Asked:
    """The domain's `contract.Workload`."""
    people = stage.people
    scene = Scene(
        sellers=tuple(people[DEALER]),
        bidders=tuple(people[USER]),
        staff=tuple(people[ADMIN]),
        auctions=tuple(f"a{number}" for number in stage.things),
        vehicles=tuple(f"v{number}" for number in stage.things),
        currency=stage.currency,
        span_ms=stage.span_ms,
    )
    actor, command = next_command(
        dice, scene, 0, stage.now, lambda auction: _glance(stage.look(auction_room(auction)))
    )
    return actor, msgspec.structs.replace(command, id=stage.id)


def _glance(shown: Mapping[str, Any] | None) -> Glance:
    """What there is to know from the public snapshot."""
    if shown is None:
        return Glance()
    hammer_price = shown["hammer_price"] or 0
    deposit = share_up(hammer_price, shown["deposit_bps"])
    return Glance(shown["status"], shown["minimum_bid"], hammer_price - deposit, shown["start_at"])


def next_command(
    dice: Dice, scene: Scene, number: int, now: Millis, look: Callable[[str], Glance]
) -> Asked:
    """Who asks what next: mostly what suits the auction's state, now and then anything."""
    auction = dice.choice(scene.auctions)
    if look(auction).status not in _SUITABLE:
        auction = dice.choice(scene.auctions)
    glance = look(auction)
    turn = Turn(scene, f"c{number}", now, auction, glance)
    suitable = _SUITABLE.get(glance.status, _ANYTHING)
    if glance.status == "draft" and glance.start_at is not None and glance.start_at <= now:
        suitable = (_reject,)
    makers = suitable if dice.randrange(0, 12) else _ANYTHING
    return dice.choice(makers)(dice, turn)


def _create(dice: Dice, turn: Turn) -> Asked:
    span_ms = turn.scene.span_ms
    start_at = turn.now + dice.randrange(span_ms // 24, span_ms // 4)
    # Some are so short that people still ask when they are over.
    end_at = start_at + dice.randrange(span_ms // 120, span_ms // dice.choice((1, 1, 8)))
    start_price = dice.randrange(1, 100_000)
    kinds: tuple[Kind, ...] = ("timed", "timed", "flash", "no_reserve")
    kind = dice.choice(kinds)
    reserve_price = dice.choice((None, start_price * dice.randrange(1, 6)))
    command = c.CreateAuction(
        id=turn.id,
        auction=turn.auction,
        vehicle=dice.choice(turn.scene.vehicles),
        kind=kind,
        currency=turn.scene.currency,
        start_price=start_price,
        reserve_price=reserve_price if kind != "no_reserve" else None,
        deposit_bps=dice.choice((None, None, None, 0, 10_000)),
        start_at=start_at,
        end_at=end_at,
        hard_end_at=dice.choice((None, None, end_at + MINUTE)),
        max_extensions=dice.choice((None, None, 3)),
        group=dice.choice((None, None, "g1")),
    )
    return _person(dice.choice(turn.scene.sellers), DEALER), command


def _approve(dice: Dice, turn: Turn) -> Asked:
    return _staff(dice, turn), c.ApproveAuction(id=turn.id, auction=turn.auction)


def _reject(dice: Dice, turn: Turn) -> Asked:
    command = c.RejectAuction(id=turn.id, auction=turn.auction, reason="no papers")
    return _staff(dice, turn), command


def _join(dice: Dice, turn: Turn) -> Asked:
    return _bidder(dice, turn), c.JoinAuction(id=turn.id, auction=turn.auction)


def _bid(dice: Dice, turn: Turn) -> Asked:
    """Mostly the least that is asked for; now and then less, or the seller."""
    amount = max(turn.minimum_bid + dice.choice((0, 0, 0, 1, 500, -1)), 1)
    who = _bidder(dice, turn) if dice.randrange(0, 20) else _seller(dice, turn)
    command = c.PlaceBid(
        id=turn.id, auction=turn.auction, amount=amount, currency=turn.scene.currency
    )
    return who, command


def _maximum(dice: Dice, turn: Turn) -> Asked:
    command = c.SetMaxBid(
        id=turn.id,
        auction=turn.auction,
        max_amount=turn.minimum_bid * dice.randrange(90, 200) // 100 + 1,
        currency=turn.scene.currency,
        cancel_if_offline_ms=dice.choice((None, None, 30 * SECOND)),
    )
    return _bidder(dice, turn), command


def _withdraw(dice: Dice, turn: Turn) -> Asked:
    return _bidder(dice, turn), c.WithdrawMaxBid(id=turn.id, auction=turn.auction)


def _interfere(dice: Dice, turn: Turn) -> Asked:
    id_, auction, reason = turn.id, turn.auction, dice.choice(("by request", ""))
    commands: tuple[c.AuctionCommand, ...] = (
        c.ExtendAuction(
            id=id_, auction=auction, new_end_at=turn.now + turn.scene.span_ms // 2, reason=reason
        ),
        c.ForceEnd(id=id_, auction=auction, reason=reason),
        c.CancelAuction(id=id_, auction=auction, reason=reason),
        c.VoidResult(id=id_, auction=auction, reason=reason),
        c.RejectAuction(id=id_, auction=auction, reason=reason),
    )
    return _staff(dice, turn), dice.choice(commands)


def _settle(dice: Dice, turn: Turn) -> Asked:
    id_, auction = turn.id, turn.auction
    commands: tuple[c.AuctionCommand, ...] = (
        c.PayRemainder(id=id_, auction=auction),
        c.PayRemainder(id=id_, auction=auction),
        c.FundDeposit(id=id_, auction=auction),
        c.DeclineOffer(id=id_, auction=auction),
        c.ChooseDelivery(id=id_, auction=auction, method="PICKUP"),
        c.SubmitSettlementDoc(id=id_, auction=auction, kind="ID", file="f1"),
    )
    return _bidder(dice, turn), dice.choice(commands)


def _hand_over(dice: Dice, turn: Turn) -> Asked:
    """The seller says so, the winner says so, or somebody disagrees, and staff decide."""
    id_, auction = turn.id, turn.auction
    money = f"auction.{auction}"
    match dice.randrange(0, 8):
        case 0 | 1 | 2:
            report = c.ReportDelivery(id=id_, auction=auction, proof="f1")
            return dice.choice((_seller, _staff))(dice, turn), report
        case 3 | 4:
            return _bidder(dice, turn), c.ConfirmHandover(id=id_, auction=auction)
        case 5 | 6:
            return _bidder(dice, turn), OpenDispute(id=id_, escrow=money, reason="it is a ruin")
    refund = Refund(id=id_, escrow=money, reason="it is a ruin")
    release = Release(id=id_, escrow=money, reason="it has come")
    return _staff(dice, turn), dice.choice((refund, release))


def _capture(dice: Dice, turn: Turn) -> Asked:
    """A provider says that somebody has paid, mostly the right sum."""
    amount = max(turn.glance.remainder + dice.choice((0, 0, 0, 1)), 1)
    command = ProviderEvent(
        id=turn.id,
        currency=turn.scene.currency,
        provider="sandbox",
        payment=f"p{dice.randrange(0, 1_000_000)}",
        kind="captured",
        user=dice.choice(turn.scene.bidders),
        amount=amount,
        purpose=auction_room(turn.auction),
    )
    return Actor("webhook.sandbox", SYSTEM), command


def _relist(dice: Dice, turn: Turn) -> Asked:
    command = c.Relist(
        id=turn.id,
        auction=turn.auction,
        new_auction=dice.choice(turn.scene.auctions),
        start_at=turn.now + turn.scene.span_ms // 12,
        end_at=turn.now + turn.scene.span_ms,
    )
    return _staff(dice, turn), command


def _bidder(dice: Dice, turn: Turn) -> Actor:
    return _person(dice.choice(turn.scene.bidders), USER)


def _seller(dice: Dice, turn: Turn) -> Actor:
    return _person(dice.choice(turn.scene.sellers), DEALER)


def _staff(dice: Dice, turn: Turn) -> Actor:
    return _person(dice.choice(turn.scene.staff), dice.choice((MANAGER, ADMIN)))


def _person(user: str, role: str) -> Actor:
    return Actor(user, role, "approved")


_ANYTHING: tuple[Maker, ...] = (
    _create,
    _approve,
    _join,
    _bid,
    _maximum,
    _withdraw,
    _settle,
    _capture,
    _relist,
    _hand_over,
    _interfere,
)

_SUITABLE: Mapping[str, tuple[Maker, ...]] = {
    "absent": (_create,),
    "draft": (_approve, _approve, _reject),
    "scheduled": (_join, _approve),
    "live": (_bid,) * 5 + (_maximum,) * 3 + (_join, _withdraw),
    "pending_settlement": (_settle,) * 6 + (_capture,) * 2 + (_bid,),
    "settled": (_hand_over,) * 3 + (_settle, _bid),
    "unsold": (_relist, _bid),
}
"""By the auction's state, each as often as it stands here."""
