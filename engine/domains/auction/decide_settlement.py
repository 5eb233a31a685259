"""From the end to the settlement: winner, deposit, payment, runners-up (auction W1-W5)."""

from engine.contract import Context, Decision, Event
from engine.domains.auction import commands as c
from engine.domains.auction import events as e
from engine.domains.auction.bidding import presence_keys, release_of_leader
from engine.domains.auction.codes import DEADLINE_PASSED
from engine.domains.auction.guards import forbidden, no_such_step, out_of_place
from engine.domains.auction.money import (
    Transfers,
    captured_to_escrow,
    deposit_to_revenue,
    lock_deposit,
    wallet_to_escrow,
)
from engine.domains.auction.state import Auction, Settlement, settlement_of
from engine.domains.auction.terms import Terms, keys_of
from engine.kernel.ids import PLATFORM
from engine.kernel.outcome import MALFORMED, Rejected
from engine.kernel.time import Millis
from engine.ledger.codes import INSUFFICIENT_FUNDS
from engine.ledger.messages import PaymentCaptured


def close(state: Auction, ctx: Context, *, forced: bool = False, reason: str = "") -> list[Event]:
    """The end, and in the same decision who won: only a human whose price meets the reserve
    (auction W1). The hold of the leader ends here, before the deposit is taken."""
    ended = e.AuctionEnded(
        price=state.price,
        leader=state.leader,
        end_at=ctx.now if forced else state.end_at,
        previous_end_at=state.end_at,
        forced=forced,
        reason=reason,
        postings=release_of_leader(state, ctx.room),
        frees=presence_keys(state, ctx.room),
    )
    if state.price is None:
        return [ended, unsold(state.terms, "NO_BIDS")]
    if state.leader == PLATFORM or not state.reserve_met:
        return [ended, unsold(state.terms, "RESERVE_NOT_MET")]
    deposit = state.terms.deposit_on(state.price)
    won = Settlement(state.leader, state.price, deposit, state.price - deposit, attempt=1)
    declared = e.WinnerDeclared(
        winner=won.winner,
        hammer_price=won.hammer_price,
        deposit=won.deposit,
        remainder=won.remainder,
    )
    held = ctx.ledger.held_for(won.winner, state.terms.currency, ctx.room)
    return [ended, declared, *_lock_or_ask(state.terms, won, ctx, held)]


def unsold(terms: Terms, cause: e.UnsoldCause) -> e.AuctionUnsold:
    """The vehicle is free again (auction A1)."""
    return e.AuctionUnsold(cause=cause, frees=keys_of(terms))


def _lock_or_ask(terms: Terms, won: Settlement, ctx: Context, held: int) -> list[Event]:
    """Lock the deposit, or give the winner time to fund it (auction W2, W3)."""
    if ctx.ledger.available(won.winner, terms.currency) + held >= won.deposit:
        return locked(terms, won, ctx.now)
    return [
        e.DepositFundingRequested(
            user=won.winner,
            amount=won.deposit,
            deposit_due_at=ctx.now + terms.deposit_window_ms,
        )
    ]


def locked(terms: Terms, won: Settlement, now: Millis) -> list[Event]:
    """The deposit is taken, and the time for the remainder runs (auction W4). Where the deposit
    is the whole price, nothing remains and the sale is done."""
    taken = e.DepositLocked(
        user=won.winner,
        amount=won.deposit,
        payment_due_at=now + terms.payment_window_ms,
        postings=lock_deposit(terms, won),
    )
    return [taken] if won.remainder else [taken, _settled(terms, won, wallet_to_escrow(terms, won))]


def _settled(
    terms: Terms, won: Settlement, postings: Transfers, payment: str = ""
) -> e.AuctionSettled:
    return e.AuctionSettled(
        winner=won.winner,
        hammer_price=won.hammer_price,
        deposit=won.deposit,
        remainder=won.remainder,
        payment=payment,
        postings=postings,
        frees=keys_of(terms),
    )


def fund_deposit(state: Auction, command: c.FundDeposit, ctx: Context) -> Decision:
    """The winner's second try, or a runner-up's acceptance (auction W3, W5)."""
    if refusal := not_theirs(state, command, ctx):
        return refusal
    offer = settlement_of(state)
    if offer.is_locked:
        return no_such_step(state, command, "the deposit is locked already")
    available = ctx.ledger.available(offer.winner, state.terms.currency)
    if available < offer.deposit:
        return _insufficient("the deposit", offer.deposit, available)
    return locked(state.terms, offer, ctx.now)


def decline_offer(state: Auction, command: c.DeclineOffer, ctx: Context) -> Decision:
    """A runner-up who has not accepted may decline at no cost (auction W5)."""
    if refusal := not_theirs(state, command, ctx):
        return refusal
    offer = settlement_of(state)
    if offer.is_locked or offer.attempt == 1:
        return no_such_step(state, command, "only a runner-up who has not accepted may decline")
    return _defaulted(state, ctx.now, "NO_DEPOSIT", declined=True)


def pay_remainder(state: Auction, command: c.PayRemainder, ctx: Context) -> Decision:
    """From the wallet, whole (auction W4)."""
    if refusal := not_theirs(state, command, ctx):
        return refusal
    won = settlement_of(state)
    if not won.is_locked:
        return no_such_step(state, command, "the deposit comes first; fund it")
    available = ctx.ledger.available(won.winner, state.terms.currency)
    if available < won.remainder:
        return _insufficient("the remainder", won.remainder, available)
    return [_settled(state.terms, won, wallet_to_escrow(state.terms, won))]


def not_theirs(state: Auction, command: c.AuctionCommand, ctx: Context) -> Rejected | None:
    """Settling is for the present winner or runner-up; who was in time once is told so."""
    user = ctx.actor.user
    if user in state.defaulted:
        return Rejected(DEADLINE_PASSED, "your time for it has passed, or you declined")
    if refusal := out_of_place(state, command):
        return refusal
    if user != settlement_of(state).winner:
        return forbidden("only the winner settles this auction")
    return None


def _insufficient(what: str, required: int, available: int) -> Rejected:
    return Rejected(
        INSUFFICIENT_FUNDS,
        f"{what} is {required} and {available} is available; pay money into the wallet first",
        {"required": required, "available": available},
    )


def settlement_due(state: Auction, ctx: Context) -> Decision:
    """DepositDue or PaymentDue, whichever it is, if its time has come (auction 6).

    A first winner's deposit is tried once more; a runner-up has not accepted, so nothing is
    taken from them.
    """
    won, terms = settlement_of(state), state.terms
    if won.payment_due_at is not None:
        return _forfeited(state, ctx.now) if ctx.now >= won.payment_due_at else ()
    if won.deposit_due_at is None or ctx.now < won.deposit_due_at:
        return ()
    funded = ctx.ledger.available(won.winner, terms.currency) >= won.deposit
    if won.attempt == 1 and funded:
        return locked(terms, won, ctx.now)
    return _defaulted(state, ctx.now, "NO_DEPOSIT")


def _forfeited(state: Auction, now: Millis) -> list[Event]:
    """The whole deposit becomes revenue; then the next bidder (auction W4)."""
    won = settlement_of(state)
    taken = e.DepositForfeited(
        user=won.winner,
        amount=won.deposit,
        postings=deposit_to_revenue(state.terms, won),
    )
    return [taken, *_defaulted(state, now, "NO_PAYMENT")]


def _defaulted(
    state: Auction, now: Millis, cause: e.DefaultCause, *, declined: bool = False
) -> list[Event]:
    """Out with the present one, and the next bidder is offered it (auction W5)."""
    out = settlement_of(state).winner
    defaulted = e.WinnerDefaulted(user=out, cause=cause, declined=declined)
    runner_up = next_bidder(state, out)
    if runner_up is None:
        return [defaulted, unsold(state.terms, "NO_RUNNER_UP")]
    amount = state.bidders[runner_up].highest
    deposit = state.terms.deposit_on(amount)
    offered = e.RunnerUpOffered(
        user=runner_up,
        hammer_price=amount,
        deposit=deposit,
        remainder=amount - deposit,
        deposit_due_at=now + state.terms.deposit_window_ms,
    )
    return [defaulted, offered]


def next_bidder(state: Auction, out: str) -> str | None:
    """The highest bid of another human who has not defaulted, if it meets the reserve; the
    earlier among equals (auction W5)."""
    candidates = [
        (-bidder.highest, bidder.highest_number, user)
        for user, bidder in state.bidders.items()
        if user != out
        and user not in state.defaulted
        and bidder.highest
        and state.terms.is_met_by(bidder.highest)
    ]
    return min(candidates)[2] if candidates else None


def payment_captured(state: Auction, message: PaymentCaptured, ctx: Context) -> Decision:
    """A provider's money for this auction: in full and in time it settles, otherwise it is sent
    back at once (auction 3, accounts 3)."""
    cause = _why_not(state, message)
    if cause is None:
        won = settlement_of(state)
        postings = captured_to_escrow(state.terms, won, message)
        return [_settled(state.terms, won, postings, message.payment)]
    return [
        e.PaymentRefused(
            payment=message.payment,
            payer=message.payer,
            amount=message.amount,
            currency=message.currency,
            cause=cause,
            provider=message.provider,
        )
    ]


def _why_not(state: Auction, message: PaymentCaptured) -> e.RefusalCause | None:
    won = state.settlement
    if won is None or message.payer in state.defaulted:
        return "LATE_CAPTURE"
    if message.payer != won.winner:
        return "NOT_THE_WINNER"
    if won.paid:
        return "ALREADY_PAID"
    if not won.is_locked:
        return "DEPOSIT_NOT_LOCKED"
    if message.currency != state.terms.currency:
        return "CURRENCY_MISMATCH"
    return None if message.amount == won.remainder else "AMOUNT_MISMATCH"


def choose_delivery(state: Auction, command: c.ChooseDelivery, ctx: Context) -> Decision:
    """Pick-up, or to an address for the market's fee (auction 4)."""
    if refusal := not_theirs(state, command, ctx):
        return refusal
    if (command.method == "ADDRESS") != (command.address is not None):
        return Rejected(
            MALFORMED,
            "`address` goes with the method ADDRESS, and with no other",
            {"field": "address"},
        )
    fee = state.terms.delivery_fee if command.method == "ADDRESS" else 0
    return [e.DeliveryChosen(method=command.method, fee=fee, address=command.address or "")]


def submit_doc(state: Auction, command: c.SubmitSettlementDoc, ctx: Context) -> Decision:
    """The latest of a kind counts (auction 4)."""
    if refusal := not_theirs(state, command, ctx):
        return refusal
    return [e.SettlementDocSubmitted(kind=command.kind, file=command.file)]
