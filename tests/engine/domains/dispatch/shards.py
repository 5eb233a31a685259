"""Two zones in two shards, of one market or of two, and between them a pipe that is late, repeats
and mixes things up.

The house's own outbox delivers each message once in effect; a pipe that is worse proves more.
"""

from collections.abc import Iterable
from random import Random
from typing import Any

from typing_extensions import override

from engine.contract import Command, Message, Notify, Reaction, Send, Wake
from engine.core import Applied, Core, Outcome, Room
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.state import Zone
from engine.domains.dispatch.terms import Mode, Neighbour, zone_room
from engine.kernel.actor import THE_HOUSE, Actor
from engine.kernel.ids import MAIN, in_market, split_address
from engine.kernel.market import BUILT_IN
from engine.kernel.outcome import Rejected
from engine.ledger.commands import Deposit
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms
from engine.registry import build_registry, find_domains
from testkit.house import OPENING
from testkit.world import vault
from tests.engine.domains.dispatch.cast import BOSS, CENTRE, CUSTOMER, HOOK, TOTAL, north, paid

ZONES = ("z1", "z2")
CENTRES = {"z1": CENTRE, "z2": north(9_000)}
RADIUS_M = 6_000
MARKETS = {"z1": MAIN, "z2": "east"}


class Shard(Core):
    """A core with one zone; what it says to the other one's zone goes into the pipe."""

    def __init__(self, zone: str, pipe: list[Send], market: str) -> None:
        super().__init__(build_registry(find_domains()), dict(BUILT_IN), vault(), market)
        self.zone = zone
        self._pipe = pipe
        self.now = OPENING

    @override
    def _deliver(self, source: Room, seq: int, reaction: Reaction, applied: list[Applied]) -> None:
        abroad = isinstance(reaction, Send) and reaction.room.startswith("zone:")
        if abroad and isinstance(reaction, Send) and reaction.room != zone_room(self.zone):
            self._pipe.append(reaction)
            return
        if isinstance(reaction, Notify):
            # Wherever they listen, it is looked for in the log of who says it.
            reaction = Notify(split_address(reaction.user)[0], reaction.event)
        super()._deliver(source, seq, reaction, applied)


class Shards:
    """Both of them, and their common time."""

    def __init__(self, dice: Random, *, apart: bool = False) -> None:
        """`apart`: each zone is of a market of its own."""
        self.pipe: list[Send] = []
        self.markets = MARKETS if apart else dict.fromkeys(ZONES, MAIN)
        self.shards = {zone: Shard(zone, self.pipe, self.markets[zone]) for zone in ZONES}
        self.now = OPENING
        self.log: dict[str, list[Any]] = {zone: [] for zone in ZONES}
        """Every event, by shard."""
        self._dice = dice
        for zone, other in (ZONES, ZONES[::-1]):
            market = self.markets[other] if apart else None
            neighbour = Neighbour(other, CENTRES[other], RADIUS_M, market)
            command = c.CreateZone(
                id="c",
                zone=zone,
                centre=CENTRES[zone],
                radius_m=RADIUS_M,
                neighbours=(neighbour,),
            )
            self.must(zone, BOSS, command)

    def zone(self, zone: str) -> Zone:
        """The state of a zone."""
        found = self.shards[zone].rooms[zone_room(zone)].state
        assert isinstance(found, Zone)
        return found

    def address(self, zone: str, asker: str) -> str:
        """What a zone is called in another one."""
        market = self.markets[zone]
        return zone if market == self.markets[asker] else in_market(zone, market)

    def ask(self, zone: str, actor: Actor, command: Command) -> Outcome | Rejected:
        """Somebody asks in the shard of a zone."""
        return self._step(zone, command, command.room(actor), actor)

    def must(self, zone: str, actor: Actor, command: Command) -> Outcome:
        """The same, and it is not refused."""
        outcome = self.ask(zone, actor, command)
        assert isinstance(outcome, Outcome), f"{command}: {outcome}"
        return outcome

    def order(self, zone: str, order: str, pickup: Place, mode: Mode = "broadcast") -> None:
        """A paid order that its shop has accepted."""
        money = Deposit(id="c", user=CUSTOMER.user, amount=TOTAL, currency="NGN", reference=order)
        share = ShareTerms("keeper", "seller", TOTAL)
        escrow = f"order.{order}"
        opened = Open(
            id="c",
            escrow=escrow,
            payer=CUSTOMER.user,
            currency="NGN",
            total=TOTAL,
            shares=(share,),
        )
        self.must(zone, BOSS, money)
        self.must(zone, BOSS, opened)
        self.must(zone, CUSTOMER, Fund(id="c", escrow=escrow))
        terms = {"pickup": pickup, "dropoff": pickup, "shop_approval": "auto", "mode": mode}
        self.must(zone, HOOK, paid(order, zone, **terms))

    def deliver(self, index: int = 0, *, again: bool = False) -> None:
        """One message of the pipe arrives; it may stay in the pipe, to arrive again."""
        send = self.pipe[index] if again else self.pipe.pop(index)
        room, market = split_address(send.room)
        zone = room.partition(":")[2]
        assert market in ("", self.markets[zone]), f"nobody is at {send.room}"
        self._step(zone, send.message, room, THE_HOUSE)

    def deliver_all(self) -> None:
        """Until nobody has anything to say."""
        while self.pipe:
            self.deliver(self._dice.randrange(len(self.pipe)))

    def advance(self, ms: int) -> None:
        """Time passes in both, and timers fire."""
        self.now += ms
        for zone, shard in self.shards.items():
            shard.now = max(shard.now, self.now)
            while (due := _next_due(shard)) and due[0] <= self.now:
                self._step(zone, Wake(), due[1], THE_HOUSE)

    def _step(
        self, zone: str, asked: Command | Message, room: str, actor: Actor
    ) -> Outcome | Rejected:
        shard = self.shards[zone]
        outcome = shard.step(asked, room, actor, max(self.now, shard.now))
        if isinstance(outcome, Outcome):
            self.log[zone] += [applied.event for applied in outcome.applied]
            shard.check({a.room.name: a.room for a in outcome.applied}.values())
        else:
            assert not isinstance(asked, Message), f"{asked} is refused: {outcome}"
        self.check()
        return outcome

    def check(self) -> None:
        """Invariant 1, over all zones: no driver has two jobs, no job two drivers."""
        busy = [d for zone in self._zones() for d in self.zone(zone).assigned]
        assert len(busy) == len(set(busy)), f"dispatch INV-1: {busy}"

    def check_at_rest(self) -> None:
        """When all has been said: whoever is busy has a job, and who has a job is busy."""
        assert not self.pipe, "all has been said"
        for zone in ZONES:
            for name, driver in self.zone(zone).drivers.items():
                home = self.zone(split_address(driver.order_zone or zone)[0])
                if driver.state == "BUSY":
                    assert home.assigned[name] == driver.order, f"{name} is claimed for nothing"
            for name in self.zone(zone).assigned:
                assert self._is_busy(name), f"{name} has a job, and their zone does not know"

    def _is_busy(self, name: str) -> bool:
        found = [self.zone(zone).drivers.get(name) for zone in ZONES]
        return any(driver is not None and driver.state == "BUSY" for driver in found)

    def _zones(self) -> Iterable[str]:
        return [z for z, shard in self.shards.items() if zone_room(z) in shard.rooms]


def _next_due(shard: Shard) -> tuple[int, str] | None:
    moments = [
        (due, room.name)
        for room in shard.rooms.values()
        if (due := room.domain.due(room.state, shard.now)) is not None
    ]
    return min(moments, default=None)
