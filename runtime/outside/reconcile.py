"""`outcry reconcile`: a provider's statement against the books (accounts rule 17).

What is in one and not in the other, or with another amount, is printed, and told to the house as an
incident. Nothing is ever posted by it. It only reads the log, and may run beside a server.
"""

import argparse
import sys
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from engine.kernel.time import DAY, Millis
from engine.ledger import events as e
from engine.ledger.codes import DUPLICATE_REFERENCE
from engine.ledger.commands import ReportDifference
from engine.registry import build_registry, find_domains
from gateway.hooks import paystack, razorpay, stripe
from runtime import logs
from runtime.archive.histories import has_log, history_of, markets_in, no_log
from runtime.archive.retention import MAIN
from runtime.config import Config, ConfigError
from runtime.outside.http_out import Answer, HttpOut, NoAnswer, is_web_address
from runtime.outside.provider_calls import read
from runtime.outside.providers import accounts_of
from runtime.outside.statements import (
    FileStatements,
    Line,
    PaystackStatements,
    RazorpayStatements,
    Statements,
    StripeStatements,
)
from runtime.tokens import issue_token
from runtime.verify import History

PAGE = 1_000
MARGIN_MS = 5 * DAY
"""By so much the time of a movement may differ: Razorpay and Paystack list a payment by when it was
begun, and Razorpay captures up to five days later."""
TELL_S_MAX = 20.0
NAME = "reconciler"

Key = tuple[e.Movement, str]


class Difference(Struct, frozen=True):
    """What does not agree, in minor units."""

    what: e.Movement
    payment: str
    cause: e.DifferenceCause
    booked: int
    reported: int

    def __str__(self) -> str:
        return (
            f"{self.cause:<14} {self.what:<10} {self.payment}: booked {self.booked}, "
            f"reported {self.reported}"
        )


def add_reconcile_arguments(parser: argparse.ArgumentParser) -> None:
    """Which statement, of which day, and whom to tell."""
    add = parser.add_argument
    add("--provider", required=True, help="such as stripe")
    add("--currency", required=True, help="ISO 4217, such as NGN")
    add("--day", type=_day, default=None, help="UTC, such as 2026-11-20 [yesterday]")
    add("--statement", help="JSON file with the provider's lines, instead of asking it")
    add("--url", help="the house that is told of differences, such as http://127.0.0.1:8080")
    add("--market", default=MAIN, help=f"the currency's market [{MAIN}]")
    add("--archive", help="folder of `outcry archive`: what came before the log")


async def reconcile_command(config: Config, arguments: argparse.Namespace) -> int:
    """Compare. Returns 0 if all agrees, 1 if it does not, or if somebody could not be asked."""
    logs.set_up(config)
    day = arguments.day or datetime.now(UTC).date() - timedelta(days=1)
    http = HttpOut()
    try:
        return await _reconcile(config, arguments, day, http)
    except NoAnswer as problem:
        print(f"outcry: nobody answers: {problem}", file=sys.stderr)
        return 1
    finally:
        http.close()


async def _reconcile(config: Config, asked: argparse.Namespace, day: date, http: HttpOut) -> int:
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1_000)
    statements = statements_of(config, asked.provider, asked.statement, http)
    reported = await statements.lines(start - MARGIN_MS, start + DAY + MARGIN_MS)
    booked = await _booked(config, asked, start)
    of_currency = [line for line in reported if line.currency == asked.currency]
    found = differences(booked, of_currency, start, start + DAY)
    for difference in found:
        print(difference)
    count = sum(start <= line.at < start + DAY for line in of_currency)
    print(f"{asked.provider} {asked.currency} {day}: {count} lines, {len(found)} differences")
    if asked.url:
        await _tell(config, asked, found, http)
    return 1 if found else 0


def differences(
    booked: Iterable[Line], reported: Iterable[Line], start: Millis, end: Millis
) -> list[Difference]:
    """What one side has in this time, and the other has not, or otherwise."""
    here, there = _by_payment(booked), _by_payment(reported)
    found = []
    for key in sorted({*here, *there}):
        times = [line.at for line in (*here.get(key, ()), *there.get(key, ()))]
        if not any(start <= at < end for at in times):
            continue
        ours, theirs = _sum(here.get(key, ())), _sum(there.get(key, ()))
        cause: e.DifferenceCause = "AMOUNT_DIFFERS"
        if key not in there:
            cause = "MISSING_THERE"
        elif key not in here:
            cause = "MISSING_HERE"
        if ours != theirs:
            found.append(Difference(*key, cause, ours, theirs))
    return found


def _by_payment(lines: Iterable[Line]) -> dict[Key, list[Line]]:
    found: dict[Key, list[Line]] = {}
    for line in lines:
        found.setdefault((line.what, line.payment), []).append(line)
    return found


def _sum(lines: Iterable[Line]) -> int:
    return sum(line.amount for line in lines)


def statements_of(config: Config, provider: str, path: str | None, http: HttpOut) -> Statements:
    """Where the statement is to be had. Raises ConfigError."""
    if path:
        return FileStatements(Path(path))
    makers: dict[str, Any] = {
        stripe.NAME: StripeStatements,
        razorpay.NAME: RazorpayStatements,
        paystack.NAME: PaystackStatements,
    }
    account = accounts_of(config).get(provider)
    if account is None:
        raise ConfigError(f"there is no key of {provider}: set it, or name a --statement")
    made: Statements = makers[provider](http, account.address, account.key)
    return made


async def _booked(config: Config, asked: argparse.Namespace, start: Millis) -> list[Line]:
    if not has_log(config) and not asked.archive:
        raise no_log(config)
    ((market, shard),) = (await markets_in(config, asked.archive, asked.market)).items()
    async with history_of(config, asked.archive, market, shard) as history:
        room = f"ledger:{asked.currency}"
        until = start + DAY + MARGIN_MS
        return [
            line async for line in _lines(history, room, asked.provider, start - MARGIN_MS, until)
        ]


async def _lines(
    history: History, room: str, provider: str, start: Millis, end: Millis
) -> AsyncIterator[Line]:
    decoder = build_registry(find_domains()).event_decoder
    seq = await _seq_before(history, room, start)
    while page := await history.read_room(room, seq, PAGE):
        for record in page:
            if record.at >= end:
                return
            line = line_of(decoder.decode(record.event), provider, record.at)
            if line is not None:
                yield line
        seq = page[-1].seq


async def _seq_before(history: History, room: str, at: Millis) -> int:
    """The last event before this moment: times of a room never go back, so few are looked at."""
    low, high = 0, 1
    while (page := await history.read_room(room, high - 1, 1)) and page[0].at < at:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        page = await history.read_room(room, middle - 1, 1)
        if page and page[0].at < at:
            low = middle
        else:
            high = middle
    return low


def line_of(event: Any, provider: str, at: Millis) -> Line | None:
    """What an event of the ledger moved at this provider, if it did. Its own fee is no line."""
    if getattr(event, "provider", "") != provider:
        return None
    match event:
        case e.PaymentReceived() | e.PaymentReturned():
            return Line("capture", event.payment, event.amount, event.currency, at)
        case e.RefundPaid(to_wallet=False):
            return Line("refund", event.payment, event.amount, event.currency, at)
        case e.ChargedBack():
            return Line("chargeback", event.payment, event.amount, event.currency, at)
    return None


async def _tell(
    config: Config, asked: argparse.Namespace, found: list[Difference], http: HttpOut
) -> None:
    """Open an incident for each that was not told before. Raises NoAnswer and ConfigError."""
    if not is_web_address(asked.url):
        raise ConfigError(f"--url {asked.url!r} is no address such as http://127.0.0.1:8080")
    token = issue_token(config, NAME, "system", "none", "15m")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    opened = 0
    for one in found:
        said = f"{asked.provider} {one.what} {one.payment} {one.booked} {one.reported}"
        command = ReportDifference(
            id=f"difference-{sha256(said.encode()).hexdigest()[:40]}",
            currency=asked.currency,
            provider=asked.provider,
            payment=one.payment,
            cause=one.cause,
            what=one.what,
            booked=one.booked,
            reported=one.reported,
        )
        url = f"{asked.url.rstrip('/')}/v1/commands"
        body = msgspec.json.encode(command)
        answer = await http.call("POST", url, body, headers, timeout_s=TELL_S_MAX)
        opened += _is_new(answer)
    print(f"incidents opened: {opened}; told before: {len(found) - opened}")


class _Reply(Struct):
    """What of the house's reply is looked at."""

    type: str
    code: str = ""
    duplicate: bool = False


def _is_new(answer: Answer) -> bool:
    """Whether an incident was opened by it. Raises NoAnswer if it was neither opened nor known."""
    reply = read(answer, _Reply)
    if reply.type == "ok":
        return not reply.duplicate
    if reply.code == DUPLICATE_REFERENCE.name:
        return False
    raise NoAnswer(f"the house refuses a difference: {reply.code}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-11-20") from None
