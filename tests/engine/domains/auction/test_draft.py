"""Drawing up, approving, rejecting and relisting (auction A1-A4, 3)."""

import pytest

from engine.domains.auction import events as e
from engine.domains.auction.messages import CreateRelisted
from engine.domains.auction.notices import SaleChanged
from engine.kernel.actor import VERIFIED_SELLER, Actor
from engine.kernel.market import USD_INCREMENTS
from engine.kernel.time import HOUR
from testkit.house import House
from tests.engine.domains.auction import cast
from tests.engine.domains.auction.cast import (
    ANN,
    BOSS,
    END,
    GUEST,
    MOD,
    RIVAL,
    ROOM,
    SELLER,
    START,
    M,
    approve,
    bid,
    cancel,
    create,
    reject,
    relist,
)


def test_dealer_creates_and_staff_approve(house: House) -> None:
    """Row 045: a draft; a dealer may not approve it, a manager may."""
    house.when(SELLER, create()).then(e.AuctionCreated, created_by="seller")
    assert house.state(ROOM).status == "draft"
    house.when(SELLER, approve()).then_rejected("FORBIDDEN")
    house.when(MOD, approve()).then_only(e.AuctionScheduled)
    assert house.state(ROOM).status == "scheduled"
    result = house.result
    assert (result["auction"], result["status"], result["end_at"]) == ("a1", "scheduled", END)


@pytest.mark.parametrize("kind", ["timed", "reserve", "no_reserve", "flash"])
def test_four_kinds(house: House, kind: str) -> None:
    """Row 046: each kind can be created with what it asks for."""
    reserve = 60 * M if kind == "reserve" else None
    end_at = START + HOUR
    house.when(SELLER, create(kind=kind, reserve_price=reserve, end_at=end_at))
    house.then(e.AuctionCreated)


@pytest.mark.parametrize(
    ("kind", "reserve"),
    [("reserve", None), ("no_reserve", 60 * M), ("timed", 49 * M), ("reserve", 49 * M)],
)
def test_reserve_goes_with_kind(house: House, kind: str, reserve: int | None) -> None:
    """A3: needed, forbidden, and never below the start price."""
    house.when(SELLER, create(kind=kind, reserve_price=reserve)).then_rejected("RESERVE_INVALID")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end_at": START}, "end_at"),
        ({"hard_end_at": END - 1}, "hard_end_at"),
        ({"kind": "flash", "end_at": START + HOUR + 1}, "end_at"),
    ],
)
def test_schedule_is_possible(house: House, changes: dict[str, object], field: str) -> None:
    """A4, X5 and 12.11: the times make sense."""
    house.when(SELLER, create(**changes)).then_rejected("SCHEDULE_INVALID", field=field)


@pytest.mark.parametrize(
    "changes",
    [
        {"bid_increment": 5 * M - 1},
        {"increments": ((0, 5 * M), (100 * M, 4 * M))},
        {"increments": ((1, 5 * M),)},
        {"increments": ((0, 5 * M), (10, 5 * M), (10, 6 * M))},
        {"currency": "USD", "increments": ((0, 0),)},
    ],
)
def test_increments_are_valid(house: House, changes: dict[str, object]) -> None:
    """A4, X2: at least the market's floor, ascending from 0, above zero."""
    house.when(SELLER, create(**changes)).then_rejected("INCREMENT_INVALID")


def test_increment_at_the_floor(house: House) -> None:
    """A4: 5,000,000 kobo is enough."""
    house.when(SELLER, create(bid_increment=5 * M)).then_accepted()
    assert house.state(ROOM).terms.increments == ((0, 5 * M),)


def test_schedule_overrides_increment(house: House) -> None:
    """X2: `increments` wins over `bid_increment`, and a market may have a usual schedule."""
    rows = ((0, 5 * M), (100 * M, 10 * M))
    house.given((SELLER, create(bid_increment=7 * M, increments=rows)))
    assert house.state(ROOM).terms.increments == rows
    house.given((RIVAL, create("a2", vehicle="v2", currency="USD")))
    assert house.state("auction:a2").terms.increments == USD_INCREMENTS


def test_terms_are_resolved_once(house: House) -> None:
    """Figures left out are the market's, and stand in the event from then on."""
    house.given((SELLER, create()))
    terms = house.state(ROOM).terms
    assert (terms.deposit_bps, terms.extension_window_ms, terms.extension_ms) == (
        2000,
        120_000,
        120_000,
    )


def test_figures_of_zero_are_kept(house: House) -> None:
    """A figure of 0 is asked for, not left out."""
    house.given((SELLER, create(deposit_bps=0, extension_ms=0)))
    terms = house.state(ROOM).terms
    assert (terms.deposit_bps, terms.extension_ms) == (0, 0)


def test_one_auction_for_a_vehicle(house: House) -> None:
    """A1, row 078: from draft on; free again when cancelled."""
    house.given((SELLER, create()))
    house.when(RIVAL, create("a2")).then_rejected("VEHICLE_IN_AUCTION", vehicle="v1")
    house.given((MOD, cancel())).when(RIVAL, create("a2")).then(e.AuctionCreated)


def test_sellers_are_identified(house: House) -> None:
    """A2: KYC approved; staff need none, and only they sell for others."""
    unknown = Actor("new", VERIFIED_SELLER, "pending")
    house.when(unknown, create()).then_rejected("KYC_REQUIRED", kyc="pending")
    house.when(SELLER, create(seller="rival")).then_rejected("FORBIDDEN")
    house.when(Actor("mod", "manager"), create(seller="rival")).then_accepted()
    assert house.state(ROOM).terms.seller == "rival"


def test_who_may_create(house: House) -> None:
    """Row 045, 12.11: dealers, verified sellers and staff, nobody else."""
    house.when(ANN, create()).then_rejected("FORBIDDEN")
    house.when(GUEST, create()).then_rejected("UNAUTHENTICATED")
    house.when(cast.CAT, create()).then_accepted()


def test_featuring_is_for_staff(house: House) -> None:
    """A seller cannot feature their own auction."""
    house.when(SELLER, create(featured=True)).then_rejected("FORBIDDEN")
    house.when(MOD, create(featured=True, seller="seller")).then_accepted()
    assert house.view(GUEST, ROOM)["featured"] is True


def test_an_id_is_used_once(house: House) -> None:
    """A second auction of the same id is refused."""
    house.given((SELLER, create()))
    house.when(SELLER, create(vehicle="v2")).then_rejected("INVALID_TRANSITION")


def test_approval_before_the_start(house: House) -> None:
    """Auction 3: start_at > now, strictly."""
    house.given((SELLER, create())).at(START)
    house.when(MOD, approve()).then_rejected("SCHEDULE_INVALID", field="start_at")


def test_reject_needs_a_reason(house: House) -> None:
    """draft -> cancelled (REJECTED), with a reason; the vehicle is free."""
    house.given((SELLER, create()))
    house.when(MOD, reject(" ")).then_rejected("REASON_REQUIRED", field="reason")
    house.when(MOD, reject()).then(e.AuctionCancelled, cause="REJECTED", reason="no papers")
    house.then(SaleChanged, status="cancelled")
    assert house.view(GUEST, ROOM)["reason"] == "no papers"
    house.when(RIVAL, create("a2")).then_accepted()


def unsold(house: House) -> House:
    """Auction a1 ended without a bid."""
    return cast.ended(house)


def test_relisting_starts_a_draft_in_a_new_room(house: House) -> None:
    """unsold -> relisted, row 064: a new id in draft, with edited prices."""
    unsold(house)
    command = relist(house.now, start_price=40 * M, kind="reserve", reserve_price=45 * M)
    house.when(SELLER, command).then(e.AuctionRelisted, new_auction="a2")
    house.then(e.AuctionCreated, relisted_from="a1", created_by="seller")
    assert house.state(ROOM).status == "relisted"
    new = house.state("auction:a2")
    assert (new.status, new.terms.start_price, new.terms.reserve_price) == ("draft", 40 * M, 45 * M)
    assert house.view(GUEST, ROOM)["relisted_as"] == "a2"


def test_relisting_keeps_what_is_not_edited(house: House) -> None:
    """What is left out stays as it was, but the caps of the old schedule."""
    cast.ended(house, reserve_price=60 * M, max_extensions=1, hard_end_at=END + HOUR)
    house.given((MOD, relist(house.now)))
    terms = house.state("auction:a2").terms
    assert (terms.vehicle, terms.reserve_price) == ("v1", 60 * M)
    assert (terms.max_extensions, terms.hard_end_at) == (None, None)


def test_relisting_without_reserve(house: House) -> None:
    """A change to no_reserve drops the old reserve."""
    cast.ended(house, reserve_price=60 * M)
    house.given((SELLER, relist(house.now, kind="no_reserve")))
    assert house.state("auction:a2").terms.reserve_price is None


def test_relisting_is_checked_like_creating(house: House) -> None:
    """A1, A3, A4, the new id, and who asks."""
    unsold(house)
    house.when(RIVAL, relist(house.now)).then_rejected("FORBIDDEN")
    house.when(Actor("seller", "dealer"), relist(house.now)).then_rejected("KYC_REQUIRED")
    house.when(SELLER, relist(house.now, "a1")).then_rejected("INVALID_TRANSITION")
    bad = relist(house.now, kind="reserve", reserve_price=1)
    house.when(SELLER, bad).then_rejected("RESERVE_INVALID")
    house.when(SELLER, relist(house.now, end_at=1)).then_rejected("SCHEDULE_INVALID")
    house.when(SELLER, relist(house.now, bid_increment=1)).then_rejected("INCREMENT_INVALID")
    house.given((RIVAL, create("a2", vehicle="v2")))
    house.when(SELLER, relist(house.now, "a2")).then_rejected("INVALID_TRANSITION")
    house.given((RIVAL, create("a3")))
    house.when(SELLER, relist(house.now, "a4")).then_rejected("VEHICLE_IN_AUCTION")


def test_a_relisting_does_not_overwrite(house: House) -> None:
    """Should the room exist by the time the message comes, it stays as it is."""
    house.given((SELLER, create()))
    terms = house.state(ROOM).terms
    message = CreateRelisted(terms=terms, created_by="mod", relisted_from="a0")
    house.when_told(ROOM, message).then_rejected("INVALID_TRANSITION")


def test_a_sold_vehicle_is_not_relisted(house: House) -> None:
    """Only an unsold one is."""
    cast.ended(house, (ANN, bid(50 * M)))
    house.when(BOSS, relist(house.now)).then_rejected(
        "INVALID_TRANSITION", status="pending_settlement", command="auction.relist"
    )
