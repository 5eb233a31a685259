"""A shop's terms, stock of one, and other strategies (negotiation 4, X1, X2, X3)."""

import pytest

from engine.domains.negotiation import events as e
from engine.domains.negotiation import messages as m
from engine.domains.negotiation import terms_events as t
from engine.domains.negotiation.figures import PAST_KEPT, PRODUCTS_MAX, Break
from engine.domains.negotiation.notices import AnswerReceived
from engine.house import DeadLetter
from engine.kernel.time import DAY
from testkit.house import House
from tests.engine.domains.negotiation.cast import (
    ANN,
    BOB,
    KATE,
    KURT,
    LIST,
    MIN,
    ROBOT,
    ROOM,
    TERMS,
    agreed,
    bind,
    by_hand,
    counter,
    fair,
    listed,
    offer,
    open_,
    paid,
    stock,
    terms,
    try_strategy,
    withdraw,
    withdrawn,
)


def test_setting_terms(house: House) -> None:
    """Negotiation 4: by the shopkeeper, for a product of the shop."""
    house.when(KATE, terms(product="p2", stock=3)).then_only(t.TermsSet)
    house.when(KURT, terms()).then_rejected("FORBIDDEN")
    house.when(KURT, terms(shop="s9")).then_rejected("SHOP_INACTIVE")
    house.when(KURT, try_strategy()).then_rejected("FORBIDDEN")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"min_price": LIST + 1}, "MIN_ABOVE_LIST"),
        ({"breaks": (Break(5, 100, 101),)}, "MIN_ABOVE_LIST"),
        ({"breaks": (Break(5, 100, 90), Break(5, 90, 80))}, "MALFORMED"),
        ({"currency": "NGN"}, "CURRENCY_MISMATCH"),
    ],
)
def test_terms_that_make_no_sense(house: House, changes: dict[str, object], code: str) -> None:
    """MIN_ABOVE_LIST in each break too; breaks rise; a product keeps its currency."""
    house.when(KATE, terms(**changes)).then_rejected(code)


def test_so_many_products(house: House) -> None:
    """A shop's terms are bounded, whoever adds to them."""
    products = house.state(TERMS).products
    products |= dict.fromkeys(map(str, range(PRODUCTS_MAX - 1)), products["p1"])
    house.when(KATE, terms(product="q")).then_rejected("TOO_MANY_NEGOTIATIONS")
    house.when(ROBOT, listed(1, "q")).then_rejected("TOO_MANY_NEGOTIATIONS")
    house.given((KATE, terms()))
    for number in range(PRODUCTS_MAX - 1):
        del products[str(number)]


def test_the_catalogue_lists_and_withdraws(house: House) -> None:
    """Negotiation 8: a new product is not negotiable; a minimum never stays above the list."""
    house.when(ROBOT, listed(120_00)).then(t.ProductEntered, min_price=120_00)
    house.when(ROBOT, listed(50_00, "p2", stock=4)).then(t.ProductEntered, min_price=50_00)
    house.when(ROBOT, listed(50_00, "p2", currency="NGN")).then_rejected("CURRENCY_MISMATCH")
    house.when(ROBOT, withdrawn()).then_only(t.ProductRemoved)
    house.when(ROBOT, withdrawn()).then_nothing_happened()
    for command in (withdrawn("p9"), stock(1, "p9")):
        house.when(ROBOT, command).then_rejected("PRODUCT_NOT_NEGOTIABLE", product="p9")


def test_the_catalogue_may_send_messages(house: House) -> None:
    """Negotiation 8: the same, from another room."""
    listing = m.ProductListed(product="p2", currency="USD", list_price=5)
    house.when_told(TERMS, listing).then(t.ProductEntered, product="p2")
    house.when_told(TERMS, m.StockChanged(product="p2", stock=7)).then(t.StockSet, stock=7)
    house.when_told(TERMS, m.ProductWithdrawn(product="p2")).then(t.ProductRemoved)


def test_a_withdrawn_product_ends_the_haggling(house: House) -> None:
    """Negotiation 3: CANCELLED(PRODUCT) from every state before an agreement; that stands."""
    agreed(house).given((BOB, open_("n2")), (BOB, offer(100_00, "n2")))
    house.when(ROBOT, withdrawn()).then(e.NegotiationCancelled, cause="PRODUCT")
    house.then(AnswerReceived, negotiation="n2", status="cancelled", cause="PRODUCT")
    assert house.view(BOB, "negotiation:n2")["status"] == "cancelled"
    assert house.view(BOB, "negotiation:n2")["cause"] == "PRODUCT"
    assert house.state(ROOM).status == "accepted"
    house.when(BOB, offer(101_00, "n2")).then_rejected("INVALID_TRANSITION", cause="PRODUCT")


def _two_over_one_piece(house: House) -> House:
    house.given((KATE, terms(stock=1)), (ANN, open_()), (BOB, open_("n2")))
    return house.given((BOB, offer(100_00, "n2")))


def test_the_first_acceptance_wins(house: House) -> None:
    """X1: with a stock of one the others end as CANCELLED(SOLD) in the same step."""
    _two_over_one_piece(house).when(ANN, offer(MIN)).then(e.NegotiationAccepted)
    house.then(t.PriceAgreed, negotiation="n1").then(e.NegotiationCancelled, cause="SOLD")
    house.then(AnswerReceived, negotiation="n2", cause="SOLD")
    house.when(BOB, offer(MIN, "n2")).then_rejected("INVALID_TRANSITION")
    house.when(BOB, open_("n3")).then_rejected("PRODUCT_NOT_NEGOTIABLE")


def test_with_two_pieces_nobody_is_sent_away(house: House) -> None:
    """X1, L8: an agreement reserves no stock."""
    house.given((KATE, terms(stock=2)), (ANN, open_()), (BOB, open_("n2")))
    house.given((ANN, offer(MIN)), (BOB, offer(MIN, "n2")))
    assert house.state("negotiation:n2").status == "accepted"


def test_the_last_piece_is_free_again(house: House) -> None:
    """X1: when the agreement on it ends without an order."""
    agreed(house.given((KATE, terms(stock=1))))
    house.when(BOB, open_("n2")).then_rejected("PRODUCT_NOT_NEGOTIABLE")
    house.advance(DAY).when(BOB, open_("n2")).then(e.NegotiationOpened)


def test_the_last_piece_is_gone(house: House) -> None:
    """X1: once its order is paid, until the catalogue counts again."""
    agreed(house.given((KATE, terms(stock=1)))).given((ROBOT, bind(house)), (ROBOT, paid()))
    house.when(BOB, open_("n2")).then_rejected("PRODUCT_NOT_NEGOTIABLE")
    house.given((ROBOT, stock(1)), (BOB, open_("n2")))


@pytest.mark.parametrize(("pieces", "status"), [(0, "cancelled"), (1, "cancelled"), (2, "open")])
def test_stock_that_falls(house: House, pieces: int, status: str) -> None:
    """X1: nothing left but what is agreed on: SOLD for those who still haggle."""
    agreed(house).given((BOB, open_("n2"))).when(ROBOT, stock(pieces)).then(t.StockSet)
    assert house.state("negotiation:n2").status == status
    assert not house.happened(DeadLetter)


def test_what_another_strategy_would_have_made(house: House) -> None:
    """X2: the last negotiations, latest first, by the terms that each began with."""
    house.given((ANN, open_()), (ANN, offer(100_00)), (ANN, offer(MIN)))
    house.given((KATE, terms(min_price=100_00)), (BOB, open_("n2")), (BOB, offer(100_00, "n2")))
    house.given((KATE, terms(product="p2")), (BOB, open_("n3", product="p2")))
    house.when(KATE, try_strategy()).then_nothing_happened()
    third, second, first = house.result["negotiations"]
    assert (third["negotiation"], third["offers"], third["would"]["status"]) == ("n3", [], "open")
    assert second["would"] == {"status": "accepted", "price": 100_00, "asks": []}
    assert (first["status"], first["final_price"]) == ("accepted", house.state(ROOM).final_price)
    assert first["would"] == {"status": "accepted", "price": MIN, "asks": [147_00]}
    house.given((KATE, try_strategy(product="p2")))
    assert len(house.result["negotiations"]) == 1
    house.given((KATE, try_strategy(limit=2)))
    assert len(house.result["negotiations"]) == 2


def test_a_shop_chooses_the_strategy(house: House) -> None:
    """X2: by product; the event names it."""
    house.given((KATE, terms(strategy="steady.v1")), (ANN, open_()))
    house.when(ANN, offer(100_00)).then(e.CounterOffered, ask=147_00, strategy="steady.v1")


def test_the_past_is_bounded(house: House) -> None:
    """So many of the latest are kept to be played again."""
    for number in range(PAST_KEPT + 1):
        user = type(ANN)(f"u{number}", "user")
        house.given((user, open_(f"n{number}")), (user, withdraw(f"n{number}")))
    past = house.state(TERMS).past
    assert (len(past), past[0].negotiation) == (PAST_KEPT, "n1")


def test_shops_are_apart(house: House) -> None:
    """The same product name in two shops: two keys, two terms."""
    fair(house, "s2", KURT).given((ANN, open_()), (ANN, open_("n2", shop="s2")))
    house.given((KURT, by_hand(shop="s2")), (ANN, offer(100_00, "n2")))
    house.when(KATE, counter(120_00, "n2")).then_rejected("NEGOTIATION_NOT_FOUND")
