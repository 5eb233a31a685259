"""What happens by itself: start, close, outages, absence (auction 6, X10)."""

import pytest

from engine.contract import Outage, Presence, Wake, presence_key
from engine.domains.auction import AUCTION
from engine.domains.auction import events as e
from engine.kernel.time import DAY, HOUR, MINUTE, SECOND
from testkit.house import House
from tests.engine.domains.auction.cast import (
    ANN,
    BOB,
    BOSS,
    END,
    GUEST,
    MOD,
    ROOM,
    START,
    M,
    bid,
    cancel,
    ended,
    extend,
    live,
    maximum,
    scheduled,
)

LAST = END - 2 * MINUTE
KEY = presence_key("ann", ROOM)


def test_start_and_close_at_their_times(house: House) -> None:
    """StartDue at start_at, CloseDue at end_at, each at its own moment."""
    scheduled(house).at(END)
    times = {type(a.event): a.record.at for a in house.log if a.room.name == ROOM}
    assert (times[e.AuctionStarted], times[e.AuctionEnded]) == (START, END)


def test_nothing_is_due_in_rest(house: House) -> None:
    """Drafts, and what is over, have no timer."""
    for status in ("absent", "draft", "unsold", "settled", "cancelled", "relisted"):
        state = AUCTION.initial()
        state.status = status
        assert AUCTION.due(state, END) is None


def test_waking_too_early_does_nothing(house: House) -> None:
    """A wake decides by the time, not by having come."""
    scheduled(house).when_told(ROOM, Wake()).then_nothing_happened()
    house.at(START).when_told(ROOM, Wake()).then_nothing_happened()
    house.at(END).when_told(ROOM, Wake()).then_nothing_happened()


def test_waking_early_in_settlement_does_nothing(house: House) -> None:
    """Deadlines are not brought forward."""
    ended(house, (ANN, bid(50 * M))).when_told(ROOM, Wake()).then_nothing_happened()


@pytest.mark.parametrize(
    ("since", "until", "end_at"),
    [
        (LAST - HOUR, LAST, END),
        (LAST - HOUR, LAST + 1, END + 1),
        (LAST + 1, LAST + 2, END + 2),
        (END - 1, END + HOUR, END + HOUR + 2 * MINUTE),
    ],
)
def test_outage_in_the_last_minutes_is_made_good(
    live_house: House, since: int, until: int, end_at: int
) -> None:
    """Auction 6: overlapping the last 120 s -> recovery + 120 s."""
    live_house.at(min(since, live_house.state(ROOM).end_at - 1)).outage(since, until)
    assert live_house.state(ROOM).end_at == end_at
    assert live_house.state(ROOM).status == "live"


def test_outage_after_the_end_changes_nothing(live_house: House) -> None:
    """The overlap is half-open: from end_at on nothing was missed."""
    state = live_house.state(ROOM)
    live_house.core.now = END
    live_house.when_told(ROOM, Outage(since=END)).then_nothing_happened()
    assert state.end_at == END


def test_outage_extension_is_counted_apart(house: House) -> None:
    """X5: it does not use up max_extensions, and not hard_end_at either: bidders missed it."""
    live(house, max_extensions=1, hard_end_at=END).at(END - 1).outage(END - 1, END + 1)
    house.then(e.AuctionExtended, cause="OUTAGE", end_at=END + 1 + 2 * MINUTE)
    state = house.state(ROOM)
    assert (state.bid_extensions, state.other_extensions) == (0, 1)


def test_outage_over_the_whole_auction(house: House) -> None:
    """One that was to start and end meanwhile starts, and gives its last minutes."""
    scheduled(house).at(START - 1).outage(START - 1, END + DAY)
    house.then(e.AuctionStarted).then(e.AuctionExtended, cause="OUTAGE")
    assert house.state(ROOM).end_at == END + DAY + 2 * MINUTE


def test_outage_does_not_stop_deadlines(house: House) -> None:
    """Auction 6: DepositDue and PaymentDue fire at once."""
    ended(house, (ANN, bid(50 * M))).outage(END + 1, END + 2 * DAY)
    house.then(e.DepositForfeited, user="ann")


def test_switch_withdraws_after_the_absence(live_house: House) -> None:
    """X10: away for so long and not leading -> withdrawn, as a logged event."""
    live_house.given((ANN, maximum(60 * M, 30 * SECOND)), (BOB, maximum(100 * M)))
    live_house.presence("ann", online=False).then(e.BidderAway, user="ann")
    live_house.advance(30 * SECOND - 1)
    assert live_house.state(ROOM).bidders["ann"].maximum == 60 * M
    live_house.advance(1).then(e.MaxBidWithdrawn, user="ann", cause="OFFLINE", frees=(KEY,))
    assert KEY not in live_house.core.claims


def test_switch_waits_while_its_owner_leads(live_house: House) -> None:
    """X10: a leading maximum stands; once outbid it goes at once."""
    live_house.given((ANN, maximum(60 * M, 30 * SECOND)))
    live_house.presence("ann", online=False).advance(HOUR)
    assert live_house.state(ROOM).bidders["ann"].maximum == 60 * M
    live_house.given((BOB, bid(80 * M))).advance(0).then(e.MaxBidWithdrawn, user="ann")


def test_coming_back_in_time(live_house: House) -> None:
    """X10: then it stands, and the next absence counts anew."""
    live_house.given((ANN, maximum(60 * M, 30 * SECOND)), (BOB, maximum(100 * M)))
    live_house.presence("ann", online=False).advance(29 * SECOND)
    live_house.presence("ann", online=True).then(e.BidderBack, user="ann").advance(HOUR)
    assert live_house.state(ROOM).bidders["ann"].maximum == 60 * M
    live_house.presence("ann", online=False).advance(29 * SECOND)
    assert live_house.state(ROOM).bidders["ann"].maximum == 60 * M


def test_presence_without_a_change_is_no_event(live_house: House) -> None:
    """Told twice, or without a switch: nothing happens."""
    live_house.given((ANN, maximum(60 * M, 30 * SECOND)), (BOB, maximum(100 * M)))
    live_house.presence("ann", online=True).then_nothing_happened()
    live_house.given((BOB, maximum(120 * M)))
    assert "bob" not in live_house.core.watchers
    live_house.when_told(ROOM, Presence(user="bob", online=False)).then_nothing_happened()


def test_a_new_maximum_decides_the_switch_anew(live_house: House) -> None:
    """Without `cancel_if_offline_ms` it is off, and the room no longer asks."""
    live_house.given((ANN, maximum(60 * M, 30 * SECOND)))
    assert live_house.core.claims[KEY] == ROOM
    live_house.given((ANN, maximum(70 * M, 60 * SECOND)))
    live_house.given((ANN, maximum(80 * M)))
    assert KEY not in live_house.core.claims


def test_bidding_again_ends_an_absence(live_house: House) -> None:
    """Somebody who sets a maximum is here."""
    live_house.given((ANN, maximum(60 * M, 30 * SECOND)), (BOB, maximum(100 * M)))
    live_house.presence("ann", online=False).given((ANN, maximum(105 * M, 30 * SECOND)))
    assert live_house.state(ROOM).away == {}


@pytest.mark.parametrize("over", ["ended", "cancelled"])
def test_switches_end_with_the_auction(live_house: House, over: str) -> None:
    """No claim is left behind."""
    live_house.given((ANN, maximum(60 * M, 30 * SECOND)))
    if over == "ended":
        live_house.at(END)
    else:
        live_house.given((MOD, cancel()))
    assert KEY not in live_house.core.claims


def test_one_effective_end(live_house: House) -> None:
    """X6: every path reads end_at; original_end_at is history."""
    live_house.given((BOSS, extend(END + HOUR))).at(END).when(ANN, bid(50 * M)).then_accepted()
    live_house.at(END + HOUR).then(e.AuctionEnded, end_at=END + HOUR)
    assert live_house.view(GUEST, ROOM)["original_end_at"] == END
