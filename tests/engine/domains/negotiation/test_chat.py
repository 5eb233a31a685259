"""What is said beside the price (M1, M2, O3, X5)."""

import pytest

from engine.domains.negotiation import events as e
from engine.domains.negotiation.figures import CHAT_MAX, MESSAGES_KEPT, TEXT_MS
from engine.domains.negotiation.texts import ENDS, SOLD_OUT, says_only, spoken
from engine.kernel.outside import Compose
from engine.kernel.time import DAY, MINUTE
from testkit.house import House
from tests.engine.domains.negotiation.cast import (
    ANN,
    BOB,
    KATE,
    MIN,
    ROBOT,
    ROOM,
    bind,
    by_hand,
    counter,
    failed,
    get,
    offer,
    open_,
    reject,
    say,
    terms,
    withdraw,
    withdrawn,
    words,
)

ANSWER = "We can offer it at USD 135.00."


def chat(house: House) -> list[tuple[str, str, int | None]]:
    """What ann reads."""
    return [(m["sender"], m["text"], m["price"]) for m in house.view(ANN, ROOM)["chat"]]


def test_every_decision_is_said(house: House) -> None:
    """M1: SYSTEM where the house answers, SHOP where the shopkeeper does."""
    house.given((ANN, open_()), (ANN, offer(120_00, text="please")), (ANN, say("hm")))
    house.given((KATE, by_hand()), (ANN, offer(121_00)), (KATE, counter(134_00, text="for you")))
    house.given((KATE, say("last word")), (KATE, reject()))
    assert chat(house) == [
        ("CUSTOMER", "please", 120_00),
        ("SYSTEM", ANSWER, 135_00),
        ("CUSTOMER", "hm", None),
        ("CUSTOMER", "", 121_00),
        ("SHOP", "for you", 134_00),
        ("SHOP", "last word", None),
        ("SHOP", SOLD_OUT, None),
    ]


@pytest.mark.parametrize("cause", ["CUSTOMER", "PRODUCT", "SOLD", "IDLE", "LOCK"])
def test_an_end_is_said_too(house: House, cause: str) -> None:
    """M1: why it ends without an answer; and no other words are wanted for it."""
    house.given((KATE, terms(stock=1)), (ANN, open_()))
    if cause == "CUSTOMER":
        house.given((ANN, withdraw()))
    elif cause == "PRODUCT":
        house.given((ROBOT, withdrawn()))
    elif cause == "SOLD":
        house.given((BOB, open_("n2")), (BOB, offer(MIN, "n2")))
    elif cause == "IDLE":
        house.advance(DAY)
    else:
        house.given((ANN, offer(MIN))).given((ROBOT, bind(house)))
        house.advance(DAY).given((ROBOT, failed()))
    wanted = len(house.world.errands)
    assert chat(house)[-1] == ("SYSTEM", ENDS[cause], None)
    assert wanted == (1 if cause in ("SOLD", "LOCK") else 0), "for the agreement alone"
    last = house.state(ROOM).said
    house.when(ROBOT, words("Bye.", last)).then_nothing_happened()


def test_chat_after_a_message(house: House) -> None:
    """GetNegotiation with `last_seq`: what came after it."""
    house.given((ANN, open_()), (ANN, say("one")), (KATE, say("two")))
    house.when(KATE, get(last_seq=1)).then_nothing_happened()
    assert [message["text"] for message in house.result["chat"]] == ["two"]
    house.given((ANN, get()))
    assert [message["seq"] for message in house.result["chat"]] == [1, 2]


def test_chat_never_changes_the_state(house: House) -> None:
    """Negotiation 3: neither state nor timer; and it ends with the negotiation."""
    house.given((ANN, open_())).advance(MINUTE).given((ANN, say()), (KATE, say()))
    state = house.state(ROOM)
    assert (state.status, state.moved_at) == ("open", house.now - MINUTE)
    house.given((ANN, withdraw())).when(ANN, say()).then_rejected("INVALID_TRANSITION")


def test_twenty_messages_a_minute(house: House) -> None:
    """O3: RATE_LIMITED for each of them on their own."""
    house.given((ANN, open_()), *[(ANN, say())] * CHAT_MAX)
    house.when(ANN, say()).then_rejected("RATE_LIMITED", retry_after_ms=MINUTE)
    house.given((KATE, say())).advance(MINUTE - 1)
    house.when(ANN, say()).then_rejected("RATE_LIMITED", retry_after_ms=1)
    house.advance(1).given((ANN, say()))


def test_the_chat_is_bounded(house: House) -> None:
    """Views show the latest; the log has all."""
    house.given((ANN, open_()))
    for _ in range(MESSAGES_KEPT // CHAT_MAX + 1):
        house.given(*[(ANN, say())] * CHAT_MAX).advance(MINUTE)
    assert len(chat(house)) == MESSAGES_KEPT


def test_words_are_wanted_for_automatic_answers_alone(house: House) -> None:
    """M2, X5: after the price, from public numbers only."""
    house.given((ANN, open_()), (ANN, offer(120_00)), (ANN, offer(MIN)))
    counter_, accepted = house.world.errands
    assert counter_ == Compose(
        "negotiation.post_text",
        "negotiation.answer",
        {"sentence": ANSWER, "ask": "USD 135.00", "offer": "USD 120.00"},
        {"negotiation": "n1", "message": 2},
    )
    assert isinstance(accepted, Compose)
    assert accepted.facts["ask"] == "USD 130.00"
    house.given((KATE, by_hand(product="p2")), (ANN, open_("n2", product="p2")))
    house.given((ANN, offer(1, "n2")), (KATE, counter(140_00, "n2")), (KATE, reject("", "n2")))
    assert len(house.world.errands) == 2


def test_no_words_for_an_end_but_the_sentence(house: House) -> None:
    """M2: a rejection has no number at all."""
    house.given((ANN, open_()), *[(ANN, offer(price)) for price in range(1, 6)])
    last = house.world.errands[-1]
    assert isinstance(last, Compose)
    assert last.facts == {"sentence": SOLD_OUT}
    house.given((ROBOT, words("Not for 5, sorry.", last.fields["message"])))
    assert chat(house)[-1] == ("SYSTEM", SOLD_OUT, None)


def test_other_words_replace_the_template(house: House) -> None:
    """X5: in time, and with the number of the answer alone."""
    house.given((ANN, open_()), (ANN, offer(120_00))).advance(TEXT_MS)
    house.when(ROBOT, words("How about 135?", 2)).then(e.TextPosted, message=2)
    assert chat(house)[1] == ("SYSTEM", "How about 135?", 135_00)
    # The errand is done at least once: the first words stand.
    house.when(ROBOT, words(ANSWER, 2)).then_nothing_happened()


@pytest.mark.parametrize(
    ("text", "message", "wait"),
    [
        ("How about 134?", 2, 0),
        ("135, or 3 for 400", 2, 0),
        ("How about 135?", 2, TEXT_MS + 1),
        ("How about 135?", 1, 0),
        ("How about 135?", 9, 0),
        (ANSWER, 2, 0),
    ],
)
def test_the_template_stands(house: House, text: str, message: int, wait: int) -> None:
    """M2: another number, too late, not an answer of the house, or nothing new."""
    house.given((ANN, open_()), (ANN, offer(120_00))).advance(wait)
    house.when(ROBOT, words(text, message)).then_nothing_happened()
    assert chat(house)[1] == ("SYSTEM", ANSWER, 135_00)


def test_words_for_nothing(house: House) -> None:
    """NEGOTIATION_NOT_FOUND for a negotiation that is not there; people may not post at all."""
    house.when(ROBOT, words("hi", 1)).then_rejected("NEGOTIATION_NOT_FOUND")
    house.when(ANN, words("hi", 1)).then_rejected("FORBIDDEN")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("USD 135.00, my friend", True),
        ("135 and 135.00", True),
        ("no number at all", True),
        ("135.50", False),
        ("135,00", True),
        ("13500", False),
        ("135 00", False),
        ("1350", False),
        ("\u0661\u0663\u0665", True),
        ("135\u00bd", False),
        ("\u2169 pieces", False),
    ],
)
def test_numbers_in_words(text: str, fits: bool) -> None:
    """M2: whatever the digits, separators and signs."""
    assert says_only(text, 135_00, "USD") == fits


@pytest.mark.parametrize("text", ["13,500.00", "13.500,00", "13\u202f500", "13'500", "13500"])
def test_thousands_in_words(text: str) -> None:
    """M2: as people write them in many countries."""
    assert says_only(text, 13_500_00, "USD")
    assert not says_only(text, 13_500_01, "USD")
    assert says_only("13,505", 13_505, "JPY")
    assert says_only("13.505", 13_505, "KWD")


def test_amounts_as_people_read_them() -> None:
    """By the currency's digits."""
    assert spoken(135_05, "USD") == "USD 135.05"
    assert spoken(13_505, "JPY") == "JPY 13505"
    assert spoken(13_505, "KWD") == "KWD 13.505"
