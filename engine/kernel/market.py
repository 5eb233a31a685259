"""A market's configuration: what the operator of one currency's market has set."""

from msgspec import Struct

from engine.kernel.money import Amount, Bps, Currency
from engine.kernel.time import DAY, HOUR, MINUTE, SECOND, Duration

USD_INCREMENTS = (
    (0, 5),
    (1_00, 25),
    (5_00, 50),
    (25_00, 1_00),
    (100_00, 2_50),
    (250_00, 5_00),
    (500_00, 10_00),
    (1_000_00, 25_00),
    (2_500_00, 50_00),
    (5_000_00, 100_00),
)
"""The schedule of auction X2, in cents: (from price, step)."""

NGN_INCREMENT = 50_000_00
"""NGN 50,000: least and usual increment of the vehicle market (auction A4)."""


class Market(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures of one currency's market. Amounts in minor units, times in ms, shares in bps."""

    currency: Currency
    increment_min: Amount = 1
    """The least increment that an auction may ask for (auction A4)."""
    increments: tuple[tuple[int, int], ...] = ((0, 1_00),)
    """Used where an auction names neither increment nor schedule: (from price, step) (X2)."""
    deposit_bps: Bps = 2_000
    """The winner's deposit, where an auction does not say (auction W2)."""
    extension_window_ms: Duration = 2 * MINUTE
    """A bid this close to the end extends it (auction E1)."""
    extension_ms: Duration = 2 * MINUTE
    """By how much (auction E1)."""
    flash_ms_max: Duration = HOUR
    """The longest flash auction (auction 12.11)."""
    deposit_window_ms: Duration = DAY
    """For a winner or runner-up to fund the deposit (auction W3)."""
    payment_window_ms: Duration = DAY
    """For the remainder, from the lock of the deposit (auction W4)."""
    handover_window_ms: Duration = 3 * DAY
    """For the winner to disagree that a vehicle was delivered (settlement 3)."""
    platform_bids: bool = True
    """Whether the house defends reserves with bids of its own, labelled so (R1-R6, 12.8)."""
    platform_tick_ms: Duration = 30 * SECOND
    """How often the house looks whether to bid (auction R1)."""
    platform_window_ms: Duration = HOUR
    """It bids only this close to the end (auction R2)."""
    delivery_fee: Amount = 50_000_00
    """Delivery to an address after a sale, billed as its own line (auction 4)."""
    adjustment_alone_max: Amount = 1_000_000_00
    """The greatest manual adjustment that needs no second person (accounts 4)."""
    funding_window_ms: Duration = 30 * MINUTE
    """For the payer of an escrow, where its opener does not say (accounts 7)."""
    goods_fee_bps: Bps = 1_000
    """The platform's fee on a seller's share of an order (accounts rule 6)."""
    service_fee_bps: Bps = 1_500
    """Its commission on a service partner's share (accounts rule 8)."""
    auction_fee_bps: Bps = 0
    """Its fee on the seller's share of an auction (accounts 12.5)."""
    provider_fees: tuple[tuple[str, Bps], ...] = (("paystack", 150),)
    """What payment providers keep of each capture: (provider, share). The others: nothing that the
    house knows of (accounts P13)."""
    staff_may_bid: bool = False
    """Whether managers and admins, who see reserves, may bid (auction 12.9)."""
    phone_prefix: str = ""
    """What every phone number of this market begins with, such as +234 (identity I1)."""
    tells_taken: bool = False
    """Whether who registers is told that an address has an account; else its owner gets a letter
    (identity I4)."""
    access_ms: Duration = DAY
    """How long an access token is good (identity J1). Where money is at stake, 15 min is better."""
    refresh_ms: Duration = 7 * DAY
    """How long a session lasts from its last refresh (identity J1)."""

    def provider_fee(self, provider: str) -> int:
        """What this one keeps of a capture, in bps."""
        return dict(self.provider_fees).get(provider, 0)


BUILT_IN = {
    "NGN": Market(
        currency="NGN",
        increment_min=NGN_INCREMENT,
        increments=((0, NGN_INCREMENT),),
        phone_prefix="+234",
    ),
    "USD": Market(currency="USD", increments=USD_INCREMENTS),
}


def market_for(markets: dict[str, Market], currency: str) -> Market:
    """The operator's market of this currency, or one with the general figures."""
    return markets.get(currency) or Market(currency=currency)
