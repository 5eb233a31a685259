"""Lots that share a soft close (auction X9)."""

import pytest

from engine.domains.auction import events as e
from engine.domains.auction import group as g
from engine.domains.auction.messages import LotClosed, LotExtended, LotOpened
from engine.domains.auction.terms import GROUP_LOTS_MAX
from engine.house import DEAD_LETTERS
from engine.kernel.time import HOUR, MINUTE
from testkit.house import House
from tests.engine.domains.auction.cast import (
    ANN,
    BOB,
    BOSS,
    END,
    GUEST,
    MOD,
    SELLER,
    START,
    M,
    approve,
    bid,
    cancel,
    create,
    extend,
)

GROUP = "auction_group:g1"


def lots(house: House, *names: str, **changes: object) -> House:
    """Live lots of group g1."""
    for user in (ANN, BOB):
        house.deposit(user.user, 1_000 * M)
    for name in names:
        lot = create(name, vehicle=name, group="g1", **changes)
        house.given((SELLER, lot), (MOD, approve(name)))
    return house.at(START)


def ends(house: House, *names: str) -> list[int]:
    """How long after the first end each lot ends, ms."""
    return [house.state(f"auction:{name}").end_at - END for name in names]


def test_a_bid_extends_all_open_lots(house: House) -> None:
    """X9: all that are still open, for cause GROUP, and no loop."""
    lots(house, "a1", "a2", "a3").at(END - 1).when(ANN, bid(50 * M, auction="a2"))
    house.then(e.AuctionExtended, cause="BID").then(g.GroupExtended, auction="a2")
    house.then(e.AuctionExtended, cause="GROUP").then(e.AuctionExtended, cause="GROUP")
    assert ends(house, "a1", "a2", "a3") == [2 * MINUTE] * 3
    assert len(house.happened(g.GroupExtended)) == 1


def test_lots_of_others_are_left_alone(house: House) -> None:
    """Only the group's."""
    house.given((SELLER, create("b1", vehicle="b1")), (MOD, approve("b1")))
    lots(house, "a1").at(END - 1).given((ANN, bid(50 * M)))
    assert ends(house, "a1", "b1") == [2 * MINUTE, 0]


def test_a_lot_that_ends_later_is_not_shortened(house: House) -> None:
    """At least to the same end."""
    lots(house, "a1", "a2").given((BOSS, extend(END + HOUR, auction="a2"))).at(END - 1)
    house.when(ANN, bid(50 * M)).then(g.GroupExtended)
    assert ends(house, "a1", "a2") == [2 * MINUTE, HOUR]


def test_closed_and_cancelled_lots_have_left(house: House) -> None:
    """A lot leaves when it takes no more bids."""
    lots(house, "a1", "a2", "a3").given((MOD, cancel(auction="a2"))).at(END - 1)
    assert house.state(GROUP).lots == ["a1", "a3"]
    house.given((ANN, bid(50 * M)))
    assert ends(house, "a2") == [0]
    house.at(END + 2 * MINUTE)
    assert house.state(GROUP).lots == []


def test_other_causes_stay_with_the_lot(house: House) -> None:
    """Only an extension by a bid is shared."""
    lots(house, "a1", "a2").given((BOSS, extend(END + HOUR)))
    assert ends(house, "a1", "a2") == [HOUR, 0]


def test_the_hard_end_of_a_lot_stands(house: House) -> None:
    """X5 goes before X9."""
    lots(house, "a1").deposit("ann", 1)
    capped = create("a2", vehicle="a2", group="g1", start_at=START + 1, hard_end_at=END + MINUTE)
    house.given((SELLER, capped), (MOD, approve("a2"))).at(END - 1)
    house.given((ANN, bid(50 * M)))
    assert ends(house, "a1", "a2") == [2 * MINUTE, MINUTE]


def test_group_extensions_do_not_use_up_the_cap(house: House) -> None:
    """X5: max_extensions counts those by the lot's own bids."""
    lots(house, "a1", "a2", max_extensions=1).at(END - 1).given((ANN, bid(50 * M)))
    house.at(END + 2 * MINUTE - 1).when(BOB, bid(50 * M, auction="a2"))
    house.then(e.AuctionExtended, cause="BID")


@pytest.mark.parametrize("message", [LotClosed(auction="zz"), LotExtended(auction="zz", end_at=1)])
def test_strangers_are_ignored(house: House, message: object) -> None:
    """A lot that could not join has no say."""
    lots(house, "a1").when_told(GROUP, message).then_nothing_happened()


def test_a_full_group(house: House) -> None:
    """GROUP_FULL at the creation; a lot that opens all the same closes on its own."""
    for number in range(GROUP_LOTS_MAX):
        house.when_told(GROUP, LotOpened(auction=f"l{number}")).then(g.LotJoined)
    house.when(SELLER, create(group="g1")).then_rejected("GROUP_FULL", group="g1")
    house.when_told(GROUP, LotOpened(auction="a1")).then_rejected("GROUP_FULL")
    assert DEAD_LETTERS not in house.core.rooms


def test_the_group_is_public(house: House) -> None:
    """Which lots, and to where they were extended."""
    lots(house, "a1", "a2")
    assert house.view(GUEST, GROUP) == {"lots": ["a1", "a2"], "end_at": None}
    assert house.history(GUEST, GROUP)[0] == {"auction": "a1"}
