"""Which providers of the world outside the configuration names."""

import asyncio
import time
from collections.abc import Callable, Mapping
from email.utils import parseaddr
from pathlib import Path

from msgspec import Struct

from engine.contract import Command
from engine.kernel.outside import AskPayer, AskPayment, Compose, PayBack, PayOut
from engine.ports import CommandSink
from gateway.hooks import paystack, razorpay, sandbox, stripe
from runtime.config import Config, ConfigError
from runtime.outside.breaker import Breaker
from runtime.outside.carrying import Carrier, Job
from runtime.outside.http_out import HttpOut, is_web_address
from runtime.outside.notifiers import (
    LETTERS_FILE,
    FileNotifier,
    LetterCarrier,
    Notifier,
    SmsNotifier,
    TerminalNotifier,
)
from runtime.outside.payment_providers import (
    PaystackPayments,
    RazorpayPayments,
    SandboxPayments,
    StripePayments,
)
from runtime.outside.payments import PaymentCarrier, PaymentProvider
from runtime.outside.payouts import PaperPayouts, PayoutCarrier, PayoutProvider, SandboxPayouts
from runtime.outside.refund_providers import (
    PaperRefunds,
    PaystackRefunds,
    RazorpayRefunds,
    SandboxRefunds,
    StripeRefunds,
)
from runtime.outside.refunds import RefundCarrier, RefundProvider
from runtime.outside.smtp import SmtpNotifier, read_server
from runtime.outside.texts import ChatProvider, PlainProvider, TextCarrier, TextProvider

EMAIL = "email"
SMS = "sms"


class Carriers(Carrier):
    """Letters to the notifiers, sentences to the text provider, money to payment providers."""

    def __init__(
        self,
        letters: Carrier,
        texts: TextCarrier,
        refunds: Carrier,
        payments: Carrier,
        payouts: Carrier,
    ) -> None:
        self.text_counts = texts.counts
        self._letters = letters
        self._texts = texts
        self._refunds = refunds
        self._payments = payments
        self._payouts = payouts

    async def carry(self, job: Job) -> None:
        match job.errand:
            case Compose():
                await self._texts.carry(job)
            case PayBack():
                await self._refunds.carry(job)
            case PayOut():
                await self._payouts.carry(job)
            case AskPayment() | AskPayer():
                await self._payments.carry(job)
            case _:
                await self._letters.carry(job)


def carriers_of(
    config: Config,
    http: HttpOut,
    commands: Mapping[str, type[Command]],
    sink: Callable[[], CommandSink],
) -> Carriers:
    """Raises ConfigError."""
    breaker = Breaker(time.monotonic)
    texts = TextCarrier(commands, _text_provider(config, http), breaker, sink, asyncio.sleep)
    refunds = RefundCarrier(refund_providers(config, http), sink, asyncio.sleep)
    payments = PaymentCarrier(payment_providers(config, http), sink, asyncio.sleep)
    letters = LetterCarrier(notifiers_of(config, http))
    provider = payout_provider(config, http)
    payouts = PayoutCarrier(config.payouts, provider, sink, asyncio.sleep)
    return Carriers(letters, texts, refunds, payments, payouts)


class Account(Struct, frozen=True):
    """Where a payment provider is called, and with which key."""

    address: str
    key: str


def accounts_of(config: Config) -> dict[str, Account]:
    """The real payment providers that can be called. Raises ConfigError."""
    razorpay_key = config.razorpay_key
    if razorpay_key and not all(razorpay_key.partition(":")):
        raise ConfigError("--razorpay-key is no key_id:key_secret")
    # The first is the one that counts as new, if there are several.
    paystack_key = config.paystack_secret_key.partition(",")[0].strip()
    given = {
        stripe.NAME: ("--stripe-api", config.stripe_api, config.stripe_secret_key),
        razorpay.NAME: ("--razorpay-api", config.razorpay_api, razorpay_key),
        paystack.NAME: ("--paystack-api", config.paystack_api, paystack_key),
    }
    return {
        name: Account(_address(flag, url), key) for name, (flag, url, key) in given.items() if key
    }


def refund_providers(config: Config, http: HttpOut) -> dict[str, RefundProvider]:
    """Those through which the house can send money back. Raises ConfigError."""
    found: dict[str, RefundProvider] = {sandbox.NAME: PaperRefunds()}
    if config.sandbox_api:
        found[sandbox.NAME] = SandboxRefunds(http, _sandbox(config))
    makers: dict[str, Callable[[HttpOut, str, str], RefundProvider]] = {
        stripe.NAME: StripeRefunds,
        razorpay.NAME: RazorpayRefunds,
        paystack.NAME: PaystackRefunds,
    }
    for name, account in accounts_of(config).items():
        found[name] = makers[name](http, account.address, account.key)
    return found


def payment_providers(config: Config, http: HttpOut) -> dict[str, PaymentProvider]:
    """Those that can be asked what became of a payment. Raises ConfigError."""
    found: dict[str, PaymentProvider] = {}
    if config.sandbox_api:
        found[sandbox.NAME] = SandboxPayments(http, _sandbox(config))
    makers: dict[str, Callable[[HttpOut, str, str], PaymentProvider]] = {
        stripe.NAME: StripePayments,
        razorpay.NAME: RazorpayPayments,
        paystack.NAME: PaystackPayments,
    }
    for name, account in accounts_of(config).items():
        found[name] = makers[name](http, account.address, account.key)
    return found


def payout_provider(config: Config, http: HttpOut) -> PayoutProvider | None:
    """Through whom the house pays; None: staff do, by hand. Raises ConfigError."""
    if not config.payouts:
        return None
    return SandboxPayouts(http, _sandbox(config)) if config.sandbox_api else PaperPayouts()


def _sandbox(config: Config) -> str:
    return _address("--sandbox-api", config.sandbox_api)


def notifiers_of(config: Config, http: HttpOut) -> dict[str, Notifier]:
    """By channel. Raises ConfigError."""
    if config.notifier == "terminal":
        return dict.fromkeys((EMAIL, SMS), TerminalNotifier())
    if config.notifier == "file":
        return dict.fromkeys((EMAIL, SMS), FileNotifier(Path(config.data) / LETTERS_FILE))
    found: dict[str, Notifier] = {EMAIL: _mail(config)}
    if config.sms_url:
        found[SMS] = SmsNotifier(http, _address("--sms-url", config.sms_url), config.sms_secret)
    return found


def _mail(config: Config) -> SmtpNotifier:
    if not config.smtp_url:
        raise ConfigError("--notifier smtp needs --smtp-url")
    if "@" not in parseaddr(config.mail_from)[1]:
        raise ConfigError(f"--mail-from {config.mail_from!r} holds no address")
    try:
        return SmtpNotifier(read_server(config.smtp_url), config.mail_from)
    except ValueError as problem:
        raise ConfigError(f"--smtp-url: {problem}") from None


def _text_provider(config: Config, http: HttpOut) -> TextProvider | None:
    if not config.text_url:
        return None
    url = _address("--text-url", config.text_url)
    if config.text_model:
        return ChatProvider(http, url, config.text_secret, config.text_model)
    return PlainProvider(http, url, config.text_secret)


def _address(flag: str, url: str) -> str:
    if not is_web_address(url):
        raise ConfigError(f"{flag} is no address such as https://host/path")
    return url
