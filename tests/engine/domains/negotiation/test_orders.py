"""What becomes of an agreed price (T1, T2, L1 to L9, negotiation 6)."""

import pytest
from msgspec.structs import replace

from engine.contract import Wake
from engine.domains.negotiation import events as e
from engine.domains.negotiation import messages as m
from engine.domains.negotiation.figures import Break
from engine.domains.negotiation.notices import AnswerReceived
from engine.domains.negotiation.token import PURPOSE
from engine.house import DeadLetter
from engine.kernel.time import DAY, HOUR, MINUTE, SECOND
from testkit.house import OPENING, House
from testkit.world import vault
from tests.engine.domains.negotiation.cast import (
    ANN,
    BOB,
    BOSS,
    KATE,
    LIST,
    ROBOT,
    ROOM,
    accept,
    agreed,
    bind,
    by_hand,
    cart,
    counter,
    failed,
    get,
    listed,
    offer,
    open_,
    paid,
    take,
    terms,
    token_of,
    withdraw,
)


def test_the_lock(house: House) -> None:
    """T1, INV-6: 24 h from the acceptance, exactly; then EXPIRED(LOCK)."""
    agreed(house)
    assert house.happened(e.PriceLocked)[0].lock_expires_at == OPENING + DAY
    house.at(OPENING + DAY - 1)
    assert house.state(ROOM).status == "accepted"
    house.at(OPENING + DAY).then(e.NegotiationExpired, cause="LOCK")
    house.then(AnswerReceived, status="expired", cause="LOCK")


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_idleness(house: House, moves: int) -> None:
    """Negotiation 6: 24 h after the last priced move, by whomever; chat does not count."""
    steps = [(ANN, offer(100_00)), (KATE, counter(140_00))]
    house.given((KATE, by_hand()), (ANN, open_()))
    for step in steps[:moves]:
        house.advance(HOUR).given(step)
    house.at(OPENING + moves * HOUR + DAY - 1)
    assert house.state(ROOM).status != "expired"
    house.advance(1).then(e.NegotiationExpired, cause="IDLE")


def test_waking_too_early_does_nothing(house: House) -> None:
    """A wake decides by the time, not by having come."""
    agreed(house).when_told(ROOM, Wake()).then_nothing_happened()
    house.given((ROBOT, bind(house))).when_told(ROOM, Wake()).then_nothing_happened()


def test_the_token_says_what_was_agreed(house: House) -> None:
    """Negotiation 2: the claims; the same each time it is asked for."""
    agreed(house, quantity=3)
    first = house.revealed(ANN, offer(135_00))["price_token"]
    assert vault().unseal(PURPOSE, first) == {
        "aud": "outcry.cart",
        "jti": f"n1.{OPENING}",
        "iat": OPENING // SECOND,
        "exp": (OPENING + DAY) // SECOND,
        "userId": "ann",
        "shopId": "s1",
        "productId": "p1",
        "negotiationId": "n1",
        "price": 135_00,
        "currency": "USD",
        "maxQty": 3,
    }
    assert token_of(house.advance(HOUR)) == first


def test_the_token_is_the_customers(house: House) -> None:
    """Negotiation 10: own; not the shop's, and not an admin's; after the end nobody's."""
    agreed(house)
    for other in (KATE, BOSS):
        house.given((other, get()))
        assert "price_token" not in house.revealed(other, get())
    house.advance(DAY).given((ANN, get()))
    assert "price_token" not in house.revealed(ANN, get())
    assert all(b"eyJ" not in applied.record.event for applied in house.log)
    assert all(b"eyJ" not in applied.record.result for applied in house.log)


def test_the_cart_gets_a_priced_line(house: House) -> None:
    """L2, L9: the agreed price for the negotiated pieces, as often as it is asked for (L5)."""
    agreed(house, quantity=2)
    token = token_of(house)
    for _ in range(2):
        house.when(ANN, cart(token, 2)).then_nothing_happened()
    line = house.result["line"]
    assert (line["unit_price"], line["agreed_quantity"], line["total"]) == (135_00, 2, 270_00)
    assert (line["negotiation"], line["product"]) == ("n1", "p1")


def test_pieces_beyond_the_agreed_cost_the_list_price(house: House) -> None:
    """L4: unless the client insists on one price: QUANTITY_EXCEEDED."""
    agreed(house)
    token = token_of(house)
    house.when(ANN, cart(token, 3)).then_accepted()
    assert house.result["line"]["total"] == 135_00 + 2 * LIST
    house.when(ANN, cart(token, 3, one_price=True)).then_rejected("QUANTITY_EXCEEDED", quantity=1)


def test_a_line_can_be_counted(house: House) -> None:
    """No total beyond what a client reads exactly."""
    house.given((KATE, terms(list_price=2**53 - 1)))
    agreed(house, quantity=1)
    house.when(ANN, cart(token_of(house), 2)).then_rejected("QUANTITY_EXCEEDED")
    house.when(ROBOT, bind(house, quantity=2)).then_rejected("QUANTITY_EXCEEDED")


def test_the_lower_price_is_paid(house: House) -> None:
    """L7: where the list price has fallen below the agreed one."""
    agreed(house)
    token = token_of(house)
    house.given((KATE, terms(list_price=120_00, min_price=100_00)))
    house.when(ANN, cart(token)).then_accepted()
    assert house.result["line"]["unit_price"] == 120_00
    house.when(ROBOT, bind(house)).then(e.PriceBound, unit_price=120_00)


def test_the_cart_needs_an_agreement(house: House) -> None:
    """L1, T2: NEGOTIATION_NOT_ACCEPTED, although the signature is good."""
    agreed(house)
    token = token_of(house)
    house.given((BOB, open_("n2")))
    other = replace(cart(token), negotiation="n2")
    house.when(BOB, other).then_rejected("NEGOTIATION_NOT_ACCEPTED", status="open")
    house.when(BOB, cart(token)).then_rejected("NEGOTIATION_NOT_FOUND")


def test_the_cart_needs_the_token(house: House) -> None:
    """L3: PRICE_TOKEN_INVALID for another's, another agreement's, another key's or none."""
    agreed(house)
    token = token_of(house)
    house.given((BOB, open_("n2")), (BOB, offer(140_00, "n2")))
    claims = vault().unseal(PURPOSE, token)
    assert claims is not None
    for wrong in (
        "x",
        token[:-2],
        token_of(house, BOB, "n2"),
        vault().seal("another-purpose", claims),
        vault().seal(PURPOSE, {**claims, "price": 1}),
        vault().seal(PURPOSE, {**claims, "exp": claims["exp"] + 1}),
    ):
        house.when(ANN, cart(wrong)).then_rejected("PRICE_TOKEN_INVALID")
    house.when(ANN, cart(token)).then_accepted()


def test_the_price_stands_until_its_time(house: House) -> None:
    """L6: PRICE_LOCK_EXPIRED at the cart and at the order, to the millisecond."""
    agreed(house)
    token, order = token_of(house), bind(house)
    house.at(OPENING + DAY - 1).when(ANN, cart(token)).then_accepted()
    house.core.now = OPENING + DAY
    house.when(ANN, cart(token)).then_rejected("PRICE_LOCK_EXPIRED")
    house.when(ROBOT, order).then_rejected("PRICE_LOCK_EXPIRED")
    house.at(OPENING + DAY).when(ANN, cart(token)).then_rejected("PRICE_LOCK_EXPIRED")


def test_the_way_to_redeemed(house: House) -> None:
    """Negotiation 3: ACCEPTED -> BOUND -> REDEEMED; the claim ends with it."""
    agreed(house).when(ROBOT, bind(house)).then_only(e.PriceBound)
    house.advance(2 * DAY)
    assert house.state(ROOM).status == "bound"
    house.when(ROBOT, paid()).then_only(e.PriceRedeemed)
    assert house.state(ROOM).status == "redeemed"
    assert "negotiation:ann:s1:p1" not in house.core.claims
    house.when(ROBOT, paid()).then_nothing_happened()


def test_one_order(house: House) -> None:
    """L5, INV-5: PRICE_ALREADY_USED for another; the same again is answered alike."""
    agreed(house)
    token = token_of(house)
    house.given((ROBOT, bind(house))).when(ROBOT, bind(house)).then_nothing_happened()
    house.when(ROBOT, bind(house, quantity=2)).then_rejected("PRICE_ALREADY_USED", quantity=1)
    house.when(ROBOT, bind(house, "o2")).then_rejected("PRICE_ALREADY_USED")
    house.when(ANN, cart(token)).then_rejected("PRICE_ALREADY_USED")
    house.given((ROBOT, paid())).when(ROBOT, bind(house, "o2")).then_rejected("PRICE_ALREADY_USED")
    house.when(ROBOT, bind(house, "o1")).then_rejected("PRICE_ALREADY_USED")


def test_the_same_order_is_answered_alike(house: House) -> None:
    """L5, L7: by the prices at which it was bound, whatever they are now; a new one by those of its
    moment."""
    agreed(house).given((ROBOT, bind(house, quantity=3)))
    first = house.result["line"]
    assert (first["total"], first["list_price"]) == (135_00 + 2 * LIST, LIST)
    house.given((KATE, terms(list_price=120_00, min_price=100_00)))
    house.when(ROBOT, bind(house, quantity=3)).then_nothing_happened()
    assert house.result["line"] == first
    house.given((ROBOT, failed()), (ROBOT, bind(house, "o2", quantity=3)))
    assert house.result["line"]["total"] == 3 * 120_00


@pytest.mark.parametrize("field", ["product", "token_jti"])
def test_an_order_must_fit(house: House, field: str) -> None:
    """L3 for the order: what it carries is of this agreement."""
    agreed(house).when(ROBOT, bind(house, **{field: "x"})).then_rejected("PRICE_TOKEN_INVALID")
    house.when(ROBOT, bind(house, customer="bob")).then_rejected("NEGOTIATION_NOT_FOUND")


@pytest.mark.parametrize(("wait", "status"), [(0, "accepted"), (DAY, "expired")])
def test_a_failed_order_frees_the_price(house: House, wait: int, status: str) -> None:
    """Negotiation 3: ACCEPTED again while the time lasts, else EXPIRED; the lock never moves."""
    agreed(house).given((ROBOT, bind(house))).advance(wait).when(ROBOT, failed())
    house.then(e.PriceUnbound)
    state = house.state(ROOM)
    assert (state.status, state.lock_expires_at) == (status, OPENING + DAY)
    assert house.view(KATE, ROOM)["order"] is None
    if status == "accepted":
        house.when(ROBOT, bind(house, "o2")).then(e.PriceBound, order="o2")
        house.when(ROBOT, failed("o1")).then_rejected("INVALID_TRANSITION")


def test_only_its_own_order(house: House) -> None:
    """Negotiation 3: `same order`."""
    agreed(house).given((ROBOT, bind(house)))
    for command in (paid("o2"), failed("o2")):
        house.when(ROBOT, command).then_rejected("INVALID_TRANSITION", status="bound")
        assert house.refusal is not None
        assert "another order" in house.refusal.message
    assert house.view(KATE, ROOM)["order"] == "o1"
    house.given((ROBOT, paid())).when(ROBOT, failed()).then_rejected("INVALID_TRANSITION")


def test_orders_ask_for_what_there_is(house: House) -> None:
    """NEGOTIATION_NOT_FOUND, by whatever way it is asked."""
    order = replace(bind(agreed(house)), negotiation="n9")
    for command in (order, replace(paid(), negotiation="n9"), replace(failed(), negotiation="n9")):
        house.when(ROBOT, command).then_rejected("NEGOTIATION_NOT_FOUND", negotiation="n9")


def test_orders_may_send_messages(house: House) -> None:
    """Negotiation 8: the same, from another room."""
    agreed(house)
    fields = {"customer": "ann", "product": "p1", "quantity": 1, "token_jti": f"n1.{OPENING}"}
    house.when_told(ROOM, m.BindOrder(order="o1", **fields)).then(e.PriceBound)
    house.when_told(ROOM, m.OrderFailed(order="o1")).then(e.PriceUnbound)
    house.when_told(ROOM, m.BindOrder(order="o2", **fields)).then(e.PriceBound)
    house.when_told(ROOM, m.OrderPaid(order="o2")).then(e.PriceRedeemed)
    assert not house.happened(DeadLetter)


@pytest.mark.parametrize("from_state", ["open", "countered", "awaiting_shop", "accepted"])
def test_withdrawing(house: House, from_state: str) -> None:
    """Negotiation 3: before an agreement, and not after."""
    house.given((ANN, open_()))
    if from_state == "countered":
        house.given((ANN, offer(100_00)))
    elif from_state == "awaiting_shop":
        house.given((KATE, by_hand()), (ANN, offer(100_00)))
    elif from_state == "accepted":
        house.given((ANN, offer(LIST))).when(ANN, withdraw()).then_rejected("INVALID_TRANSITION")
        return
    house.when(ANN, withdraw()).then_only(e.NegotiationCancelled)
    assert house.state(ROOM).cause == "CUSTOMER"


def test_quantity_breaks(house: House) -> None:
    """X3: list and minimum by quantity; the rest of a larger order sells at the list price."""
    rows = (Break(10, 120_00, 100_00), Break(100, 90_00, 80_00))
    house.given((KATE, terms(breaks=rows)))
    house.when(ANN, open_(quantity=10)).then(e.NegotiationOpened, list_price=120_00)
    house.when(ANN, offer(120_01)).then_rejected("OFFER_ABOVE_LIST", list_price=120_00)
    house.when(ANN, offer(100_00)).then(e.NegotiationAccepted, final_price=100_00)
    house.when(ANN, cart(token_of(house), 12)).then_accepted()
    assert house.result["line"]["total"] == 10 * 100_00 + 2 * LIST
    house.when(BOB, open_("n2", quantity=9)).then(e.NegotiationOpened, list_price=LIST)


def test_a_list_price_that_fell_below_a_break(house: House) -> None:
    """L7, X3: nobody pays more for a piece by taking many, in offer, cart and order."""
    house.given((KATE, terms(breaks=(Break(10, 120_00, 110_00),))), (ANN, open_(quantity=10)))
    house.given((ANN, offer(110_00))).given((ROBOT, listed(90_00)))
    house.when(ANN, cart(token_of(house), 10)).then_accepted()
    assert (house.result["line"]["unit_price"], house.result["line"]["total"]) == (90_00, 900_00)
    house.when(ROBOT, bind(house, quantity=10)).then(e.PriceBound, unit_price=90_00)
    house.when(BOB, open_("n2", quantity=10)).then(e.NegotiationOpened, list_price=90_00)
    house.when(BOB, offer(90_01, "n2")).then_rejected("OFFER_ABOVE_LIST", list_price=90_00)
    house.when(BOB, offer(90_00, "n2")).then(e.NegotiationAccepted, final_price=90_00)


def test_accepting_by_hand_is_an_agreement_too(house: House) -> None:
    """T1 for every way to a price."""
    house.given((KATE, by_hand()), (ANN, open_()), (ANN, offer(100_00)), (KATE, counter(120_00)))
    house.given((ANN, offer(110_00))).advance(MINUTE).given((KATE, accept(2)))
    assert token_of(house)
    house.when(ANN, take(120_00)).then_rejected("INVALID_TRANSITION")
