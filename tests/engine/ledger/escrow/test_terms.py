"""Tests of engine/ledger/escrow/terms.py: who gets how much, to the last unit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernel.market import Market
from engine.ledger.escrow.terms import (
    HeldShare,
    ShareTerms,
    Terms,
    escrow_room,
    held_shares,
    paid_in_full,
    paid_in_part,
    parts_of,
)

MARKET = Market(currency="NGN")

AMOUNTS = st.integers(min_value=1, max_value=10**12)
GROSSES = st.lists(AMOUNTS, min_size=1, max_size=50)


def terms(*shares: ShareTerms, platform: int = 0, escrow: str = "order.o1") -> Terms:
    total = sum(share.gross for share in shares) + platform
    return Terms(escrow=escrow, payer="pia", total=total, platform=platform, shares=shares)


def test_the_example_of_rule_6() -> None:
    """10,000 = seller A 8,000 (7,200 and 800 fee) and seller B 2,000 (1,800 and 200 fee)."""
    plan = terms(ShareTerms("a", "seller", 8_000), ShareTerms("b", "seller", 2_000))
    assert plan.total == 10_000
    paid = [paid_in_full(share) for share in held_shares(plan, MARKET, {})]
    assert [(p.net, p.fee) for p in paid] == [(7_200, 800), (1_800, 200)]


@pytest.mark.parametrize(
    ("gross", "bps", "fee"),
    [
        *((1, 1_000, 0), (4, 1_000, 0), (5, 1_000, 1), (14, 1_000, 1), (15, 1_000, 2)),
        *((7, 10_000, 7), (9_999, 1, 1), (4_999, 1, 0), (5_000, 1, 1), (100, 0, 0)),
    ],
)
def test_a_fee_is_rounded_half_up_and_the_rest_is_the_payee_s(
    gross: int, bps: int, fee: int
) -> None:
    """Accounts rule 7: floor((gross * bps + 5000) / 10000), and share = gross - fee."""
    (share,) = held_shares(terms(ShareTerms("a", "seller", gross, bps)), MARKET, {})
    assert (share.fee, paid_in_full(share).net) == (fee, gross - fee)


@pytest.mark.parametrize(
    ("kind", "escrow", "bps"),
    [
        ("seller", "order.o1", 1_000),
        ("seller", "auction.a1", 0),
        ("partner", "service.x", 1_500),
        ("carrier", "shipment.s1", 0),
        ("worker", "gig.g1", 0),
    ],
)
def test_the_rate_where_nobody_has_named_one(kind: str, escrow: str, bps: int) -> None:
    """Accounts rules 6, 8, 11 and 12.5."""
    plan = terms(ShareTerms("a", kind, 10_000), escrow=escrow)  # type: ignore[arg-type]
    (share,) = held_shares(plan, MARKET, {})
    assert share.fee_bps == bps


def test_an_operator_s_rates_and_a_plan_s_own() -> None:
    """The market's figures stand for shares that name none."""
    market = Market(currency="NGN", goods_fee_bps=100, service_fee_bps=200, auction_fee_bps=300)
    plan = terms(
        ShareTerms("a", "seller", 10_000),
        ShareTerms("b", "partner", 10_000),
        ShareTerms("c", "partner", 10_000, 1_350),
    )
    assert [share.fee for share in held_shares(plan, market, {})] == [100, 200, 1_350]
    auction = terms(ShareTerms("a", "seller", 10_000), escrow="auction.a1")
    assert [share.fee for share in held_shares(auction, market, {})] == [300]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(GROSSES, st.data())
def test_parts_make_the_total_and_none_is_below_zero(
    grosses: list[int], data: st.DataObject
) -> None:
    """Accounts INV-7, whatever the discount or the platform's part; none is off by a unit."""
    total = data.draw(st.integers(min_value=1, max_value=2 * sum(grosses)))
    parts = parts_of(total, grosses)
    assert sum(parts) == total
    for gross, part in zip(grosses, parts, strict=True):
        assert part >= 0
        assert abs(part * sum(grosses) - gross * total) < sum(grosses)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(AMOUNTS, st.integers(0, 10_000), AMOUNTS, st.data())
def test_a_part_of_a_share_loses_nothing(
    gross: int, bps: int, part: int, data: st.DataObject
) -> None:
    """A divided share: net and fee make the gross, and it is never more than the whole."""
    share = HeldShare("a", "seller", gross, bps, 0, part)
    paid = paid_in_part(share, data.draw(st.integers(0, part)))
    assert paid.net + paid.fee == paid.gross <= gross
    assert paid.net >= 0


def test_a_deal_s_room() -> None:
    """The name that other domains address."""
    assert escrow_room("shipment", "s1") == "escrow:shipment.s1"
