"""Two markets over two shards of one Postgres: letters and drivers, whoever is killed when."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest

from engine.contract import Command
from engine.domains.dispatch.terms import Neighbour
from engine.house import DEAD_LETTERS
from engine.kernel.actor import Actor
from engine.kernel.ids import MAIN
from engine.ledger.commands import Deposit
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms
from engine.mail import TakeLetter
from engine.ports import CommandSink
from engine.registry import Registry, build_registry, find_domains
from engine.sequencer import Accepted, Refused
from persistence.postgres import PostgresLog
from tests.engine.domains.dispatch.cast import (
    BEN,
    BOSS,
    CENTRE,
    CUSTOMER,
    HOOK,
    TOTAL,
    create_zone,
    north,
    online,
    paid,
    take,
)
from tests.engine.toys import ADA, Play
from tests.runtime.writer.markets import MarketHere, Road, until_seen
from tests.runtime.writer.test_mail import toys

EAST = "east"
SHARDS = {MAIN: 0, EAST: 1}
FAR = north(9_000)

Begin = Callable[[Registry], Any]


class Pair:
    """Main in shard 0, east in shard 1."""

    def __init__(self, url: str, registry: Registry) -> None:
        sinks: dict[str, CommandSink] = {}
        self.road = Road(sinks)
        self.main, self.east = (
            MarketHere(name, registry, lambda n=shard: PostgresLog(url, n), self.road, sinks)
            for name, shard in SHARDS.items()
        )
        self.both = {MAIN: self.main, EAST: self.east}
        self._asked = 0

    async def kill(self, name: str) -> None:
        """End a market at this very moment, and start it again from its log."""
        await self.both[name].kill()
        await self.both[name].start()

    async def must(self, name: str, actor: Actor, command: Command) -> Accepted:
        """Ask, with an id of its own, until it is known how it was decided."""
        self._asked += 1
        command = msgspec.structs.replace(command, id=f"c{self._asked}")
        while isinstance(answer := await self.both[name].ask(command, actor), Refused):
            assert answer.rejected.code.retry == "same_id", f"{command}: {answer.rejected}"
            await asyncio.sleep(0.01)
        return answer

    async def until_all_is_said(self) -> None:
        """Wait until each market has taken all letters of the other one."""
        for name, other in ((MAIN, EAST), (EAST, MAIN), (MAIN, EAST)):
            sent = await self.both[name].see(f"outbox:{other}")
            await until_seen(
                self.both[other],
                f"inbox:{name}",
                lambda seen, most=sent["sent"]: seen["taken"] >= most,
            )

    async def texts(self) -> list[str]:
        """What the toy of east has heard."""
        seen = await self.east.see("toy:t1")
        return list(seen["texts"]) if seen else []


@pytest.fixture
async def begin(postgres_url: str) -> AsyncIterator[Begin]:
    """Starts both markets, and stops them in the end."""
    begun: list[Pair] = []

    async def start(registry: Registry) -> Pair:
        pair = Pair(postgres_url, registry)
        begun.append(pair)
        await pair.main.start()
        await pair.east.start()
        return pair

    yield start
    for pair in begun:
        for market in pair.both.values():
            with suppress(KeyError):
                await market.stop()


def tell(text: str) -> Play:
    """Main is to tell the toy of east."""
    return Play(id=text, text=text, tell=("toy:t1@east",))


@pytest.mark.parametrize("victim", [MAIN, EAST])
@pytest.mark.parametrize("moment", ["before", "after", "while it is written", "at the mark"])
async def test_whoever_is_killed_a_letter_is_taken_once(
    begin: Begin, victim: str, moment: str
) -> None:
    """Before the letter is handed over, when it was taken and nobody was told, while a market
    writes, and after the mark of some was kept."""
    pair = await begin(toys())
    reached = asyncio.Event()

    def stop_here(letter: TakeLetter) -> None:
        if letter.number == 2 and not reached.is_set():
            reached.set()
            raise ConnectionError("killed")

    async def write_no_more(*_: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    if moment in ("before", "after"):
        setattr(pair.road, moment, stop_here)
    telling = [asyncio.create_task(pair.must(MAIN, ADA, tell(text))) for text in ("1", "2", "3")]
    if moment == "while it is written":
        pair.both[victim].log.append = write_no_more  # type: ignore[method-assign]
    if moment == "at the mark":
        await until_seen(pair.east, "inbox:main", lambda seen: seen["taken"] == 3)
        await pair.main.mail.stop()
        reached.set()
    async with asyncio.timeout(20):
        await reached.wait()
        await pair.kill(victim)
        if moment == "at the mark" and victim == EAST:
            # Its carrier was stopped above.
            await pair.kill(MAIN)
        told = await asyncio.gather(*telling)
        await pair.must(MAIN, ADA, tell("4"))
    await until_seen(pair.east, "inbox:main", lambda seen: seen["taken"] == 4)
    # Who asks again after a kill may be decided in another order: that one holds for the letters.
    decided = [text for _, text in sorted(zip((one.seq for one in told), "123", strict=True))]
    assert await pair.texts() == [*decided, "4"]
    assert (await pair.east.see(DEAD_LETTERS))["count"] == 0


@pytest.mark.parametrize("seed", range(6))
async def test_letters_survive_any_row_of_deaths(begin: Begin, seed: int) -> None:
    """Kills of either side at random moments, lost letters, lost answers: once and in order."""
    dice = Random(seed)
    pair = await begin(toys())
    sent: list[str] = []

    def lose(_: TakeLetter) -> None:
        if dice.random() < 0.1:
            raise ConnectionError("lost")

    pair.road.before = pair.road.after = lose
    while len(sent) < 30:
        sent.append(f"m{len(sent)}")
        telling = asyncio.create_task(pair.must(MAIN, ADA, tell(sent[-1])))
        if dice.random() < 0.3:
            await asyncio.sleep(dice.random() * 0.01)
            await pair.kill(dice.choice((MAIN, EAST)))
        await telling
    await until_seen(pair.east, "inbox:main", lambda seen: seen["taken"] == len(sent))
    assert await pair.texts() == sent


# Drivers.


async def open_town(pair: Pair) -> None:
    """A zone z1 in each market, which know each other; ben is online in that of east."""
    for name, other, here, there in ((MAIN, EAST, CENTRE, FAR), (EAST, MAIN, FAR, CENTRE)):
        near = (Neighbour("z1", there, 6_000, other),)
        await pair.must(name, BOSS, create_zone(centre=here, radius_m=6_000, neighbours=near))
    await pair.must(EAST, BEN, online(north(4_000)))


async def order(pair: Pair, name: str, id_: str) -> None:
    """A paid order at the centre of a market's zone, whose shop has said yes."""
    here = CENTRE if name == MAIN else FAR
    escrow = f"order.{id_}"
    money = Deposit(id="", user=CUSTOMER.user, amount=TOTAL, currency="NGN", reference=id_)
    share = ShareTerms("keeper", "seller", TOTAL)
    opened = Open(
        id="", escrow=escrow, payer=CUSTOMER.user, currency="NGN", total=TOTAL, shares=(share,)
    )
    await pair.must(name, BOSS, money)
    await pair.must(name, BOSS, opened)
    await pair.must(name, CUSTOMER, Fund(id="", escrow=escrow))
    await pair.must(name, HOOK, paid(id_, pickup=here, dropoff=here, shop_approval="auto"))


def is_offered(id_: str) -> Callable[[Any], bool]:
    """Whether an order of the zone is offered to ben."""

    def look(zone: Any) -> bool:
        return any(
            offer["driver"] == "ben" and offer["state"] == "OPEN"
            for offer in jobs_of(zone)[id_]["offers"].values()
        )

    return look


def jobs_of(zone: Any) -> dict[str, Any]:
    """The jobs of a zone, by order."""
    jobs: dict[str, Any] = zone["jobs"]
    return jobs


async def say_yes(pair: Pair, name: str, id_: str) -> None:
    """Ben takes the offer of an order; somebody may have been quicker: himself."""
    zone = await pair.both[name].see("zone:z1")
    [offer] = jobs_of(zone)[id_]["offers"]
    command = msgspec.structs.replace(take(offer), id=f"yes-{id_}")
    while isinstance(answer := await pair.both[name].ask(command, BEN), Refused):
        if answer.rejected.code.retry != "same_id":
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("victim", [None, MAIN, EAST])
@pytest.mark.parametrize("seed", range(3))
async def test_a_driver_wanted_by_two_markets_gets_one_job(
    begin: Begin, victim: str | None, seed: int
) -> None:
    """Ben says yes to both in one moment, and a market is killed in the middle of it."""
    dice = Random(seed)
    pair = await begin(build_registry(find_domains()))
    await open_town(pair)
    await order(pair, MAIN, "o1")
    await until_seen(pair.main, "zone:z1", is_offered("o1"))
    await order(pair, EAST, "o2")
    await until_seen(pair.east, "zone:z1", is_offered("o2"))
    answers = [(MAIN, "o1"), (EAST, "o2")]
    dice.shuffle(answers)
    yes = [asyncio.create_task(say_yes(pair, *answer)) for answer in answers]
    if victim:
        await asyncio.sleep(dice.random() * 0.02)
        await pair.kill(victim)
    await asyncio.gather(*yes)
    await until_seen(pair.main, "zone:z1", lambda zone: jobs_of(zone)["o1"]["claiming"] is None)
    await pair.until_all_is_said()
    held = [
        (name, id_)
        for name, market in pair.both.items()
        for id_, job in jobs_of(await market.see("zone:z1")).items()
        if job["driver"] == "ben"
    ]
    assert len(held) == 1
    at_home = (await pair.east.see("zone:z1"))["drivers"]["ben"]
    assert (at_home["state"], at_home["order"]) == ("BUSY", held[0][1])
    for market in pair.both.values():
        assert (await market.see(DEAD_LETTERS))["count"] == 0
