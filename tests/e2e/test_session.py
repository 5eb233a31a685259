"""A whole session over the wire: money, an auction, bids, the end, the payment, the runners-up."""

import asyncio
import time
from typing import Any

import msgspec
from msgspec import Struct

from engine.kernel.time import HOUR, MINUTE, SECOND, Millis
from gateway.hooks.sandbox import SIGNATURE_HEADER
from gateway.hooks.signatures import sign_timed
from testkit.client import Client, connected
from testkit.process import run
from tests.e2e.door import Door, door_of
from tests.e2e.places import Place

ROOM = "auction:a1"
FUNDS = 1_000_00


async def tokens(place: Place, *users: tuple[str, str]) -> list[str]:
    """What `outcry token` prints for each (user, role)."""
    printed = await asyncio.gather(
        *(
            run("token", "--user", u, "--role", r, "--kyc", "approved", "--data", str(place.data))
            for u, r in users
        )
    )
    assert [p.code for p in printed] == [0] * len(users)
    return [p.out.strip() for p in printed]


async def open_auction(door: Door, boss: str, dealer: str, bidders: tuple[str, ...]) -> int:
    """Give the bidders money and hold an auction; return its end. It is live afterwards."""
    for user in bidders:
        deposit = {"user": user, "amount": FUNDS, "currency": "USD", "reference": "r1"}
        await door.say(boss, "ledger.deposit", **deposit)
    now = await door.advance(boss, 1)
    end_at = now + 10 * MINUTE
    await door.say(
        dealer,
        "auction.create",
        auction="a1",
        vehicle="v1",
        kind="timed",
        currency="USD",
        start_price=100_00,
        start_at=now + MINUTE,
        end_at=end_at,
    )
    await door.say(boss, "auction.approve", auction="a1")
    await door.advance(boss, MINUTE)
    return end_at


async def bid(client: Client, amount: int, id_: str | None = None) -> Any:
    """A bid that must be taken; its result."""
    reply = await client.must("auction.place_bid", id_, auction="a1", amount=amount, currency="USD")
    return reply.result


async def wallet(door: Door, user: str, token: str) -> tuple[int, int]:
    """Balance and what of it is available."""
    money = (await door.room(f"user:{user}", token))["balances"]["USD"]
    assert money["balance"] - money["held"] == money["available"]
    return money["balance"], money["available"]


async def pay(door: Door, place: Place, payment: str, user: str, amount: int) -> tuple[int, Any]:
    """What the sandbox provider says when it has captured a payment for the auction."""
    body = msgspec.json.encode(
        {
            "payment": payment,
            "kind": "captured",
            "user": user,
            "amount": amount,
            "currency": "USD",
            "purpose": ROOM,
        }
    )
    secret = (place.data / "webhook_secret").read_text().strip().encode()
    header = {SIGNATURE_HEADER: sign_timed(body, secret, int(time.time()))}
    answer = await door.post("/v1/hooks/sandbox", body, header)
    return answer.status_code, answer.json()


async def assert_verified(place: Place, *events: str) -> None:
    """`outcry verify` reads the log to its end, finds it good, and counted these events."""
    verified = await place.verify()
    assert verified.code == 0, verified.err
    assert "every receipt follows from the one before" in verified.out
    assert "USD sums to 0" in verified.out
    assert "digest" in verified.out
    assert verified.out.endswith("every invariant holds\n")
    for event in events:
        assert f" {event}\n" in verified.out


class Evening(Struct):
    """Who takes part in the auction, and how one talks to them."""

    door: Door
    boss: str
    ann: Client
    bob: Client
    guest: Client
    end_at: Millis = 0

    async def wallet(self, user: str) -> tuple[int, int]:
        """Balance and what of it is available."""
        return await wallet(self.door, user, self.boss)


async def test_from_the_first_token_to_the_settlement(place: Place) -> None:
    """Two bidders, an extension, the end, a signed payment: prices, holds, notices, receipts."""
    people = (("boss", "admin"), ("dora", "dealer"), ("ann", "user"), ("bob", "user"))
    boss, dora, ann_token, bob_token = await tokens(place, *people)
    async with (
        place.serve("--test-clock") as server,
        door_of(server) as door,
        connected(server.websocket, ann_token) as ann,
        connected(server.websocket, bob_token) as bob,
        connected(server.websocket) as guest,
    ):
        evening = Evening(door, boss, ann, bob, guest)
        await ann.subscribe("user:ann")
        await bob.subscribe("user:bob")
        evening.end_at = await open_auction(door, boss, dora, ("ann", "bob"))
        for client in (ann, bob, guest):
            await client.subscribe(ROOM)
            assert (await client.hear("snapshot", room=ROOM)).state["status"] == "live"
        await bids_move_price_and_holds(evening)
        await a_late_bid_extends(evening)
        await the_end_locks_the_deposit(evening)
        await a_signed_payment_settles(evening, place)
        for client, room in ((ann, "user:ann"), (bob, "user:bob"), (guest, ROOM)):
            seqs = client.seqs(room)
            assert seqs == list(range(seqs[0], seqs[-1] + 1))
        await assert_verified(place, "auction.settled", "auction.extended")
        server.process.stop()
        assert await server.process.ended() == 0
    await assert_verified(place, "auction.settled")


async def bids_move_price_and_holds(evening: Evening) -> None:
    """The leader's deposit is held, the outbid one's is released and they are told."""
    ann, bob = evening.ann, evening.bob
    first = await bid(ann, 100_00)
    assert (first["leading"], first["current_price"]) == (True, 100_00)
    assert await evening.wallet("ann") == (FUNDS, FUNDS - 20_00)
    await bid(bob, 200_00)
    outbid = await ann.hear(event="auction.outbid")
    assert (outbid.room, outbid.data["current_price"]) == ("user:ann", 200_00)
    assert await evening.wallet("ann") == (FUNDS, FUNDS)
    too_low = await ann.ask("auction.place_bid", auction="a1", amount=202_49, currency="USD")
    assert too_low.code == "BID_TOO_LOW"
    assert too_low.details == {"minimum": 202_50, "current_price": 200_00}


async def a_late_bid_extends(evening: Evening) -> None:
    """By two minutes, for everybody; the same bid sent again is the same bid."""
    ann, guest, end_at = evening.ann, evening.guest, evening.end_at
    now = await evening.door.advance(evening.boss, 8 * MINUTE + 30 * SECOND)
    assert end_at - 2 * MINUTE < now < end_at
    last = await bid(ann, 300_00, "last")
    assert last["end_at"] == end_at + 2 * MINUTE
    assert (await guest.hear(event="auction.extended")).data["end_at"] == end_at + 2 * MINUTE
    heard = [m.data for m in guest.unasked if m.event == "auction.bid_placed"]
    assert [data["amount"] for data in heard] == [100_00, 200_00, 300_00]
    assert not any("bidder" in data for data in heard), "a guest does not learn who bids"
    again = await ann.ask("auction.place_bid", "last", auction="a1", amount=300_00, currency="USD")
    assert again.duplicate
    assert again.result == last


async def the_end_locks_the_deposit(evening: Evening) -> None:
    """Not at the first end but two minutes later; everybody hears what became of it."""
    door, boss = evening.door, evening.boss
    await door.advance(boss, evening.end_at - await door.advance(boss, 0))
    assert (await door.room(ROOM))["status"] == "live"
    await door.advance(boss, 2 * MINUTE)
    won = await evening.ann.hear(event="auction.won")
    assert (won.data["deposit"], won.data["remainder"]) == (60_00, 240_00)
    assert (await evening.bob.hear(event="auction.lost")).data["sold"]
    declared = await evening.guest.hear(event="auction.winner_declared")
    assert declared.data["hammer_price"] == 300_00
    assert await evening.wallet("ann") == (FUNDS - 60_00, FUNDS - 60_00)


async def a_signed_payment_settles(evening: Evening, place: Place) -> None:
    """Said twice it counts once; unsigned it does not count."""
    door = evening.door
    assert (await door.post("/v1/hooks/sandbox", b"{}", {})).status_code == 401
    for duplicate in (False, True):
        status, reply = await pay(door, place, "p1", "ann", 240_00)
        assert status == 200, reply
        assert reply.get("duplicate", False) == duplicate
    await evening.guest.hear(event="auction.settled")
    assert (await door.room(ROOM))["status"] == "settled"
    assert (await evening.ann.hear(event="auction.purchase_settled")).room == "user:ann"
    assert await evening.wallet("ann") == (FUNDS - 60_00, FUNDS - 60_00)


async def test_runners_up_are_asked_one_after_the_other(place: Place) -> None:
    """The winner does not pay, the second lets 24 hours pass, the third takes it and pays."""
    async with place.serve("--test-clock") as server, door_of(server) as door:
        boss, dora = server.token("boss", "admin"), server.token("dora", "dealer")
        ann_token, bob_token, eve_token = map(server.token, ("ann", "bob", "eve"))
        end_at = await open_auction(door, boss, dora, ("ann", "bob", "eve"))
        async with (
            connected(server.websocket, ann_token) as ann,
            connected(server.websocket, bob_token) as bob,
            connected(server.websocket, eve_token) as eve,
        ):
            for user, client in (("ann", ann), ("bob", bob), ("eve", eve)):
                await client.subscribe(f"user:{user}")
            await bid(eve, 100_00)
            await bid(bob, 200_00)
            await bid(ann, 300_00)
            await door.advance(boss, end_at - await door.advance(boss, 0))
            assert (await ann.hear(event="auction.won")).data["deposit"] == 60_00

            await door.advance(boss, 24 * HOUR)
            assert (await ann.hear(event="auction.deposit_lost")).data["amount"] == 60_00
            assert (await bob.hear(event="auction.offer_made")).data["hammer_price"] == 200_00
            assert await wallet(door, "ann", ann_token) == (FUNDS - 60_00, FUNDS - 60_00)
            await door.advance(boss, 24 * HOUR)
            assert (await bob.hear(event="auction.defaulted")).data["cause"] == "NO_DEPOSIT"
            assert await wallet(door, "bob", bob_token) == (FUNDS, FUNDS)
            assert (await eve.hear(event="auction.offer_made")).data["hammer_price"] == 100_00

            late = await bob.ask("auction.fund_deposit", auction="a1")
            assert late.code == "DEADLINE_PASSED"
            await eve.must("auction.fund_deposit", auction="a1")
            await eve.must("auction.pay_remainder", auction="a1")
            assert await wallet(door, "eve", eve_token) == (FUNDS - 100_00, FUNDS - 100_00)
            assert (await door.room(ROOM))["status"] == "settled"
        await assert_verified(place, "auction.deposit_forfeited", "auction.runner_up_offered")
