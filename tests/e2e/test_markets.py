"""Two markets in two processes: what one asks of the other goes over as letters, once in effect."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from testkit.client import Client, connected
from testkit.cluster import Cluster, Part, cluster
from testkit.process import run
from tests.e2e.dispatch_walk import CUSTOMER, KEEPER, TOTAL, north, order_terms

pytestmark = pytest.mark.xdist_group("cluster")

BORDER_M = 9_000
"""From the middle of one zone to that of the other."""
RADIUS_M = 6_000


@pytest.fixture
async def town() -> AsyncIterator[Cluster]:
    """Two writers with a market each, and one gateway."""
    async with cluster(gateways=1, markets=["east"]) as made:
        yield made


class People:
    """Connections by who and where."""

    def __init__(self, town: Cluster, stack: AsyncExitStack) -> None:
        self._town = town
        self._stack = stack

    async def come(self, user: str, role: str, market: str) -> Client:
        """Somebody connects to a market; their own feed is heard."""
        url = f"{self._town.gateways[0].websocket}?market={market}"
        client = await self._stack.enter_async_context(connected(url, self._town.token(user, role)))
        await client.subscribe(f"user:{user}")
        return client


async def serving(town: Cluster) -> dict[str, Part]:
    """Which engine serves which market, as soon as each has one."""
    async with httpx.AsyncClient() as http, asyncio.timeout(30):
        while True:
            found: dict[str, Part] = {}
            for part in town.engines:
                ready = (await http.get(f"{part.address}/readyz")).json()
                found |= {market: part for market, is_ready in ready["served"].items() if is_ready}
            if len(found) == 2 and found["main"] is not found["east"]:
                return found
            await asyncio.sleep(0.1)


async def order_paid(boss: Client, customer: Client, robot: Client) -> None:
    """An order of main is paid into escrow, and its zone is told."""
    share = {"payee": KEEPER, "kind": "seller", "gross": TOTAL}
    plan = {"payer": CUSTOMER, "currency": "USD", "total": TOTAL, "shares": [share]}
    money = {"user": CUSTOMER, "amount": TOTAL, "currency": "USD", "reference": "till"}
    await boss.must("ledger.deposit", **money)
    await robot.must("escrow.open", escrow="order.o1", **plan)
    await customer.must("escrow.fund", escrow="order.o1")
    await robot.must("dispatch.order_paid", **order_terms("o1"))


async def test_a_driver_of_one_market_takes_a_job_of_the_other(town: Cluster) -> None:
    """They are asked at home, answer where the job is, and are busy in both; meanwhile the
    process that serves their own market is killed. Completed, the job pays where it was paid for,
    and both markets' logs are whole."""
    async with AsyncExitStack() as stack:
        people = People(town, stack)
        served = await serving(town)
        boss = await people.come("boss", "admin", "main")
        robot = await people.come("robot", "system", "main")
        customer = await people.come(CUSTOMER, "user", "main")
        keeper = await people.come(KEEPER, "shopkeeper", "main")
        there = await people.come("boss", "admin", "east")
        for one, other, middle, border in (
            (boss, "east", 0, BORDER_M),
            (there, "main", BORDER_M, 0),
        ):
            near = {"zone": "z1", "centre": north(border), "radius_m": RADIUS_M, "market": other}
            circle = {"centre": north(middle), "radius_m": RADIUS_M, "neighbours": [near]}
            await one.must("dispatch.create_zone", zone="z1", **circle)
        address = {"name": "Bread", "address": "1 Market Street", "category": "food"}
        await keeper.must("shop.create", shop="bread", **address)
        ben = await people.come("ben", "driver", "east")
        await ben.must("dispatch.go_online", zone="z1", pos=north(4_000))

        await order_paid(boss, customer, robot)
        asked = await ben.hear(event="dispatch.offer_made")
        assert asked.data["zone"] == "z1@main"
        refused = await ben.ask("dispatch.accept_offer", offer=asked.data["offer"])
        assert (refused.code, refused.details) == ("ROOM_NOT_FOUND", {"market": "main"})
        abroad = await people.come("ben", "driver", "main")
        served["east"].process.kill()
        await served["east"].process.ended()
        await abroad.must("dispatch.accept_offer", offer=asked.data["offer"])
        # Only when the other process has taken over can the driver's own zone say yes.
        await ben.hear(event="dispatch.job_assigned")
        await abroad.must("dispatch.confirm_pickup", order="o1")
        code = (await customer.must("dispatch.show_delivery_code", order="o1")).result["code"]
        await abroad.must("dispatch.enter_delivery_code", code=code)
        ended = await ben.hear(event="dispatch.job_ended")
        assert ended.data["cause"] == "COMPLETED"
        escrow = await see(town, "escrow:order.o1", "main")
        assert escrow["status"] == "released", escrow
        zone = await see(town, "zone:z1", "east")
        assert zone["drivers"]["ben"]["state"] == "AVAILABLE", zone
        dead = await see(town, "house:dead_letters", "main")
        assert dead["count"] == 0, dead
        assert await events(town, "outbox:east", "main") == {"outbox.sent"}
        assert await events(town, "inbox:main", "east") == {"inbox.taken"}
    verified = await run("verify", "--postgres", town.url, "--data", str(town.data))
    assert verified.code == 0, verified.err
    assert "east" in verified.out


async def events(town: Cluster, room: str, market: str) -> set[str]:
    """What has happened in a room, by name."""
    page = await get(town, f"{room}/events", market)
    return {event["event"] for event in page["events"]}


async def see(town: Cluster, room: str, market: str) -> dict[str, Any]:
    """A room as an admin sees it, over HTTP."""
    state: dict[str, Any] = (await get(town, room, market))["state"]
    return state


async def get(town: Cluster, path: str, market: str) -> dict[str, Any]:
    """What an admin gets."""
    headers = {"Authorization": f"Bearer {town.token('boss', 'admin')}"}
    async with httpx.AsyncClient(headers=headers) as http:
        url = f"{town.gateways[0].address}/v1/rooms/{path}"
        answer = await http.get(url, params={"market": market})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.text)
    return found
