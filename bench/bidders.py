"""Bidders who do nothing but bid, at the least cost to the machine that they share with the
server: frames are put together from bytes made beforehand, and replies are read only as far as
they are needed."""

import time
from array import array
from collections import Counter

import msgspec
from msgspec import Struct, field
from typing_extensions import override

from bench.client import Link
from bench.wire import TEXT, frame

STEP = 1
"""The increment of the auctions bid in, minor units."""


class Reply(Struct, gc=False):
    """What of a reply matters here."""

    type: str
    id: str | None = None
    code: str = ""
    result: "Figures | None" = None
    details: "Figures | None" = None


class Figures(Struct, gc=False):
    """The least next bid, as an accepted bid and BID_TOO_LOW tell it."""

    minimum_bid: int = 0
    minimum: int = 0


class Lot:
    """An auction, and the least bid that it would take as far as all bidders here have learnt.

    Every bid is a step above the last that was sent by anyone, not only above the last that was
    answered: so bids that are under way together do not get in one another's way, unless one
    overtakes another between the sockets; that one is refused, and counted as refused."""

    __slots__ = ("_head", "auction", "minimum", "taken")

    def __init__(self, auction: str, currency: str, minimum: int) -> None:
        self.auction = auction
        fields = {"type": "auction.place_bid", "auction": auction, "currency": currency}
        self._head = msgspec.json.encode(fields).removesuffix(b"}")
        self.minimum = minimum
        self.taken = 0
        """How many bids were accepted, as far as answers have come."""

    def next_bid(self, number: int) -> bytes:
        """The frame of the next bid, with `number` as its id."""
        amount = self.minimum
        self.minimum += STEP
        return frame(TEXT, b'%b,"id":"%d","amount":%d}' % (self._head, number, amount))

    def learn(self, minimum: int) -> None:
        """Somebody was told that this is the least."""
        if minimum > self.minimum:
            self.minimum = minimum


class Score(Struct):
    """What is measured, from `from_ns` on until `until_ns` by the monotonic clock.

    Answers count if they come in this time. Latencies are of the bids that were due in it,
    however late the answer came."""

    from_ns: int
    until_ns: int
    yes: str = "ok"
    """The type of a message that says that a bid was taken."""
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    latencies_ms: "array[float]" = field(default_factory=lambda: array("d"))
    problems: list[Exception] = field(default_factory=list)
    """Why connections ended before they should."""
    before_ns: int = 0
    """When the last answer came that was too early to count."""
    latest_ns: int = 0
    """When the last answer came that counts."""

    def note(self, reply: Reply, due_ns: int) -> None:
        """The reply to a bid that was due at `due_ns` has just come."""
        now_ns = time.monotonic_ns()
        if self.from_ns <= due_ns < self.until_ns:
            self.latencies_ms.append((now_ns - due_ns) / 1e6)
        if now_ns < self.from_ns:
            self.before_ns = now_ns
        if not self.from_ns <= now_ns < self.until_ns:
            return
        self.latest_ns = now_ns
        if reply.type == self.yes:
            self.accepted += 1
        else:
            self.refused[reply.code] += 1

    @property
    def seconds(self) -> float:
        """In how much time the answers came that count.

        Answers come in bursts, a batch of the log at a time. From burst to burst is measured,
        for a window that cuts bursts would count one too many or too few."""
        begun_ns = self.before_ns or self.from_ns
        return max(self.latest_ns - begun_ns, 1) / 1e9

    @property
    def per_second(self) -> float:
        """Bids accepted in a second."""
        return self.accepted / self.seconds


class Bidder(Link):
    """One connection of one user who bids in one auction.

    With `keep_going` each answer is followed by another bid at once; answers that come together
    are followed by bids that go together."""

    def __init__(self, url: str, token: str, lot: Lot, score: Score) -> None:
        super().__init__(url, token)
        self.lot = lot
        self._score = score
        self._due_ns: dict[str, int] = {}
        self._bids_sent = 0
        self._pending: list[bytes] = []
        self._is_leaving = False
        self.keep_going = False

    @property
    def unanswered(self) -> int:
        """Bids under way."""
        return len(self._due_ns)

    def bid(self, due_ns: int) -> None:
        """Place the next bid, which was due at this time. It goes out with `flush`."""
        self._bids_sent += 1
        self._due_ns[str(self._bids_sent)] = due_ns
        self._pending.append(self.lot.next_bid(self._bids_sent))

    def flush(self) -> None:
        """Write the bids that were placed."""
        if self._pending:
            self.send_framed(b"".join(self._pending))
            self._pending.clear()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.flush()

    @override
    def received(self, payload: bytes) -> None:
        reply = _decode(payload)
        due_ns = self._due_ns.pop(reply.id or "", None)
        if due_ns is None:
            return
        self._score.note(reply, due_ns)
        if reply.result is not None:
            self.lot.taken += 1
            self.lot.learn(reply.result.minimum_bid)
        elif reply.details is not None:
            self.lot.learn(reply.details.minimum)
        if self.keep_going:
            self.bid(time.monotonic_ns())

    @override
    def lost(self, problem: Exception) -> None:
        if not self._is_leaving:
            self._score.problems.append(problem)

    @override
    async def close(self) -> None:
        self._is_leaving = True
        self.keep_going = False
        await super().close()


_decode = msgspec.json.Decoder(Reply).decode
