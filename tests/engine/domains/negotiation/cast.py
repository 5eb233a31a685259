"""The people of these tests, and the commands that they send."""

from typing import Any

from engine.domains.negotiation import commands as c
from engine.domains.negotiation import terms_commands as t
from engine.domains.negotiation.figures import negotiation_room, terms_room
from engine.domains.shop import commands as shops
from engine.domains.shop.terms import Document
from engine.kernel.actor import ADMIN, MANAGER, SHOPKEEPER, SYSTEM, USER, Actor
from testkit.house import House

ANN = Actor("ann", USER, "approved")
BOB = Actor("bob", USER, "approved")
KATE = Actor("kate", SHOPKEEPER, "approved")
KURT = Actor("kurt", SHOPKEEPER, "approved")
MEG = Actor("meg", MANAGER, "approved")
BOSS = Actor("boss", ADMIN, "approved")
ROBOT = Actor("robot", SYSTEM)

LIST, MIN = 150_00, 130_00
ROOM = negotiation_room("n1")
TERMS = terms_room("s1")


def fair(house: House, shop: str = "s1", keeper: Actor = KATE) -> House:
    """A shop is active and has set the terms of p1."""
    files = (Document("ID_PROOF", "f1"), Document("LICENCE", "f2"))
    house.given(
        (
            keeper,
            shops.CreateShop(id="c", shop=shop, name="K", address="1 Road", category="fans"),
        ),
        (keeper, shops.UploadShopDocs(id="c", shop=shop, files=files)),
        (BOSS, shops.ApproveShop(id="c", shop=shop)),
    )
    return house.given((keeper, terms(shop=shop)))


def close_shop(shop: str = "s1") -> shops.SuspendShop:
    return shops.SuspendShop(id="c", shop=shop, reason="complaints")


def terms(**changes: Any) -> t.SetTerms:
    """List USD 150, minimum USD 130, the house answers by midpoint.v1."""
    fields: dict[str, Any] = {
        "shop": "s1",
        "product": "p1",
        "list_price": LIST,
        "min_price": MIN,
        "currency": "USD",
    }
    return t.SetTerms(id="c", **(fields | changes))


def by_hand(**changes: Any) -> t.SetTerms:
    """The shopkeeper answers."""
    return terms(auto_negotiate=False, **changes)


def stock(pieces: int, product: str = "p1") -> t.ChangeStock:
    return t.ChangeStock(id="c", shop="s1", product=product, stock=pieces)


def listed(list_price: int, product: str = "p1", **changes: Any) -> t.ListProduct:
    fields: dict[str, Any] = {"currency": "USD", "list_price": list_price}
    return t.ListProduct(id="c", shop="s1", product=product, **(fields | changes))


def withdrawn(product: str = "p1") -> t.WithdrawProduct:
    return t.WithdrawProduct(id="c", shop="s1", product=product)


def try_strategy(strategy: Any = "steady.v1", **changes: Any) -> t.TryStrategy:
    return t.TryStrategy(id="c", shop="s1", strategy=strategy, **changes)


def open_(negotiation: str = "n1", **changes: Any) -> c.OpenNegotiation:
    fields: dict[str, Any] = {"shop": "s1", "product": "p1"}
    return c.OpenNegotiation(id="c", negotiation=negotiation, **(fields | changes))


def offer(price: int, negotiation: str = "n1", **changes: Any) -> c.MakeOffer:
    fields: dict[str, Any] = {"currency": "USD"}
    return c.MakeOffer(id="c", negotiation=negotiation, price=price, **(fields | changes))


def say(text: str = "hello", negotiation: str = "n1") -> c.SendMessage:
    return c.SendMessage(id="c", negotiation=negotiation, text=text)


def take(expected_ask: int, negotiation: str = "n1") -> c.AcceptAsk:
    return c.AcceptAsk(id="c", negotiation=negotiation, expected_ask=expected_ask)


def withdraw(negotiation: str = "n1") -> c.Withdraw:
    return c.Withdraw(id="c", negotiation=negotiation)


def accept(offer_seq: int = 1, negotiation: str = "n1") -> c.ShopAccept:
    return c.ShopAccept(id="c", negotiation=negotiation, offer_seq=offer_seq)


def counter(price: int, negotiation: str = "n1", text: str = "") -> c.ShopCounter:
    return c.ShopCounter(id="c", negotiation=negotiation, price=price, text=text)


def reject(reason: str = "", negotiation: str = "n1") -> c.ShopReject:
    return c.ShopReject(id="c", negotiation=negotiation, reason=reason)


def get(negotiation: str = "n1", last_seq: int | None = None) -> c.GetNegotiation:
    return c.GetNegotiation(id="c", negotiation=negotiation, last_seq=last_seq)


def cart(token: str, quantity: int = 1, **changes: Any) -> c.AddToCart:
    return c.AddToCart(id="c", negotiation="n1", quantity=quantity, price_token=token, **changes)


def words(text: str, message: int, negotiation: str = "n1") -> c.PostText:
    return c.PostText(id="c", negotiation=negotiation, message=message, text=text)


def bind(house: House, order: str = "o1", **changes: Any) -> c.BindOrder:
    """With what the record says, unless told otherwise."""
    state = house.state(ROOM)
    fields: dict[str, Any] = {
        "customer": "ann",
        "product": "p1",
        "quantity": 1,
        "token_jti": state.token_jti,
    }
    return c.BindOrder(id="c", negotiation="n1", order=order, **(fields | changes))


def paid(order: str = "o1") -> c.OrderPaid:
    return c.OrderPaid(id="c", negotiation="n1", order=order)


def failed(order: str = "o1") -> c.OrderFailed:
    return c.OrderFailed(id="c", negotiation="n1", order=order)


def agreed(house: House, price: int = 135_00, **opening: Any) -> House:
    """ann has agreed on a price in n1."""
    return house.given((ANN, open_(**opening)), (ANN, offer(price)))


def token_of(house: House, actor: Actor = ANN, negotiation: str = "n1") -> str:
    """The price token that the customer is shown."""
    house.given((actor, get(negotiation)))
    found: str = house.revealed(actor, get(negotiation))["price_token"]
    return found
