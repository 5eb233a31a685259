"""How payment providers are called and read: what is an answer, and what is none.

A status of 409, 429 or 5xx leaves open what became of a request, so it is as good as no answer.
"""

from base64 import b64encode
from collections.abc import Mapping
from fractions import Fraction
from typing import TypeVar

import msgspec

from runtime.outside.http_out import Answer, HttpOut, NoAnswer

TELL_S_MAX = 20.0
WHOLE = Fraction(1)

Said = TypeVar("Said")


async def call(
    http: HttpOut,
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An answer that says yes or no. Raises NoAnswer."""
    answer = await http.call(method, url, body, headers, timeout_s=TELL_S_MAX)
    if answer.status in (409, 429) or answer.status >= 500:
        raise NoAnswer(f"status {answer.status}")
    return answer


def read(answer: Answer, type_: type[Said]) -> Said:
    """What it says. Raises NoAnswer if that cannot be understood."""
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except msgspec.MsgspecError:
        raise NoAnswer("it says something else") from None


def basic(key: str) -> dict[str, str]:
    """The headers of a caller whose key is `name:secret`, and of JSON."""
    encoded = b64encode(key.encode()).decode()
    return {"Authorization": f"Basic {encoded}", "Content-Type": "application/json"}


def units(amount: int, currency: str, scales: Mapping[str, Fraction]) -> int | None:
    """Minor units as the provider counts them, if it can."""
    found = amount / scales.get(currency, WHOLE)
    return int(found) if found.denominator == 1 else None
