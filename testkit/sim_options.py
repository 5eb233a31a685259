"""What a seed decides before anything happens: who takes part, and how bad the weather is.

Each fault is off in some runs, rare in others and frequent in the rest, independently of the
others, for what hides behind a frequent fault shows where that one is absent.
"""

from collections.abc import Mapping
from random import Random

from msgspec import Struct

from engine.kernel.limits import BATCH_RECORDS_MAX, SNAPSHOT_EVERY
from engine.kernel.market import USD_INCREMENTS, Market
from engine.kernel.time import DAY, MINUTE, SECOND, Millis

THEMES: Mapping[str, tuple[str, ...]] = {
    "auctions": ("auction",),
    "haggling": ("shop", *("negotiation",) * 3),
    "dispatch": ("shop", *("zone",) * 7),
    "parcels": ("escrow", *("shipment",) * 4),
    "identity": ("identity",),
    "mix": ("auction", "escrow", "identity", "negotiation", "shipment", "shop", "zone"),
}
"""Whose workloads ask in a run, each as often as it stands here. A run that does a little of
everything gets nowhere: most do much of few things."""
QUIET_THEMES = tuple(theme for theme in THEMES if theme != "auctions")
"""Half of the runs are of these, where one step follows another; the rest are auctions alone."""
SLEEPY_THEMES = ("haggling", "parcels")
"""Those in which something is due only after a day."""


class Options(Struct, frozen=True, kw_only=True):
    """Chances are per mille; `every` is a mean interval in ms, 0: never."""

    commands: int = 150
    gap_ms: int = 1_500
    """Mean time between two commands."""
    bidders: int = 4
    sellers: int = 2
    drivers: int = 3
    staff: int = 2
    hosts: int = 1
    """Machines that compete for the lease."""
    theme: str = "auctions"
    """What people are about, besides money: one of `THEMES`."""
    things: int = 6
    """How many there are of each kind, in all."""
    things_at_once: int = 3
    span_ms: Millis = 3 * MINUTE
    """The longest auction."""
    window_ms: Millis = MINUTE
    """For deposit and remainder."""
    extension_ms: Millis = 10 * SECOND
    ledger_share: int = 250
    night_ms: Millis = 0
    """Half-way through nothing runs for so long, and everybody sleeps; 0: they do not."""
    snapshot_every: int = SNAPSHOT_EVERY
    batch_max: int = BATCH_RECORDS_MAX
    backlog_max: int = 20_000

    lag_us: int = 1
    """A timer fires late by less than this."""
    latency_us: int = 20_000
    """The longest way to the log, one way, unless it is a late one."""
    refused: int = 0
    """A request to the log fails before it gets there."""
    lost: int = 0
    """A request is carried out, and its answer gets lost."""
    late: int = 0
    """A request arrives after its sender has given it up."""
    torn: int = 0
    """A batch is spoilt in the middle: nothing of it may be written."""
    crash_every: int = 0
    stop_every: int = 0
    freeze_every: int = 0
    cut_every: int = 0
    """A host and the log lose sight of each other."""
    dark_every: int = 0
    """The log answers nobody."""
    forget_every: int = 0
    """The snapshot is gone, or unreadable."""
    leave_every: int = 0
    """Somebody goes offline for a while."""
    downtime_ms: Millis = MINUTE
    """The longest of any of these."""

    again: int = 100
    """An answered command is sent once more."""
    other_body: int = 100
    """Its id is used for another one."""
    twice: int = 50
    """It is sent twice at once."""
    impatient: int = 50
    """Its sender does not wait for the answer."""

    def market(self) -> Market:
        """Days become minutes, so that a run sees the end of things."""
        return Market(
            currency="USD",
            increments=USD_INCREMENTS,
            extension_window_ms=self.extension_ms,
            extension_ms=self.extension_ms,
            deposit_window_ms=self.window_ms,
            payment_window_ms=self.window_ms,
            platform_tick_ms=2 * SECOND,
            platform_window_ms=MINUTE,
        )


def swarm(dice: Random) -> Options:
    """The options of a run."""
    theme = dice.choice(("auctions",) * len(QUIET_THEMES) + QUIET_THEMES)
    gap_ms = dice.choice((50, 400, 1_500) if theme == "auctions" else (400, 1_000, 2_000))
    fewer = theme != "auctions"
    return Options(
        theme=theme,
        commands=dice.choice((200, 250, 300) if fewer else (60, 150, 300)),
        gap_ms=gap_ms,
        bidders=dice.randint(4 if fewer else 2, 6),
        sellers=dice.randint(1, 3),
        drivers=dice.randint(2 if fewer else 1, 4),
        hosts=dice.choice((1, 2)),
        things=dice.choice((2, 3, 6) if fewer else (3, 8, 20)),
        things_at_once=dice.choice((1, 1, 2) if fewer else (1, 2, 4)),
        span_ms=max(5 * SECOND, gap_ms * dice.choice((20, 60, 150))),
        window_ms=dice.choice((5, 20, 60)) * SECOND,
        extension_ms=dice.choice((1, 5, 30)) * SECOND,
        ledger_share=dice.choice((20, 50) if fewer else (50, 150, 400)),
        night_ms=dice.choice((0, DAY, DAY)) if theme in SLEEPY_THEMES else 0,
        snapshot_every=dice.choice((5, 40, SNAPSHOT_EVERY)),
        batch_max=dice.choice((1, 3, BATCH_RECORDS_MAX)),
        backlog_max=dice.choice((8, 20_000, 20_000, 20_000)),
        lag_us=dice.choice((1, 1_000, 300_000)),
        latency_us=dice.choice((100, 20_000, 500_000)),
        **_weather(dice),
        downtime_ms=dice.choice((1, 8, 60)) * SECOND,
        again=dice.choice((0, 50, 300)),
        other_body=dice.choice((0, 100)),
        twice=dice.choice((0, 100)),
        impatient=dice.choice((0, 50, 300)),
    )


def _weather(dice: Random) -> dict[str, int]:
    """How often each fault strikes."""
    chances = ("refused", "lost", "late", "torn")
    intervals = ("crash", "stop", "freeze", "cut", "dark", "forget", "leave")
    weather = {name: dice.choice((0, 0, 5, 40)) for name in chances}
    for name in intervals:
        weather[f"{name}_every"] = dice.choice((0, 0, 120 * SECOND, 30 * SECOND))
    return weather
