"""`outcry sandbox-pay`: a payment that was never made, told as a provider would tell it."""

import argparse
import secrets
from contextlib import suppress

import msgspec

from gateway.hooks import sandbox
from gateway.hooks.sandbox import SandboxPayment
from runtime.config import Config, ConfigError
from runtime.outside.hooks import hook_secrets
from runtime.outside.sandbox_provider import SCENARIOS, Provider, play, poster, steps_of


def add_pay_arguments(parser: argparse.ArgumentParser) -> None:
    """What the payment is, what becomes of it, and how it is told."""
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8080", help="the house [%(default)s]")
    add("--user", required=True, help="who pays, such as u1")
    add("--amount", required=True, type=int, help="minor units, as expected")
    add("--currency", required=True, help="ISO 4217, such as NGN")
    add("--purpose", default="wallet", help="wallet, or a room such as auction:a1")
    add("--payment", default="", help="the payment's id [one made up]")
    kinds = "; ".join(f"{name}: {text}" for name, text in SCENARIOS.items())
    add("--scenario", default="captured", choices=SCENARIOS, help=f"{kinds} [captured]")
    add("--delay", type=_delay_s, default=2.0, help="seconds between two events [2]")
    add("--times", type=_count, default=3, help="how often `repeated` tells it [3]")
    add("--attempts", type=_count, default=5, help="until answered 2xx, 1, 2, 4 … s apart [5]")


def sandbox_pay(config: Config, arguments: argparse.Namespace) -> int:
    """Tell it. Returns 0 if all of it was answered 2xx, or else 1. Raises ConfigError."""
    expected = _payment(
        payment=arguments.payment or f"sandbox-{secrets.token_hex(8)}",
        user=arguments.user,
        amount=arguments.amount,
        currency=arguments.currency,
        purpose=arguments.purpose,
    )
    steps = steps_of(arguments.scenario, expected, arguments.delay, arguments.times)
    provider = Provider(poster(arguments.url), arguments.attempts)
    # The first is the one that counts as new, if there are several.
    secret = hook_secrets(config)[sandbox.NAME][0]
    return 0 if play(provider, steps, secret) else 1


def _payment(**fields: object) -> SandboxPayment:
    try:
        return msgspec.convert({"kind": "captured", **fields}, SandboxPayment)
    except msgspec.ValidationError as problem:
        raise ConfigError(f"{problem}; see --help") from None


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text[:5]) <= 1_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000")


def _delay_s(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 86_400:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to a day")
