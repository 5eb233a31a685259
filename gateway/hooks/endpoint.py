"""The door for payment webhooks: a provider says what became of a payment (accounts 4).

The provider signs; the house believes no more than the signature covers. Each payment counts
once, however often it is told. 200 is answered when the payment is durable in the log, and not
before: whatever else is answered, the provider tells it again.
"""

import logging
from collections.abc import Mapping
from typing import assert_never

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from engine.kernel.actor import SYSTEM, Actor
from engine.kernel.outcome import Rejected
from engine.ledger.commands import CreatePayment, ProviderDispute, ProviderEvent
from engine.sequencer import Accepted
from gateway.desk import Desk
from gateway.hooks.codes import PAYMENT_SIGNATURE_INVALID, PAYMENT_UNUSABLE
from gateway.hooks.providers import PROVIDERS
from gateway.hooks.reading import Booked, Heard, Ignored, Unusable
from gateway.hooks.signatures import Secrets
from gateway.http_calls import answer_of
from gateway.http_replies import NOT_FOUND, JsonResponse, read_body, refusal
from gateway.replies import ok
from gateway.tokens import HOOK_PREFIX

logger = logging.getLogger(__name__)

BOOKED, REPEATED, IGNORED = "booked", "repeated", "ignored"
UNUSABLE, REFUSED, FORGED = "unusable", "refused", "forged"
OUTCOMES = (BOOKED, REPEATED, IGNORED, UNUSABLE, REFUSED, FORGED)


class Hooks:
    """The endpoint `POST /v1/hooks/{provider}`. Webhooks are exempt from rate limits."""

    def __init__(self, desk: Desk, secrets: Mapping[str, Secrets]) -> None:
        """`secrets` of each provider that is heard; the others are as unknown as any other."""
        assert all(several and all(several) for several in secrets.values()), (
            "without a secret anyone could pay with nothing"
        )
        assert secrets.keys() <= PROVIDERS.keys(), "a secret of a provider that nobody can read"
        self._desk = desk
        self._secrets = secrets

    async def receive(self, request: Request) -> Response:
        """Take a payment's event; 200 also if it was taken before."""
        self._desk.counts.http_requests += 1
        name = request.path_params["provider"]
        secrets = self._secrets.get(name)
        if secrets is None:
            return self._refuse(None, Rejected(NOT_FOUND, f"no provider {name!r} is known"))
        body = await read_body(request)
        if isinstance(body, Rejected):
            return self._refuse(None, body)
        provider = PROVIDERS[name]
        if fault := provider.fault(request.headers, body, secrets, self._desk.wall_ms()):
            self._count(name, FORGED)
            return self._refuse(None, Rejected(PAYMENT_SIGNATURE_INVALID, fault))
        return await self._act(name, provider.read(body))

    async def _act(self, name: str, heard: Heard) -> Response:
        match heard:
            case ProviderEvent() | CreatePayment() | ProviderDispute():
                return await self._book(heard)
            case Ignored():
                self._count(name, IGNORED)
                return JsonResponse(msgspec.json.encode(heard))
            case Unusable():
                self._count(name, UNUSABLE)
                logger.error(
                    "%s captured payment %r, and it is not booked: %s; see docs/operating.md",
                    name,
                    heard.payment,
                    heard.why,
                )
                what = f"{heard.why}; an operator must book payment {heard.payment!r} or return it"
                return self._refuse(None, Rejected(PAYMENT_UNUSABLE, what))
            case Rejected():
                self._count(name, UNUSABLE)
                logger.error("an event of %s cannot be read: %s", name, heard.message)
                return self._refuse(None, heard)
        assert_never(heard)

    async def _book(self, command: Booked) -> Response:
        actor = Actor(HOOK_PREFIX + command.provider, SYSTEM)
        answer = await answer_of(lambda to: self._desk.submit(command, actor, to))
        if not isinstance(answer, Accepted):
            return self._not_booked(command, answer.rejected)
        self._count(command.provider, REPEATED if answer.duplicate else BOOKED)
        self._desk.counts.accept(is_duplicate=answer.duplicate)
        return JsonResponse(ok(answer, self._desk.sink.log_id))

    def _not_booked(self, command: Booked, rejected: Rejected) -> Response:
        """The ledger knows it already (DUPLICATE_PROVIDER_EVENT is answered 200), or cannot
        write now, or was told other facts of the same payment before."""
        is_repeated = rejected.code.status == 200
        self._count(command.provider, REPEATED if is_repeated else REFUSED)
        if not is_repeated and rejected.code.retry == "never":
            logger.error(
                "%s tells of payment %r (%s), and is refused: %s",
                command.provider,
                command.payment,
                command.id,
                rejected.code.name,
            )
        return self._refuse(command.id, rejected)

    def _count(self, provider: str, outcome: str) -> None:
        self._desk.counts.hooks[provider, outcome] += 1

    def _refuse(self, id_: str | None, rejected: Rejected) -> Response:
        self._desk.counts.refuse(rejected)
        return refusal(id_, rejected)
