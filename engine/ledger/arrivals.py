"""When the money in a payable arrived, so that a payout can stop at a cut-off (accounts 4).

Money leaves in the order in which it came. Only so many arrivals are kept: beyond, the two oldest
become one of the later moment, so a cut-off may leave a little for the next payout and never pays
what came after it.
"""

from msgspec import Struct

from engine.kernel.limits import PAYABLE_ARRIVALS
from engine.kernel.time import Millis


class Arrival(Struct, frozen=True, gc=False, array_like=True):
    """Money that has come and has not been paid out."""

    at: Millis
    amount: int


def come(arrivals: list[Arrival], amount: int, at: Millis) -> None:
    """`amount` minor units arrive."""
    if arrivals and arrivals[-1].at == at:
        amount += arrivals.pop().amount
    arrivals.append(Arrival(at, amount))
    if len(arrivals) > PAYABLE_ARRIVALS:
        oldest = arrivals.pop(0)
        arrivals[0] = Arrival(arrivals[0].at, oldest.amount + arrivals[0].amount)


def go(arrivals: list[Arrival], amount: int) -> None:
    """`amount` minor units leave, the oldest first."""
    while amount:
        assert arrivals, "more leaves a payable than came"
        first = arrivals.pop(0)
        if first.amount > amount:
            arrivals.insert(0, Arrival(first.at, first.amount - amount))
            return
        amount -= first.amount


def come_by(arrivals: list[Arrival], cut_off: Millis) -> int:
    """What of it came up to this moment, minor units."""
    return sum(arrival.amount for arrival in arrivals if arrival.at <= cut_off)
