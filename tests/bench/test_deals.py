"""Negotiations and parcels go the whole way, and are counted as what they are."""

from collections import Counter

import pytest

from bench import haggling, parcels
from bench.client import CommandRefused, connected
from bench.haggling import OFFERS, Haggling
from bench.parcels import LOOKS, Parcels
from bench.server import House
from bench.steady import Steady, Tally, together


async def test_customers_haggle_to_an_agreement(house: House) -> None:
    """Every negotiation is opened once, and the last of its offers is agreed on."""
    found = await haggling.measure(house, Haggling(customers=3, each=2))
    assert found.by_type == {"negotiation.open": 6, "negotiation.make_offer": 6 * len(OFFERS)}
    assert 0 < found.ms[50.0] <= found.ms[99.0]


async def test_parcels_reach_their_recipients(house: House) -> None:
    """Each by two carriers, with three codes shown and scanned."""
    found = await parcels.measure(house, Parcels(chains=2, each=2))
    assert found.by_type == {
        "custody.show_qr": 12,
        "custody.scan_handoff": 12,
        "custody.add_photos": 4,
        "custody.record_tracking": 8,
        "custody.confirm_receipt": 4,
    }


def test_looks_are_counted_apart() -> None:
    """The rate of what is durable has none of them; the cost of a command has all."""
    counts = Counter({"custody.show_qr": 30, "custody.scan_handoff": 70})
    found = Steady(counts, seconds=2.0, ms={}, server_s=0.5, load_s=1.0)
    assert (found.per_second(LOOKS), found.per_second()) == (35.0, 50.0)
    assert found.server_us == pytest.approx(5_000)
    assert found.load == 0.5


async def test_a_refusal_ends_the_measurement(house: House) -> None:
    """Only what was accepted is worth counting."""
    async with connected(house.url, house.token("ann")) as client:

        async def fail(tally: Tally) -> None:
            await tally.must(client, "negotiation.withdraw", negotiation="none")

        with pytest.raises(CommandRefused, match="NEGOTIATION_NOT_FOUND"):
            await together(house.pid, [fail])
