"""The plan of an escrow: who pays, who is to be paid, and what of it the platform keeps."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from engine.kernel.ids import END, ID_LETTERS, Id, room_name
from engine.kernel.limits import ESCROW_SHARES_MAX
from engine.kernel.market import Market
from engine.kernel.money import AMOUNT_MAX, Amount, Bps, share_nearest
from engine.kernel.time import Millis
from engine.ledger.accounts import escrow, payable, wallet
from engine.ledger.rates import Commissions, ServiceType, base_rate

DOMAIN = "escrow"

DealKind = Literal["order", "shipment", "gig", "auction", "service"]
DEAL_KINDS: tuple[DealKind, ...] = get_args(DealKind)
ShareKind = Literal["seller", "carrier", "partner", "worker"]
Told = Literal["held", "lapsed", "released", "refunded", "disputed", "resolved"]

ESCROW_LETTERS = rf"({'|'.join(DEAL_KINDS)})\.[A-Za-z0-9][A-Za-z0-9_.\-]{{0,53}}"
EscrowId = Annotated[
    str,
    Meta(
        pattern=rf"^{ESCROW_LETTERS}{END}",
        description="kind and id of the deal, such as order.o1; the id has at most 54 letters",
        examples=["order.o1"],
    ),
]
SplitAmount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX, description="minor units, or 0")]


Payee = Annotated[
    str,
    Meta(
        pattern=rf"^({ID_LETTERS})?{END}",
        description="a user; empty as long as nobody knows who it will be, such as the driver",
        examples=["u1"],
    ),
]


class ShareTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """What one payee is to have of a deal, before the platform's fee."""

    payee: Payee
    kind: ShareKind
    gross: Amount
    fee_bps: Bps | None = None
    """The platform's fee on it. None: the market's rate at the moment when the money is held."""


Plan = Annotated[tuple[ShareTerms, ...], Meta(min_length=1, max_length=ESCROW_SHARES_MAX)]


class Award(Struct, frozen=True, forbid_unknown_fields=True):
    """What a payee is to have of the money held, when a dispute is resolved."""

    payee: Id
    kind: ShareKind
    amount: SplitAmount


Awards = Annotated[tuple[Award, ...], Meta(max_length=ESCROW_SHARES_MAX)]


class Terms(Struct, frozen=True):
    """An escrow as it was opened. Amounts in minor units."""

    escrow: str = ""
    """Kind and id of the deal: `order.o1`."""
    payer: str = ""
    currency: str = ""
    total: int = 0
    platform: int = 0
    """What the platform has beside its fees; below zero it is a discount that it bears."""
    shares: tuple[ShareTerms, ...] = ()
    pay_until: Millis = 0
    deal: str = ""
    """The room that is told what becomes of it, or empty."""
    tells: tuple[Told, ...] = ()
    """Of what that room is told: of nothing else, for it might not understand."""

    @property
    def room(self) -> str:
        return room_name(DOMAIN, self.escrow)

    @property
    def kind(self) -> str:
        return self.escrow.partition(".")[0]

    @property
    def account(self) -> str:
        """Where the money lies."""
        kind, _, deal = self.escrow.partition(".")
        return escrow(kind, deal)


class HeldShare(Struct, frozen=True):
    """A share from the moment when the money is held: its rate is fixed (accounts rule 9)."""

    payee: str
    kind: ShareKind
    gross: int
    fee_bps: int
    fee: int
    part: int
    """What of the money held is for this share: the gross, and its portion of what the platform
    adds or takes. The parts of all shares make the total."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.payee, self.kind)


class Paid(Struct, frozen=True):
    """A share that was paid out. `fee + net == gross`, and what `gross` has above or below
    `part` the platform has borne or kept."""

    payee: str
    kind: ShareKind
    gross: int
    fee: int
    net: int
    part: int

    @property
    def key(self) -> tuple[str, str]:
        return (self.payee, self.kind)


def escrow_room(kind: DealKind, deal: str) -> str:
    """The room of a deal's escrow: `order`, `o1` -> `escrow:order.o1`."""
    return room_name(DOMAIN, f"{kind}.{deal}")


def account_of_share(kind: ShareKind, payee: str) -> str:
    """Where a released share goes: to a worker's wallet (P11), else to a payable (P8)."""
    return wallet(payee) if kind == "worker" else payable(kind, payee)


def rate_for(terms: Terms, share: ShareTerms, market: Market, set_: Commissions) -> int:
    """The platform's fee in bps: the share's own, or that of its kind of service."""
    if share.fee_bps is not None:
        return share.fee_bps
    if share.kind == "seller" and terms.kind == "auction":
        return base_rate("auction", market, set_)
    return base_rate(_SERVICES[share.kind], market, set_)


_SERVICES: Mapping[ShareKind, ServiceType] = {
    "seller": "goods",
    "partner": "service",
    "carrier": "carriage",
    "worker": "work",
}


def held_shares(terms: Terms, market: Market, set_: Commissions) -> tuple[HeldShare, ...]:
    """The plan with its rates, as they are now (accounts rules 7 and 9)."""
    parts = parts_of(terms.total, [share.gross for share in terms.shares])
    held = []
    for share, part in zip(terms.shares, parts, strict=True):
        bps = rate_for(terms, share, market, set_)
        fee = share_nearest(share.gross, bps)
        held.append(HeldShare(share.payee, share.kind, share.gross, bps, fee, part))
    return tuple(held)


def parts_of(total: int, grosses: Sequence[int]) -> list[int]:
    """The total divided in proportion; whole units, none below zero, none lost."""
    parts, sum_ = [], sum(grosses)
    reached = before = 0
    for gross in grosses:
        reached += gross
        upto = total * reached // sum_
        parts.append(upto - before)
        before = upto
    return parts


def paid_in_full(share: HeldShare) -> Paid:
    """A share as it was planned."""
    return Paid(
        share.payee, share.kind, share.gross, share.fee, share.gross - share.fee, share.part
    )


def paid_in_part(share: HeldShare, amount: int) -> Paid:
    """A share of which only `amount` of its part is paid: gross and fee shrink alike."""
    gross = share.gross * amount // share.part if share.part else 0
    fee = share_nearest(gross, share.fee_bps)
    return Paid(share.payee, share.kind, gross, fee, gross - fee, amount)
