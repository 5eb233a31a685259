"""Deliveries over the wire: from the payment to the door, a thousand races, and a kill."""

from contextlib import AsyncExitStack
from typing import get_args

from engine.domains.dispatch.terms import LOCK_AT
from engine.kernel.time import SECOND
from engine.registry import build_registry, find_domains
from testkit.client import Client, Heard, connected
from tests.e2e import dispatch_walk as town
from tests.e2e.dispatch_walk import CUSTOMER, DAN, DEB, DOT, KEEPER, TOTAL, north
from tests.e2e.places import Place
from tests.e2e.walk import BOSS, Walk, walking

ROUNDS, RACERS = 100, 10
OFFER_MS = 300


async def test_from_the_payment_to_the_door(place: Place) -> None:
    """Customer, shop and driver follow it on their own feeds; the shop is paid at the end."""
    async with place.serve("--test-clock") as server, walking(server) as walk:
        await town.open_town(walk)
        feeds = {CUSTOMER: "delivery:o1", KEEPER: f"user:{KEEPER}", DAN: f"user:{DAN}"}
        await town.online(walk, DAN)
        await walk.must(DEB, "dispatch.go_online", zone="z1", pos=north(50))
        for user in (KEEPER, DAN):
            await (await walk.client(user)).subscribe(feeds[user])
        await town.paid(walk, "o1", shop_approval="required")
        customer = await walk.client(CUSTOMER)
        await customer.subscribe(feeds[CUSTOMER])
        assert (await customer.hear("snapshot")).state["status"] == "PENDING_SHOP_APPROVAL"
        asked = await (await walk.client(KEEPER)).hear(event="dispatch.approval_requested")
        assert asked.data["order"] == "o1"
        await walk.must(KEEPER, "dispatch.shop_accept", order="o1")
        made = await (await walk.client(DAN)).hear(event="dispatch.offer_made")
        assert (made.data["distance_m"], "dropoff_address" in made.data) == (0, False)
        await the_driver_brings_it(walk, made, customer)
        while (await customer.hear(event="delivery.status_updated")).data["status"] != "COMPLETED":
            pass
        statuses = [m.data["status"] for m in customer.unasked if m.type == "event"]
        assert statuses[0] == "ACCEPTED_BY_SHOP"
        assert statuses[-1] == "COMPLETED"
        escrow = await walk.door.room("escrow:order.o1", walk.token(BOSS))
        assert escrow["status"] == "released"
        seqs = customer.seqs("delivery:o1")
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
        server.process.stop()
        assert await server.process.ended() == 0
    verified = await place.verify()
    assert verified.code == 0, verified.err
    assert verified.out.endswith("every invariant holds\n")


async def the_driver_brings_it(walk: Walk, made: Heard, customer: Client) -> None:
    """Accepts, drives under the eyes of the customer, and is told the code at the door."""
    taken = await walk.must(DAN, "dispatch.accept_offer", offer=made.data["offer"])
    assert taken.result["status"] == "assigned"
    late = await walk.ask(DEB, "dispatch.accept_offer", offer=await town.offer(walk, "o1", DEB))
    assert late.code == "ORDER_TAKEN"
    await walk.must(DAN, "dispatch.arrive_at_shop", order="o1")
    await walk.must(DAN, "dispatch.confirm_pickup", order="o1")
    await walk.advance(5 * SECOND)
    assert (await town.ping(walk, DAN, 100))["taken"]
    seen = await customer.hear("soft", event="delivery.location_updated")
    assert (seen.room, seen.data["pos"]) == ("delivery:o1", north(100))
    tracked = (await walk.must(CUSTOMER, "dispatch.track_order", order="o1")).result
    assert (tracked["status"], tracked["driver"]["pos"]) == ("OUT_FOR_DELIVERY", north(100))
    refused = await walk.ask(DAN, "dispatch.show_delivery_code", order="o1")
    assert refused.code == "FORBIDDEN"
    code = await town.right_code(walk, "o1")
    done = await walk.must(DAN, "dispatch.enter_delivery_code", code=code)
    assert done.result["status"] == "COMPLETED"
    said = str(walk_heard(await walk.client(DAN)))
    assert f"'{code}'" not in said


def walk_heard(client: Client) -> list[object]:
    """All that this client was ever told."""
    return [(m.data, m.state, m.result, m.details) for m in [*client.unasked, *client.replied]]


async def test_every_code_of_dispatch_is_said(on_sqlite: Place) -> None:
    """All of zones and deliveries, and nothing is said that is not in the registry."""

    class Ear:
        """Takes note of refusals."""

        def __init__(self, walk: Walk) -> None:
            self.heard: set[str] = set()
            self._walk = walk

        async def no(self, code: str, user: str, type_: str, /, **fields: object) -> None:
            reply = await self._walk.ask(user, type_, **fields)
            assert reply.code == code, f"{type_} {fields}: {reply}"
            self.heard.add(code)

    registry = build_registry(find_domains())
    own = {code.name for code in registry.domains["zone"].codes}
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        ear = Ear(walk)
        await town.codes_of_dispatch(walk, ear)
        assert ear.heard == own


async def test_every_event_of_dispatch_is_heard(on_sqlite: Place) -> None:
    """On the feeds of zones, deliveries and people."""
    registry = build_registry(find_domains())
    known = {tag for tag in registry.events if tag.startswith(("dispatch.", "delivery."))}
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await town.deliveries(walk)
        async with connected(server.websocket, walk.token(BOSS)) as ear:
            for room in town.ROOMS:
                reply = await ear.subscribe(room, after=0)
                if reply.seq:
                    await ear.hear(room=room, seq=reply.seq)
                assert ear.seqs(room) == list(range(1, reply.seq + 1))
            heard = [message for message in ear.unasked if message.type == "event"]
        assert known - {message.event for message in heard} == town.UNREACHABLE
        for (tag, field), words in town.CAUSES.items():
            said = {message.data[field] for message in heard if message.event == tag}
            assert said == set(get_args(words)), tag
        server.process.stop()
        assert await server.process.ended() == 0
    verified = await on_sqlite.verify()
    assert verified.code == 0, verified.err


async def test_a_thousand_accepts_in_the_same_instant(on_sqlite: Place) -> None:
    """A hundred jobs, ten drivers each, all at once: one gets it, nine are told ORDER_TAKEN."""
    async with on_sqlite.serve() as server, walking(server) as walk:
        await town.open_town(walk)
        drivers = [f"racer{number}" for number in range(RACERS)]
        async with AsyncExitStack() as stack:
            clients = {name: await entered(stack, walk, name) for name in drivers}
            for number in range(ROUNDS):
                await race(walk, f"race{number}", clients)
    verified = await on_sqlite.verify()
    assert verified.code == 0, verified.err


async def entered(stack: AsyncExitStack, walk: Walk, name: str) -> Client:
    """A driver comes online, and stays connected."""
    token = walk.server.token(name, "driver")
    client = await stack.enter_async_context(connected(walk.server.websocket, token))
    await client.must("dispatch.go_online", zone="z1", pos=north(0))
    return client


async def race(walk: Walk, order: str, clients: dict[str, Client]) -> None:
    """All accept at once; afterwards the winner is free again."""
    await town.paid(walk, order)
    offers = (await town.job(walk, order))["offers"]
    assert len(offers) == RACERS
    pending = [
        await clients[line["driver"]].send("dispatch.accept_offer", offer=name)
        for name, line in offers.items()
    ]
    replies = [await reply for reply in pending]
    answers = sorted(reply.code if reply else "gone" for reply in replies)
    assert answers == ["", *["ORDER_TAKEN"] * (RACERS - 1)]
    winner = next(reply for reply in replies if reply and reply.ok)
    assert winner.result["order"] == order
    why = {"order": order, "reason": "the next race"}
    await walk.must(BOSS, "dispatch.cancel_order", **why)


async def test_a_kill_in_the_midst_of_offers(place: Place) -> None:
    """What expired in the outage is not accepted late; assignments stand, and so do wrong codes."""
    async with place.serve() as server, walking(server) as walk:
        await town.open_town(walk, offer_ms=OFFER_MS)
        for driver in (DAN, DEB):
            await town.online(walk, driver)
        await town.paid(walk, "locked")
        await town.take(walk, "locked", DAN)
        await walk.must(DAN, "dispatch.confirm_pickup", order="locked")
        digits = await town.wrong_code(walk, "locked")
        for tries_left in (4, 3, 2, 1, 5):
            wrong = await walk.ask(
                DAN, "dispatch.enter_delivery_code", id_=f"w{tries_left}", code=digits
            )
            assert (wrong.code, wrong.details["tries_left"]) == (
                "DELIVERY_CODE_INVALID",
                tries_left,
            )
        await town.paid(walk, "assigned")
        await town.take(walk, "assigned", DEB)
        await town.online(walk, DOT)
        await town.paid(walk, "open")
        lost = await town.offer(walk, "open", DOT)
        server.process.kill()
        assert await server.process.ended() == -9
    place.bury()
    async with place.serve() as server, walking(server) as walk:
        late = await walk.ask(DOT, "dispatch.accept_offer", offer=lost)
        assert late.code == "OFFER_EXPIRED"
        jobs = (await walk.door.room("zone:z1", walk.token(BOSS)))["jobs"]
        assert (jobs["assigned"]["status"], jobs["assigned"]["driver"]) == ("DRIVER_ASSIGNED", DEB)
        again = await walk.ask(DAN, "dispatch.enter_delivery_code", id_="w2", code=digits)
        assert (again.code, again.details["tries_left"]) == ("DELIVERY_CODE_INVALID", 2)
        assert jobs["locked"]["code_attempts"] == LOCK_AT
        assert not [x for x in jobs["open"]["offers"].values() if x["state"] == "OPEN"]
        code = await town.right_code(walk, "locked")
        still = await walk.ask(DAN, "dispatch.enter_delivery_code", code=code)
        assert still.code == "DELIVERY_CODE_LOCKED"
        await town.override(walk, "locked")
        escrow = await walk.door.room("escrow:order.locked", walk.token(BOSS))
        assert (escrow["status"], escrow["total"]) == ("released", TOTAL)
    place.bury()
    verified = await place.verify()
    assert verified.code == 0, verified.err
