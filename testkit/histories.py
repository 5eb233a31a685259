"""What clients have seen, and whether it can be true: a checker that knows nothing of the engine.

Bidders and watchers write down what they sent and what they got, with the time by their own clock.
From these histories, and from the room's events as anybody may read them afterwards, it follows
whether anything acknowledged was lost, anything was done twice, or anybody was told another story.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from msgspec import Struct

BID = "auction.bid_placed"


class Bid(Struct):
    """A command of a bidder, and what became of it. Times are seconds of the bidder's clock."""

    room: str
    user: str
    id: str
    amount: int
    sent_s: float
    answered_s: float = 0.0
    """0 if no answer has come."""
    seq: int = 0
    """0 if it was not accepted."""
    at: int = 0
    """When it was accepted, by the house's clock."""
    receipt: str = ""
    """What it was given as proof."""
    refused: str = ""
    """The code of a refusal that is final."""
    price: int | None = None
    """The price that a refusal rested on, if it told one."""
    again: tuple[int, int, str] | None = None
    """`seq`, `at` and `receipt` of the answer when it was sent once more, long accepted."""


class Told(Struct, frozen=True):
    """An event as it was told."""

    seq: int
    at: int
    event: str
    data: Mapping[str, Any]


class Watch(Struct):
    """What one watcher of a room was told, over all their connections."""

    name: str
    room: str
    viewer: str = "guest"
    """Watchers who are the same kind of viewer are told the same words."""
    since: int = 0
    """The `seq` of the first snapshot."""
    told: list[Told] = []
    epochs: list[str] = []
    """What each subscription said, in order."""
    starts: int = 1
    """How often the house could not say what was missed, and the history began anew."""
    is_over: bool = False
    """So much was missed that another history takes the place of this one."""


class Room(Struct, frozen=True):
    """A room's events as staff may read them when all is over."""

    name: str
    events: Sequence[Told]


def violations(
    rooms: Iterable[Room], bids: Sequence[Bid], watches: Iterable[Watch]
) -> Iterator[str]:
    """Every way in which these histories cannot be true."""
    by_name = {room.name: room for room in rooms}
    watches = list(watches)
    bids_in: dict[str, list[Bid]] = defaultdict(list)
    for bid in bids:
        bids_in[bid.room].append(bid)
    for room in by_name.values():
        yield from _in_order(room)
        yield from _lost_or_twice(room, bids_in[room.name])
        yield from _receipts(room, bids_in[room.name])
        yield from _against_time(room, bids_in[room.name])
        yield from _refused_on_another_price(room, bids_in[room.name])
    for watch in watches:
        yield from _another_story(watch, by_name[watch.room])
        yield from _begun_anew(watch)
    yield from _other_words(watches)


def longest_gap(bids: Iterable[Bid], since_s: float, until_s: float) -> tuple[float, float]:
    """The longest time without an accepted bid, while somebody was always asking: from, until."""
    moments = sorted(b.answered_s for b in bids if b.seq and since_s <= b.answered_s <= until_s)
    stops = [since_s, *moments, until_s]
    return max(pairwise(stops), key=lambda gap: gap[1] - gap[0])


def longest_gap_s(bids: Iterable[Bid], since_s: float, until_s: float) -> float:
    """How long that was."""
    from_s, to_s = longest_gap(bids, since_s, until_s)
    return to_s - from_s


def longest_wait_s(bids: Iterable[Bid]) -> float:
    """The longest time from the first sending of a bid to the answer that accepted it."""
    return max((bid.answered_s - bid.sent_s for bid in bids if bid.seq), default=0.0)


def _in_order(room: Room) -> Iterator[str]:
    at = 0
    for expected, told in enumerate(room.events, 1):
        if told.seq != expected:
            yield f"{room.name}: seq {told.seq} stands where {expected} should"
            return
        if told.at < at:
            yield f"{room.name}: time goes back at seq {told.seq}"
        at = told.at


def _lost_or_twice(room: Room, bids: Sequence[Bid]) -> Iterator[str]:
    ats = {told.seq: told.at for told in room.events}
    placed: dict[tuple[str, int], list[int]] = defaultdict(list)
    for told in room.events:
        if told.event == BID:
            placed[told.data["bidder"], told.data["amount"]].append(told.seq)
    for bid in bids:
        seqs = placed.pop((bid.user, bid.amount), [])
        what = f"{room.name}: bid {bid.id} of {bid.user} over {bid.amount}"
        if len(seqs) > 1:
            yield f"{what} was placed {len(seqs)} times, at {seqs}"
        elif bid.seq and bid.seq not in seqs:
            yield f"{what} was acknowledged at seq {bid.seq}, and stands at {seqs or 'no place'}"
        elif bid.refused and seqs:
            yield f"{what} was refused with {bid.refused}, and stands at {seqs[0]}"
        elif bid.seq and bid.at != ats[bid.seq]:
            yield f"{what} was accepted at {bid.at}, and stands at {ats[bid.seq]}"
    for (user, amount), seqs in placed.items():
        yield f"{room.name}: nobody has sent the bid of {user} over {amount} at seq {seqs[0]}"


def _receipts(room: Room, bids: Sequence[Bid]) -> Iterator[str]:
    """A receipt stands for the room's log up to a `seq`: never for two, never another."""
    seqs: dict[str, int] = {}
    for bid in bids:
        if not bid.seq:
            continue
        what = f"{room.name}: bid {bid.id} of {bid.user}"
        if seqs.setdefault(bid.receipt, bid.seq) != bid.seq:
            yield f"{what} has the receipt of seq {seqs[bid.receipt]}, and stands at {bid.seq}"
        first = (bid.seq, bid.at, bid.receipt)
        if bid.again not in (None, first):
            yield f"{what} was first answered {first}, and then {bid.again}"


def _refused_on_another_price(room: Room, bids: Sequence[Bid]) -> Iterator[str]:
    """No refusal rests on a price that was passed before the bid was sent, or that nobody had
    yet made when it was answered: a writer whose time is over would do the one, a writer that
    speaks before its log the other."""
    ends = sorted((bid.answered_s, bid.amount) for bid in bids if bid.seq)
    begins = sorted((bid.sent_s, bid.amount) for bid in bids)
    passed, made = list(accumulate(ends, _higher)), list(accumulate(begins, _higher))
    for bid in bids:
        if bid.price is None:
            continue
        what = f"{room.name}: bid {bid.id} of {bid.user} was refused on the price {bid.price}"
        if (least := _until(passed, bid.sent_s)) > bid.price:
            yield f"{what}, when {least} had been acknowledged"
        if (most := _until(made, bid.answered_s)) < bid.price:
            yield f"{what}, when nobody had bid more than {most}"


Moment = tuple[float, int]
"""A time, and the highest amount until then."""


def _higher(before: Moment, after: Moment) -> Moment:
    """The highest amount until the later of two moments."""
    return after[0], max(before[1], after[1])


def _until(moments: Sequence[Moment], time_s: float) -> int:
    """The highest amount before this time, 0 if there was none."""
    found = bisect_left(moments, (time_s, 0))
    return moments[found - 1][1] if found else 0


def _against_time(room: Room, bids: Sequence[Bid]) -> Iterator[str]:
    """Whoever had an answer before another began stands before them."""
    latest: Bid | None = None
    for bid in sorted((bid for bid in bids if bid.seq), key=lambda bid: bid.seq):
        if latest is not None and bid.answered_s < latest.sent_s:
            yield (
                f"{room.name}: bid {bid.id} of {bid.user} was answered before {latest.id} of "
                f"{latest.user} was sent, and stands behind it, at seq {bid.seq}"
            )
        if latest is None or bid.sent_s > latest.sent_s:
            latest = bid


def _another_story(watch: Watch, room: Room) -> Iterator[str]:
    for expected, told in enumerate(watch.told, watch.since + 1):
        if told.seq != expected:
            yield f"{watch.name} in {room.name}: told seq {told.seq} where {expected} comes next"
            return
        if told.seq > len(room.events):
            yield f"{watch.name} in {room.name}: told seq {told.seq}, which never happened"
            return
        truth = room.events[told.seq - 1]
        # What this watcher may not know is left out, and nothing is said otherwise.
        amounts = told.data.get("amount"), truth.data.get("amount")
        if (told.at, told.event) != (truth.at, truth.event) or amounts[0] not in (None, amounts[1]):
            yield f"{watch.name} in {room.name}: was told another seq {told.seq}: {told}"
    if not watch.is_over and watch.since + len(watch.told) < len(room.events):
        yield (
            f"{watch.name} in {room.name}: was told {watch.since + len(watch.told)} of "
            f"{len(room.events)} events"
        )


def _begun_anew(watch: Watch) -> Iterator[str]:
    """The log was the same all the time: each time what was missed could be told."""
    if watch.starts > 1:
        yield f"{watch.name} in {watch.room}: had to begin anew {watch.starts - 1} times"
    for before, after in pairwise(watch.epochs):
        if before != after:
            yield f"{watch.name} in {watch.room}: the epoch went from {before} to {after}"


def _other_words(watches: Iterable[Watch]) -> Iterator[str]:
    """What one hears, another of the same kind hears, to the letter."""
    words: dict[tuple[str, str, int], tuple[Told, str]] = {}
    for watch in watches:
        for told in watch.told:
            key = (watch.room, watch.viewer, told.seq)
            other, name = words.setdefault(key, (told, watch.name))
            if told != other:
                yield f"{watch.room}: {watch.name} was told {told}, and {name} {other}"
