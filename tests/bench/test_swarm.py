"""Locust's users do what they are there for, through a real server."""

import pytest

from bench.server import House, ServerError
from bench.staff import gateways_of
from bench.stalls import SENT_MAX, STEP, Lot
from bench.swarm import Entry, Plan, Row, rows_of, swarm, table

EXPECTED = {
    *("connect", "subscribe", "resume"),
    *("bid", "bid at the close", "bid heard"),
    *("open negotiation", "counter"),
    *("go online", "ping", "order -> offer heard", "accept offer", "pick up", "deliver"),
}
QUICK = Plan(users=12, spawn_rate=12, seconds=12, lot_seconds=4, haste=10)


async def test_everybody_is_served(house: House) -> None:
    """Bidders, hagglers, drivers and watchers come, go and come back, and nothing fails."""
    rows = {row.name: row for row in await swarm([house], QUICK)}
    assert rows.keys() >= EXPECTED
    assert not [row for row in rows.values() if row.failures]
    assert rows["bid heard"].count > rows["bid"].count, "several hear of each bid"


async def test_without_a_house_nobody_comes() -> None:
    """It is said which door is closed."""
    nowhere = House("ws://127.0.0.1:1/v1/ws", "a secret of forty characters, more or less")
    with pytest.raises(ServerError, match=r"127\.0\.0\.1:1/v1/ws: .*refused"):
        await swarm([nowhere], Plan(users=1, seconds=10))


def test_addresses_of_gateways() -> None:
    """Web addresses and websockets' own will do, and a market is named in the address."""
    assert gateways_of("http://a:1/, https://b", "main") == ["ws://a:1/v1/ws", "wss://b/v1/ws"]
    assert gateways_of("ws://c/v1/ws", "east") == ["ws://c/v1/ws?market=east"]


def test_no_two_bid_the_same() -> None:
    """So an amount tells whose bid it was; the times of old bids are forgotten."""
    lot = Lot("a1", 0)
    assert [lot.claim(100), lot.claim(100), lot.claim(50)] == [100, 100 + STEP, 50]
    age_ms = lot.age_ms(100)
    assert age_ms is not None
    assert age_ms >= 0
    for amount in range(SENT_MAX):
        lot.claim(1_000 + amount)
    assert lot.age_ms(100) is None


def test_percentiles_of_what_locust_counted() -> None:
    """Locust keeps rounded times and how often each occurred."""
    bid = Entry("bid", 100, 1, 50.0, 60.0, {5.0: 1, 1.0: 50, 2.0: 49})
    ping = Entry("ping", 5, 0, 50.0, 52.0, {1.0: 5})
    rows = rows_of([ping, bid])
    assert rows[0] == Row("bid", 100, 1, 10.0, {50.0: 1, 90.0: 2, 99.0: 2, 100.0: 5})
    assert rows[1].per_second == 0.5
    assert "bid " in table(rows)
