"""Letters between markets: every outbox is emptied, in order, into the market that it is for.

The log is the queue. A mark for each market says how many letters it has taken; what lies behind
the mark is sent again after a crash, and has no effect where it was taken before. A letter goes
out when it is durable, and never gets lost: it is tried for ever.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from engine.core import Core
from engine.kernel.ids import room_name, split_room
from engine.kernel.outcome import OVERLOADED, UNAVAILABLE, UNKNOWN, Rejected
from engine.kernel.outside import Forward
from engine.kernel.record import Record
from engine.mail import OTHER_HISTORY, OUT_OF_ORDER, OUTBOX_DOMAIN, LetterSent, TakeLetter
from engine.ports import Answer, CommandSink, EventLog, Peer
from engine.sequencer import Accepted, Errands, Refused
from persistence.errors import Archived, LogError
from persistence.trouble import Trouble
from runtime.writer.answers import unavailable
from runtime.writer.house_commands import answered

logger = logging.getLogger(__name__)

MARK = "mail"
WINDOW = 64
"""Letters that are under way to a market at once."""
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits before letters are sent again, and before the log is read again."""
TAKE_S_MAX = 10.0
"""How long a market may owe an answer."""
MARK_EVERY_S = 1.0
ID_RECEIPT = 16
"""Digits of a receipt in a letter's id: a market whose log was put back gives numbers anew."""
EXPECTED = frozenset(code.name for code in (UNAVAILABLE, UNKNOWN, OVERLOADED, OUT_OF_ORDER))
"""What a market in trouble answers. Anything else is a bug, for a letter is always taken."""

Pause = Callable[[float], Awaitable[object]]


class MailCounts(Struct):
    """What the metrics page tells."""

    waiting: int = 0
    """Written and not yet taken."""
    taken: int = 0
    retried: int = 0
    refused: int = 0
    """Refusals that should never be."""


class _Route:
    """The way to one market."""

    __slots__ = ("news", "problems", "saved", "sent", "taken", "trouble")

    def __init__(self, source: str, market: str) -> None:
        self.news = asyncio.Event()
        self.trouble = Trouble(logger, f"letters of {source} for {market} wait")
        self.sent = 0
        """The number of the last letter that stands in the outbox."""
        self.taken: int | None = None
        """The number of the last letter that the market has taken; None until the mark is read."""
        self.saved = 0
        self.problems = 0
        """One after the other."""


class MailRunner:
    """Carries the letters of one market. Nothing here blocks its writer or fails it."""

    def __init__(
        self,
        market: str,
        log: EventLog,
        peer: Peer,
        *,
        window: int = WINDOW,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """`market`: whose letters these are; `log`: its log. `pause` waits some seconds."""
        self.counts = MailCounts()
        self._market = market
        self._log = log
        self._peer = peer
        self._window = window
        self._pause = pause
        self._routes: dict[str, _Route] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopped = False

    async def stop(self) -> None:
        """Carry no more, and keep the marks. Call it before the writer lets the lease go; what is
        under way comes again after the next start."""
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._save_marks()

    # From the writer.

    def recovered(self, core: Core) -> None:
        """`ports.World.recovered`."""
        for name, room in core.rooms.items():
            kind, market = split_room(name)
            if kind == OUTBOX_DOMAIN and (route := self._wake(market)):
                route.sent = room.state.number
        self._count()

    def send_out(self, errands: Errands) -> None:
        """`ports.World.send_out`."""
        for errand in errands.errands:
            if isinstance(errand, Forward) and (route := self._wake(errand.market)):
                route.sent += 1
        self._count()

    # Inside.

    def _count(self) -> None:
        routes = self._routes.values()
        self.counts.waiting = sum(route.sent - (route.taken or 0) for route in routes)

    def _wake(self, market: str) -> _Route | None:
        if self._is_stopped:
            return None
        route = self._routes.get(market)
        if route is None:
            if not self._tasks:
                self._tasks.append(asyncio.create_task(self._keep_marks()))
            route = self._routes[market] = _Route(self._market, market)
            self._tasks.append(asyncio.create_task(self._serve(market, route)))
        route.news.set()
        return route

    async def _serve(self, market: str, route: _Route) -> None:
        while True:
            await route.news.wait()
            route.news.clear()
            try:
                while letters := await self._read(market, route):
                    await self._deliver(market, route, letters)
            except Exception:
                logger.exception("letters for %s cannot be carried, which is a bug", market)
                route.news.set()
                await self._wait(route)

    async def _read(self, market: str, route: _Route) -> Sequence[TakeLetter]:
        """The letters that come next; none if the market has taken all there are."""
        while True:
            try:
                if route.taken is None:
                    route.taken = route.saved = await self._log.load_mark(f"{MARK}:{market}")
                    self._count()
                # Nothing else is in an outbox, so a letter's number is its seq.
                outbox = room_name(OUTBOX_DOMAIN, market)
                before, records = await self._after(outbox, route.taken)
            except LogError as problem:
                logger.warning("letters for %s wait in the log: %s", market, problem)
                await self._wait(route)
            else:
                receipts = [before, *(record.hash for record in records)]
                return [self._letter(*found) for found in zip(records, receipts, strict=False)]

    async def _after(self, outbox: str, taken: int) -> tuple[str, Sequence[Record]]:
        """The receipt of the letter that was taken last, "" if it is not known, and what follows
        that letter. Raises LogError."""
        try:
            records = await self._log.read_room(outbox, max(taken - 1, 0), self._window + 1)
        except Archived:
            return "", await self._log.read_room(outbox, taken, self._window)
        if taken and records:
            return records[0].hash, records[1:]
        return "", records[: self._window]

    def _letter(self, record: Record, before: str) -> TakeLetter:
        sent = msgspec.json.decode(record.event, type=LetterSent)
        assert sent.number == record.seq, f"letter {sent.number} stands at seq {record.seq}"
        return TakeLetter(
            # The same each time, for the same letter and no other.
            id=f"{self._market}.{sent.number}.{record.hash[:ID_RECEIPT]}",
            source=self._market,
            number=sent.number,
            to_room=sent.to_room,
            message=sent.message,
            is_notice=sent.is_notice,
            receipt=record.hash,
            before=before,
        )

    async def _deliver(self, market: str, route: _Route, letters: Sequence[TakeLetter]) -> None:
        """Hand over a window of letters. What follows one that was not taken does not count."""
        answers = await asyncio.gather(*(self._take(market, letter) for letter in letters))
        for letter, answer in zip(letters, answers, strict=True):
            if not isinstance(answer, Accepted):
                self.counts.retried += 1
                self._note(market, letter, route, answer.rejected)
                await self._find_place(market, letter, route, answer.rejected)
                await self._wait(route)
                return
            route.taken = letter.number
            self.counts.taken += 1
            self._count()
        route.problems = 0
        route.trouble.over()

    async def _take(self, market: str, letter: TakeLetter) -> Answer:
        try:
            async with asyncio.timeout(TAKE_S_MAX):
                return await self._peer.take(market, letter)
        except TimeoutError:
            return unavailable(letter.id)
        except Exception as problem:
            return Refused(None, letter.id, Rejected(UNAVAILABLE, f"not reached: {problem!r}"))

    def _note(self, market: str, letter: TakeLetter, route: _Route, refusal: Rejected) -> None:
        """Say what is wrong."""
        if refusal.code.name == OTHER_HISTORY.name:
            self._tell_apart(market, letter.number - 1)
        elif refusal.code.name not in EXPECTED:
            self.counts.refused += 1
            name = f"letter {letter.number} for {market}"
            logger.error("%s is refused, which is a bug: %s", name, refusal)
        elif refusal.code.name != OUT_OF_ORDER.name:
            route.trouble.met(refusal.message)

    async def _find_place(
        self, market: str, letter: TakeLetter, route: _Route, refusal: Rejected
    ) -> None:
        """Where to go on, if the market says that another letter should come."""
        expected = refusal.details.get("expected")
        if refusal.code.name != OUT_OF_ORDER.name or not isinstance(expected, int):
            return
        if expected < letter.number:
            # It knows less than it once said, as after a backup was put back. We still have all.
            route.taken = expected - 1
            return
        try:
            is_ours = await self._log.read_room(room_name(OUTBOX_DOMAIN, market), expected - 1, 1)
        except LogError as problem:
            logger.warning("letters for %s wait in the log: %s", market, problem)
            return
        if is_ours:
            route.taken = expected - 1
        else:
            self._tell_apart(market, expected)

    def _tell_apart(self, market: str, taken: int) -> None:
        """Our log was put back to an older state, and letters got numbers that others had."""
        self.counts.refused += 1
        logger.error(
            "%s has taken letters of %s, up to %d or more, that this log does not have: it was put "
            "back to an older state. Letters wait until `inbox.renew` tells %s so",
            *(market, self._market, taken, market),
        )

    async def _wait(self, route: _Route) -> None:
        wait_s = RETRY_S[min(route.problems, len(RETRY_S) - 1)]
        route.problems += 1
        await self._pause(wait_s)

    async def _keep_marks(self) -> None:
        while True:
            await self._pause(MARK_EVERY_S)
            await self._save_marks()

    async def _save_marks(self) -> None:
        for market, route in self._routes.items():
            taken = route.taken or 0
            if taken <= route.saved:
                continue
            try:
                await self._log.save_mark(f"{MARK}:{market}", taken)
            except LogError as problem:
                logger.warning("how far letters for %s have come is not kept: %s", market, problem)
            else:
                route.saved = taken


class PeersHere(Peer):
    """The writers of other markets, where they are in the same process."""

    def __init__(self, sinks: Mapping[str, CommandSink]) -> None:
        """`sinks` may change: it is looked into for each letter."""
        self._sinks = sinks

    async def take(self, market: str, letter: TakeLetter) -> Answer:
        sink = self._sinks.get(market)
        return unavailable(letter.id) if sink is None else await answered(sink, letter)
