"""A user who stays a user whatever becomes of the connection: comes back at another gateway, asks
again with the same id, and resumes every feed where it was. What was waited for is reported."""

import random
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent.event import Event
from msgspec import Struct

from bench.client import PATIENCE_S, CommandRefused, ConnectionEnded, Heard
from bench.green_line import Ears, Line, dial

FORESEEN = frozenset(
    {
        "AUCTION_ENDED",
        "BID_TOO_LOW",
        "DRIVER_BUSY",
        "DRIVER_NOT_ELIGIBLE",
        "OFFER_EXPIRED",
        "ORDER_TAKEN",
        "RATE_LIMITED",
        "TOO_MANY_NEGOTIATIONS",
    }
)
"""Refusals that anybody may get who does nothing wrong: another was faster, or there are rules."""

AGAIN = frozenset({"UNKNOWN"})
"""Nobody knows what became of it: to be asked again, with the same id (PROTOCOL, general codes)."""

COME_BACK_CODES = range(4100, 4300)
"""Close codes with which a server says that one may come back (PROTOCOL, close codes)."""

SEQ_MAX = 2**63

PAUSE_S = (0.1, 0.5)
"""From, to: before another attempt."""

Report = Callable[[str, float, Exception | None], None]
"""(what, how long it took in ms, what was wrong with it)."""

Hear = Callable[[Heard, bool], None]
"""(what a feed tells, whether the user was there when it happened). It may not wait for
anything."""


class FeedBroken(Exception):
    """A feed has left an event out, or told one twice; the text says where."""


class Feed(Struct):
    """A room that is listened to, and how far."""

    epoch: str | None = None
    seq: int | None = None
    """The latest that was heard; None before the snapshot."""
    missed_to: int = 0
    """What was told up to here, was told while the user was away of their own will."""


class Caller:
    """One user at whichever gateway."""

    def __init__(self, gateways: Sequence[str], token: str, report: Report, hear: Hear) -> None:
        self._gateways = gateways
        self._token = token
        self._report = report
        self._hear = hear
        self._feeds: dict[str, Feed] = {}
        self._line: Line | None = None
        self._is_here = Event()
        self._is_leaving = False
        # A user's command ids are unique over all connections and for ever.
        self._id_prefix = secrets.token_hex(6)
        self._asked = 0

    def come(self, *, was_away: bool = False) -> None:
        """Connect somewhere, however often it takes, and listen again to all that was listened
        to."""
        while not self._is_leaving:
            line = self._dial()
            if line and self._resume(line, was_away=was_away):
                self._line = line
                self._is_here.set()
                return
            gevent.sleep(random.uniform(*PAUSE_S))

    def step_out(self, away_s: float) -> None:
        """Hang up, and come back after a while, if there is a line to hang up."""
        if self._line:
            self._hang_up()
            gevent.sleep(away_s)
            self.come(was_away=True)

    def leave(self) -> None:
        """Hang up for ever."""
        self._is_leaving = True
        self._hang_up()

    def ask(self, type_: str, what: str, **fields: Any) -> Heard:
        """Send a command; return its answer, be it yes or no. It is reported under `what`, and if
        it is a no that the rules foresee, with its code."""
        self._asked += 1
        id_ = f"{self._id_prefix}-{self._asked}"
        begun_ns = time.monotonic_ns()
        reply, came_ns = self._answer(id_, type_, what, fields)
        self._judge(what, reply, (came_ns - begun_ns) / 1e6)
        return reply

    def follow(self, room: str) -> None:
        """Listen to a room from now on."""
        feed = self._feeds[room] = Feed()
        while True:
            line = self._here()
            if feed.epoch is not None:
                return
            try:
                self._listen(line, room, feed, was_away=False)
            except (OSError, ConnectionEnded, CommandRefused):
                gevent.sleep(random.uniform(*PAUSE_S))

    def unfollow(self, room: str) -> None:
        """Listen no more."""
        del self._feeds[room]
        self.ask("unsubscribe", "unsubscribe", room=room)

    def _hang_up(self) -> None:
        self._is_here.clear()
        line, self._line = self._line, None
        if line:
            line.close()

    def _here(self) -> Line:
        """The line, when there is one."""
        self._is_here.wait()
        assert self._line is not None, "whoever is here has a line"
        return self._line

    def _dial(self) -> Line | None:
        """A line to any gateway, if that one lets us in."""
        begun_ns = time.monotonic_ns()
        line, problem = None, None
        try:
            line = dial(random.choice(self._gateways), self._token, Ears(self._heard, self._lost))
        except (OSError, ConnectionEnded) as found:
            problem = found
        self._report("connect", _ms_since(begun_ns), problem)
        return line

    def _resume(self, line: Line, *, was_away: bool) -> bool:
        """Listen to everything again. If that cannot be, the line is of no use."""
        try:
            for room, feed in list(self._feeds.items()):
                self._listen(line, room, feed, was_away=was_away)
        except (OSError, ConnectionEnded, CommandRefused):
            # Whatever it has yet to tell, the next one tells too.
            line.close()
        return not line.ended

    def _listen(self, line: Line, room: str, feed: Feed, *, was_away: bool) -> None:
        """Subscribe, and resume if that can be. Raises OSError, ConnectionEnded, CommandRefused."""
        since = {} if feed.seq is None else {"after": feed.seq, "epoch": feed.epoch}
        begun_ns = time.monotonic_ns()
        self._asked += 1
        fields = {"room": room, **since}
        if was_away:
            # What was missed may come right behind the reply, before anybody can look at that.
            feed.missed_to = SEQ_MAX
        reply, came_ns = line.ask(f"{self._id_prefix}-{self._asked}", "subscribe", fields)
        what = "resume" if since else "subscribe"
        if reply.ok and since and not reply.result["recovered"]:
            what = "resume: snapshot"
        self._judge(what, reply, (came_ns - begun_ns) / 1e6)
        if not reply.ok:
            raise CommandRefused(f"{what} {room}: {reply.code}: {reply.message}")
        feed.epoch = reply.epoch
        if was_away:
            feed.missed_to = reply.result["seq"]

    def _answer(self, id_: str, type_: str, what: str, fields: dict[str, Any]) -> tuple[Heard, int]:
        """The final answer, and when it came."""
        while True:
            line = self._here()
            try:
                reply, came_ns = line.ask(id_, type_, fields)
            except TimeoutError as problem:
                self._report(what, PATIENCE_S * 1e3, problem)
            except ConnectionEnded:
                # The line tells `_lost`, and the question goes to the next one.
                gevent.sleep(0)
            else:
                if reply.code not in AGAIN:
                    return reply, came_ns
                gevent.sleep(random.uniform(*PAUSE_S))

    def _judge(self, what: str, reply: Heard, ms: float) -> None:
        if reply.ok:
            self._report(what, ms, None)
        elif reply.code in FORESEEN:
            self._report(f"{what}: {reply.code}", ms, None)
        else:
            self._report(what, ms, CommandRefused(f"{reply.code}: {reply.message}"))

    def _heard(self, heard: Heard) -> None:
        feed = self._feeds.get(heard.room or "")
        if feed is None or heard.seq is None:
            return
        if heard.type == "event" and feed.seq is not None and heard.seq != feed.seq + 1:
            gap = FeedBroken(f"{heard.room}: {heard.seq} after {feed.seq}")
            self._report("feed", 0.0, gap)
        feed.seq = heard.seq
        self._hear(heard, heard.seq > feed.missed_to)

    def _lost(self, why: ConnectionEnded) -> None:
        if self._line is None or self._line.ended is not why:
            return
        self._is_here.clear()
        self._line = None
        foreseen = why.code in COME_BACK_CODES
        self._report(f"lost: {why.code}", 0.0, None if foreseen else why)
        gevent.spawn(self.come)


def _ms_since(begun_ns: int) -> float:
    return (time.monotonic_ns() - begun_ns) / 1e6
