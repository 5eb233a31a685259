"""Opening, offering, and how offers are answered (negotiation 3, N1 to N4, O1 to O4, D1 to D6)."""

import pytest

from engine.contract import Person
from engine.domains.negotiation import events as e
from engine.domains.negotiation import terms_events as t
from engine.domains.negotiation.figures import HAGGLING_MAX, OPENINGS_MS
from engine.domains.negotiation.notices import AnswerReceived, OfferReceived, PriceAgreedWithShop
from engine.kernel.actor import ADMIN, DEALER, MANAGER, SHOPKEEPER, USER, Actor
from engine.kernel.time import DAY
from engine.room import StepContext
from testkit.house import House
from tests.engine.domains.negotiation.cast import (
    ANN,
    BOB,
    BOSS,
    KATE,
    LIST,
    MEG,
    MIN,
    ROBOT,
    ROOM,
    accept,
    agreed,
    by_hand,
    close_shop,
    counter,
    fair,
    get,
    listed,
    offer,
    open_,
    reject,
    say,
    stock,
    take,
    terms,
    withdraw,
    withdrawn,
)

KEY = "negotiation:ann:s1:p1"


def test_opening(house: House) -> None:
    """Negotiation 3: OPEN at the list price; the shop's terms hear of it."""
    house.when(ANN, open_()).then(e.NegotiationOpened, customer="ann", list_price=LIST)
    house.then(t.HagglingBegun, negotiation="n1", list_price=LIST, min_price=MIN)
    assert house.core.claims[KEY] == ROOM
    assert (house.result["status"], house.result["ask"]) == ("open", LIST)


def test_one_active_negotiation(house: House) -> None:
    """N1: opening again answers the existing one, whatever id is chosen, with no event."""
    house.given((ANN, open_())).when(ANN, open_("n2", quantity=5)).then_nothing_happened()
    assert house.result["negotiation"] == "n1"
    house.when(ANN, open_()).then_nothing_happened()
    house.given((BOB, open_("n3")))


@pytest.mark.parametrize("price", [MIN, 1])
def test_after_the_end_another_may_be_opened(house: House, price: int) -> None:
    """N1: the claim is given up at the end, and not by an agreement."""
    agreed(house, price)
    if price == MIN:
        house.when(ANN, open_("n2")).then_nothing_happened()
        house.advance(DAY)
    else:
        house.given((ANN, withdraw()))
    assert KEY not in house.core.claims
    house.when(ANN, open_("n2")).then(e.NegotiationOpened)


def test_an_id_is_used_once(house: House) -> None:
    """Somebody else's id, or one of a negotiation that is over, is refused."""
    house.given((ANN, open_())).when(BOB, open_()).then_rejected("INVALID_TRANSITION")
    house.given((KATE, terms(product="p2"))).when(ANN, open_(product="p2"))
    house.then_rejected("INVALID_TRANSITION", negotiation="n1")
    house.given((ANN, withdraw())).when(ANN, open_()).then_rejected("INVALID_TRANSITION")


def test_only_an_active_shop(house: House) -> None:
    """N2: SHOP_INACTIVE for opening, offering and taking; also where there is no shop."""
    house.when(ANN, open_(shop="s9")).then_rejected("SHOP_INACTIVE")
    house.given((ANN, open_()), (ANN, offer(120_00)), (MEG, close_shop()))
    house.when(BOB, open_("n2")).then_rejected("SHOP_INACTIVE")
    house.when(ANN, offer(125_00)).then_rejected("SHOP_INACTIVE")
    house.when(ANN, take(135_00)).then_rejected("SHOP_INACTIVE")
    house.when(ANN, withdraw()).then(e.NegotiationCancelled)


def test_nothing_is_sold_for_an_owner_who_is_suspended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Identity K7: the shop is as it was, and its owner may not sell. Withdrawing is free."""
    house.given((ANN, open_()), (ANN, offer(120_00)))
    known = StepContext.card

    def card(ctx: StepContext, room: str) -> object:
        return Person("Kate", False) if room == "identity:kate" else known(ctx, room)

    monkeypatch.setattr(StepContext, "card", card)
    house.when(BOB, open_("n2")).then_rejected("SHOP_INACTIVE")
    house.when(ANN, offer(125_00)).then_rejected("SHOP_INACTIVE")
    house.when(ANN, withdraw()).then(e.NegotiationCancelled)


def test_only_a_negotiable_product(house: House) -> None:
    """N2: known, active, negotiable and in stock."""
    house.when(ANN, open_(product="p9")).then_rejected("PRODUCT_NOT_NEGOTIABLE")
    house.given((ROBOT, listed(100_00, "p2")))
    house.when(ANN, open_(product="p2")).then_rejected("PRODUCT_NOT_NEGOTIABLE")
    house.given((ANN, open_()), (KATE, terms(negotiable=False)))
    house.when(ANN, offer(1)).then_rejected("PRODUCT_NOT_NEGOTIABLE")
    house.given((KATE, terms(stock=0)))
    house.when(BOB, open_("n2")).then_rejected("PRODUCT_NOT_NEGOTIABLE")
    house.given((ROBOT, stock(2)), (ROBOT, withdrawn()))
    house.when(BOB, open_("n2")).then_rejected("PRODUCT_NOT_NEGOTIABLE")
    house.given((ROBOT, listed(LIST)), (BOB, open_("n2")))


def test_nobody_haggles_with_themselves(house: House) -> None:
    """N2: OWN_PRODUCT, in whatever role."""
    house.when(KATE, open_()).then_rejected("OWN_PRODUCT")
    house.when(Actor("kate", USER), open_()).then_rejected("OWN_PRODUCT")
    house.when(Actor("dora", DEALER), open_()).then(e.NegotiationOpened)


def test_three_negotiations_a_day(house: House) -> None:
    """N4: TOO_MANY_NEGOTIATIONS for the fourth in 24 h; others are not counted."""
    for number in range(3):
        house.given((ANN, open_(f"n{number}")), (ANN, withdraw(f"n{number}")))
    house.when(ANN, open_("n4")).then_rejected("TOO_MANY_NEGOTIATIONS", product="p1")
    house.given((BOB, open_("n5")), (KATE, terms(product="p2")), (ANN, open_("n6", product="p2")))
    house.advance(OPENINGS_MS - 1).when(ANN, open_("n4"))
    house.then_rejected("TOO_MANY_NEGOTIATIONS", product="p1", retry_after_ms=1)
    house.advance(1).when(ANN, open_("n4")).then(e.NegotiationOpened)
    assert len(house.state("terms:s1").openings) == 1


def test_so_many_over_one_product(house: House) -> None:
    """One step must be able to end them all (X1)."""
    for number in range(HAGGLING_MAX):
        house.given((Actor(f"u{number}", USER), open_(f"n{number}")))
    house.when(ANN, open_("one-more")).then_rejected("TOO_MANY_NEGOTIATIONS")
    house.given((ROBOT, withdrawn()))
    assert house.happened(e.NegotiationCancelled)[-1].cause == "PRODUCT"
    assert len(house.happened(e.NegotiationCancelled)) == HAGGLING_MAX


def test_offer_within_the_list_price(house: House) -> None:
    """O1: OFFER_ABOVE_LIST; the list price itself is taken."""
    house.given((ANN, open_())).when(ANN, offer(LIST + 1))
    house.then_rejected("OFFER_ABOVE_LIST", list_price=LIST)
    house.when(ANN, offer(LIST)).then(e.NegotiationAccepted, final_price=LIST)


def test_offer_in_the_products_currency(house: House) -> None:
    """O1: CURRENCY_MISMATCH."""
    house.given((ANN, open_())).when(ANN, offer(100, currency="NGN"))
    house.then_rejected("CURRENCY_MISMATCH", currency="USD")


@pytest.mark.parametrize("price", [120_00, 119_99])
def test_each_offer_exceeds_the_last(house: House, price: int) -> None:
    """O2: OFFER_NOT_IMPROVED for as much or less."""
    house.given((ANN, open_()), (ANN, offer(120_00))).when(ANN, offer(price))
    house.then_rejected("OFFER_NOT_IMPROVED", last_offer=120_00)
    house.when(ANN, offer(120_01)).then(e.CounterOffered)


def test_the_example(house: House) -> None:
    """D2: list 15000, min 13000; 12000 -> counter 13500; 13500 -> accepted at 13500."""
    house.given((ANN, open_())).when(ANN, offer(120_00))
    house.then(e.OfferMade, offer_seq=1, mode="AUTO")
    house.then(e.CounterOffered, ask=135_00, sender="SYSTEM", strategy="midpoint.v1")
    assert house.result["status"] == "countered"
    house.when(ANN, offer(135_00)).then_only(e.OfferMade, e.NegotiationAccepted, e.PriceLocked)
    house.then(PriceAgreedWithShop, price=135_00)
    assert house.state(ROOM).final_price == 135_00


@pytest.mark.parametrize(("price", "final"), [(130_00, 130_00), (140_00, 135_00), (LIST, 135_00)])
def test_an_offer_above_the_minimum_is_taken(house: House, price: int, final: int) -> None:
    """D1: at the offer, capped at the standing ask."""
    house.given((ANN, open_()), (ANN, offer(120_00))).when(ANN, offer(price))
    house.then(e.NegotiationAccepted, final_price=final, sender="SYSTEM")


def test_the_fifth_offer_below_the_minimum_ends_it(house: House) -> None:
    """D5: REJECTED(ROUNDS), after four counters that never rise and stay above the minimum."""
    house.given((ANN, open_()))
    asks = []
    for price in (100, 200, 300, 400):
        house.when(ANN, offer(price)).then(e.CounterOffered)
        asks.append(house.state(ROOM).ask)
    assert asks == sorted(asks, reverse=True)
    assert min(asks) > MIN
    house.when(ANN, offer(500)).then_only(e.OfferMade, e.NegotiationRejected)
    assert (house.state(ROOM).status, house.state(ROOM).cause) == ("rejected", "ROUNDS")
    house.when(ANN, offer(600)).then_rejected("INVALID_TRANSITION", status="rejected")


def test_a_sixth_offer_is_refused(house: House) -> None:
    """O3: TOO_MANY_OFFERS after five, where the shopkeeper has answered."""
    house.given((KATE, by_hand()), (ANN, open_()))
    for price in range(100, 105):
        house.given((ANN, offer(price)), (KATE, counter(120_00)))
    house.when(ANN, offer(110)).then_rejected("TOO_MANY_OFFERS")
    house.when(ANN, take(120_00)).then(e.NegotiationAccepted, final_price=120_00)
    house.then(t.PriceAgreed, is_automatic=False)


def test_amounts_in_the_text_are_not_read(house: House) -> None:
    """O4: only `price` counts."""
    house.given((ANN, open_())).when(ANN, offer(100_00, text="I pay 14900 or 149.00"))
    house.then(e.CounterOffered)
    house.when(ANN, say("I offer 150.00")).then_only(e.MessageSent)
    assert house.state(ROOM).last_offer == 100_00


def test_taking_the_ask(house: House) -> None:
    """Negotiation 3: COUNTERED -> ACCEPTED at the ask."""
    house.given((ANN, open_()), (ANN, offer(120_00))).when(ANN, take(135_00))
    house.then_only(e.NegotiationAccepted, e.PriceLocked)
    house.then(t.PriceAgreed, price=135_00, is_automatic=True)
    assert house.state(ROOM).accepted_ask


def test_the_ask_has_changed(house: House) -> None:
    """ASK_CHANGED returns the ask."""
    house.given((ANN, open_()), (ANN, offer(120_00))).when(ANN, take(134_00))
    house.then_rejected("ASK_CHANGED", ask=135_00)


def test_the_price_tag_cannot_be_taken(house: House) -> None:
    """Only an ask that answers an offer: from OPEN there is no row."""
    house.given((ANN, open_())).when(ANN, take(LIST)).then_rejected("INVALID_TRANSITION")


def test_terms_hold_from_the_next_offer_on(house: House) -> None:
    """N3: what is set later applies to the next offer, and never to an agreement."""
    house.given((ANN, open_()), (ANN, offer(120_00)), (KATE, terms(min_price=125_00)))
    house.when(ANN, offer(126_00)).then(e.NegotiationAccepted, final_price=126_00)
    house.given((KATE, terms(min_price=149_00)))
    assert house.state(ROOM).final_price == 126_00


def test_a_minimum_raised_above_the_ask(house: House) -> None:
    """N3, D4: the ask was promised and never rises; nothing below it is taken any more."""
    house.given((ANN, open_()), (ANN, offer(120_00)), (KATE, terms(min_price=140_00)))
    house.when(ANN, offer(134_99)).then(e.CounterOffered, ask=135_00)
    house.when(ANN, offer(135_00)).then(e.NegotiationAccepted, final_price=135_00)
    house.then(t.PriceAgreed, lowest=135_00)


def test_the_ask_falls_with_the_list_price(house: House) -> None:
    """INV-2: no ask above the list price of its moment."""
    house.given((ANN, open_()), (KATE, terms(list_price=140_00)))
    house.when(ANN, offer(100_00)).then(e.OfferMade, list_price=140_00)
    assert house.state(ROOM).ask <= 140_00


def test_the_shopkeeper_answers(house: House) -> None:
    """D6: MANUAL waits for the shop, who hears of it; the customer hears of the answer."""
    house.given((KATE, by_hand()), (ANN, open_())).when(ANN, offer(149_00))
    house.then_only(e.OfferMade).then(OfferReceived, offer_seq=1, price=149_00)
    assert house.state(ROOM).status == "awaiting_shop"
    house.when(KATE, counter(149_50)).then(e.CounterOffered, ask=149_50, sender="SHOP", strategy="")
    house.then(AnswerReceived, status="countered", price=149_50)


def test_an_offer_at_the_shops_own_ask(house: House) -> None:
    """D6: taken at once, at the ask."""
    house.given((KATE, by_hand()), (ANN, open_()), (ANN, offer(120_00)), (KATE, counter(130_00)))
    house.when(ANN, offer(131_00)).then_only(e.OfferMade, e.NegotiationAccepted, e.PriceLocked)
    assert house.state(ROOM).final_price == 130_00
    assert not house.happened(t.PriceAgreed)[0].is_automatic


def test_an_offer_at_the_houses_ask(house: House) -> None:
    """D6, open point 8: the mode at each offer decides; an automatic ask is not the shop's own."""
    house.given((ANN, open_()), (ANN, offer(120_00)), (KATE, by_hand()))
    house.when(ANN, offer(136_00)).then_only(e.OfferMade)
    house.given((KATE, accept(2)))
    assert house.state(ROOM).final_price == 135_00


def test_a_shop_may_go_below_its_minimum_by_hand(house: House) -> None:
    """INV-2 binds the house, not the shopkeeper; back in AUTO that ask is the lowest."""
    house.given((KATE, by_hand()), (ANN, open_()), (ANN, offer(100_00)), (KATE, counter(110_00)))
    house.given((KATE, terms())).when(ANN, offer(109_00)).then(e.CounterOffered, ask=110_00)
    house.when(ANN, offer(110_00)).then(e.NegotiationAccepted, final_price=110_00)


def test_an_old_offer_is_not_accepted(house: House) -> None:
    """OFFER_SUPERSEDED: the shop must name the latest."""
    house.given((KATE, by_hand()), (ANN, open_()), (ANN, offer(100_00)), (KATE, counter(140_00)))
    house.given((ANN, offer(110_00))).when(KATE, accept(1))
    house.then_rejected("OFFER_SUPERSEDED", offer_seq=2, last_offer=110_00)
    house.when(KATE, accept(2)).then(e.NegotiationAccepted, final_price=110_00, sender="SHOP")
    house.then(AnswerReceived, status="accepted", price=110_00)


@pytest.mark.parametrize("price", [100_00, LIST + 1])
def test_a_counter_lies_between_offer_and_ask(house: House, price: int) -> None:
    """COUNTER_OUT_OF_RANGE: offer < price <= ask."""
    house.given((KATE, by_hand()), (ANN, open_()), (ANN, offer(100_00)))
    house.when(KATE, counter(price)).then_rejected("COUNTER_OUT_OF_RANGE", ask=LIST)
    house.when(KATE, counter(LIST)).then(e.CounterOffered, ask=LIST)


def test_the_shop_rejects(house: House) -> None:
    """Negotiation 3: from OPEN, AWAITING_SHOP and COUNTERED, with a reason for the chat."""
    house.given((ANN, open_())).when(KATE, reject("not today"))
    house.then(e.NegotiationRejected, cause="SHOP", text="not today")
    house.then(AnswerReceived, status="rejected", cause="SHOP")
    house.given((ANN, open_("n2")), (ANN, offer(100_00, "n2")), (KATE, reject("", "n2")))
    house.when(KATE, reject("", "n2")).then_rejected("INVALID_TRANSITION")


@pytest.mark.parametrize(
    "command",
    [offer(1), take(1), withdraw(), say(), get(), accept(), counter(1), reject()],
    ids=lambda command: type(command).__name__,
)
@pytest.mark.parametrize("user", ["bob", "kurt"])
def test_strangers_find_nothing(house: House, user: str, command: object) -> None:
    """NEGOTIATION_NOT_FOUND for whoever is no party, as where there is none."""
    house.given((ANN, open_()))
    stranger = Actor(user, USER, also=frozenset({SHOPKEEPER}))
    house.when(stranger, command).then_rejected("NEGOTIATION_NOT_FOUND")
    refusal = house.refusal
    other = type(command)(**{**_fields(command), "negotiation": "n9"})
    house.when(stranger, other).then_rejected("NEGOTIATION_NOT_FOUND")
    assert str(refusal).replace("n1", "n9") == str(house.refusal)


def _fields(command: object) -> dict[str, object]:
    return {name: getattr(command, name) for name in command.__struct_fields__}


def test_the_parties_have_their_own_commands(house: House) -> None:
    """The keeper cannot offer, the customer cannot answer."""
    house.given((KATE, by_hand()), (ANN, open_()))
    house.when(KATE, offer(100_00)).then_rejected("NEGOTIATION_NOT_FOUND")
    house.given((ANN, offer(100_00)))
    keeper_too = Actor("ann", USER, also=frozenset({SHOPKEEPER}))
    house.when(keeper_too, accept()).then_rejected("NEGOTIATION_NOT_FOUND")
    house.when(ANN, accept()).then_rejected("FORBIDDEN")
    house.when(BOSS, open_()).then_rejected("FORBIDDEN")


@pytest.mark.parametrize("role", [ADMIN, MANAGER])
def test_staff_do_not_haggle_whatever_they_are_besides(role: str) -> None:
    """They may see minimum prices: neither opening nor offering, also if they became staff since;
    they may give up."""
    staff = Actor("ann", role, also=frozenset({SHOPKEEPER}))
    with House() as house:
        fair(house).when(staff, open_()).then_rejected("FORBIDDEN")
        house.given((ANN, open_())).when(staff, offer(100_00)).then_rejected("FORBIDDEN")
        house.when(staff, withdraw()).then(e.NegotiationCancelled)
