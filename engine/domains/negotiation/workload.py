"""Customers who haggle and shopkeepers who answer, from a source of chance that is handed in.

Shops are not made here: where none is active, everything is refused, as it should be. There are
few customers for each product, so that they get somewhere.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from engine.contract import Command, Dice, Stage
from engine.domains.negotiation import commands as c
from engine.domains.negotiation import terms_commands as t
from engine.domains.negotiation.figures import (
    OPENINGS_MAX,
    Break,
    StrategyName,
    negotiation_room,
    terms_room,
)
from engine.kernel.actor import SHOPKEEPER, SYSTEM, USER, Actor
from engine.kernel.ids import room_name

PRODUCTS = 2
"""Products of each shop."""
CUSTOMERS = 2
ROBOT = Actor("webhook.sandbox", SYSTEM)
"""Speaks for catalogue and orders."""
STRATEGIES: tuple[StrategyName, ...] = ("midpoint.v1", "steady.v1")


class Turn(Struct, frozen=True):
    """Who haggles over what, and how it stood when somebody last looked."""

    stage: Stage
    customer: str
    shop: str
    product: str
    negotiation: str
    seen: Mapping[str, Any]


Asked = tuple[Actor, Command]
Maker = Callable[[Dice, Turn], Asked]


def workload(dice: Dice, stage: Stage) -> Asked:
    """The domain's `contract.Workload`: mostly what suits it, now and then anything."""
    shop = f"s{dice.choice(stage.things)}"
    # Of two, the one who has come further, so that things come to an end.
    turns = [
        _turn(
            stage,
            dice.choice(stage.people[USER][:CUSTOMERS]),
            shop,
            f"p{dice.randrange(0, PRODUCTS)}",
        )
        for _ in range(2)
    ]
    turn = max(turns, key=lambda turn: _STAGES.index(turn.seen.get("status", "absent")))
    product = turn.product
    status = turn.seen.get("status", "absent")
    if status == "absent" and not _is_negotiable(stage, shop, product) and dice.randrange(0, 4):
        return dice.choice((_terms, _terms, _terms, _list))(dice, turn)
    suitable = _SUITABLE.get(status, (_open,))
    return dice.choice(suitable if dice.randrange(0, 16) else _ANYTHING)(dice, turn)


def _is_negotiable(stage: Stage, shop: str, product: str) -> bool:
    """Whether it could be haggled over when somebody last looked at the shop's terms."""
    terms = stage.look(terms_room(shop))
    found = terms["products"].get(product) if terms else None
    return bool(found and found["is_active"] and found["negotiable"] and not found["is_sold"])


def _turn(stage: Stage, customer: str, shop: str, product: str) -> Turn:
    """The customer's latest negotiation over the product. Each may have three a day (N4)."""
    name, seen = "", None
    for number in range(OPENINGS_MAX + 1):
        name = f"n.{customer}.{shop}.{product}.{number}"
        seen = stage.look(negotiation_room(name))
        if seen is None or seen["status"] in _SUITABLE:
            break
    return Turn(stage, customer, shop, product, name, seen or {})


def _terms(dice: Dice, turn: Turn) -> Asked:
    list_price = dice.randrange(10, 300) * 100
    min_price = list_price * dice.randrange(50, 101) // 100
    bulk = Break(10, list_price * 9 // 10, min_price * 9 // 10)
    command = t.SetTerms(
        id=turn.stage.id,
        shop=turn.shop,
        product=turn.product,
        list_price=list_price,
        min_price=min_price,
        currency=turn.stage.currency,
        negotiable=bool(dice.randrange(0, 8)),
        auto_negotiate=bool(dice.randrange(0, 2)),
        strategy=dice.choice(STRATEGIES),
        breaks=dice.choice(((), (bulk,))),
        stock=dice.choice((None, 1, 5, 5)),
    )
    return _keeper(dice, turn), command


def _try(dice: Dice, turn: Turn) -> Asked:
    strategy = dice.choice(STRATEGIES)
    command = t.TryStrategy(id=turn.stage.id, shop=turn.shop, strategy=strategy)
    return _keeper(dice, turn), command


def _stock(dice: Dice, turn: Turn) -> Asked:
    id_, pieces = turn.stage.id, dice.randrange(0, 4)
    return ROBOT, t.ChangeStock(id=id_, shop=turn.shop, product=turn.product, stock=pieces)


def _list(dice: Dice, turn: Turn) -> Asked:
    command = t.ListProduct(
        id=turn.stage.id,
        shop=turn.shop,
        product=turn.product,
        currency=turn.stage.currency,
        list_price=dice.randrange(10, 300) * 100,
    )
    return ROBOT, command


def _delist(_: Dice, turn: Turn) -> Asked:
    return ROBOT, t.WithdrawProduct(id=turn.stage.id, shop=turn.shop, product=turn.product)


def _open(dice: Dice, turn: Turn) -> Asked:
    command = c.OpenNegotiation(
        id=turn.stage.id,
        negotiation=turn.negotiation,
        shop=turn.shop,
        product=turn.product,
        quantity=dice.choice((1, 1, 3, 12)),
    )
    return _customer(turn), command


def _offer(dice: Dice, turn: Turn) -> Asked:
    """Between the last offer and the ask; now and then neither."""
    ask = turn.seen.get("ask", 1_000)
    last = turn.seen.get("offers") or [ask // 2]
    step = dice.randrange(-5, dice.choice((5, 120)))
    price = last[-1] + (ask - last[-1]) * step // 100 + 1
    command = c.MakeOffer(
        id=turn.stage.id,
        negotiation=turn.negotiation,
        price=min(max(price, 1), turn.seen.get("list_price", ask)),
        currency=turn.stage.currency,
        text=dice.choice(("", "is 1 all right?")),
    )
    return _customer(turn), command


def _take(dice: Dice, turn: Turn) -> Asked:
    ask = max(turn.seen.get("ask", 1) - dice.choice((0, 0, 0, 1)), 1)
    command = c.AcceptAsk(id=turn.stage.id, negotiation=turn.negotiation, expected_ask=ask)
    return _customer(turn), command


def _talk(dice: Dice, turn: Turn) -> Asked:
    who = _customer(turn) if dice.randrange(0, 2) else _keeper(dice, turn)
    command = c.SendMessage(id=turn.stage.id, negotiation=turn.negotiation, text="hello")
    return who, command


def _withdraw(_: Dice, turn: Turn) -> Asked:
    return _customer(turn), c.Withdraw(id=turn.stage.id, negotiation=turn.negotiation)


def _answer(dice: Dice, turn: Turn) -> Asked:
    """The shopkeeper, mostly for the right offer."""
    id_, negotiation = turn.stage.id, turn.negotiation
    offers = turn.seen.get("offers") or [100]
    ask = turn.seen.get("ask", 1_000)
    price = offers[-1] + (ask - offers[-1]) * dice.randrange(0, 110) // 100
    commands: tuple[c.NegotiationCommand, ...] = (
        c.ShopAccept(id=id_, negotiation=negotiation, offer_seq=len(offers)),
        c.ShopCounter(id=id_, negotiation=negotiation, price=max(price, 1)),
        c.ShopCounter(id=id_, negotiation=negotiation, price=max(price, 1)),
        c.ShopReject(id=id_, negotiation=negotiation, reason="too little"),
    )
    return _keeper(dice, turn), dice.choice(commands)


def _order(dice: Dice, turn: Turn) -> Asked:
    """An order of it, which is paid or fails."""
    id_, negotiation = turn.stage.id, turn.negotiation
    order = turn.seen.get("order") or f"o{dice.randrange(0, 2)}"
    jti = f"{negotiation}.{turn.seen.get('accepted_at')}"
    bind = c.BindOrder(
        id=id_,
        negotiation=negotiation,
        order=order,
        customer=turn.customer,
        product=turn.product,
        quantity=dice.choice((1, 2, 20)),
        token_jti=jti,
    )
    paid = c.OrderPaid(id=id_, negotiation=negotiation, order=order)
    failed = c.OrderFailed(id=id_, negotiation=negotiation, order=order)
    if turn.seen.get("status") == "bound":
        return ROBOT, dice.choice((paid, paid, failed, bind))
    return ROBOT, dice.choice((bind, bind, bind, paid, failed))


def _customer(turn: Turn) -> Actor:
    return Actor(turn.customer, USER, "approved")


def _keeper(dice: Dice, turn: Turn) -> Actor:
    """Mostly the shop's own."""
    shop = turn.stage.look(room_name("shop", turn.shop)) or {}
    user = shop.get("owner") if dice.randrange(0, 16) else None
    return Actor(user or dice.choice(turn.stage.people[SHOPKEEPER]), SHOPKEEPER, "approved")


_ANYTHING: tuple[Maker, ...] = (
    *(_terms, _terms, _try, _stock, _list, _delist),
    *(_open, _offer, _take, _talk, _withdraw, _answer, _order),
)
_SUITABLE: Mapping[str, tuple[Maker, ...]] = {
    "absent": (_open,),
    "open": (*(_offer,) * 6, _talk),
    "awaiting_shop": (*(_answer,) * 4, _talk),
    "countered": (*(_offer,) * 6, _take, _take, _withdraw),
    "accepted": (_order, _order, _order, _talk, _talk),
    "bound": (_order,),
}
"""By the negotiation's state, each as often as it stands here."""
_STAGES = ("expired", "cancelled", "rejected", "redeemed", *_SUITABLE)
"""From those that are over to those that are nearly there."""
