"""A maker of commands of escrows, plausible and not, for simulation and load.

What an escrow is follows from its number, so that whoever pays, pays mostly the right sum, and
nobody has to look.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from engine.contract import Command, Dice, Stage
from engine.kernel.actor import ADMIN, DEALER, MANAGER, SYSTEM, USER, Actor
from engine.kernel.money import share_nearest
from engine.ledger.commands import (
    ChargeBack,
    PayoutBatch,
    ProviderEvent,
    RequestPayout,
    SettleIncident,
)
from engine.ledger.escrow import commands as c
from engine.ledger.escrow.terms import (
    DEAL_KINDS,
    Award,
    DealKind,
    ShareKind,
    ShareTerms,
    escrow_room,
    parts_of,
)

HOUSE = Actor("webhook.sandbox", SYSTEM)
GUESSES = 6


_SHARES: Mapping[DealKind, ShareKind] = {"shipment": "carrier", "gig": "worker"}


class Deal(Struct, frozen=True):
    """One of the deals of the moment."""

    escrow: str
    room: str
    payer: str
    total: int
    platform: int
    shares: tuple[ShareTerms, ...]


Asked = tuple[Actor, Command]
Maker = Callable[[Dice, Stage, Deal], Asked]


def workload(dice: Dice, stage: Stage) -> Asked:
    """Who asks what next."""
    deal = _deal(dice.choice(stage.things), stage)
    return dice.choice(_MAKERS)(dice, stage, deal)


def _deal(number: int, stage: Stage) -> Deal:
    """Orders of two sellers and a carrier, with a discount or a fee; and simpler deals."""
    kinds: tuple[DealKind, ...] = tuple(kind for kind in DEAL_KINDS if kind != "auction")
    kind = kinds[number % len(kinds)]
    users, dealers = stage.people[USER], stage.people[DEALER]
    gross, bps = 1_001 + 37 * number, (None, 0, 1_234, 10_000)[number % 4]
    worker = users[(number + 1) % len(users)]
    if kind == "order":
        payees = dict.fromkeys((dealers[0], dealers[-1]))
        shares = [ShareTerms(payee, "seller", gross + len(payee), bps) for payee in payees]
        shares.append(ShareTerms("" if number % 8 else worker, "carrier", 3))
    else:
        share = _SHARES.get(kind, "partner")
        shares = [ShareTerms(worker, share, gross, bps)]
    sum_ = sum(one.gross for one in shares)
    platform = (0, -share_nearest(sum_, 3_000), 77, 1 - sum_)[number // 4 % 4]
    payer = users[number % len(users)]
    name = f"e{number}"
    room = escrow_room(kind, name)
    return Deal(f"{kind}.{name}", room, payer, sum_ + platform, platform, tuple(shares))


def _open(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    command = c.Open(
        id=stage.id,
        escrow=deal.escrow,
        payer=deal.payer,
        currency=stage.currency,
        total=deal.total + dice.choice((0,) * 9 + (1,)),
        platform=deal.platform,
        shares=deal.shares,
        pay_until=stage.now + dice.choice((1, 4, 16)) * stage.span_ms // 4 + 1,
    )
    return dice.choice((HOUSE, _staff(dice, stage))), command


def _capture(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    command = ProviderEvent(
        id=stage.id,
        currency=stage.currency,
        provider="sandbox",
        payment=f"{deal.escrow}.{dice.randrange(0, 4)}",
        kind="captured",
        user=deal.payer,
        amount=deal.total + dice.choice((0, 0, 0, 0, 1)),
        purpose=deal.room,
    )
    return HOUSE, command


def _fund(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    payer = dice.choice((deal.payer, deal.payer, dice.choice(stage.people[USER])))
    return Actor(payer, USER, "approved"), c.Fund(id=stage.id, escrow=deal.escrow)


def _name(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    """Somebody has taken the job."""
    command = c.NamePayee(
        id=stage.id,
        escrow=deal.escrow,
        kind=deal.shares[-1].kind,
        payee=dice.choice(stage.people[USER]),
        instead_of=dice.choice(("", "", deal.shares[-1].payee)),
    )
    return dice.choice((HOUSE, _staff(dice, stage))), command


def _release(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    command = c.Release(
        id=stage.id, escrow=deal.escrow, payee=_one_or_all(dice, deal), reason="it has come"
    )
    return _staff(dice, stage), command


def _refund(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    command = c.Refund(
        id=stage.id, escrow=deal.escrow, payee=_one_or_all(dice, deal), reason="called off"
    )
    return _staff(dice, stage), command


def _dispute(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    who = dice.choice((deal.payer, deal.shares[-1].payee or dice.choice(stage.people[USER])))
    command = c.OpenDispute(id=stage.id, escrow=deal.escrow, reason="it is broken")
    return Actor(who, USER, "approved"), command


def _resolve(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    """As if nothing had gone out yet: all to one side, or a part of each share."""
    parts = parts_of(deal.total, [share.gross for share in deal.shares])
    per_cent = dice.choice((0, 100, dice.randrange(1, 100)))
    awards = tuple(
        Award(share.payee, share.kind, part * per_cent // 100)
        for share, part in zip(deal.shares, parts, strict=True)
        if share.payee
    )
    command = c.ResolveDispute(
        id=stage.id,
        escrow=deal.escrow,
        to_payees=awards,
        to_payer=deal.total - sum(award.amount for award in awards),
        reason="half of it was good",
    )
    return _staff(dice, stage), command


def _pay_out(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    share = deal.shares[0]
    if share.kind != "worker" and dice.randrange(0, 2):
        asked = RequestPayout(id=stage.id, currency=stage.currency, kind=share.kind)
        return Actor(share.payee, DEALER, "approved"), asked
    batch = PayoutBatch(id=stage.id, currency=stage.currency, cut_off=stage.now)
    return dice.choice((HOUSE, _staff(dice, stage))), batch


def _charge_back(dice: Dice, stage: Stage, deal: Deal) -> Asked:
    """Of one of its payments, by a guess that is often right."""
    command = ChargeBack(
        id=stage.id,
        currency=stage.currency,
        provider="sandbox",
        payment=f"{deal.escrow}.{dice.randrange(0, 4)}",
        user=deal.payer,
        amount=dice.choice((deal.total, dice.randrange(1, deal.total + 1))),
        purpose=deal.room,
        reason="the bank says so",
    )
    return _staff(dice, stage), command


def _settle(dice: Dice, stage: Stage, _: Deal) -> Asked:
    incident = f"i{dice.randrange(1, GUESSES)}"
    command = SettleIncident(
        id=stage.id, currency=stage.currency, incident=incident, reason="sent back"
    )
    return _staff(dice, stage), command


def _one_or_all(dice: Dice, deal: Deal) -> str | None:
    return dice.choice((None, dice.choice(deal.shares).payee or None))


def _staff(dice: Dice, stage: Stage) -> Actor:
    return Actor(dice.choice(stage.people[ADMIN]), dice.choice((MANAGER, ADMIN)), "approved")


_MAKERS: tuple[Maker, ...] = (
    *(_open,) * 3,
    *(_capture,) * 3,
    *(_fund,) * 2,
    _name,
    *(_release,) * 2,
    _refund,
    *(_dispute,) * 2,
    *(_resolve,) * 2,
    _pay_out,
    _settle,
    _charge_back,
)
