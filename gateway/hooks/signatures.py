"""Signatures of webhooks: an HMAC of the body as it came, compared in constant time.

Several secrets may be good at once, so that one is replaced without an event being lost: a
provider signs with the new secret what happens now, and with the old one what it sends again.
"""

import hmac
from collections.abc import Iterable
from typing import Literal

from engine.kernel.time import Millis
from gateway.limits import HOOK_TOLERANCE_MS

Secrets = tuple[bytes, ...]
Algorithm = Literal["sha256", "sha512"]

_DOES_NOT_FIT = "the signature does not fit the body and the webhook's secret"


def plain_fault(
    name: str, given: str, body: bytes, secrets: Secrets, algorithm: Algorithm = "sha256"
) -> str:
    """What is wrong with a header `name` that is the hex HMAC of the body, or ""."""
    if not given:
        return f"send {name}: <hex HMAC-{algorithm.upper()} of the body>"
    expected = (hmac.digest(secret, body, algorithm).hex() for secret in secrets)
    return "" if _any_fits([given], expected) else _DOES_NOT_FIT


def timed_fault(name: str, given: str, body: bytes, secrets: Secrets, now: Millis) -> str:
    """What is wrong with a header `name` of the form `t=…,v1=…,v1=…`, or "". One good `v1` is
    enough; other schemes are passed over. `now`: ms by the world's clock."""
    pairs = [part.strip().partition("=")[::2] for part in given.split(",")]
    at_s = next((value for key, value in pairs if key == "t"), "")
    digests = [value for key, value in pairs if key == "v1" and value]
    if not (at_s.isascii() and at_s.isdecimal() and len(at_s) <= 12 and digests):
        return f"send {name}: t=<unix seconds>,v1=<hex HMAC-SHA256 of `t.body`>"
    if not _any_fits(digests, (_timed_digest(body, secret, at_s) for secret in secrets)):
        return _DOES_NOT_FIT
    if abs(int(at_s) * 1_000 - now) > HOOK_TOLERANCE_MS:
        return "the signature is too old, or the clocks differ too much; sign again"
    return ""


def sign_timed(body: bytes, secret: bytes, at_s: int) -> str:
    """The header that `timed_fault` finds good, made `at_s` seconds after 1970 began."""
    return f"t={at_s},v1={_timed_digest(body, secret, str(at_s))}"


def _timed_digest(body: bytes, secret: bytes, at_s: str) -> str:
    return hmac.digest(secret, at_s.encode() + b"." + body, "sha256").hex()


def _any_fits(given: list[str], expected: Iterable[str]) -> bool:
    # As bytes: a header may hold letters that `compare_digest` does not take as text.
    return any(hmac.compare_digest(g.encode(), e.encode()) for e in expected for g in given)
