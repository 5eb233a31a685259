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
from persistence.memory import MemoryLog
from runtime.recovery import recover
from testkit.auditor import Auditor
from testkit.chronicle import Chronicle
from testkit.faulty_log import AuditedStore, Weather
from testkit.naive_bidding import OUTAGE_MS
from testkit.sim_clients import Person
from testkit.sim_faults import Faults
from testkit.sim_house import OPENING_NS, Host, World
from testkit.sim_options import Options
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
NEEDS = {"negotiation": "shop"}
"""Kinds of room that come to nothing without another kind."""


class Run:
    """Everything of one seed."""

    def __init__(self, seed: int, registry: Registry, options: Options) -> None:
        self._seed = seed
        # Of what asyncio may ask of a loop it has what tasks, futures and timers need.
        self.loop = VirtualLoop(self._chance("loop"), options.lag_us)  # type: ignore[abstract]
        self._dice = self._chance("run")
        markets = {CURRENCY: options.market()}
        auditor = Auditor(registry, markets)
        self.world = World(
            self.loop,
            options,
            registry,
            markets,
            Chronicle(lambda: self.loop.now_us),
            auditor,
            AuditedStore(self.loop, auditor, f"log{seed}"),
            Weather(),
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
        workloads = {
            name: domain.workload
            for name, domain in self.world.registry.domains.items()
            if domain.workload
        }
        ledger = workloads.pop("ledger")
        # A run that does a little of everything gets nowhere: most do much of few things.
        names = sorted(workloads)
        chosen = dice.sample(names, min(len(names), options.kinds))
        chosen += [other for name in chosen if (other := NEEDS.get(name)) and other not in chosen]
        others = [workloads["auction"]] if not chosen else [workloads[name] for name in chosen]
        for number in range(options.commands):
            await asyncio.sleep(dice.expovariate(1_000 / options.gap_ms))
            self._glance_around(number)
            wants_money = (
                number < 2 * options.bidders or dice.randrange(1_000) < options.ledger_share
            )
            self._ask(ledger if wants_money else dice.choice(others), number)

    def _things(self, number: int) -> range:
        """Those of the moment when so many commands have been asked: old ones go, new come."""
        options = self.world.options
        first = max(options.things - options.things_at_once, 0) * number // options.commands
        return range(first, first + options.things_at_once)

    def _ask(self, workload: Workload, number: int) -> None:
        stage = Stage(
            id="0",
            now=self._now(),
            span_ms=self.world.options.span_ms,
            currency=CURRENCY,
            people=self._roles(),
            things=self._things(number),
            look=self._glimpses.get,
        )
        actor, command = workload(self._dice, stage)
        if self.world.registry.refuse(type(command), actor) is None:
            self.loop.spawn(self._errand(actor, command))

    def _roles(self) -> dict[str, list[str]]:
        roles: dict[str, list[str]] = {role: [] for role in ROLES}
        for user, person in self.people.items():
            roles.setdefault(person.actor.role, []).append(user)
        return roles

    async def _errand(self, actor: Actor, command: Command) -> None:
        person = self.people[actor.user]
        await person.ask(actor, command)
        room, _, _ = command.room(actor).removeprefix(CLAIM_MARK).partition(" ")
        self._glance(person, room)

    def _glance_around(self, number: int) -> None:
        """Somebody looks at something: what people know is old, but not too old."""
        person = self._dice.choice(list(self.people.values()))
        known = sorted(self._glimpses) or [f"auction:a{self._things(number)[0]}"]
        self._glance(person, self._dice.choice(known))

    def _glance(self, person: Person, room: str) -> None:
        """Somebody looks how things stand, as a guest would see it; where guests see nothing, as
        an admin would."""
        line = person.line
        if line is None or not line.is_open:
            return

        def seen(sight: object) -> None:
            if isinstance(sight, Sight):
                self._glimpses[room] = msgspec.json.decode(sight.state)
            elif line.is_open:
                line.look(room, Actor("m0", ADMIN, "approved"), seen_by_staff)

        def seen_by_staff(sight: object) -> None:
            if isinstance(sight, Sight):
                self._glimpses[room] = msgspec.json.decode(sight.state)

        line.look(room, ANYONE, seen)

    async def _comes_to_rest(self) -> None:
        """Liveness: everybody knows what became of their commands, and has heard everything."""
        deadline_us = self.loop.now_us + int(LIVENESS_S * 1_000_000)
        while waiting := [*self._unserved(), *self._unanswered(), *self._untold()]:
            expect(self.loop.now_us < deadline_us, f"liveness: waiting for {waiting}")
            await asyncio.sleep(SETTLE_S)

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
