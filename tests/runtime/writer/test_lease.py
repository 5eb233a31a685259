"""A process answers while its lease holds for sure, and counts outages from when it served."""

import asyncio
from typing import Any

import pytest

from persistence.errors import LeaseLost
from runtime.clock import Clock
from runtime.writer.lease import LEASE_MS, Lease

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


class SlowLog:
    """A log that takes its time for a renewal, and in the end belongs to somebody else."""

    def __init__(self, hands: Hands, takes_ms: int) -> None:
        self._hands = hands
        self._takes_ms = takes_ms
        self.renewals = 0

    async def renew(self, is_serving: bool = True) -> None:
        self.renewals += 1
        if self.renewals > 4:
            raise LeaseLost("shard 0", 1)
        self._hands.pass_ms(self._takes_ms)


@pytest.mark.parametrize(("takes_ms", "lapses"), [(10, 0), (LEASE_MS // 2 - 100, 0), (LEASE_MS, 3)])
async def test_slow_renewals_are_no_lapse_as_long_as_each_is_in_time(
    lease: Lease, hands: Hands, monkeypatch: pytest.MonkeyPatch, takes_ms: int, lapses: int
) -> None:
    """Behind a slow append a renewal waits: the next is asked for as if it had not. A lease runs
    from the request, so two of them must fit into it."""

    async def sleep(seconds: float) -> None:
        hands.pass_ms(int(seconds * 1_000))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    lease.granted(hands.ns)
    came_back: list[None] = []
    log: Any = SlowLog(hands, takes_ms)
    lost = await lease.keep(log, lambda: came_back.append(None))
    assert isinstance(lost, LeaseLost)
    assert len(came_back) == lapses
