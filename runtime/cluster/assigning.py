"""Who is to own which market: a pure function of what the leader was told.

What must be, at once: every market has a living writer, and another living process as its standby.
What would be better, one move at a time: the load is spread, and among equals the number of
markets. A market moves only to a standby that has replayed its log, so that a move costs no more
than the change of a lease; and it moves only for a clear gain, so that it does not move back.

That moving comes to an end: each move lowers the sum of the squares of all loads, or leaves it as
it is and lowers that of the numbers of markets.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from persistence.shards import Change, Living, Placement

REST_MS = 5_000
"""After a move loads are told anew; until then nothing moves for their sake."""
UNEVEN = 0.2
"""Two writers are evenly loaded if their loads differ by no more than this part of the greater,"""
UNEVEN_MIN = 100
"""or by no more commands a second than this."""


class _Move(Struct, frozen=True):
    """A market that might go from its writer to another one."""

    market: str
    heir: str
    load: int
    gap: int
    """By how much the load of its writer exceeds that of the heir."""
    is_uneven: bool
    more: int
    """How many markets its writer has more than the heir."""

    @property
    def gain(self) -> int:
        """By how much the gap becomes smaller."""
        return self.gap - abs(self.gap - 2 * self.load)

    @property
    def spreads_load(self) -> bool:
        """Whether the gap is wide, and at most a third of it is left on the other side."""
        return self.is_uneven and 0 < 3 * self.load <= 2 * self.gap

    @property
    def spreads_markets(self) -> bool:
        """Whether the numbers come nearer together, and the loads no further apart."""
        return self.more >= 2 and (self.load < self.gap or not self.load)


def assign(markets: Sequence[Placement], writers: Sequence[Living]) -> list[Change]:
    """What is to change, by shard; nothing if all is well. `writers` are those that live.

    Equal arguments give equal changes, and if loads stay as they are, there comes an end."""
    if not writers:
        return []
    plan = _Plan(markets, writers)
    plan.fill_writers()
    plan.fill_standbys()
    if not plan.changes():
        plan.balance()
    return plan.changes()


class _Plan:
    """Who is to own what, on the way from how it is to how it should be."""

    def __init__(self, markets: Sequence[Placement], writers: Sequence[Living]) -> None:
        self._before = markets
        self._ready = {w.name: w.ready for w in writers}
        living = [w.name for w in writers]
        # If all are to give away what they have, somebody must keep it all the same.
        self._staying = [w.name for w in writers if not w.draining] or living
        # For a moment two may tell of one market, and of one whose writer is dead nobody does.
        self._load = {m.market: max(w.load.get(m.market, 0) for w in writers) for m in markets}
        self._writer = {m.market: m.writer for m in markets}
        self._standby = {m.market: m.standby for m in markets}
        self._loads: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        for market, name in self._writer.items():
            if name in self._staying:
                self._give(market, name)

    def fill_writers(self) -> None:
        """Take every market from the dead and the draining: it goes to its standby, or to whoever
        has least to do."""
        homeless = [m for m, name in self._writer.items() if name not in self._staying]
        # First those of which it is known where they go; then the heavy before the light.
        for market in sorted(
            homeless, key=lambda m: (self._standby[m] not in self._staying, -self._load[m])
        ):
            heir = self._standby[market]
            if heir not in self._staying:
                # Where no load is told, the number of markets is the best guess.
                loads = self._loads if self._load[market] else Counter[str]()
                heir = min(self._staying, key=lambda n: (loads[n], self._counts[n], n))
            self._give(market, heir)

    def fill_standbys(self) -> None:
        """Give every market a standby other than its writer, if anybody else stays; one that
        serves stays the standby."""
        followed = Counter(name for m, name in self._standby.items() if self._may_follow(m, name))
        for market, name in self._standby.items():
            if self._may_follow(market, name):
                continue
            others = [n for n in self._staying if n != self._writer[market]]
            least = min(others, key=lambda n: (followed[n], self._counts[n], n), default="")
            self._standby[market] = least
            followed[least] += 1

    def balance(self) -> None:
        """Move one market, if that is a gain; or have it followed by whoever is to have it."""
        if any(m.moved_ms < REST_MS for m in self._before):
            return
        move = self._best(lambda m: m.spreads_load) or self._best(lambda m: m.spreads_markets)
        if move is None:
            return
        if self._standby[move.market] != move.heir:
            self._standby[move.market] = move.heir
        elif move.market in self._ready[move.heir]:
            self._standby[move.market] = self._writer[move.market]
            self._writer[move.market] = move.heir

    def changes(self) -> list[Change]:
        """What differs from how it was."""
        return [
            Change(was.market, self._writer[was.market], self._standby[was.market])
            for was in self._before
            if self._writer[was.market] != was.writer or self._standby[was.market] != was.standby
        ]

    def _give(self, market: str, name: str) -> None:
        self._writer[market] = name
        self._loads[name] += self._load[market]
        self._counts[name] += 1

    def _may_follow(self, market: str, name: str) -> bool:
        return name in self._staying and name != self._writer[market]

    def _best(self, is_good: Callable[[_Move], bool]) -> _Move | None:
        """The greatest gain; but to a standby rather than to others, for these would first have to
        replay the log, and loads that change a little must not send them all in turn to do it."""
        return min(
            filter(is_good, self._moves()),
            key=lambda m: (self._standby[m.market] != m.heir, -m.gain, m.load, m.market, m.heir),
            default=None,
        )

    def _moves(self) -> Iterator[_Move]:
        for market, writer in self._writer.items():
            for heir in self._staying:
                gap = self._loads[writer] - self._loads[heir]
                yield _Move(
                    market=market,
                    heir=heir,
                    load=self._load[market],
                    gap=gap,
                    is_uneven=gap > max(UNEVEN * self._loads[writer], UNEVEN_MIN),
                    more=self._counts[writer] - self._counts[heir],
                )
