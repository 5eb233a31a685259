"""People who haggle over the wire: every event of it, and every refusal."""

from typing import Any

from engine.domains.negotiation import events as n
from engine.kernel.time import DAY
from testkit.client import Heard
from tests.e2e.walk import BOSS, Walk

KEEPER = "hal"
"""A shopkeeper (walk.ROLES)."""
SHOP = "fans"
LIST, MIN = 150_00, 130_00
DEALS = tuple(f"fan{number}" for number in range(10))
ROOMS = (*(f"negotiation:{deal}" for deal in DEALS), f"terms:{SHOP}", f"user:{KEEPER}")
CAUSES = {
    ("negotiation.rejected", "cause"): n.RejectionCause,
    ("negotiation.cancelled", "cause"): n.CancelCause,
    ("negotiation.expired", "cause"): n.ExpiryCause,
    ("negotiation.offer_made", "mode"): n.Mode,
    ("negotiation.accepted", "sender"): n.Sender,
}
"""Fields that have a fixed number of words, each of which the walk reaches."""


async def open_shop(walk: Walk, shop: str = SHOP) -> None:
    """A shop with its papers, approved."""
    sign = {"name": "Fans", "address": "1 Market Road", "category": "fans"}
    papers = [{"kind": kind, "file": f"{kind}-{shop}"} for kind in ("ID_PROOF", "LICENCE")]
    await walk.must(KEEPER, "shop.create", shop=shop, **sign)
    await walk.must(KEEPER, "shop.upload_docs", shop=shop, files=papers)
    await walk.must(BOSS, "shop.approve", shop=shop)


def terms(product: str = "fan", **changes: Any) -> dict[str, Any]:
    """List USD 150, minimum USD 130, the house answers."""
    usual = {"shop": SHOP, "list_price": LIST, "min_price": MIN, "currency": "USD"}
    return {"product": product} | usual | changes


async def set_terms(walk: Walk, product: str = "fan", **changes: Any) -> None:
    """As `terms` has them."""
    await walk.must(KEEPER, "negotiation.set_terms", **terms(product, **changes))


async def begin(walk: Walk, user: str, deal: str, product: str = "fan", **more: Any) -> Heard:
    """Somebody begins to haggle."""
    fields = {"negotiation": deal, "shop": SHOP, "product": product} | more
    return await walk.must(user, "negotiation.open", **fields)


async def offer(walk: Walk, user: str, deal: str, price: int) -> Any:
    """An offer that is taken up; the reply's result."""
    fields = {"negotiation": deal, "price": price, "currency": "USD"}
    return (await walk.must(user, "negotiation.make_offer", **fields)).result


async def order(walk: Walk, deal: str, order_: str, user: str = "ann") -> dict[str, Any]:
    """The fields of an order of what was agreed."""
    state = await walk.door.room(f"negotiation:{deal}", walk.token(BOSS))
    fields = {"customer": user, "quantity": 1, "token_jti": state["token_jti"]}
    return {"negotiation": deal, "order": order_, "product": state["product"]} | fields


async def haggling(walk: Walk) -> None:
    """Every event, every cause, and every way to an agreement."""
    await open_shop(walk)
    await set_terms(walk)
    await to_the_end(walk)
    await by_hand(walk)
    await without_an_agreement(walk)
    await one_piece(walk)


async def to_the_end(walk: Walk) -> None:
    """The house answers; other words come; an order fails, and another one is paid."""
    await begin(walk, "ann", "fan0")
    await offer(walk, "ann", "fan0", 120_00)
    words = {"negotiation": "fan0", "message": 2, "text": "How about 135?"}
    await walk.must("robot", "negotiation.post_text", **words)
    await walk.must("ann", "negotiation.send_message", negotiation="fan0", text="hm")
    await offer(walk, "ann", "fan0", 135_00)
    for name, end in (("o1", "failed"), ("o2", "paid")):
        await walk.must("robot", "negotiation.bind_order", **await order(walk, "fan0", name))
        fate = {"negotiation": "fan0", "order": name}
        await walk.must("robot", f"negotiation.order_{end}", **fate)


async def by_hand(walk: Walk) -> None:
    """The shopkeeper answers, and the price is not ordered in time; an ask is taken."""
    await set_terms(walk, auto_negotiate=False)
    await begin(walk, "ann", "fan1")
    await offer(walk, "ann", "fan1", 100_00)
    await walk.must(KEEPER, "negotiation.shop_counter", negotiation="fan1", price=140_00)
    await offer(walk, "ann", "fan1", 110_00)
    await walk.must(KEEPER, "negotiation.shop_accept", negotiation="fan1", offer_seq=2)
    await begin(walk, "bob", "fan2")
    await offer(walk, "bob", "fan2", 100_00)
    await walk.must(KEEPER, "negotiation.shop_counter", negotiation="fan2", price=120_00)
    taken = {"negotiation": "fan2", "expected_ask": 120_00}
    await walk.must("bob", "negotiation.accept_ask", **taken)
    await begin(walk, "carl", "fan3")
    await walk.advance(DAY)
    await set_terms(walk)


async def without_an_agreement(walk: Walk) -> None:
    """Withdrawn, rejected by the shop, rejected after five offers."""
    await begin(walk, "ann", "fan4")
    await walk.must("ann", "negotiation.withdraw", negotiation="fan4")
    await begin(walk, "bob", "fan5")
    await walk.must(KEEPER, "negotiation.shop_reject", negotiation="fan5", reason="no more")
    await begin(walk, "carl", "fan6")
    for price in range(1, 6):
        await offer(walk, "carl", "fan6", price)


async def one_piece(walk: Walk) -> None:
    """Two haggle over the last one; then the catalogue withdraws it."""
    await walk.must(
        "robot", "terms.list_product", shop=SHOP, product="rare", currency="USD", list_price=LIST
    )
    await set_terms(walk, "rare", stock=2)
    await walk.must("robot", "terms.change_stock", shop=SHOP, product="rare", stock=1)
    await begin(walk, "ann", "fan7", "rare")
    await begin(walk, "bob", "fan8", "rare")
    await offer(walk, "ann", "fan7", MIN)
    await begin(walk, "bob", "fan9")
    await walk.must("robot", "terms.withdraw_product", shop=SHOP, product="fan")


async def codes_of_haggling(walk: Walk, refusals: Any) -> None:
    """Each refusal that is a negotiation's own."""
    no = refusals.no
    await open_shop(walk)
    await no("MIN_ABOVE_LIST", KEEPER, "negotiation.set_terms", **terms(min_price=LIST + 1))
    await set_terms(walk)
    await codes_of_opening(walk, no)
    await codes_of_offers(walk, no)
    await codes_of_the_shop(walk, no)
    await codes_of_orders(walk, no)


async def codes_of_opening(walk: Walk, no: Any) -> None:
    fresh = {"negotiation": "n1", "shop": SHOP, "product": "fan"}
    await no("SHOP_INACTIVE", "ann", "negotiation.open", **fresh | {"shop": "nowhere"})
    await no("PRODUCT_NOT_NEGOTIABLE", "ann", "negotiation.open", **fresh | {"product": "x"})
    await no("OWN_PRODUCT", KEEPER, "negotiation.open", **fresh)
    for number in range(3):
        await begin(walk, "dora", f"d{number}")
        await walk.must("dora", "negotiation.withdraw", negotiation=f"d{number}")
    await no("TOO_MANY_NEGOTIATIONS", "dora", "negotiation.open", **fresh)
    await no("NEGOTIATION_NOT_FOUND", "ann", "negotiation.withdraw", negotiation="n1")


async def codes_of_offers(walk: Walk, no: Any) -> None:
    await begin(walk, "ann", "n1")
    price = {"negotiation": "n1", "currency": "USD"}
    await no("OFFER_ABOVE_LIST", "ann", "negotiation.make_offer", price=LIST + 1, **price)
    await offer(walk, "ann", "n1", 120_00)
    await no("OFFER_NOT_IMPROVED", "ann", "negotiation.make_offer", price=120_00, **price)
    stale = {"negotiation": "n1", "expected_ask": 1}
    await no("ASK_CHANGED", "ann", "negotiation.accept_ask", **stale)
    cart = {"negotiation": "n1", "quantity": 1, "price_token": "x"}
    await no("NEGOTIATION_NOT_ACCEPTED", "ann", "negotiation.add_to_cart", **cart)


async def codes_of_the_shop(walk: Walk, no: Any) -> None:
    await set_terms(walk, auto_negotiate=False)
    await begin(walk, "bob", "n2")
    for number in range(1, 6):
        await offer(walk, "bob", "n2", number)
        out = {"negotiation": "n2", "price": LIST + 1}
        await no("COUNTER_OUT_OF_RANGE", KEEPER, "negotiation.shop_counter", **out)
        other = {"negotiation": "n2", "offer_seq": number + 1}
        await no("OFFER_SUPERSEDED", KEEPER, "negotiation.shop_accept", **other)
        await walk.must(KEEPER, "negotiation.shop_counter", negotiation="n2", price=100_00)
    sixth = {"negotiation": "n2", "currency": "USD", "price": 6}
    await no("TOO_MANY_OFFERS", "bob", "negotiation.make_offer", **sixth)
    await set_terms(walk)


async def codes_of_orders(walk: Walk, no: Any) -> None:
    token = (await offer(walk, "ann", "n1", 135_00))["price_token"]
    cart = {"negotiation": "n1", "quantity": 1, "price_token": token}
    wrong = cart | {"price_token": token[:-4]}
    await no("PRICE_TOKEN_INVALID", "ann", "negotiation.add_to_cart", **wrong)
    many = cart | {"quantity": 2, "one_price": True}
    await no("QUANTITY_EXCEEDED", "ann", "negotiation.add_to_cart", **many)
    await walk.must("robot", "negotiation.bind_order", **await order(walk, "n1", "o1"))
    await no("PRICE_ALREADY_USED", "ann", "negotiation.add_to_cart", **cart)
    await walk.must("robot", "negotiation.order_failed", negotiation="n1", order="o1")
    await walk.advance(DAY)
    await no("PRICE_LOCK_EXPIRED", "ann", "negotiation.add_to_cart", **cart)
