"""From the close to the settlement (auction W1-W5, V2, accounts P3-P6)."""

import pytest

from engine.domains.auction import events as e
from engine.domains.auction import notices as n
from engine.kernel.actor import SYSTEM, Actor
from engine.kernel.time import DAY
from engine.ledger.accounts import PLATFORM_REVENUE
from engine.ledger.commands import ProviderEvent
from testkit.house import House
from tests.engine.domains.auction.cast import (
    ANN,
    BOB,
    BOSS,
    CAT,
    END,
    GUEST,
    MOD,
    POOR,
    ROOM,
    SELLER,
    M,
    approve,
    bid,
    create,
    decline,
    deliver,
    document,
    ended,
    force_end,
    fund,
    live,
    maximum,
    pay,
    void,
    withdraw,
)

GATE = Actor("paystack", SYSTEM)
BIDS = ((ANN, bid(50 * M)), (BOB, bid(60 * M)), (CAT, bid(100 * M)))


def paid(amount: int, payer: str = "cat", payment: str = "p1", currency: str = "NGN"):
    """A provider says that money for auction a1 has been captured."""
    command = ProviderEvent(
        id=payment,
        provider="paystack",
        payment=payment,
        kind="captured",
        user=payer,
        amount=amount,
        currency=currency,
        purpose=ROOM,
    )
    return GATE, command


def sold(house: House, **changes: object) -> House:
    """cat won at 100 M; the deposit of 20 M is locked."""
    return ended(house, *BIDS, **changes)


def drain(house: House, user: str) -> None:
    """Leave nothing available in a wallet, by leading another auction with all of it."""
    start = house.now + 1
    other = create(f"d-{user}", vehicle=f"d-{user}", start_at=start, end_at=start + 30 * DAY)
    house.given((SELLER, other), (MOD, approve(f"d-{user}"))).at(start)
    everything = house.available(user) * 5
    house.given((Actor(user, "user", "approved"), bid(everything, auction=f"d-{user}")))


def test_highest_bid_wins(house: House) -> None:
    """W1, W2, rows 063 and 065: winner, deposit of 20 % out of the wallet, in one step."""
    sold(house).then(e.AuctionEnded, price=100 * M, leader="cat")
    house.then(e.WinnerDeclared, winner="cat", deposit=20 * M, remainder=80 * M)
    house.then(e.DepositLocked, amount=20 * M, payment_due_at=END + DAY)
    house.then(n.Won, hammer_price=100 * M, remainder=80 * M, deadline=END + DAY)
    assert house.balance("DEPOSIT:a1") == 20 * M
    assert (house.held("cat"), house.available("cat")) == (0, 980 * M)
    assert house.state(ROOM).status == "pending_settlement"


def test_everybody_is_told(house: House) -> None:
    """W6: losers and seller hear of it, the winner not as a loser."""
    sold(house)
    told = {a.room.name for a in house.log if isinstance(a.event, n.Lost)}
    assert told == {"user:ann", "user:bob"}
    seller = [x.status for x in house.happened(n.SaleChanged, "user:seller")]
    assert seller == ["ended", "pending_settlement"]


def test_deposit_is_rounded_up(house: House) -> None:
    """W2: ceil(hammer * bps / 10000), and INV-8."""
    ended(house, (ANN, bid(50 * M + 1)))
    house.then(e.WinnerDeclared, deposit=10 * M + 1, remainder=40 * M)


def test_hammer_is_the_price_shown(house: House) -> None:
    """X1, X4: not the maximum; what was held for the maximum is free again."""
    ended(house, (ANN, bid(50 * M)), (BOB, maximum(500 * M)))
    house.then(e.WinnerDeclared, winner="bob", hammer_price=55 * M, deposit=11 * M)
    assert house.available("bob") == 989 * M


def test_no_bids(house: House) -> None:
    """ended -> unsold (NO_BIDS)."""
    ended(house).then_only(e.AuctionEnded, e.AuctionUnsold)
    house.then(n.SaleChanged, status="unsold", cause="NO_BIDS")


def test_reserve_not_met(house: House) -> None:
    """W1: unsold (RESERVE_NOT_MET), and the leader's hold is gone."""
    live(house, reserve_price=100 * M).given((ANN, bid(95 * M))).at(END)
    house.then(e.AuctionUnsold, cause="RESERVE_NOT_MET")
    assert house.held("ann") == 0


def test_reserve_met_exactly(house: House) -> None:
    """W1: >= reserve."""
    ended(house, (ANN, bid(100 * M)), reserve_price=100 * M).then(e.WinnerDeclared, winner="ann")


def test_force_end_settles_like_a_close(live_house: House) -> None:
    """Row 072: a reason, then AuctionEnded now and the winner."""
    live_house.given((ANN, bid(50 * M)))
    live_house.when(MOD, force_end("")).then_rejected("REASON_REQUIRED")
    live_house.when(MOD, force_end()).then(
        e.AuctionEnded, forced=True, reason="agreed", end_at=live_house.now, previous_end_at=END
    )
    live_house.then(e.WinnerDeclared, winner="ann")
    live_house.when(BOB, bid(90 * M)).then_rejected("AUCTION_ENDED")


def test_remainder_from_the_wallet(house: House) -> None:
    """P4, P5, INV-8: remainder and deposit in escrow; the vehicle is free; stages begin (V2)."""
    sold(house).when(CAT, pay()).then(e.AuctionSettled, hammer_price=100 * M, payment="")
    house.then(n.PurchaseSettled, hammer_price=100 * M)
    assert house.balance("ESCROW:auction:a1") == 100 * M
    assert house.balance("DEPOSIT:a1") == 0
    assert house.available("cat") == 900 * M
    view = house.view(CAT, ROOM)
    assert view["settlement"]["stages"] == {
        "payment": "completed",
        "inspection": "pending",
        "documentation": "pending",
        "delivery": "pending",
    }
    assert house.core.claims.get("vehicle:v1") is None


def test_remainder_through_a_provider(house: House) -> None:
    """P4: CLEARING -> ESCROW, P5 with it."""
    sold(house).when(*paid(80 * M)).then(e.AuctionSettled, payment="p1")
    assert house.balance("ESCROW:auction:a1") == 100 * M
    assert house.balance("CLEARING:paystack") == 0
    fee = -house.balance("PROVIDER_FEES")
    assert fee == 80 * M * 150 // 10_000, "P13: the platform bears what the provider keeps"
    assert house.balance("EXTERNAL:paystack") == fee - 80 * M


@pytest.mark.parametrize(
    ("payment", "cause"),
    [
        (paid(80 * M - 1), "AMOUNT_MISMATCH"),
        (paid(80 * M + 1), "AMOUNT_MISMATCH"),
        (paid(80 * M, payer="ann"), "NOT_THE_WINNER"),
        (paid(80 * M, currency="USD"), "CURRENCY_MISMATCH"),
    ],
)
def test_other_money_goes_back(house: House, payment, cause: str) -> None:
    """Accounts 3: booked, then refunded at once; never a rejection."""
    sold(house).when(*payment).then(e.PaymentRefused, cause=cause)
    house.then(n.PaymentReturned, cause=cause)
    house.sent_back(payment[1].currency)
    currency = payment[1].currency
    assert house.balance("CLEARING:paystack", currency) == 0
    fee = -house.balance("PROVIDER_FEES", currency)
    assert house.balance("EXTERNAL:paystack", currency) == fee
    assert house.state(ROOM).status == "pending_settlement"


def test_paying_twice_goes_back(house: House) -> None:
    """What is settled is not paid again."""
    sold(house).given((CAT, pay())).when(*paid(80 * M)).then(e.PaymentRefused, cause="ALREADY_PAID")


def test_late_capture_goes_back(house: House) -> None:
    """LATE_CAPTURE: after the default, and for an auction without a winner."""
    sold(house).at(END + DAY).when(*paid(80 * M)).then(e.PaymentRefused, cause="LATE_CAPTURE")


def test_capture_for_an_unsold_auction_goes_back(house: House) -> None:
    """There is nothing to settle."""
    ended(house).when(*paid(80 * M)).then(e.PaymentRefused, cause="LATE_CAPTURE")


def test_capture_before_the_deposit_goes_back(house: House) -> None:
    """A runner-up pays the deposit first."""
    sold(house).at(END + DAY).when(*paid(48 * M, payer="bob"))
    house.then(e.PaymentRefused, cause="DEPOSIT_NOT_LOCKED")


def test_capture_before_the_end_goes_back(house: House) -> None:
    """Nobody owes anything yet."""
    live(house).when(*paid(5)).then(e.PaymentRefused, cause="LATE_CAPTURE", amount=5)


def test_a_deposit_of_everything_settles_at_once(house: House) -> None:
    """deposit_bps 10000: nothing remains."""
    ended(house, (ANN, bid(50 * M)), deposit_bps=10_000).then(e.DepositLocked, amount=50 * M)
    house.then(e.AuctionSettled, remainder=0)
    assert house.balance("ESCROW:auction:a1") == 50 * M


def test_no_deposit_leaves_all_as_remainder(house: House) -> None:
    """deposit_bps 0: nothing is locked, and the whole price is paid."""
    ended(house, (ANN, bid(50 * M)), deposit_bps=0).then(e.DepositLocked, amount=0)
    house.when(ANN, pay()).then(e.AuctionSettled, remainder=50 * M)
    assert house.balance("ESCROW:auction:a1") == 50 * M


def test_paying_needs_the_money(house: House) -> None:
    """INSUFFICIENT_FUNDS names both figures of the caller."""
    live(house).deposit("poor", 10 * M).given((POOR, bid(50 * M))).at(END)
    house.when(POOR, pay()).then_rejected("INSUFFICIENT_FUNDS", required=40 * M, available=0)
    house.deposit("poor", 40 * M).when(POOR, pay()).then_accepted()


def test_only_the_winner_settles(house: House) -> None:
    """Others may not pay, fund, choose or hand in."""
    sold(house)
    for command in (pay(), fund(), decline(), deliver(), document()):
        house.when(BOB, command).then_rejected("FORBIDDEN")


def test_settling_has_its_time(house: House) -> None:
    """Not while live, and not twice."""
    live(house).when(ANN, pay()).then_rejected("INVALID_TRANSITION", status="live")
    house.given(*BIDS).at(END).given((CAT, pay()))
    house.when(CAT, pay()).then_rejected("INVALID_TRANSITION", status="settled")


def test_unpaid_remainder_forfeits_the_deposit(house: House) -> None:
    """W4, P6, row 067: 24 h after the lock, all of it; then the next bidder."""
    sold(house).at(END + DAY - 1)
    assert house.state(ROOM).settlement.winner == "cat"
    house.at(END + DAY).then(e.DepositForfeited, user="cat", amount=20 * M)
    house.then(e.WinnerDefaulted, user="cat", cause="NO_PAYMENT")
    house.then(e.RunnerUpOffered, user="bob")
    house.then(n.DepositLost, amount=20 * M)
    assert house.balance(PLATFORM_REVENUE) == 20 * M
    house.when(CAT, pay()).then_rejected("DEADLINE_PASSED")


def test_runner_up_pays_the_own_bid(house: House) -> None:
    """W5, row 068: at THAT bidder's own highest amount; a new deposit, which is accepting."""
    sold(house).at(END + DAY)
    offer = house.happened(e.RunnerUpOffered)[0]
    assert (offer.hammer_price, offer.deposit, offer.remainder) == (60 * M, 12 * M, 48 * M)
    assert offer.deposit_due_at == END + 2 * DAY
    assert house.balance("DEPOSIT:a1") == 0
    house.when(BOB, fund()).then(e.DepositLocked, user="bob", amount=12 * M)
    house.when(BOB, fund()).then_rejected("INVALID_TRANSITION")
    house.when(BOB, pay()).then(e.AuctionSettled, winner="bob", hammer_price=60 * M)


def test_runner_up_pays_an_exhausted_maximum(house: House) -> None:
    """W5: a maximum that was outbid is that bidder's own highest amount."""
    live(house).given((ANN, maximum(70 * M)), (BOB, maximum(200 * M))).at(END + DAY)
    house.then(e.RunnerUpOffered, user="ann", hammer_price=70 * M)


def test_withdrawn_maximum_is_no_candidate(house: House) -> None:
    """X10, W5: what was withdrawn is not offered."""
    live(house).given((ANN, maximum(70 * M)), (BOB, maximum(200 * M)), (ANN, withdraw()))
    house.at(END + DAY).then(e.AuctionUnsold, cause="NO_RUNNER_UP")


def test_runner_up_who_does_not_fund_loses_nothing(house: House) -> None:
    """W3, W5, row 066: NO_DEPOSIT after 24 h, then the next; money they have is not taken."""
    sold(house).at(END + 2 * DAY)
    house.then(e.WinnerDefaulted, user="bob", cause="NO_DEPOSIT", declined=False)
    house.then(e.RunnerUpOffered, user="ann", hammer_price=50 * M)
    assert house.available("bob") == 1_000 * M


def test_declining_costs_nothing(house: House) -> None:
    """W5: DeclineOffer -> the next at once; then it is too late to change one's mind."""
    sold(house).at(END + DAY).when(BOB, decline())
    house.then(e.WinnerDefaulted, user="bob", cause="NO_DEPOSIT", declined=True)
    house.then(e.RunnerUpOffered, user="ann", deposit_due_at=END + 2 * DAY)
    house.when(BOB, fund()).then_rejected("DEADLINE_PASSED")


def test_the_first_winner_cannot_decline(house: House) -> None:
    """Only a runner-up who has not accepted may."""
    sold(house).when(CAT, decline()).then_rejected("INVALID_TRANSITION")
    house.at(END + DAY).given((BOB, fund()))
    house.when(BOB, decline()).then_rejected("INVALID_TRANSITION")


def test_none_left_is_unsold(house: House) -> None:
    """W5: the vehicle is free again."""
    sold(house).at(END + 3 * DAY).then(e.AuctionUnsold, cause="NO_RUNNER_UP")
    assert house.state(ROOM).defaulted == ["cat", "bob", "ann"]
    assert house.core.claims.get("vehicle:v1") is None


def test_runners_up_meet_the_reserve(house: House) -> None:
    """W5: >= reserve."""
    sold(house, reserve_price=70 * M).at(END + DAY).then(e.AuctionUnsold, cause="NO_RUNNER_UP")


def test_ties_go_to_the_earlier(house: House) -> None:
    """W5: among equal amounts the earlier bid."""
    live(house).given((ANN, maximum(70 * M)), (BOB, maximum(70 * M)), (CAT, bid(100 * M)))
    house.at(END + DAY).then(e.RunnerUpOffered, user="ann")


def test_funding_needs_the_money(house: House) -> None:
    """The runner-up's wallet must cover the new deposit."""
    live(house).deposit("poor", 10 * M).given((POOR, bid(50 * M)), (CAT, bid(100 * M)))
    house.at(END)
    drain(house, "poor")
    house.at(END + DAY).when(POOR, fund())
    house.then_rejected("INSUFFICIENT_FUNDS", required=10 * M, available=0)
    house.deposit("poor", 10 * M).when(POOR, fund()).then(e.DepositLocked, user="poor")


def test_voiding_returns_the_deposit(house: House) -> None:
    """Row 073, P3 reversed: whole, with a reason; then it may be relisted."""
    sold(house).when(MOD, void()).then_rejected("FORBIDDEN")
    house.when(BOSS, void("")).then_rejected("REASON_REQUIRED")
    house.when(BOSS, void()).then(e.ResultVoided, deposit_returned=20 * M, reason="fraud")
    house.then(n.DepositReturned, amount=20 * M)
    assert house.available("cat") == 1_000 * M
    assert house.state(ROOM).status == "unsold"
    assert house.view(GUEST, ROOM)["winner"] is None


def test_voiding_an_offer_returns_nothing(house: House) -> None:
    """A runner-up who has not accepted has paid nothing."""
    sold(house).at(END + DAY).when(BOSS, void()).then(e.ResultVoided, deposit_returned=0)


def test_settled_is_not_voided(house: House) -> None:
    """Auction 3: not settled."""
    sold(house).given((CAT, pay())).when(BOSS, void()).then_rejected("INVALID_TRANSITION")


def test_delivery_is_chosen_by_the_winner(house: House) -> None:
    """Auction 4: an address costs 5,000,000 kobo as a line of its own."""
    sold(house).when(CAT, deliver("ADDRESS", "1 Marina, Lagos"))
    house.then(e.DeliveryChosen, fee=5 * M, address="1 Marina, Lagos")
    house.when(CAT, deliver()).then(e.DeliveryChosen, fee=0, method="PICKUP")
    house.when(CAT, deliver("ADDRESS")).then_rejected("MALFORMED", field="address")
    house.when(CAT, deliver("PICKUP", "1 Marina")).then_rejected("MALFORMED", field="address")


def test_documents(house: House) -> None:
    """Auction 4: the latest of a kind counts, also after the settlement."""
    sold(house).given((CAT, document("ID", "f1")), (CAT, pay()), (CAT, document("ID", "f2")))
    house.when(CAT, document("PROOF_OF_ADDRESS", "f3")).then(e.SettlementDocSubmitted, file="f3")
    documents = house.view(CAT, ROOM)["settlement"]["documents"]
    assert documents == {"ID": "f2", "PROOF_OF_ADDRESS": "f3"}


def test_a_runner_up_starts_afresh(house: House) -> None:
    """The defaulter's address and papers are not the runner-up's."""
    sold(house).given((CAT, document()), (CAT, deliver("ADDRESS", "1 Marina"))).at(END + DAY)
    settlement = house.view(BOB, ROOM)["settlement"]
    assert (settlement["delivery"], settlement["documents"]) == (None, {})


def test_settlement_is_seen_by_those_concerned(house: House) -> None:
    """Row 082: hammer, deposit, remainder for winner, seller and staff; not for others."""
    sold(house).given((CAT, deliver("ADDRESS", "1 Marina, Lagos")))
    for viewer in (CAT, MOD, SELLER):
        assert house.view(viewer, ROOM)["settlement"]["remainder"] == 80 * M
    for viewer in (ANN, GUEST):
        assert "settlement" not in house.view(viewer, ROOM)
    for viewer in (ANN, GUEST, SELLER):
        assert "Marina" not in str(house.view(viewer, ROOM)) + str(house.history(viewer, ROOM))
