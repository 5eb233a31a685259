"""The part of a payment provider, played against a house of one's own.

It signs and tells what a provider would tell, and tells again what was not answered 2xx, later
each time. What becomes of it is decided by the house alone.
"""

import http.client
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.hooks import sandbox
from gateway.hooks.reading import failed_id
from gateway.hooks.sandbox import SIGNATURE_HEADER, SandboxPayment
from gateway.hooks.signatures import sign_timed
from runtime.config import ConfigError

SCENARIOS = {
    "captured": "paid, told once",
    "failed": "not paid",
    "late": "failed, and captured after --delay all the same",
    "repeated": "captured, and told --times in all",
    "wrong-amount": "captured, a minor unit less than --amount (1: one more)",
    "created": "begun, and never paid",
    "charged-back": "captured, disputed after --delay, and lost after another",
}
TIMEOUT_S = 30.0
BACK_OFF_S_MAX = 60.0


class Step(Struct, frozen=True):
    """One thing to tell, so many seconds after the one before."""

    payment: SandboxPayment
    after_s: float = 0.0


class Answer(Struct, frozen=True):
    """What came of telling it once."""

    status: int
    """0: no answer."""
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


class Provider(Struct, frozen=True):
    """Where to tell it, how often to try, and by which clock."""

    post: Callable[[bytes, str], Answer]
    """Body and signature to what came of it."""
    attempts: int
    say: Callable[[str], object] = print
    sleep: Callable[[float], object] = time.sleep
    now_s: Callable[[], float] = time.time


def steps_of(scenario: str, payment: SandboxPayment, delay_s: float, times: int) -> list[Step]:
    """What a provider tells in a scenario. `payment` is the one that is expected."""
    match scenario:
        case "failed":
            return [Step(replace(payment, kind="failed"))]
        case "late":
            failed = replace(payment, kind="failed", payment=failed_id(payment.payment))
            return [Step(failed), Step(payment, delay_s)]
        case "repeated":
            return [Step(payment), *[Step(payment, delay_s)] * (times - 1)]
        case "wrong-amount":
            return [Step(replace(payment, amount=payment.amount - 1 or 2))]
        case "created":
            return [Step(replace(payment, kind="created"))]
        case "charged-back":
            disputed, lost = replace(payment, kind="disputed"), replace(payment, kind="lost")
            return [Step(payment), Step(disputed, delay_s), Step(lost, delay_s)]
    assert scenario == "captured", f"{scenario} is no scenario"
    return [Step(payment)]


def play(provider: Provider, steps: Sequence[Step], secret: bytes) -> bool:
    """Tell each step until it is answered 2xx. Whether all were."""
    is_good = True
    for step in steps:
        if step.after_s:
            provider.sleep(step.after_s)
        is_good = _tell(provider, step.payment, secret) and is_good
    return is_good


def _tell(provider: Provider, payment: SandboxPayment, secret: bytes) -> bool:
    body = msgspec.json.encode(payment)
    what = f"{payment.payment} {payment.kind}: {payment.amount} {payment.currency}"
    for attempt in range(1, provider.attempts + 1):
        answer = provider.post(body, sign_timed(body, secret, int(provider.now_s())))
        said = f"{what} for {payment.user} ({payment.purpose}) -> {answer.text}"
        if answer.is_good or attempt == provider.attempts:
            provider.say(said)
            return answer.is_good
        wait_s = min(2.0 ** (attempt - 1), BACK_OFF_S_MAX)
        provider.say(f"{said}; again in {wait_s:g} s")
        provider.sleep(wait_s)
    raise AssertionError("there is at least one attempt")


def poster(url: str) -> Callable[[bytes, str], Answer]:
    """Tells it to the house at this address, such as http://127.0.0.1:8080. Raises ConfigError."""
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    bad = ConfigError(f"--url {url!r} is no address such as http://127.0.0.1:8080")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise bad from None
    if parts.scheme not in kinds or not host:
        raise bad
    kind = kinds[parts.scheme]
    path = f"{parts.path.rstrip('/')}/v1/hooks/{sandbox.NAME}"

    def post(body: bytes, signature: str) -> Answer:
        connection = kind(host, port, timeout=TIMEOUT_S)
        headers = {SIGNATURE_HEADER: signature, "Content-Type": "application/json"}
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, _text(response.status, response.read()))
        except (OSError, http.client.HTTPException) as problem:
            return Answer(0, f"no answer ({problem})")
        finally:
            connection.close()

    return post


class _Reply(Struct):
    """What of the house's reply is worth a word."""

    type: str = ""
    code: str = ""
    message: str = ""
    duplicate: bool = False


def _text(status: int, body: bytes) -> str:
    try:
        reply = msgspec.json.decode(body, type=_Reply)
    except msgspec.MsgspecError:
        return str(status)
    if reply.code:
        return f"{status} {reply.code}: {reply.message}"
    return f"{status} {reply.type}{' (told before)' if reply.duplicate else ''}"
