"""What the platform keeps of deals: by kind of service, as the market says or as staff have set."""

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from engine.kernel.market import Market

ServiceType = Literal["goods", "auction", "service", "carriage", "work"]
SERVICE_TYPES: tuple[ServiceType, ...] = get_args(ServiceType)


class Commission(Struct, frozen=True):
    """A rate and its bounds, in bps."""

    base_bps: int
    min_bps: int
    max_bps: int


Commissions = Mapping[ServiceType, Commission]


def base_rate(service: ServiceType, market: Market, set_: Commissions) -> int:
    """In bps: goods 10 %, services 15 %, nothing on carriage and work, and what the market says of
    auctions, unless staff have set another rate (accounts rules 6, 8, 9 and 11, 12.5)."""
    if service in set_:
        return set_[service].base_bps
    match service:
        case "goods":
            return market.goods_fee_bps
        case "auction":
            return market.auction_fee_bps
        case "service":
            return market.service_fee_bps
    return 0
