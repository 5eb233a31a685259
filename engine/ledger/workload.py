"""A maker of commands of the ledger, plausible and not, for simulation and load.

Ids of withdrawals and adjustments are counted by the ledger; here they are guessed, and often
right.
"""

from collections.abc import Callable
from typing import get_args

from engine.contract import Command, Dice, Stage
from engine.kernel.actor import ADMIN, MANAGER, SYSTEM, USER, Actor
from engine.ledger import commands as c
from engine.ledger.rates import SERVICE_TYPES

LARGE = 5_000_000
"""Minor units: enough for many bids, and above what one person may adjust alone."""

GUESSES = 12

Asked = tuple[Actor, Command]
Maker = Callable[[Dice, Stage], Asked]


def workload(dice: Dice, stage: Stage) -> Asked:
    """Who asks what next: mostly money comes in, for without it nobody bids."""
    return dice.choice(_MAKERS)(dice, stage)


def _deposit(dice: Dice, stage: Stage) -> Asked:
    command = c.Deposit(
        id=stage.id,
        currency=stage.currency,
        user=_somebody(dice, stage),
        amount=dice.randrange(1, LARGE),
        reference=f"r{dice.randrange(0, 1_000)}",
    )
    return _staff(dice, stage, ADMIN), command


def _provider_event(dice: Dice, stage: Stage) -> Asked:
    command = c.ProviderEvent(
        id=stage.id,
        currency=stage.currency,
        provider="sandbox",
        payment=f"w{dice.randrange(0, 1_000)}",
        kind=dice.choice(("captured", "captured", "failed")),
        user=_somebody(dice, stage),
        amount=dice.randrange(1, LARGE),
        purpose=dice.choice(("wallet", "wallet", "auction:nobody-knows-it")),
    )
    return Actor("webhook.sandbox", SYSTEM), command


def _withdraw(dice: Dice, stage: Stage) -> Asked:
    amount = dice.choice((1, dice.randrange(1, LARGE)))
    command = c.Withdraw(id=stage.id, currency=stage.currency, amount=amount)
    return Actor(_somebody(dice, stage), USER, dice.choice(("approved", "pending"))), command


def _carry_on(dice: Dice, stage: Stage) -> Asked:
    """A withdrawal goes its way."""
    guess = f"w{dice.randrange(1, GUESSES)}"
    commands: tuple[Command, ...] = (
        c.StartWithdrawal(id=stage.id, currency=stage.currency, withdrawal=guess),
        c.CompleteWithdrawal(id=stage.id, currency=stage.currency, withdrawal=guess),
        c.FailWithdrawal(
            id=stage.id, currency=stage.currency, withdrawal=guess, reason="the bank said no"
        ),
    )
    return _staff(dice, stage, ADMIN), dice.choice(commands)


def _refund(dice: Dice, stage: Stage) -> Asked:
    """A provider answers, or staff act; which attempt it is, is a guess, mostly right."""
    guess = f"r{dice.randrange(1, GUESSES)}"
    outcomes: tuple[c.RefundOutcome, ...] = get_args(c.RefundOutcome)
    report = c.ReportRefund(
        id=stage.id,
        currency=stage.currency,
        refund=guess,
        attempt=dice.choice((1, 1, 2, 3)),
        outcome=dice.choice(outcomes),
        reason="it says 400",
    )
    retry = c.RetryRefund(id=stage.id, currency=stage.currency, refund=guess)
    settle = c.SettleRefund(
        id=stage.id,
        currency=stage.currency,
        refund=guess,
        to_wallet=dice.choice((False, True)),
        reason=dice.choice(("sent by hand", "")),
    )
    if dice.randrange(0, 3):
        return Actor("webhook.sandbox", SYSTEM), report
    return _staff(dice, stage, MANAGER), dice.choice((retry, settle))


def _set_commission(dice: Dice, stage: Stage) -> Asked:
    command = c.SetCommission(
        id=stage.id,
        currency=stage.currency,
        service_type=dice.choice(SERVICE_TYPES),
        base_bps=dice.choice((0, 800, 1_234, 3_000)),
        min_bps=dice.choice((0, 0, 900)),
        max_bps=3_000,
    )
    return _staff(dice, stage, MANAGER), command


def _adjust(dice: Dice, stage: Stage) -> Asked:
    command = c.Adjust(
        id=stage.id,
        currency=stage.currency,
        user=_somebody(dice, stage),
        amount=dice.choice((1, -1)) * dice.randrange(0, LARGE),
        reason=dice.choice(("a mistake", "a gift", "")),
    )
    return _staff(dice, stage, dice.choice((ADMIN, MANAGER))), command


def _decide_adjustment(dice: Dice, stage: Stage) -> Asked:
    guess = f"j{dice.randrange(1, GUESSES)}"
    commands: tuple[Command, ...] = (
        c.ApproveAdjustment(id=stage.id, currency=stage.currency, adjustment=guess),
        c.RefuseAdjustment(id=stage.id, currency=stage.currency, adjustment=guess, reason="no"),
    )
    return _staff(dice, stage, MANAGER), dice.choice(commands)


def _statement(dice: Dice, stage: Stage) -> Asked:
    command = c.Statement(id=stage.id, currency=stage.currency)
    return Actor(_somebody(dice, stage), USER, "approved"), command


def _somebody(dice: Dice, stage: Stage) -> str:
    return dice.choice(stage.people[USER])


def _staff(dice: Dice, stage: Stage, role: str) -> Actor:
    return Actor(dice.choice(stage.people[ADMIN]), role, "approved")


_MAKERS: tuple[Maker, ...] = (
    *(_deposit,) * 6,
    _provider_event,
    _withdraw,
    _carry_on,
    *(_refund,) * 2,
    _set_commission,
    _adjust,
    _decide_adjustment,
    _statement,
)
