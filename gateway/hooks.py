"""Payment webhooks: a provider says what became of a payment (accounts 4).

The provider signs; the house believes no more than the signature covers. Each payment counts
once, however often the provider says it, so that it may repeat what it was not answered.
"""

import hmac
from hashlib import sha256
from typing import Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from engine.kernel.actor import SYSTEM, Actor
from engine.kernel.ids import Id, RoomName
from engine.kernel.money import Amount, Currency
from engine.kernel.outcome import Code, Rejected
from engine.kernel.time import Millis
from engine.ledger.commands import ProviderEvent
from engine.sequencer import Accepted
from gateway.desk import Desk
from gateway.http_calls import answer_of
from gateway.http_replies import NOT_FOUND, JsonResponse, read_as, read_body, refusal
from gateway.limits import HOOK_TOLERANCE_MS
from gateway.replies import ok
from gateway.tokens import HOOK_PREFIX

SANDBOX = "sandbox"
SIGNATURE_HEADER = "Outcry-Signature"

PAYMENT_SIGNATURE_INVALID = Code("PAYMENT_SIGNATURE_INVALID", "never", 401)


class SandboxPayment(Struct, frozen=True):
    """What the sandbox provider sends. Further fields are its own affair."""

    payment: Id
    """The provider's id of this event."""
    kind: Literal["captured", "failed"]
    user: Id
    amount: Amount
    currency: Currency
    purpose: Literal["wallet"] | RoomName = "wallet"


class Hooks:
    """The endpoint `POST /v1/hooks/{provider}`. Webhooks are exempt from rate limits."""

    def __init__(self, desk: Desk, secret: str) -> None:
        assert secret, "without a secret anyone could pay with nothing"
        self._desk = desk
        self._secret = secret.encode()

    async def receive(self, request: Request) -> Response:
        """Take a payment's event; 200 also if it was taken before."""
        self._desk.counts.http_requests += 1
        provider = request.path_params["provider"]
        if provider != SANDBOX:
            return self._refuse(None, Rejected(NOT_FOUND, f"no provider {provider!r} is known"))
        body = await read_body(request)
        if isinstance(body, Rejected):
            return self._refuse(None, body)
        header = request.headers.get(SIGNATURE_HEADER, "")
        if fault := signature_fault(header, body, self._secret, self._desk.wall_ms()):
            return self._refuse(None, Rejected(PAYMENT_SIGNATURE_INVALID, fault))
        payment = read_as(SandboxPayment, body)
        if isinstance(payment, Rejected):
            return self._refuse(None, payment)
        return await self._book(command_of(payment))

    async def _book(self, command: ProviderEvent) -> Response:
        actor = Actor(HOOK_PREFIX + command.provider, SYSTEM)
        answer = await answer_of(lambda to: self._desk.submit(command, actor, to))
        if not isinstance(answer, Accepted):
            return self._refuse(command.id, answer.rejected)
        self._desk.counts.accept(is_duplicate=answer.duplicate)
        return JsonResponse(ok(answer, self._desk.sink.log_id))

    def _refuse(self, id_: str | None, rejected: Rejected) -> Response:
        self._desk.counts.refuse(rejected)
        return refusal(id_, rejected)


def command_of(payment: SandboxPayment) -> ProviderEvent:
    """The house's command for a provider's event. Its id is the event's, so that what is said
    twice is answered alike; no one else sends under the webhook's name."""
    return ProviderEvent(
        id=payment.payment,
        provider=SANDBOX,
        payment=payment.payment,
        kind=payment.kind,
        user=payment.user,
        amount=payment.amount,
        currency=payment.currency,
        purpose=payment.purpose,
    )


def sign(body: bytes, secret: bytes, at_s: int) -> str:
    """The header that a provider sends with a body, at `at_s` seconds since 1970."""
    return f"t={at_s},v1={_digest(body, secret, str(at_s))}"


def signature_fault(header: str, body: bytes, secret: bytes, now: Millis) -> str:
    """What is wrong with a signature, or "" if it is good. `now`: ms by the world's clock."""
    fields = dict(part.strip().partition("=")[::2] for part in header.split(","))
    at_s, given = fields.get("t", ""), fields.get("v1", "")
    if not (at_s.isascii() and at_s.isdecimal() and len(at_s) <= 12 and given):
        return f"send {SIGNATURE_HEADER}: t=<unix seconds>,v1=<hex HMAC-SHA256 of `t.body`>"
    if not hmac.compare_digest(given.encode(), _digest(body, secret, at_s).encode()):
        return "the signature does not fit the body and the webhook's secret"
    if abs(int(at_s) * 1_000 - now) > HOOK_TOLERANCE_MS:
        return "the signature is too old, or the clocks differ too much; sign again"
    return ""


def _digest(body: bytes, secret: bytes, at_s: str) -> str:
    return hmac.new(secret, at_s.encode() + b"." + body, sha256).hexdigest()
