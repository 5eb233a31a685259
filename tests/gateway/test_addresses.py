"""Whose address counts."""

import pytest

from gateway.addresses import client_address

PROXIES = frozenset({"10.0.0.1", "10.0.0.2"})


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("1.2.3.4", [], "1.2.3.4"),
        ("1.2.3.4", ["6.6.6.6"], "1.2.3.4"),
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        ("10.0.0.1", [], "10.0.0.1"),
    ],
    ids=["direct", "made-up", "proxied", "chain", "two-proxies", "proxy-itself"],
)
def test_the_last_hop_that_is_not_ours(peer: str, forwarded: list[str], expected: str) -> None:
    """What a client writes into the header itself is not believed."""
    assert client_address(peer, forwarded, PROXIES) == expected
