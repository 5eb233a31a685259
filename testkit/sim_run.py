"""One simulated run: who is there, what goes wrong, and how it must end."""

import asyncio
from random import Random
from typing import Any

import msgspec

from engine import look, snapshot
from engine.contract import CLAIM_MARK, Command, Stage, Workload
from engine.core import Core
from engine.kernel.actor import (
    ADMIN,
    ANYONE,
    DEALER,
    DRIVER,
    MANAGER,
    ROLES,
    SHOPKEEPER,
    SYSTEM,
    USER,
    Actor,
)
from engine.kernel.ids import user_room
from engine.kernel.time import Millis
from engine.look import Sight
from engine.registry import Registry
from engine.sequencer import Accepted
from persistence.memory import MemoryLog
from runtime.writer.recovery import recover
from testkit.auditor import Auditor
from testkit.chronicle import Chronicle
from testkit.faulty_log import AuditedStore, Weather
from testkit.naive_bidding import OUTAGE_MS
from testkit.sim_clients import Person
from testkit.sim_errands import FarEnds
from testkit.sim_faults import Faults
from testkit.sim_house import OPENING_NS, Host, World
from testkit.sim_options import THEMES, Options
from testkit.violation import expect
from testkit.virtual_loop import VirtualLoop
from testkit.world import vault

CURRENCY = "USD"
LIVENESS_S = 300.0
"""In calm weather everything comes to rest within this."""
SETTLE_S = 0.25
STAFF_ROOMS = ("house:dead_letters",)
ROOMS_FOLLOWED = 4
HOOK = "webhook.sandbox"
LOOKS_MAX = 4
"""So many rooms somebody looks at when they know what became of a command."""


class Run:
    """Everything of one seed."""

    def __init__(self, seed: int, registry: Registry, options: Options) -> None:
        self._seed = seed
        # Of what asyncio may ask of a loop it has what tasks, futures and timers need.
        self.loop = VirtualLoop(self._chance("loop"), options.lag_us)  # type: ignore[abstract]
        self._dice = self._chance("run")
        markets = {CURRENCY: options.market()}
        auditor = Auditor(registry, markets)
        weather = Weather()
        store = AuditedStore(self.loop, auditor, f"log{seed}")
        self.world = World(
            self.loop,
            options,
            registry,
            markets,
            Chronicle(lambda: self.loop.now_us),
            auditor,
            store,
            weather,
            FarEnds(self._chance("far ends"), options, weather, store),
        )
        self.hosts = [
            Host(self.world, f"host{n}", self._chance(f"host{n}")) for n in range(options.hosts)
        ]
        self.people = self._people()
        self._glimpses: dict[str, Any] = {}
        """Room -> its public snapshot when somebody last looked."""

    def _chance(self, name: str) -> Random:
        """Chance of its own for each part: one that throws more often disturbs no other."""
        return Random(f"{name} {self._seed}")

    def _people(self) -> dict[str, Person]:
        """Everybody, by user id. They hear their own room, and some auctions."""
        options = self.world.options
        auctions = [f"auction:a{n}" for n in range(options.things)]
        actors = [
            Actor(f"{letter}{n}", role, "approved")
            for letter, role, count in (
                ("b", USER, options.bidders),
                ("s", DEALER, options.sellers),
                ("k", SHOPKEEPER, options.sellers),
                ("d", DRIVER, options.drivers),
                ("g", MANAGER, 1),
                ("m", ADMIN, options.staff),
            )
            for n in range(count)
        ]
        actors.append(Actor(HOOK, SYSTEM))
        people = {}
        for actor in (*actors, ANYONE):
            dice = self._chance(f"person {actor.user}")
            rooms = dice.sample(auctions, min(len(auctions), ROOMS_FOLLOWED))
            if actor.user:
                rooms.append(user_room(actor.user))
            if actor.role == ADMIN:
                rooms += [f"ledger:{CURRENCY}", *STAFF_ROOMS]
            people[actor.user] = Person(self.world, self.hosts, actor, rooms, dice)
        return people

    async def main(self) -> None:
        """Safety, then liveness, then the end."""
        loop, world = self.loop, self.world
        for host in self.hosts:
            loop.spawn(host.supervise())
        for person in self.people.values():
            loop.spawn(person.stay())
        loop.spawn(self._watch())
        faults = Faults(world, self.hosts, list(self.people.values()), self._chance("faults"))
        faults.start()
        await self._ask_for_things()
        await asyncio.sleep((world.options.span_ms + world.options.window_ms) / 1_000)
        await faults.end()
        world.chronicle.note("calm")
        # What an outage has extended ends now, and the winners and runners-up come and go.
        await asyncio.sleep((OUTAGE_MS + 2 * world.options.window_ms) / 1_000)
        await self._comes_to_rest()
        await self._history_is_what_was_heard()
        await self._stops_and_starts_again()

    async def _watch(self) -> None:
        """See from outside when somebody serves."""
        while True:
            if not self._unserved():
                self.world.auditor.market.is_served(self._now())
            await asyncio.sleep(SETTLE_S)

    def _now(self) -> Millis:
        """The world's clock."""
        return OPENING_NS // 1_000_000 + self.loop.now_us // 1_000

    async def _ask_for_things(self) -> None:
        """The safety phase: the domains' workloads, at random times."""
        options, dice = self.world.options, self._dice
        workloads = [self._workload_of(name) for name in THEMES[options.theme]]
        ledger = self._workload_of("ledger")
        for number in range(options.commands):
            await asyncio.sleep(dice.expovariate(1_000 / options.gap_ms))
            self._glance_around(number)
            wants_money = (
                number < 2 * options.bidders or dice.randrange(1_000) < options.ledger_share
            )
            self._ask(ledger if wants_money else dice.choice(workloads), number)
            if number == options.commands // 2:
                self._sleep()

    def _workload_of(self, name: str) -> Workload:
        workload = self.world.registry.domains[name].workload
        assert workload is not None, f"nobody asks anything of {name}"
        return workload

    def _sleep(self) -> None:
        """Everything stands still at once, the log too, and goes on after the night."""
        if self.world.options.night_ms:
            self.world.chronicle.note("night")
            self.loop.now_us += self.world.options.night_ms * 1_000

    def _things(self, number: int) -> range:
        """Those of the moment when so many commands have been asked: old ones go, new come."""
        options = self.world.options
        first = max(options.things - options.things_at_once, 0) * number // options.commands
        return range(first, first + options.things_at_once)

    def _ask(self, workload: Workload, number: int) -> None:
        wanted: dict[str, None] = {}
        """The rooms on which it depends what is asked."""

        def look(room: str) -> Any:
            wanted[room] = None
            return self._glimpses.get(room)

        stage = Stage(
            id="0",
            now=self._now(),
            span_ms=self.world.options.span_ms,
            currency=CURRENCY,
            people=self._roles(),
            things=self._things(number),
            look=look,
            keys=vault(),
        )
        actor, command = workload(self._dice, stage)
        if self.world.registry.refuse(type(command), actor) is None:
            self.loop.spawn(self._errand(actor, command, list(wanted)))

    def _roles(self) -> dict[str, list[str]]:
        roles: dict[str, list[str]] = {role: [] for role in ROLES}
        for user, person in self.people.items():
            roles.setdefault(person.actor.role, []).append(user)
        return roles

    async def _errand(self, actor: Actor, command: Command, wanted: list[str]) -> None:
        # Whoever has come to be in this run borrows the connection of a guest.
        person = self.people.get(actor.user, self.people[ANYONE.user])
        answer = await person.ask(actor, command)
        room = command.room(actor)
        if isinstance(answer, Accepted):
            room = answer.room
        for name in dict.fromkeys((room, *wanted[-LOOKS_MAX:])):
            if not name.startswith(CLAIM_MARK):
                self._glance(person, name)

    def _glance_around(self, number: int) -> None:
        """Somebody looks at something: what people know is old, but not too old."""
        person = self._dice.choice(list(self.people.values()))
        known = sorted(self._glimpses) or [f"auction:a{self._things(number)[0]}"]
        self._glance(person, self._dice.choice(known))

    def _glance(self, person: Person, room: str) -> None:
        """Somebody looks how things stand: at auctions as a guest, at all else as an admin."""
        line = person.line
        if line is None or not line.is_open:
            return

        def seen(sight: object) -> None:
            if isinstance(sight, Sight):
                self._glimpses[room] = msgspec.json.decode(sight.state)

        is_public = room.startswith("auction:")
        line.look(room, ANYONE if is_public else Actor("m0", ADMIN, "approved"), seen)

    async def _comes_to_rest(self) -> None:
        """Liveness: everybody knows what became of their commands, and has heard everything."""
        deadline_us = self.loop.now_us + int(LIVENESS_S * 1_000_000)
        while waiting := self._awaited():
            expect(self.loop.now_us < deadline_us, f"liveness: waiting for {waiting}")
            await asyncio.sleep(SETTLE_S)

    def _awaited(self) -> list[str]:
        world = self.world
        undone = world.far.undone(world.auditor, world.registry, self._now())
        return [*self._unserved(), *self._unanswered(), *self._untold(), *undone]

    def _unserved(self) -> list[str]:
        serving = [host for host in self.hosts if host.process and host.process.is_serving]
        return [] if serving else ["somebody who serves"]

    def _unanswered(self) -> list[str]:
        return [f"{p.actor.user}: {p.busy} answers" for p in self.people.values() if p.busy]

    def _untold(self) -> list[str]:
        heads = self.world.auditor.heads
        return [
            f"{person.actor.user}: {heads[room].seq} of {room}, heard {heard.seq}"
            for person in self.people.values()
            for room, heard in person.heard.items()
            if room in heads and heard.seq != heads[room].seq
        ]

    async def _history_is_what_was_heard(self) -> None:
        """An event looks the same live, resumed and from history, to each class of viewer."""
        core = self.world.auditor.twin
        rooms = self.world.store.rooms
        shown: dict[tuple[str, str], list[bytes]] = {}
        for person in self.people.values():
            for room, heard in person.heard.items():
                audiences = sorted(heard.audiences - {""})
                for audience in audiences:
                    if (room, audience) not in shown:
                        frames = look.frames(core, rooms.get(room, ()), audience)
                        shown[room, audience] = [_comparable(frame) for frame in frames]
                for seq, frame in heard.frames:
                    ways = [shown[room, audience][seq - 1] for audience in audiences]
                    expect(
                        _comparable(frame) in ways,
                        f"feeds: {person.actor.user} heard {frame!r}, and history says {ways}",
                    )

    async def _stops_and_starts_again(self) -> None:
        """ENG-9: what a clean stop leaves behind, and what replay makes, is the same state."""
        world = self.world
        world.weather.is_over = True
        for host in self.hosts:
            while host.process and not host.process.ended.done():
                host.process.stop()
                await asyncio.sleep(SETTLE_S)
        store, twin = world.store, world.auditor.twin
        expect(store.snapshot is not None, "a clean stop leaves no snapshot")
        digest = snapshot.digest(twin)
        for image in (store.snapshot, None):
            store.snapshot = image
            found = await recover(MemoryLog(store), world.registry, world.markets, vault())
            expect(snapshot.digest(found.core) == digest, "ENG-9: recovery makes another state")
            found.core.check()
            self._wallets_are_right(found.core)
        world.chronicle.note("end", digest)

    def _wallets_are_right(self, core: Core) -> None:
        """What people are shown of their money is what a child would have counted."""
        ledger = self.world.auditor.market.ledger
        for user in self.people:
            if not user:
                continue
            sight = look.see(core, user_room(user), Actor(user, USER))
            assert isinstance(sight, Sight), "everybody may see their own room"
            shown = msgspec.json.decode(sight.state)
            balance = shown["balances"].get(CURRENCY, {}).get("balance", 0)
            expect(balance == ledger.balances[f"WALLET:{user}"], f"{user} is shown {shown}")
            holds = shown["holds"].get(CURRENCY, {})
            expect(holds == ledger.holds[user], f"{user} is shown {shown}")


def _comparable(frame: bytes) -> Any:
    """An event frame, but for what opens to staff only when the auction has ended (X7)."""
    message = msgspec.json.decode(frame)
    if message["event"] == "auction.bid_placed":
        message["data"].pop("bid", None)
    return message
