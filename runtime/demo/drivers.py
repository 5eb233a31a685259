"""Drivers on the streets of the town. They have what their feeds tell them, and a delivery code
only from the mouth of the customer."""

import asyncio
from collections.abc import Awaitable, Callable

from engine.domains.dispatch.terms import PING_MS
from engine.kernel.time import SECOND
from runtime.demo import streets
from runtime.demo.client import Client, Feed, Message, heard
from runtime.demo.stage import Stage

PING_S = PING_MS / SECOND + 0.1
"""The house drops what comes faster."""
BLOCKS_A_PING = 15 * PING_S / streets.BLOCK_M
"""At 15 m/s."""
SLIPS_OF_THE_TONGUE = 0.15
"""How many codes are misheard at first."""

AskAtTheDoor = Callable[[str], Awaitable[str]]
"""(order) -> the code that its customer says."""


class Driver:
    """Somebody on wheels."""

    def __init__(self, stage: Stage, client: Client, at_the_door: AskAtTheDoor) -> None:
        self._stage = stage
        self._client = client
        self._at_the_door = at_the_door
        self._spot: streets.Spot = self._somewhere()
        self._path: list[streets.Crossing] = []
        self._has_job = False
        self._there = asyncio.Event()

    async def run(self) -> None:
        """Go online, drive about, and take jobs, until cancelled."""
        feed = await self._client.follow(f"user:{self._client.user}")
        pos = streets.wire(streets.place_at(self._spot))
        await self._client.must("dispatch.go_online", zone=self._stage.zone, pos=pos)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._roll())
            group.create_task(self._take_jobs(feed))

    async def _roll(self) -> None:
        """Move, and say where one is."""
        while True:
            await asyncio.sleep(PING_S)
            if not self._path and not self._has_job:
                self._path = streets.way(self._crossing(), self._somewhere())
            self._spot = streets.step_along(self._spot, self._path, BLOCKS_A_PING)
            pos = streets.wire(streets.place_at(self._spot))
            await self._client.must("dispatch.update_location", pos=pos)
            if not self._path:
                self._there.set()

    async def _take_jobs(self, feed: Feed) -> None:
        while True:
            offer = (await heard(feed, "dispatch.offer_made"))["data"]
            await self._stage.pause(0.5, 2.5)
            reply = await self._client.ask("dispatch.accept_offer", offer=offer["offer"])
            if reply["type"] == "ok":
                self._has_job = True
                await self._deliver(reply["result"]["order"], offer["pickup"])
                self._has_job = False

    async def _deliver(self, order: str, pickup: Message) -> None:
        say = self._client.must
        await self._go(pickup)
        await say("dispatch.arrive_at_shop", order=order)
        await self._stage.pause(1, 2)
        await say("dispatch.confirm_pickup", order=order)
        await self._go((await say("dispatch.track_order", order=order))["dropoff"])
        await say("dispatch.arrive_at_customer", order=order)
        await self._stage.pause(1, 3)
        code = await self._at_the_door(order)
        if self._stage.random.random() < SLIPS_OF_THE_TONGUE:
            misheard = f"{(int(code) + 1) % 10_000:04}"
            await self._client.ask("dispatch.enter_delivery_code", code=misheard)
            await self._stage.pause(1, 2)
        await say("dispatch.enter_delivery_code", code=code)

    async def _go(self, place: Message) -> None:
        """Drive to a crossing; there when the house has been told so."""
        self._there.clear()
        self._path = streets.way(self._crossing(), streets.crossing_at(place["lat"], place["lon"]))
        await self._there.wait()

    def _crossing(self) -> streets.Crossing:
        """The next one on the way, or the one where the driver stands."""
        avenue, street = self._path[0] if self._path else self._spot
        return round(avenue), round(street)

    def _somewhere(self) -> streets.Crossing:
        pick = self._stage.random.randrange
        return pick(streets.AVENUES), pick(streets.STREETS)
