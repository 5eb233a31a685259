"""Money: integers of minor units (kobo, paise, cents) and shares in basis points. Never a float."""

from typing import Annotated

from msgspec import Meta

from engine.kernel.ids import END

BPS = 10_000  # basis points in a whole: 2000 bps = 20 %
AMOUNT_MAX = 2**53 - 1  # the greatest integer that a JavaScript client reads exactly

Amount = Annotated[
    int, Meta(gt=0, le=AMOUNT_MAX, description="minor units, a whole number above zero")
]
SignedAmount = Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX, description="minor units")]
Bps = Annotated[int, Meta(ge=0, le=BPS, description="basis points, 2000 = 20 %")]
Currency = Annotated[str, Meta(pattern=rf"^[A-Z]{{3}}{END}", description="ISO 4217, such as NGN")]


def share_up(amount: int, bps: int) -> int:
    """`bps` of `amount`, rounded up to a whole minor unit (auction W2: deposits)."""
    return -(-amount * bps // BPS)


def share_nearest(amount: int, bps: int) -> int:
    """`bps` of `amount`, half up (accounts rule 7: fees)."""
    return (amount * bps + BPS // 2) // BPS


def whole_of_share(share: int, bps: int) -> int:
    """The greatest amount of which `bps` is at most `share` (accounts 2: bidding power)."""
    return share * BPS // bps if bps else AMOUNT_MAX
