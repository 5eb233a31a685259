"""Tests of testkit/histories.py: what can be true passes, and each lie is found."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from testkit.histories import BID, Bid, Room, Told, Watch, longest_gap_s, longest_wait_s, violations

ROOM = "auction:a1"
BIDDERS = ("ada", "ben", "cem")


class Story(Struct):
    """One room and everybody who was there."""

    room: Room
    bids: list[Bid]
    watches: list[Watch]

    def lies(self) -> list[str]:
        """What the checker says."""
        return list(violations([self.room], self.bids, self.watches))

    def bid(self, seq: int) -> Bid:
        """The bid that was acknowledged at this seq."""
        return next(bid for bid in self.bids if bid.seq == seq)


def happened(seed: int, steps: int = 60) -> Story:
    """What bidders and watchers of a house without faults would have seen: sendings, decisions
    and answers of several bidders interleaved, answers that were lost, watchers who came late."""
    dice = Random(seed)
    events = [Told(1, 1_000, "auction.started", {})]
    bids: list[Bid] = []
    under_way: list[Bid] = []
    decided: list[Bid] = []
    price = 0
    for step in range(1, steps):
        now_s = float(step)
        act = dice.choice(("send", "decide", "answer"))
        if act == "send":
            bid = Bid(ROOM, dice.choice(BIDDERS), f"b{step}", 100 + step, now_s)
            bids.append(bid)
            under_way.append(bid)
        elif act == "decide" and under_way:
            bid = under_way.pop(dice.randrange(len(under_way)))
            decided.append(bid)
            if bid.amount <= price:
                bid.refused, bid.price = "BID_TOO_LOW", price
                continue
            price = bid.amount
            seq, at = len(events) + 1, 1_000 * step
            events.append(Told(seq, at, BID, {"bidder": bid.user, "amount": bid.amount}))
            bid.seq, bid.at, bid.receipt = seq, at, f"hash{seq}"
        elif act == "answer" and decided:
            decided.pop(dice.randrange(len(decided))).answered_s = now_s
    for bid in decided:
        # Their answers were lost, so nothing is known.
        bid.seq, bid.at, bid.receipt, bid.refused, bid.price = 0, 0, "", "", None
    return Story(Room(ROOM, events), bids, _watches(events, dice))


def _watches(events: list[Told], dice: Random) -> list[Watch]:
    shown = [replace(told, data={"amount": told.data.get("amount")}) for told in events]
    watches = []
    for number in range(3):
        since = dice.randrange(len(events))
        told = shown[since:]
        epochs = ["log1"] * dice.randint(1, 3)
        watches.append(Watch(f"guest {number}", ROOM, since=since, told=told, epochs=epochs))
    told = list(events)
    watches.append(Watch("admin boss", ROOM, viewer="admin", told=told, epochs=["log1"]))
    return watches


@given(st.integers(0, 2**32), st.integers(1, 120))
def test_what_can_be_true_passes(seed: int, steps: int) -> None:
    """However sendings, decisions and answers fall: no false alarm."""
    assert happened(seed, steps).lies() == []


def sound() -> Story:
    """A story in which three bids were acknowledged, one was refused, and one is open."""
    events = [
        Told(1, 1_000, "auction.started", {}),
        Told(2, 2_000, BID, {"bidder": "ada", "amount": 100}),
        Told(3, 3_000, BID, {"bidder": "ben", "amount": 110}),
        Told(4, 4_000, BID, {"bidder": "ada", "amount": 120}),
    ]
    bids = [
        Bid(ROOM, "ada", "a1", 100, 1.9, 2.1, 2, 2_000, "hash2", again=(2, 2_000, "hash2")),
        Bid(ROOM, "ben", "b1", 110, 2.9, 3.1, 3, 3_000, "hash3"),
        Bid(ROOM, "ada", "a2", 120, 3.9, 4.1, 4, 4_000, "hash4"),
        Bid(ROOM, "ben", "b2", 105, 3.2, 3.3, refused="BID_TOO_LOW", price=110),
        Bid(ROOM, "ben", "b3", 130, 5.0),
    ]
    return Story(Room(ROOM, events), bids, _watches(events, Random(1)))


def _drop_the_last_event(story: Story) -> None:
    story.room = replace(story.room, events=story.room.events[:-1])
    for watch in story.watches:
        watch.told = [told for told in watch.told if told.seq < 4]


def _place_again(story: Story) -> None:
    twice = replace(story.room.events[3], seq=5, at=5_000)
    _happen(story, twice)


def _happen(story: Story, told: Told) -> None:
    story.room = replace(story.room, events=[*story.room.events, told])
    for watch in story.watches:
        shown = told.data if watch.viewer == "admin" else {"amount": told.data["amount"]}
        watch.told.append(replace(told, data=shown))


def _write_for_nobody(story: Story) -> None:
    _happen(story, Told(5, 5_000, BID, {"bidder": "eve", "amount": 140}))


def _write_what_was_refused(story: Story) -> None:
    _happen(story, Told(5, 5_000, BID, {"bidder": "ben", "amount": 105}))


def _acknowledge_elsewhere(story: Story) -> None:
    story.bid(3).seq = 1


def _acknowledge_at_another_time(story: Story) -> None:
    story.bid(3).at += 1


def _leave_a_gap(story: Story) -> None:
    events = list(story.room.events)
    del events[1]
    story.room = replace(story.room, events=events)


def _turn_time_back(story: Story) -> None:
    events = list(story.room.events)
    events[3] = replace(events[3], at=2_500)
    story.room = replace(story.room, events=events)


def _answer_in_the_wrong_order(story: Story) -> None:
    late = story.bid(3)
    late.sent_s, late.answered_s = 1.0, 1.5


def _give_one_receipt_twice(story: Story) -> None:
    story.bid(4).receipt = "hash3"


def _answer_otherwise_the_second_time(story: Story) -> None:
    story.bid(4).again = (5, 4_000, "hash5")


def _refuse_the_second_time(story: Story) -> None:
    story.bid(4).again = (0, 0, "BID_TOO_LOW")


def _refuse_by_an_old_price(story: Story) -> None:
    story.bids[3].price = 100


def _refuse_by_a_price_to_come(story: Story) -> None:
    story.bids[3].price = 120


def _tell_twice(story: Story) -> None:
    told = story.watches[-1].told
    told.insert(2, told[2])


def _tell_too_little(story: Story) -> None:
    del story.watches[-1].told[2]


def _stop_telling(story: Story) -> None:
    del story.watches[-1].told[-1]


def _tell_what_never_happened(story: Story) -> None:
    story.watches[-1].told.append(Told(5, 5_000, BID, {"bidder": "eve", "amount": 140}))


def _tell_another_amount(story: Story) -> None:
    story.watches[-1].told[3] = replace(story.watches[-1].told[3], data={"amount": 121})


def _tell_one_guest_more(story: Story) -> None:
    told = story.watches[0].told
    told[-1] = replace(told[-1], data={**told[-1].data, "reserve_met": True})


def _begin_anew(story: Story) -> None:
    story.watches[0].starts = 2


def _change_the_epoch(story: Story) -> None:
    story.watches[0].epochs = ["log1", "log2"]


LIES: dict[Callable[[Story], None], str] = {
    _drop_the_last_event: "was acknowledged at seq 4, and stands at no place",
    _place_again: r"was placed 2 times, at \[4, 5\]",
    _write_for_nobody: "nobody has sent the bid of eve over 140",
    _write_what_was_refused: "was refused with BID_TOO_LOW, and stands at 5",
    _acknowledge_elsewhere: r"was acknowledged at seq 1, and stands at \[3\]",
    _acknowledge_at_another_time: "was accepted at 3001, and stands at 3000",
    _leave_a_gap: "seq 3 stands where 2 should",
    _turn_time_back: "time goes back at seq 4",
    _answer_in_the_wrong_order: "b1 of ben was answered before a1 of ada was sent",
    _give_one_receipt_twice: "has the receipt of seq 3, and stands at 4",
    _answer_otherwise_the_second_time: r"first answered \(4, 4000, 'hash4'\), and then \(5",
    _refuse_the_second_time: r"first answered .* and then \(0, 0, 'BID_TOO_LOW'\)",
    _refuse_by_an_old_price: "refused on the price 100, when 110 had been acknowledged",
    _refuse_by_a_price_to_come: "refused on the price 120, when nobody had bid more than 110",
    _tell_twice: "admin boss in auction:a1: told seq 3 where 4 comes next",
    _tell_too_little: "admin boss in auction:a1: told seq 4 where 3 comes next",
    _stop_telling: "admin boss in auction:a1: was told 3 of 4 events",
    _tell_what_never_happened: "told seq 5, which never happened",
    _tell_another_amount: "admin boss in auction:a1: was told another seq 4",
    _tell_one_guest_more: "auction:a1: guest . was told",
    _begin_anew: "had to begin anew 1 times",
    _change_the_epoch: "the epoch went from log1 to log2",
}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__.strip("_"))
def test_each_lie_is_found(lie: Callable[[Story], None]) -> None:
    """And named by a sentence that says what is wrong."""
    story = sound()
    assert story.lies() == []
    lie(story)
    with pytest.raises(AssertionError, match=LIES[lie]):
        raise AssertionError("\n".join(story.lies()))


def test_a_history_that_was_given_up_need_not_reach_the_end() -> None:
    """So much was missed that it is not told again; what was told until then has to be true."""
    story = sound()
    first = story.watches[-1]
    first.told = first.told[:2]
    assert len(story.lies()) == 1
    first.is_over = True
    assert story.lies() == []
    first.told[1] = replace(first.told[1], at=2_001)
    assert story.lies() != []


def test_the_longest_gap_is_between_acknowledgements() -> None:
    """The edges of what is looked at count as acknowledgements, refusals do not."""
    bids = sound().bids
    assert longest_gap_s(bids, 2.0, 5.5) == pytest.approx(1.4)
    assert longest_gap_s(bids, 2.0, 4.2) == pytest.approx(1.0)
    assert longest_gap_s([], 2.0, 4.5) == 2.5


def test_the_longest_wait_is_of_one_bid() -> None:
    """From its first sending on; a bid without an answer has waited for nothing yet."""
    bids = sound().bids
    bids[1].sent_s = 2.2
    assert longest_wait_s(bids) == pytest.approx(0.9)
    assert longest_wait_s([]) == 0
