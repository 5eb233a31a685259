"""A negotiation over real websockets: from the shop's terms to a paid order, and every refusal."""

from typing import Any

from engine.domains.negotiation.codes import CODES, TERMS_CODES
from engine.kernel.time import DAY
from tests.e2e.haggling_walk import (
    KEEPER,
    MIN,
    SHOP,
    begin,
    codes_of_haggling,
    offer,
    open_shop,
    order,
    set_terms,
)
from tests.e2e.places import Place
from tests.e2e.walk import BOSS, Walk, walking

ROOM = "negotiation:n1"


async def status(walk: Walk, deal: str = "n1") -> str:
    """As an admin sees it."""
    found: str = (await walk.door.room(f"negotiation:{deal}", walk.token(BOSS)))["status"]
    return found


async def test_from_the_first_offer_to_the_paid_order(on_sqlite: Place) -> None:
    """Terms, haggling, an agreement, the cart, an order, its payment; both hear all of it, and
    what the customer has heard holds no minimum. The log is good at the end."""
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await open_shop(walk)
        await set_terms(walk)
        assert (await begin(walk, "ann", "n1")).result["status"] == "open"
        assert (await begin(walk, "ann", "n7")).result["negotiation"] == "n1"
        ann, hal = await walk.client("ann"), await walk.client(KEEPER)
        for ear in (ann, hal):
            await ear.subscribe(ROOM, after=0)
        answer = await offer(walk, "ann", "n1", 120_00)
        assert (answer["status"], answer["ask"]) == ("countered", 135_00)
        agreed = await offer(walk, "ann", "n1", 135_00)
        assert (agreed["status"], agreed["final_price"]) == ("accepted", 135_00)
        assert await in_the_cart(walk, agreed["price_token"]) == 135_00
        await walk.must("robot", "negotiation.bind_order", **await order(walk, "n1", "o1"))
        assert await status(walk) == "bound"
        await walk.advance(DAY)
        await walk.must("robot", "negotiation.order_paid", negotiation="n1", order="o1")
        assert await status(walk) == "redeemed"
        for ear in (ann, hal):
            await ear.hear(event="negotiation.price_redeemed")
            assert ear.seqs(ROOM) == list(range(1, 9))
        assert str(MIN) not in str(ann.unasked + ann.replied)
        server.process.stop()
        assert await server.process.ended() == 0
    verified = await on_sqlite.verify()
    assert verified.code == 0, verified.err


async def in_the_cart(walk: Walk, token: str) -> Any:
    """The price of a piece, twice asked for, and the same token when asked again."""
    line = {"negotiation": "n1", "quantity": 1, "price_token": token}
    first = await walk.must("ann", "negotiation.add_to_cart", **line)
    again = await walk.must("ann", "negotiation.add_to_cart", **line)
    assert first.result["line"] == again.result["line"]
    found = await walk.must("ann", "negotiation.get", negotiation="n1")
    assert found.result["price_token"] == token
    assert (
        "price_token" not in (await walk.must(KEEPER, "negotiation.get", negotiation="n1")).result
    )
    return first.result["line"]["unit_price"]


async def test_an_agreement_and_its_token_outlive_a_crash(on_sqlite: Place) -> None:
    """`kill -9` right after the answer: the price, its end and the very same token are there, and
    the same command again is answered as before."""
    async with on_sqlite.serve() as server, walking(server) as walk:
        await open_shop(walk)
        await set_terms(walk)
        await begin(walk, "ann", "n1")
        fields = {"negotiation": "n1", "price": MIN, "currency": "USD"}
        first = await walk.must("ann", "negotiation.make_offer", id_="once", **fields)
        server.process.kill()
    async with on_sqlite.serve() as server, walking(server) as walk:
        again = await walk.must("ann", "negotiation.make_offer", id_="once", **fields)
        assert again.duplicate
        assert again.result == first.result
        assert "price_token" in again.result
        found = await walk.must("ann", "negotiation.get", negotiation="n1")
        assert found.result["price_token"] == first.result["price_token"]


async def test_the_first_acceptance_of_the_last_piece_wins(on_sqlite: Place) -> None:
    """X1: the other hears at once that it is sold; a keeper may try another strategy (X2)."""
    async with on_sqlite.serve() as server, walking(server) as walk:
        await open_shop(walk)
        await set_terms(walk, stock=1)
        await begin(walk, "ann", "n1")
        await begin(walk, "bob", "n2")
        bob = await walk.client("bob")
        await bob.subscribe("user:bob", after=0)
        await offer(walk, "ann", "n1", MIN)
        heard = await bob.hear(event="negotiation.answer_received")
        assert (heard.data["status"], heard.data["cause"]) == ("cancelled", "SOLD")
        tried = await walk.must(KEEPER, "negotiation.try_strategy", shop=SHOP, strategy="steady.v1")
        assert [row["status"] for row in tried.result["negotiations"]] == ["cancelled", "accepted"]


class Refusals:
    """The codes that were heard."""

    def __init__(self, walk: Walk) -> None:
        self.heard: set[str] = set()
        self._walk = walk

    async def no(self, code: str, user: str, type_: str, /, **fields: Any) -> None:
        """Somebody asks, and is refused with this code, which says nothing of the minimum."""
        reply = await self._walk.ask(user, type_, **fields)
        assert reply.code == code, f"{type_} {fields}: {reply}"
        assert user == KEEPER or str(MIN) not in str(reply)
        self.heard.add(code)


async def test_every_refusal(on_sqlite: Place) -> None:
    """Each code of negotiation 7 that is its own."""
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        refusals = Refusals(walk)
        await codes_of_haggling(walk, refusals)
        assert refusals.heard == {code.name for code in (*CODES, *TERMS_CODES)}
