"""The rule for the Origin header."""

import msgspec
import pytest
from websockets.datastructures import Headers

from gateway.origin import check_origin, origin_allowed

SHOP = "https://shop.example"


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "expected"),
    [
        (None, "market.example", set(), True),
        ("https://market.example", "market.example", set(), True),
        ("https://market.example", "market.example:443", set(), True),
        ("http://market.example:80", "market.example", set(), True),
        ("HTTPS://Market.Example", "market.EXAMPLE", set(), True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", set(), True),
        ("http://[::1]:8080", "[::1]:8080", set(), True),
        ("http://127.0.0.1:8080", "127.0.0.1:9090", set(), False),
        ("http://market.example:443", "market.example", set(), False),
        ("https://evil.example", "market.example", set(), False),
        ("https://market.example.evil.example", "market.example", set(), False),
        ("https://market.example@evil.example", "market.example", set(), False),
        ("null", "market.example", set(), False),
        ("", "", set(), False),
        ("https://", "", set(), False),
        ("file://market.example", "market.example", set(), False),
        (SHOP, "market.example", {SHOP}, True),
        (SHOP + "/", "market.example", {SHOP}, False),
        ("null", "market.example", {"null"}, True),
        ("https://evil.example", "market.example", {"*"}, True),
        ("https://evil.example", "market.example", {SHOP}, False),
    ],
)
def test_origins(origin: str | None, host: str, allowed: set[str], expected: bool) -> None:
    """None, the same, the listed and all; nothing that only looks alike."""
    assert origin_allowed(origin, host, frozenset(allowed)) is expected


def test_the_refusal_is_a_403_that_names_the_rule() -> None:
    """Whoever debugs a page finds the origin and the rule in the body."""
    headers = Headers([("Host", "market.example"), ("Origin", "https://evil.example")])
    refusal = check_origin(headers, frozenset())
    assert refusal is not None
    assert (refusal.status, refusal.content_type) == (403, "application/json")
    body = msgspec.json.decode(refusal.body)
    assert body["code"] == "FORBIDDEN"
    assert body["details"] == {
        "rule": "origin",
        "origin": "https://evil.example",
        "close_code": 4003,
    }


def test_no_origin_is_no_refusal() -> None:
    """Native clients send none."""
    assert check_origin(Headers([("Host", "market.example")]), frozenset()) is None


def test_two_hosts_vouch_for_nobody() -> None:
    """A request with two Host headers is not of the same origin as either."""
    headers = Headers(
        [("Host", "a.example"), ("Host", "b.example"), ("Origin", "http://a.example")]
    )
    assert check_origin(headers, frozenset()) is not None
