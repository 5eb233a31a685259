"""Tests of decide_chargeback.py: a payment that its provider has taken back (accounts 12.6)."""

from random import Random

import pytest

from engine.house import DeadLetter
from engine.kernel.actor import ADMIN, Actor
from engine.ledger.accounts import PLATFORM_REVENUE, clearing, external, payable, receivable
from engine.ledger.commands import ChargeBack, RequestPayout
from engine.ledger.escrow import events as e
from engine.ledger.escrow.commands import Release
from engine.ledger.escrow.terms import Award
from engine.ledger.events import ChargedBack, DebtChanged, DebtRecovered, RefundStarted
from testkit.house import House
from tests.engine.ledger.escrow.cast import (
    ACCOUNT,
    ALMA,
    BOSS,
    HOOK,
    MARA,
    PAYER,
    ROOM,
    A,
    B,
    capture,
    disputed,
    fund,
    held,
    opened,
    opening,
    refund,
    release,
    resolve,
)

TOTAL = 10_000


def back(
    amount: int = TOTAL, payment: str = "p1", purpose: str = ROOM, **changes: str
) -> ChargeBack:
    """The dispute about pia's payment is lost."""
    fields = {"user": "pia", "reason": "the bank says so"} | changes
    return ChargeBack(
        id=f"back-{payment}-{amount}",
        currency="NGN",
        provider="stripe",
        payment=payment,
        amount=amount,
        purpose=purpose,
        **fields,
    )


def owes(house: House, user: str) -> int:
    """What somebody owes the house."""
    return -house.balance(receivable(user))


def sold(house: House) -> House:
    """Both sellers have been paid: 7,200 and 1,800, and the platform 1,000."""
    return held(house).given((BOSS, release()))


@pytest.mark.parametrize("actor", [MARA, BOSS], ids=lambda a: a.role)
def test_what_was_released_comes_back_from_those_who_had_it(house: House, actor: Actor) -> None:
    """Sellers and platform alike, as far as the house still owes it to them; nothing is left."""
    sold(house).when(actor, back()).then(ChargedBack, by=actor.user, deal=ROOM)
    house.then(e.EscrowChargedBack, amount=TOTAL, platform=1_000)
    assert not house.happened(DeadLetter)
    assert not house.happened(RefundStarted), "the provider has it already"
    for account in (payable("seller", "alma"), payable("seller", "ben"), PLATFORM_REVENUE):
        assert house.balance(account) == 0
    assert house.balance(external("stripe")) == house.balance(clearing("stripe")) == 0
    (alma, ben) = house.happened(DebtChanged)
    assert (alma.change, alma.owed, ben.change, ben.owed) == (-7_200, 0, -1_800, 0)


def test_what_was_paid_out_is_owed(house: House) -> None:
    """A payable is never below zero: the rest is a debt, which the payee sees."""
    payout = RequestPayout(id="out", currency="NGN", kind="seller", amount=5_000)
    sold(house).given((ALMA, payout)).when(MARA, back()).then(e.EscrowChargedBack)
    assert (house.balance(payable("seller", "alma")), owes(house, "alma")) == (0, 5_000)
    assert owes(house, "ben") == 0
    assert house.view(ALMA, "user:alma")["debts"] == {"NGN": 5_000}


def test_a_debt_is_paid_from_the_next_deals(house: House) -> None:
    """As much as there is, and no more than is owed; then they earn again."""
    payout = RequestPayout(id="out", currency="NGN", kind="seller")
    sold(house).given((ALMA, payout), (MARA, back()))
    for number, (gross, left, kept) in enumerate(((5_000, 2_700, 0), (5_000, 0, 1_800)), 2):
        deal = f"order.o{number}"
        share = type(A)("alma", "seller", gross)
        house.given(
            (HOOK, opening(share, escrow=deal)),
            (HOOK, capture(gross, f"p{number}", purpose=f"escrow:{deal}")),
        )
        house.when(BOSS, Release(id="c", escrow=deal, reason="it has come"))
        house.then(e.EscrowReleased).then(DebtRecovered, user="alma", left=left)
        assert owes(house, "alma") == left
        assert house.balance(payable("seller", "alma")) == kept


@pytest.mark.parametrize("amount", [1, 3, 4_999, 9_999])
def test_a_part_is_borne_in_proportion(house: House, amount: int) -> None:
    """And to the last unit: nobody bears more than they had."""
    sold(house).given((MARA, back(amount)))
    rest = [house.balance(payable("seller", user)) for user in ("alma", "ben")]
    rest.append(house.balance(PLATFORM_REVENUE))
    assert sum(rest) == TOTAL - amount
    assert all(left >= 0 for left in rest)
    assert house.balance(external("stripe")) == amount - TOTAL


def test_a_discount_comes_back_to_the_platform(house: House) -> None:
    """It had paid it for a sale that is none now."""
    held(house, A, B, platform=-2_000).given((BOSS, release()))
    assert house.balance(PLATFORM_REVENUE) == 1_000 - 2_000
    house.when(MARA, back(8_000)).then(e.EscrowChargedBack, platform=-1_000)
    assert house.balance(PLATFORM_REVENUE) == 0
    assert house.balance(payable("seller", "alma")) == 0


def test_while_it_is_held_the_payer_owes_it_and_staff_decide(house: House) -> None:
    """The deal is frozen; paid out, the payer's debt stays."""
    held(house).when(MARA, back()).then(e.EscrowChargedBack).then(e.EscrowDisputed)
    assert (owes(house, "pia"), house.balance(ACCOUNT)) == (TOTAL, TOTAL)
    awards = (Award("alma", "seller", 8_000), Award("ben", "seller", 2_000))
    house.when(BOSS, resolve(0, *awards)).then(e.DisputeResolved, outcome="released")
    assert owes(house, "pia") == TOTAL
    assert house.balance(payable("seller", "alma")) == 7_200


@pytest.mark.parametrize(("amount", "sent"), [(TOTAL, 0), (4_000, 6_000)])
def test_what_was_charged_back_is_not_refunded_again(house: House, amount: int, sent: int) -> None:
    """The payer has had it: a refund pays the debt first, and only the rest is sent."""
    disputed(house).given((MARA, back(amount))).when(BOSS, resolve(TOTAL))
    house.then(e.DisputeResolved, outcome="refunded")
    assert owes(house, "pia") == 0
    assert sum(started.amount for started in house.happened(RefundStarted)) == sent
    assert house.balance(clearing("stripe")) == sent


def test_what_the_payer_has_back_already_is_owed_whole(house: House) -> None:
    """Refunded and charged back: they have it twice."""
    held(house).given((BOSS, refund())).sent_back()
    house.when(MARA, back()).then(e.EscrowChargedBack)
    assert owes(house, "pia") == TOTAL


@pytest.mark.parametrize(("wallet", "owed"), [(100_000, 0), (4_000, 3_000)])
def test_a_payment_into_a_wallet_is_its_owners(house: House, wallet: int, owed: int) -> None:
    """From the wallet what is there; the rest is owed."""
    house.given((HOOK, capture(7_000, purpose="wallet")))
    house.deposit("pia", wallet)
    spent = 7_000 if wallet == 4_000 else 0
    if spent:
        share = type(A)("alma", "seller", spent)
        house.given((HOOK, opening(share)), (PAYER, fund()))
    house.when(MARA, back(7_000, purpose="wallet")).then(ChargedBack, deal="")
    house.then(DebtChanged, change=-7_000, owed=owed)
    assert house.available("pia") == max(wallet + 7_000 - spent - 7_000, 0)
    assert owes(house, "pia") == owed


def test_it_counts_once_and_must_be_known(house: House) -> None:
    """Of a payment that the provider has told of, for this deal, with a reason."""
    sold(house)
    for bad in (back(payment="p9"), back(purpose="escrow:order.o7", payment="p7")):
        house.when(MARA, bad).then_rejected("PAYMENT_NOT_FOUND")
    house.when(MARA, back(reason="")).then_rejected("REASON_REQUIRED")
    house.when(MARA, back(TOTAL + 1)).then_rejected("MALFORMED")
    for own in ("alma", "pia"):
        house.when(Actor(own, ADMIN), back()).then_rejected("FORBIDDEN")
    house.given((MARA, back()))
    house.when(BOSS, back(5)).then_rejected("DUPLICATE_REFERENCE")
    assert house.balance(external("stripe")) == 0


def test_a_payment_of_another_deal_is_not_taken_for_this_one(house: House) -> None:
    """The escrow knows by which it was paid."""
    sold(house).given((HOOK, capture(TOTAL, "p2", purpose="wallet")))
    house.when(MARA, back(payment="p2")).then_rejected("PAYMENT_NOT_FOUND")


@pytest.mark.parametrize("seed", range(6))
def test_whoever_bears_it_the_books_balance(seed: int) -> None:
    """Whatever was released, refunded, paid out: all of the chargeback is borne, once, and no
    payable or wallet is below zero (asserted by the book)."""
    dice = Random(seed)
    with House() as house:
        opened(house)
        house.given((HOOK, capture(TOTAL)))
        for step in dice.sample(("alma", "ben", "out", "refund"), 3):
            if step == "out":
                house.when(ALMA, RequestPayout(id="out", currency="NGN", kind="seller")).then_any()
            elif step == "refund":
                house.when(BOSS, refund(dice.choice(("alma", "ben")))).then_any()
            else:
                house.when(BOSS, release(step)).then_any()
        house.sent_back()
        before = house.balance(external("stripe"))
        amount = dice.randrange(1, TOTAL + 1)
        house.when(MARA, back(amount)).then(e.EscrowChargedBack)
        assert house.balance(external("stripe")) == before + amount
        assert sum(house.core.book.accounts("NGN").values()) == 0
        house.core.check()
