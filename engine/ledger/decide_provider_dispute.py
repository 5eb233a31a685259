"""What a provider says of a dispute at its payer's bank: opened, lost, won (accounts 12.6).

A dispute freezes the deal that the payment was for. One that is lost is booked as a chargeback, as
staff would book it, once it is known whose payment it was: Stripe's word names the payment alone,
so Stripe is asked. What cannot be booked waits for staff.
"""

from collections.abc import Iterable, Sequence

from engine.contract import Context, Decision, Event, Reaction, Send
from engine.kernel.outcome import Rejected
from engine.kernel.outside import AskPayer, Errand
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.codes import DUPLICATE_PROVIDER_EVENT
from engine.ledger.decide_chargeback import booked, deal_of, unbookable
from engine.ledger.messages import DisputeEscrow
from engine.ledger.state import Journal, dispute_key

REASON = "the payer disputes the payment at their bank"


def provider_dispute(state: Journal, command: c.ProviderDispute, ctx: Context) -> Decision:
    """Each stage counts once; once more to say whose payment it was. Its end may be told first."""
    key = dispute_key(command.provider, command.dispute)
    known = state.disputes.get(key)
    claim = f"dispute:{key}:{command.stage}"
    is_told = ctx.claimed_by(claim) is not None
    names_payer = known is not None and not known.user and command.user != ""
    is_over = any(ctx.claimed_by(f"dispute:{key}:{stage}") for stage in ("lost", "won"))
    if (is_told or (is_over and command.stage == "opened")) and not (
        names_payer and known is not None and known.stage == command.stage
    ):
        return Rejected(
            DUPLICATE_PROVIDER_EVENT,
            f"dispute {command.dispute!r} of {command.provider} has been heard of before",
        )
    event = e.DisputeChanged(
        provider=command.provider,
        payment=command.payment,
        dispute=command.dispute,
        stage=command.stage,
        user=command.user or (known.user if known else ""),
        amount=command.amount,
        currency=command.currency,
        purpose=command.purpose or (known.purpose if known else ""),
        reason=command.reason,
        claims=() if is_told else (claim,),
    )
    return [event, *_chargeback(event, ctx)] if event.stage == "lost" else [event]


def _chargeback(event: e.DisputeChanged, ctx: Context) -> Sequence[Event]:
    """If it is known who paid, and it fits; else staff find the dispute, and book it by hand."""
    if not event.user:
        return ()
    back = _command(event)
    deal = deal_of(back, ctx)
    return () if unbookable(back, deal, ctx) else [booked(back, deal, ctx)]


def _command(event: e.DisputeChanged) -> c.ChargeBack:
    return c.ChargeBack(
        id=event.dispute,
        currency=event.currency,
        provider=event.provider,
        payment=event.payment,
        user=event.user,
        amount=event.amount,
        purpose=event.purpose or c.WALLET,
        reason=event.reason or "a dispute was lost",
    )


def freeze(event: Event, ctx: Context) -> Sequence[Reaction]:
    """What is held for the deal stays where it is until staff decide."""
    if not isinstance(event, e.DisputeChanged) or event.stage != "opened" or not event.user:
        return ()
    deal = deal_of(_command(event), ctx)
    if deal is None or deal.status != "held" or deal.payment not in ("", event.payment):
        return ()
    return (Send(deal.terms.room, DisputeEscrow(reason=REASON)),)


def errands(_: Journal, event: Event, __: Context) -> Iterable[Errand]:
    """Its provider is asked whose payment it was."""
    if isinstance(event, e.DisputeChanged) and event.stage != "won" and not event.user:
        yield AskPayer(
            provider=event.provider,
            payment=event.payment,
            dispute=event.dispute,
            stage=event.stage,
            amount=event.amount,
            currency=event.currency,
            reason=event.reason,
        )
