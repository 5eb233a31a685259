"""Tests of engine/ledger/decide_provider_dispute.py: what a provider says of disputes (12.6)."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.house import DeadLetter
from engine.kernel.outside import AskPayer
from engine.ledger import decide_provider_dispute
from engine.ledger.accounts import clearing, external, receivable, wallet
from engine.ledger.commands import ChargeBack, ProviderDispute
from engine.ledger.escrow import events as escrow
from engine.ledger.events import ChargedBack, DisputeChanged
from testkit.house import House
from tests.engine.ledger.escrow.cast import (
    BOSS,
    HOOK,
    MARA,
    PAYER,
    ROOM,
    capture,
    held,
    opened,
    release,
)

TOTAL = 10_000
LEDGER = "ledger:NGN"


def said(stage: str, **changes: Any) -> ProviderDispute:
    """What Stripe says of the dispute about pia's payment."""
    fields: dict[str, Any] = {"user": "pia", "purpose": ROOM, "amount": TOTAL} | changes
    return ProviderDispute(
        id=f"dp_1.{stage}.{fields['user']}",
        currency="NGN",
        provider="stripe",
        payment=fields.pop("payment", "p1"),
        dispute="dp_1",
        stage=stage,
        reason="fraudulent",
        **fields,
    )


def waiting(house: House) -> list[str]:
    """The stages of the disputes that staff see."""
    return [one["stage"] for one in house.view(MARA, LEDGER)["disputes"].values()]


def test_a_dispute_freezes_the_deal(house: House) -> None:
    """Nothing goes out any more; nothing has moved yet."""
    held(house).when(HOOK, said("opened")).then(escrow.EscrowDisputed)
    assert waiting(house) == ["opened"]
    assert not house.happened(ChargedBack)
    house.when(BOSS, release()).then_rejected("ESCROW_DISPUTED")


def test_one_about_a_deal_that_is_done_freezes_nothing(house: House) -> None:
    """It is not a dead letter either: there is nothing to freeze; nor before it is paid."""
    held(house).given((BOSS, release()))
    house.when(HOOK, said("opened")).then_only(DisputeChanged)
    assert not house.happened(DeadLetter)


def test_one_about_a_deal_that_waits_for_its_payer_freezes_nothing(house: House) -> None:
    """It was another payment, which the provider has sent back or will."""
    opened(house).when(HOOK, said("opened", payment="p9")).then_only(DisputeChanged)
    assert not house.happened(DeadLetter)


def test_one_that_is_lost_is_booked(house: House) -> None:
    """As staff would book it, once, however often it is told; no dispute is left."""
    held(house).given((BOSS, release()), (HOOK, said("opened")))
    house.when(HOOK, said("lost")).then(ChargedBack, deal=ROOM, amount=TOTAL, by=HOOK.user)
    house.then(escrow.EscrowChargedBack)
    assert waiting(house) == []
    assert house.balance(external("stripe")) == house.balance(clearing("stripe")) == 0
    for stage in ("lost", "opened"):
        again = replace(said(stage), id=f"again.{stage}")
        house.when(HOOK, again).then_rejected("DUPLICATE_PROVIDER_EVENT")


def test_the_end_may_be_told_before_the_beginning(house: House) -> None:
    """Providers promise no order: what comes late changes nothing."""
    held(house).given((BOSS, release())).when(HOOK, said("lost")).then(ChargedBack)
    house.when(HOOK, said("opened")).then_rejected("DUPLICATE_PROVIDER_EVENT")
    assert waiting(house) == []


def test_one_that_is_won_is_over(house: House) -> None:
    """The deal stays frozen: staff look, and release it."""
    held(house).given((HOOK, said("opened"))).when(HOOK, said("won")).then_only(DisputeChanged)
    assert waiting(house) == []
    assert house.view(MARA, ROOM)["status"] == "disputed"


def test_one_about_a_wallet_is_its_owners(house: House) -> None:
    """What is there is taken, and the rest is owed."""
    house.given((HOOK, capture(TOTAL, "p1", purpose="wallet")))
    house.when(HOOK, said("lost", purpose="wallet", amount=6_000)).then(ChargedBack, taken=6_000)
    assert (house.balance(wallet("pia")), house.balance(receivable("pia"))) == (4_000, 0)


def test_a_provider_that_does_not_say_who_paid_is_asked(house: House) -> None:
    """And then it goes on as if it had said so at once."""
    held(house).given((BOSS, release()))
    nameless = said("lost", user="", purpose="")
    house.when(HOOK, nameless).then(DisputeChanged, user="")
    assert not house.happened(ChargedBack)
    (event,) = house.happened(DisputeChanged)
    (errand,) = decide_provider_dispute.errands(None, event, None)  # type: ignore[arg-type]
    assert errand == AskPayer("stripe", "p1", "dp_1", "lost", TOTAL, "NGN", "fraudulent")
    assert waiting(house) == ["lost"]
    house.when(HOOK, said("lost")).then(ChargedBack, deal=ROOM)
    assert waiting(house) == []


@pytest.mark.parametrize("changes", [{"payment": "p9"}, {"amount": TOTAL + 1}])
def test_what_cannot_be_booked_waits_for_staff(house: House, changes: dict[str, Any]) -> None:
    """Of a payment that nobody has heard of, or of more than the deal."""
    held(house).given((BOSS, release()))
    house.when(HOOK, said("lost", **changes)).then(DisputeChanged)
    assert not house.happened(ChargedBack)
    assert waiting(house) == ["lost"]


def test_what_staff_have_booked_is_off_their_list(house: House) -> None:
    """And is not booked again when it is lost."""
    held(house).given((BOSS, release()), (HOOK, said("opened")))
    facts = {"provider": "stripe", "payment": "p1", "user": "pia", "purpose": ROOM}
    by_hand = ChargeBack(id="h", currency="NGN", amount=TOTAL, reason="as they say", **facts)
    house.when(MARA, by_hand).then(ChargedBack)
    assert waiting(house) == []
    house.when(HOOK, said("lost")).then_only(DisputeChanged)


def test_only_the_house_says_so(house: House) -> None:
    """Staff book by hand; a payer disputes at their bank."""
    for actor in (PAYER, MARA, BOSS):
        house.when(actor, said("lost")).then_rejected("FORBIDDEN")
