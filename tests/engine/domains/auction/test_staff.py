"""What staff do to an auction, and where auction 3 has no row."""

import pytest

from engine.domains.auction import events as e
from engine.domains.auction import notices as n
from engine.domains.auction.guards import FROM
from engine.kernel.time import HOUR
from testkit.house import House
from tests.engine.domains.auction import cast
from tests.engine.domains.auction.cast import (
    ANN,
    BOB,
    BOSS,
    CAT,
    END,
    GUEST,
    MOD,
    ROOM,
    SELLER,
    START,
    M,
    bid,
    cancel,
    create,
    ended,
    extend,
    live,
    maximum,
    scheduled,
)


def test_admin_extends_to_a_later_time(live_house: House) -> None:
    """Row 071: later, by an admin, with a reason; old and new value are kept."""
    live_house.when(MOD, extend(END + HOUR)).then_rejected("FORBIDDEN")
    live_house.when(BOSS, extend(END + HOUR, "")).then_rejected("REASON_REQUIRED")
    live_house.when(BOSS, extend(END)).then_rejected("SCHEDULE_INVALID", end_at=END)
    live_house.when(BOSS, extend(END + HOUR))
    live_house.then(
        e.AuctionExtended,
        cause="ADMIN",
        end_at=END + HOUR,
        previous_end_at=END,
        reason="storm",
    )
    view = live_house.view(GUEST, ROOM)
    assert (view["end_at"], view["original_end_at"]) == (END + HOUR, END)


def test_admin_extends_within_the_hard_end(house: House) -> None:
    """X5: the absolute end is absolute."""
    live(house, hard_end_at=END + HOUR)
    house.when(BOSS, extend(END + HOUR + 1)).then_rejected("SCHEDULE_INVALID")
    house.when(BOSS, extend(END + HOUR)).then_accepted()


def test_admin_extensions_do_not_use_up_the_cap(house: House) -> None:
    """X5: max_extensions counts those by bids."""
    live(house, max_extensions=1).given((BOSS, extend(END + 1))).at(END)
    house.when(ANN, bid(50 * M)).then(e.AuctionExtended, cause="BID")


def test_cancelling_releases_all_holds(live_house: House) -> None:
    """Row 074: live -> cancelled; leader and seller are told."""
    live_house.given((ANN, maximum(100 * M)))
    live_house.when(MOD, cancel("")).then_rejected("REASON_REQUIRED")
    live_house.when(MOD, cancel()).then(e.AuctionCancelled, previous_status="live")
    live_house.then(n.SaleChanged, status="cancelled")
    live_house.then(n.CalledOff, reason="stolen")
    assert live_house.held("ann") == 0
    assert live_house.core.claims == {
        key: room for key, room in live_house.core.claims.items() if key.startswith("deposit:")
    }


@pytest.mark.parametrize("status", ["draft", "scheduled"])
def test_cancelling_before_the_start(house: House, status: str) -> None:
    """draft, scheduled -> cancelled; it never starts."""
    if status == "draft":
        house.given((SELLER, create()))
    else:
        scheduled(house)
    house.when(MOD, cancel()).then(e.AuctionCancelled, previous_status=status)
    house.at(END)
    assert house.state(ROOM).status == "cancelled"


def test_cancelling_after_the_end(house: House) -> None:
    """Row 074: after ended -> INVALID_TRANSITION."""
    ended(house, (ANN, bid(50 * M)))
    house.when(MOD, cancel()).then_rejected("INVALID_TRANSITION", status="pending_settlement")


def test_cancelled_stays_readable(live_house: House) -> None:
    """Row 079: with its reason."""
    live_house.given((MOD, cancel()))
    view = live_house.view(GUEST, ROOM)
    assert (view["status"], view["reason"]) == ("cancelled", "stolen")


COMMANDS = {
    type(command): (who, command)
    for who, command in (
        (MOD, cast.approve()),
        (MOD, cast.reject()),
        (BOSS, extend(END + HOUR)),
        (MOD, cast.force_end()),
        (MOD, cancel()),
        (BOSS, cast.void()),
        (CAT, cast.withdraw()),
        (CAT, cast.fund()),
        (CAT, cast.decline()),
        (CAT, cast.pay()),
        (CAT, cast.deliver()),
        (CAT, cast.document()),
        (SELLER, cast.delivered()),
        (CAT, cast.confirm()),
        (SELLER, cast.relist(END)),
    )
}


def _reach(house: House, status: str) -> None:
    """Bring auction a1 into this state, with cat as winner where there is one."""
    if status == "draft":
        house.given((SELLER, create()))
    elif status == "scheduled":
        scheduled(house)
    elif status == "cancelled":
        scheduled(house).given((MOD, cancel()))
    else:
        live(house)
        if status in ("unsold", "relisted"):
            house.at(END)
        if status in ("pending_settlement", "settled"):
            house.given((BOB, bid(50 * M)), (CAT, bid(60 * M))).at(END)
        if status == "settled":
            house.given((CAT, cast.pay()))
        if status == "relisted":
            house.given((SELLER, cast.relist(END)))


STATES = (
    "draft",
    "scheduled",
    "live",
    "pending_settlement",
    "settled",
    "unsold",
    "cancelled",
    "relisted",
)


@pytest.mark.parametrize("status", STATES)
def test_missing_rows_are_refused(house: House, status: str) -> None:
    """Auction 3: every command in every state that has no row for it, and nothing changes."""
    _reach(house, status)
    assert house.state(ROOM).status == status
    for kind, (who, command) in COMMANDS.items():
        if status not in FROM[kind]:
            house.when(who, command).then_rejected("INVALID_TRANSITION", status=status)
            assert house.state(ROOM).status == status


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
def test_unknown_auctions_are_not_found(house: House, kind: type) -> None:
    """AUCTION_NOT_FOUND, whoever asks whatever; the room is not made by asking."""
    who, command = COMMANDS[kind]
    house.when(who, command).then_rejected("AUCTION_NOT_FOUND", auction="a1")
    assert ROOM not in house.core.rooms


def test_every_transition_command_is_in_the_table() -> None:
    """The table above and the one of the domain name the same commands."""
    assert set(COMMANDS) == set(FROM)


def test_starting_late_starts_at_once(house: House) -> None:
    """StartDue after its time: at once."""
    scheduled(house).at(START - 1).outage(START - 1, START + 5).then(e.AuctionStarted)
