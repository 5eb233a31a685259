"""A process answers while its lease holds for sure, and counts outages from when it served."""

import pytest

from runtime.clock import Clock
from runtime.lease import LEASE_MS, Lease

MS = 1_000_000


class Hands:
    """The hands of both clocks, ns."""

    def __init__(self) -> None:
        self.ns = 1_000_000 * MS

    def pass_ms(self, ms: int) -> None:
        self.ns += ms * MS


@pytest.fixture
def hands() -> Hands:
    """Moved by the test."""
    return Hands()


@pytest.fixture
def lease(hands: Hands) -> Lease:
    """Not granted yet."""
    return Lease(Clock(lambda: hands.ns, lambda: hands.ns))


def test_nothing_is_owned_before_the_log_says_so(lease: Lease) -> None:
    """A process starts as nobody."""
    assert not lease.holds


def test_a_lease_runs_from_the_request(lease: Lease, hands: Hands) -> None:
    """The answer may have been long on its way, and the log counts from before it."""
    asked_ns = hands.ns
    hands.pass_ms(LEASE_MS - 1)
    lease.granted(asked_ns)
    assert lease.holds
    hands.pass_ms(2)
    assert not lease.holds


def test_an_append_is_no_renewal(lease: Lease, hands: Hands) -> None:
    """It passes as long as nobody has taken over, which may happen the moment after."""
    lease.granted(hands.ns)
    lease.is_serving = True
    hands.pass_ms(LEASE_MS - 1)
    lease.served()
    hands.pass_ms(2)
    assert not lease.holds


def test_an_outage_lasts_until_what_it_brought_about_is_durable(lease: Lease, hands: Hands) -> None:
    """Else a crash in between would make it undone."""
    lease.granted(hands.ns)
    lease.alive_at = 7
    lease.served()
    assert lease.alive_at == 7
    lease.is_serving = True
    lease.served()
    assert lease.alive_at == hands.ns // MS


def test_past_the_lease_nobody_is_served(lease: Lease, hands: Hands) -> None:
    """What the log takes late does not end the outage."""
    lease.granted(hands.ns)
    lease.is_serving = True
    lease.alive_at = 7
    hands.pass_ms(LEASE_MS + 1)
    lease.served()
    assert lease.alive_at == 7
