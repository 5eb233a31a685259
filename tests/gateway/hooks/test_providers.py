"""What each provider's events mean to the house."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from starlette.datastructures import Headers

from engine.kernel.outcome import Rejected
from engine.ledger.commands import CreatePayment, ProviderDispute, ProviderEvent
from engine.ledger.events import DisputeStage
from gateway.hooks.providers import PROVIDERS
from gateway.hooks.reading import Heard, Ignored, Unusable
from testkit.webhooks import DISPUTES, MAKERS, Json, Paid, encode, headers_of

IDS = {"stripe": "pi_77", "razorpay": "pay_77", "paystack": "77"}
SECRET = b"a secret"
NOW_S = 1_700_000_000


def read(provider: str, event: Any) -> Heard:
    """What the reader makes of an event."""
    return PROVIDERS[provider].read(encode(event))


def thing_of(provider: str, event: Json) -> Json:
    """The part of an event that is the payment itself."""
    paths = {
        "stripe": ("data", "object"),
        "razorpay": ("payload", "payment", "entity"),
        "paystack": ("data",),
    }
    for step in paths[provider]:
        event = event[step]
    return event


def put_metadata(provider: str, event: Json, metadata: Any) -> None:
    """Replace what the house's client put into the payment."""
    thing_of(provider, event)["notes" if provider == "razorpay" else "metadata"] = metadata


@pytest.fixture(params=MAKERS)
def provider(request: pytest.FixtureRequest) -> str:
    """Each of them."""
    name: str = request.param
    return name


@pytest.fixture
def make(provider: str) -> Callable[[Paid], Json]:
    """Makes that provider's events."""
    return MAKERS[provider]


def test_every_provider_is_tried() -> None:
    """A new row of the table comes with its events here; the sandbox has a file of its own."""
    assert PROVIDERS.keys() - {"sandbox"} == MAKERS.keys()


def test_its_signature_is_believed(provider: str, make: Callable[[Paid], Json]) -> None:
    """Over the body as it came, with any of its secrets, and with no other provider's."""
    body = encode(make(Paid()))
    fault = PROVIDERS[provider].fault
    good = headers_of(provider, body, SECRET, NOW_S)
    assert fault(Headers(good), body, (b"new", SECRET), NOW_S * 1_000) == ""
    assert fault(Headers(good), msgspec.json.format(body, indent=1), (SECRET,), NOW_S * 1_000)
    assert fault(Headers(good), body, (b"new",), NOW_S * 1_000)
    assert fault({}, body, (SECRET,), NOW_S * 1_000)
    for other in MAKERS.keys() - {provider}:
        assert fault(
            Headers(headers_of(other, body, SECRET, NOW_S)), body, (SECRET,), NOW_S * 1_000
        )


def test_a_capture_is_a_command_under_the_payments_id(
    provider: str, make: Callable[[Paid], Json]
) -> None:
    """With the user and purpose of its metadata; other metadata does no harm."""
    heard = read(provider, make(Paid(purpose="auction:a1")))
    assert heard == ProviderEvent(
        id=IDS[provider],
        provider=provider,
        payment=IDS[provider],
        kind="captured",
        user="u1",
        amount=700,
        currency="NGN",
        purpose="auction:a1",
    )


def test_the_same_capture_under_another_event_is_the_same_command(
    provider: str, make: Callable[[Paid], Json]
) -> None:
    """Event ids and times are the provider's affair; the payment is what counts once."""
    assert read(provider, make(Paid(event="1"))) == read(provider, make(Paid(event="2")))


def test_a_failure_does_not_stand_in_the_way_of_a_capture(
    provider: str, make: Callable[[Paid], Json]
) -> None:
    """It counts under another id: the payment may be captured later (late authorisation, a
    second card)."""
    failed = read(provider, make(Paid(is_captured=False)))
    assert isinstance(failed, ProviderEvent)
    assert failed.kind == "failed"
    captured = read(provider, make(Paid()))
    assert isinstance(captured, ProviderEvent)
    assert failed.id != captured.id
    assert failed.payment != captured.payment


def test_a_purpose_is_a_wallet_unless_said(provider: str, make: Callable[[Paid], Json]) -> None:
    """Whose money it is must be said; what it is for need not."""
    event = make(Paid())
    put_metadata(provider, event, {"outcry_user": "u1"})
    heard = read(provider, event)
    assert isinstance(heard, ProviderEvent)
    assert heard.purpose == "wallet"


@pytest.mark.parametrize("metadata", [None, 0, "", [], {}, {"outcry_purpose": "wallet"}])
def test_a_capture_without_our_metadata_is_unusable(
    provider: str, make: Callable[[Paid], Json], metadata: Any
) -> None:
    """In each form in which a provider has none; a failure without it is none of ours."""
    event = make(Paid())
    put_metadata(provider, event, metadata)
    heard = read(provider, event)
    assert heard == Unusable(IDS[provider], "its metadata has no `outcry_user`")
    failure = make(Paid(is_captured=False))
    put_metadata(provider, failure, metadata)
    assert isinstance(read(provider, failure), Ignored)


@pytest.mark.parametrize(
    ("paid", "field"),
    [
        (Paid(user="u 1"), "outcry_user"),
        (Paid(user="PLATFORM"), "outcry_user"),
        (Paid(user="hook-stripe"), "outcry_user"),
        (Paid(purpose="nowhere"), "outcry_purpose"),
        (Paid(currency="USDC"), "currency"),
        (Paid(amount=0), "amount"),
        (Paid(amount=2**53), "amount"),
        (Paid(id="7" * 65), "id"),
    ],
)
def test_a_capture_that_cannot_be_booked_is_unusable(
    provider: str, make: Callable[[Paid], Json], paid: Paid, field: str
) -> None:
    """The field is named, and nothing of the payer."""
    heard = read(provider, make(paid))
    assert isinstance(heard, Unusable)
    assert f"`{field}`" in heard.why or field == "id"
    assert paid.user not in heard.why


def test_a_user_must_be_text(provider: str, make: Callable[[Paid], Json]) -> None:
    """Numbers are not guessed at: 007 and 7 would be one user."""
    event = make(Paid())
    put_metadata(provider, event, {"outcry_user": 7})
    assert isinstance(read(provider, event), Unusable)


def test_other_events_are_ignored(provider: str) -> None:
    """Whatever else they hold."""
    head = "type" if provider == "stripe" else "event"
    assert read(provider, {head: "charge.refunded", "id": 5}) == Ignored("charge.refunded")
    long = read(provider, {head: "x" * 5_000})
    assert isinstance(long, Ignored)
    assert len(long.event) < 200


def test_what_is_not_of_the_providers_form_is_rejected(
    provider: str, make: Callable[[Paid], Json]
) -> None:
    """Not answered 200: a changed form must be seen."""
    assert isinstance(PROVIDERS[provider].read(b"{"), Rejected)
    assert isinstance(read(provider, []), Rejected)
    for missing in ("id", "amount", "currency"):
        event = make(Paid())
        del thing_of(provider, event)[missing]
        heard = read(provider, event)
        assert isinstance(heard, Rejected)
        assert missing in heard.message
    event = make(Paid())
    thing_of(provider, event)["amount"] = 7.5
    assert isinstance(read(provider, event), Rejected), "money is never a float"


@pytest.mark.parametrize(
    ("provider", "currency", "told", "minor_units"),
    [
        ("stripe", "USD", 1_234, 1_234),
        ("stripe", "JPY", 500, 500),
        ("stripe", "KWD", 5_120, 5_120),
        ("stripe", "ISK", 500, 5),
        ("stripe", "UGX", 500, 5),
        ("stripe", "MGA", 5, 500),
        ("razorpay", "INR", 50_000, 50_000),
        ("razorpay", "JPY", 500, 500),
        ("paystack", "NGN", 10_000, 10_000),
        ("paystack", "XOF", 10_000, 100),
        ("paystack", "RWF", 10_000, 100),
    ],
)
def test_amounts_become_minor_units(
    provider: str, currency: str, told: int, minor_units: int
) -> None:
    """Of ISO 4217, whatever the provider counts in."""
    heard = read(provider, MAKERS[provider](Paid(amount=told, currency=currency)))
    assert isinstance(heard, ProviderEvent)
    assert (heard.amount, heard.currency) == (minor_units, currency)


@pytest.mark.parametrize(("provider", "currency"), [("stripe", "ISK"), ("paystack", "XOF")])
def test_a_fraction_of_a_minor_unit_is_unusable(provider: str, currency: str) -> None:
    """It is neither rounded nor lost."""
    heard = read(provider, MAKERS[provider](Paid(amount=550, currency=currency)))
    assert isinstance(heard, Unusable)
    assert "`amount`" in heard.why


DISPUTE_IDS = {"stripe": "dp_5", "razorpay": "disp_5", "paystack": "5"}


@pytest.mark.parametrize("stage", ["opened", "lost", "won"])
def test_a_dispute_is_a_command_under_its_own_id(provider: str, stage: DisputeStage) -> None:
    """One for each stage; whose payment it was, where the provider tells it (accounts 12.6)."""
    event = DISPUTES[provider](Paid(purpose="auction:a1", event="5"), stage)
    names = provider != "stripe"
    assert read(provider, event) == ProviderDispute(
        id=f"{DISPUTE_IDS[provider]}.{stage}",
        currency="NGN",
        provider=provider,
        payment=IDS[provider],
        dispute=DISPUTE_IDS[provider],
        stage=stage,
        amount=700,
        user="u1" if names else "",
        purpose="auction:a1" if names else "",
        reason="fraudulent",
    )


@pytest.mark.parametrize(("provider", "field"), [("razorpay", "notes"), ("paystack", "metadata")])
@pytest.mark.parametrize("metadata", [[], 0, {"outcry_user": "u 1"}, {"outcry_user": 7}])
def test_a_dispute_without_our_metadata_names_nobody(
    provider: str, field: str, metadata: Any
) -> None:
    """The ledger has its provider asked; it is never lost."""
    event = DISPUTES[provider](Paid(), "lost")
    payment = event["data"]["transaction"] if provider == "paystack" else None
    (payment or event["payload"]["payment"]["entity"])[field] = metadata
    heard = read(provider, event)
    assert isinstance(heard, ProviderDispute)
    assert (heard.user, heard.purpose) == ("", "")


def test_what_takes_no_money_is_no_dispute() -> None:
    """An inquiry of Stripe's, and a resolution of Paystack's that is none yet."""
    inquiry = DISPUTES["stripe"](Paid(), "warning_needs_response")
    assert isinstance(read("stripe", inquiry), Ignored)
    resolved = DISPUTES["paystack"](Paid(), "perhaps")
    assert isinstance(read("paystack", resolved), Ignored)
    orphan = DISPUTES["stripe"](Paid(), "lost")
    orphan["data"]["object"]["payment_intent"] = None
    assert isinstance(read("stripe", orphan), Unusable)


def test_a_dispute_of_another_form_is_rejected(provider: str) -> None:
    """Not answered 200: a changed form must be seen. Nor is one with an amount of no use."""
    event = DISPUTES[provider](Paid(), "lost")
    paths = {
        "stripe": ("data", "object"),
        "razorpay": ("payload", "dispute", "entity"),
        "paystack": ("data",),
    }
    thing = event
    for step in paths[provider]:
        thing = thing[step]
    del thing["id"]
    assert isinstance(read(provider, event), Rejected)
    assert isinstance(read(provider, DISPUTES[provider](Paid(amount=-1), "lost")), Unusable)


def test_stripe_tells_of_a_payment_that_was_begun() -> None:
    """With what is asked for; one without our metadata is another's (accounts rule 14)."""
    event = MAKERS["stripe"](Paid(purpose="auction:a1"))
    event["type"] = "payment_intent.created"
    event["data"]["object"]["amount_received"] = 0
    assert read("stripe", event) == CreatePayment(
        id="pi_77.created",
        provider="stripe",
        payment="pi_77",
        user="u1",
        amount=700,
        currency="NGN",
        purpose="auction:a1",
    )
    put_metadata("stripe", event, {})
    assert read("stripe", event) == Ignored("payment_intent.created")


def test_stripe_books_what_was_received() -> None:
    """Less than was asked for, if only a part was captured."""
    event = MAKERS["stripe"](Paid(amount=700))
    event["data"]["object"]["amount_received"] = 300
    heard = read("stripe", event)
    assert isinstance(heard, ProviderEvent)
    assert heard.amount == 300


def test_every_failure_of_a_stripe_payment_is_an_attempt_of_its_own() -> None:
    """A PaymentIntent fails as often as the payer tries; the amount may have changed between."""
    first = read("stripe", MAKERS["stripe"](Paid(is_captured=False, event="1")))
    second = read("stripe", MAKERS["stripe"](Paid(is_captured=False, event="2", amount=800)))
    assert isinstance(first, ProviderEvent)
    assert isinstance(second, ProviderEvent)
    assert first.id != second.id
