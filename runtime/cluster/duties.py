"""What an engine process is to own, round by round: it reports that it lives, hears what it is to
serve and to follow, and does that. Whoever leads says so to all.

Nothing here decides who owns a shard: its lease does. So a process that cannot report goes on with
what it has, until another has its leases.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import Protocol

from msgspec.structs import replace

from engine.kernel.time import Millis
from persistence.errors import LeaseHeld, LogError
from persistence.shards import Change, Placement, Report, ShardTable
from persistence.trouble import Trouble
from runtime.clock import wall_ms
from runtime.cluster.assigning import assign
from runtime.cluster.pauses import Pause, pause_unless, sleep_ms

logger = logging.getLogger(__name__)

ROUND_MS = 1_000
TOLD_MS = ROUND_MS + 200
"""Until then whoever is to have a market has been told, and waits for its lease."""
HEIR_MS_MAX = 60_000
"""So long a market is served on for an heir that does not get ready."""
HEIR_BACK_MS_MAX = 3_000
"""After an outage of the database so long whoever stood ready before has to say that it does
again: its next attempt to read, then its next report."""
HELD_MS = 200
"""The owner before is about to let go."""
FAILED_MS = 500
BROKEN_MS = 10_000
ROUNDS_AFTER_OUTAGE = 2
"""Where nobody could report, all look dead but the first who can again: the others get time."""
SMOOTH_SECONDS = 10
AHEAD_MS_MAX = 1_000
"""Clocks may differ by so much."""


class Role(Enum):
    """What a process does for a market."""

    NOTHING = "nothing"
    STANDBY = "standby"
    WRITER = "writer"


class Hands(Protocol):
    """What carries duties out. No two calls for one market overlap."""

    async def take_up(self, market: str, shard: int) -> None:
        """Serve a market, from what is followed if it is. Returns when it is served; raises
        LogError if it cannot be just now: then the call comes again, as long as it is wanted."""

    async def lay_down(self, market: str) -> None:
        """Serve it no more, and give the lease up."""

    async def follow(self, market: str, shard: int) -> None:
        """Begin to follow its log."""

    async def unfollow(self, market: str) -> None:
        """Follow it no more. What was taken up since is followed no more already."""

    async def publish(self, markets: Sequence[Placement]) -> None:
        """Tell gateways where markets are: the leader does so in every round."""

    def counts(self) -> Mapping[str, int]:
        """Markets that are served -> what was decided since they were taken up."""

    def ready(self) -> Collection[str]:
        """Markets that are followed without a lag."""


class Duties:
    """Run `run` as a task, and end it with `leave`."""

    def __init__(
        self,
        table: ShardTable,
        name: str,
        address: str,
        hands: Hands,
        *,
        pause: Pause = sleep_ms,
        steady_ns: Callable[[], int] = time.monotonic_ns,
        wall_ms: Callable[[], Millis] = wall_ms,
    ) -> None:
        """`name`: of this process and no other; `address`: where it is found."""
        self._table = table
        self._name = name
        self._address = address
        self._hands = hands
        self._pause = pause
        self._wall_ms = wall_ms
        self._rates = Rates(steady_ns)
        self._trouble = Trouble(logger, "all stays as it is, for the others cannot be told")
        self._clock_trouble = Trouble(logger, "this machine's clock is not the database's")
        self.ahead_ms = 0
        """How far this machine's clock is ahead of the database's; negative: behind it."""
        self.shards: Mapping[str, int] = {}
        """Of every market, as was told last."""
        self._heirs: Mapping[str, str] = {}
        """Who is to serve each market."""
        self.backed: set[str] = set()
        """Markets for which the standby is ready, or was when an outage began."""
        self._ready: Mapping[str, Collection[str]] = {}
        """What each process could serve at once."""
        self._wanted: dict[str, Role] = {}
        self._has: dict[str, Role] = {}
        self._bringing: dict[str, asyncio.Task[None]] = {}
        self._publishing: asyncio.Task[None] | None = None
        self._is_alone = True
        self._rounds_in_order = ROUNDS_AFTER_OUTAGE
        self._round = asyncio.Lock()
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """A round each second, until `leave` has ended. An outage of the database, or of one
        market, ends nothing."""
        while not self._ended.is_set():
            async with self._round:
                if not self._ended.is_set():
                    await self._report()
            await pause_unless(self._ended, ROUND_MS, self._pause)

    def lost(self, market: str) -> None:
        """It is served here no more, for somebody else has taken it or it broke. If it is still
        this process's to serve it is taken up again in the next round."""
        if self._has.get(market) is Role.WRITER:
            self._has[market] = Role.NOTHING

    async def give_away(self, market: str) -> bool:
        """Have a market served by the standby, if there is one that is ready, because it would
        take this process longer. The lease is still to be let go. Raises LogUnavailable."""
        for _ in range(HEIR_BACK_MS_MAX // HELD_MS):
            if self._ended.is_set() or market not in self.backed:
                break
            # What a report under way is told would be of before.
            async with self._round:
                heir = await self._table.give_away(market, self._name)
            if heir:
                logger.warning("market %s is left to %s, which stands ready", market, heir)
                return True
            await pause_unless(self._ended, HELD_MS, self._pause)
        return False

    async def leave(self, patience_ms: Millis) -> None:
        """Have everything taken over by others, if there are any and within this time; lay down
        what is left; be gone from the table."""
        try:
            if not self._is_alone:
                await self._table.drain(self._name)
                async with asyncio.timeout(patience_ms / 1_000):
                    await self._handed_over()
        except (LogError, TimeoutError) as problem:
            logger.warning("not everything was handed over in order: %r", problem)
        async with self._round:
            self._ended.set()
            self._want({})
        if self._publishing:
            self._publishing.cancel()
        while self._bringing:
            await asyncio.wait(self._bringing.values())
        try:
            await self._table.leave(self._name)
        except LogError as problem:
            logger.warning("the others will wait until this process is taken for dead: %s", problem)

    async def _handed_over(self) -> None:
        while not self._is_alone and Role.WRITER in [*self._wanted.values(), *self._has.values()]:
            self._changed.clear()
            await self._changed.wait()

    async def _report(self) -> None:
        load = self._rates.of(self._hands.counts())
        asked_ms = self._wall_ms()
        try:
            told = await self._table.report(self._name, self._address, load, self._hands.ready())
        except LogError as problem:
            self._trouble.met(problem)
            self._rounds_in_order = 0
            return
        self._trouble.over()
        self._look_at_clock(asked_ms, told.now_ms)
        self._rounds_in_order += 1
        may_lead = told.is_leader and self._rounds_in_order > ROUNDS_AFTER_OUTAGE
        markets = await self._lead(told) if may_lead else told.markets
        self._is_alone = all(w.draining for w in told.writers if w.name != self._name)
        self.shards = {m.market: m.shard for m in markets}
        self._heirs = {m.market: m.writer for m in markets}
        self._ready = {w.name: w.ready for w in told.writers}
        backed = {m.market for m in markets if m.market in self._ready.get(m.standby, ())}
        is_outage_over = self._rounds_in_order > HEIR_BACK_MS_MAX // ROUND_MS
        self.backed = backed if is_outage_over else self.backed | backed
        self._want({m.market: self._role_in(m) for m in markets})

    def _look_at_clock(self, asked_ms: Millis, now_ms: Millis | None) -> None:
        """Engines take turns at one log: where their clocks differ, time jumps."""
        if now_ms is None:
            return
        # The database looked at its own between the question and the answer.
        self.ahead_ms = max(asked_ms - now_ms, 0) or min(self._wall_ms() - now_ms, 0)
        if abs(self.ahead_ms) > AHEAD_MS_MAX:
            self._clock_trouble.met(
                f"by {self.ahead_ms / 1_000:+.1f} s; auctions end by this clock"
            )
        else:
            self._clock_trouble.over()

    async def _lead(self, told: Report) -> Sequence[Placement]:
        """Assign what is to be assigned. Returns where markets are to be from now on."""
        changes = assign(told.markets, told.writers)
        if changes:
            try:
                await self._table.assign(changes)
            except LogError as problem:
                logger.warning("markets stay where they are: %s", problem)
                return told.markets
        for change in changes:
            logger.info(
                "market %s: writer %s, standby %s",
                change.market,
                change.writer,
                change.standby or "nobody",
            )
        markets = _changed(told.markets, changes)
        if self._publishing is None or self._publishing.done():
            # Beside the rounds, for whoever waits for it must not be taken for dead.
            self._publishing = asyncio.create_task(self._hands.publish(markets))
        return markets

    def _role_in(self, placement: Placement) -> Role:
        if placement.writer == self._name:
            return Role.WRITER
        return Role.STANDBY if placement.standby == self._name else Role.NOTHING

    def _want(self, wanted: Mapping[str, Role]) -> None:
        self._wanted = dict(wanted)
        for market in self._wanted.keys() | self._has.keys():
            if self._is_due(market) and market not in self._bringing:
                self._bringing[market] = asyncio.create_task(self._bring(market))
        self._changed.set()

    def _is_due(self, market: str) -> bool:
        nothing = Role.NOTHING
        return self._wanted.get(market, nothing) is not self._has.get(market, nothing)

    async def _bring(self, market: str) -> None:
        """Do for a market what is wanted, also if that changes meanwhile. What fails with one
        market must not end the others."""
        try:
            while self._is_due(market):
                if wait_ms := await self._try_step(market):
                    await pause_unless(self._ended, wait_ms, self._pause)
        finally:
            del self._bringing[market]
            self._changed.set()

    async def _try_step(self, market: str) -> Millis:
        """Returns how long to wait before the next, ms."""
        try:
            self._has[market] = await self._step(market)
        except LeaseHeld as held:
            logger.info("market %s is not to be had yet: %s still serves it", market, held.owner)
            return await self._try_follow(market)
        except LogError as problem:
            logger.warning("market %s: %s", market, problem)
            return FAILED_MS
        except Exception:
            # A bug that one market meets does not take the others out of service.
            logger.exception("market %s cannot be brought to where it should be", market)
            return BROKEN_MS
        return 0

    async def _try_follow(self, market: str) -> Millis:
        """Follow what is to be served and not to be had yet. Returns how long to wait, ms."""
        if self._has.get(market, Role.NOTHING) is Role.NOTHING:
            await self._hands.follow(market, self.shards[market])
            self._has[market] = Role.STANDBY
        return HELD_MS

    async def _await_heir(self, market: str) -> None:
        """Serve until somebody stands ready, for whom a release is the signal; or until the market
        is to stay here, or is lost."""
        for _ in range(HEIR_MS_MAX // TOLD_MS):
            await pause_unless(self._ended, TOLD_MS, self._pause)
            heir = self._heirs.get(market, "")
            is_ready = not heir or market in self._ready.get(heir, ())
            is_ours = self._has[market] is Role.WRITER and self._is_due(market)
            if is_ready or not is_ours or self._ended.is_set():
                return

    async def _step(self, market: str) -> Role:
        """One step from what is done for a market to what is wanted. Returns what is done then."""
        if self._has.get(market) is Role.WRITER:
            await self._await_heir(market)
            if self._has[market] is Role.WRITER and self._is_due(market):
                await self._hands.lay_down(market)
                return Role.NOTHING
            return self._has[market]
        wanted = self._wanted.get(market, Role.NOTHING)
        if wanted is Role.WRITER:
            await self._hands.take_up(market, self.shards[market])
        elif wanted is Role.STANDBY:
            await self._hands.follow(market, self.shards[market])
        else:
            await self._hands.unfollow(market)
        return wanted


class Rates:
    """How much of each market is decided in a second, smoothed over some seconds."""

    def __init__(self, steady_ns: Callable[[], int]) -> None:
        self._steady_ns = steady_ns
        self._seen_ns = 0
        self._seen: Mapping[str, int] = {}
        self._rates: dict[str, float] = {}

    def of(self, counts: Mapping[str, int]) -> dict[str, int]:
        """The rates by now, from counts that grow; a market that is new has none yet."""
        now_ns = self._steady_ns()
        seconds = max(now_ns - self._seen_ns, 1) / 1_000_000_000
        weight = min(seconds / SMOOTH_SECONDS, 1)
        rates: dict[str, float] = {}
        for market, count in counts.items():
            if market in self._seen:
                rate = max(count - self._seen[market], 0) / seconds
                before = self._rates.get(market, rate)
                rates[market] = before + weight * (rate - before)
        self._seen_ns, self._seen, self._rates = now_ns, dict(counts), rates
        return {market: round(rates.get(market, 0)) for market in counts}


def _changed(markets: Sequence[Placement], changes: Sequence[Change]) -> list[Placement]:
    new = {change.market: change for change in changes}
    return [
        replace(m, writer=new[m.market].writer, standby=new[m.market].standby)
        if m.market in new
        else m
        for m in markets
    ]
