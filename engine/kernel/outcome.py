"""The business "no": a value with a stable code, never an exception, never stored."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

Retry = Literal["never", "later", "refresh", "same_id"]


class Code(Struct, frozen=True, gc=False):
    """A stable name of a refusal, what a retry can do about it, and its HTTP status.

    `never`: the same request will never succeed. `later`: try again after a while.
    `refresh`: look at the state again, then decide anew. `same_id`: send the very same
    command again, the outcome is not known or the house could not write.
    """

    name: str
    retry: Retry
    status: int


class Rejected(Struct, frozen=True):
    """A refusal: its code, a sentence that names rule and remedy, and facts for the client."""

    code: Code
    message: str
    details: dict[str, Any] = {}


class StoredRefusal(Struct, frozen=True):
    """A refusal in the log, in the place of a reply's result."""

    code: str
    message: str
    details: dict[str, Any] = {}


class _Result(Struct, frozen=True):
    refused: StoredRefusal | None = None


def refusal_as_result(rejected: Rejected) -> bytes:
    """A refusal that is written down, as JSON."""
    stored = StoredRefusal(rejected.code.name, rejected.message, rejected.details)
    return msgspec.json.encode(_Result(stored))


def refusal_in(result: bytes) -> StoredRefusal | None:
    """The refusal that was written down in the place of a result, or None."""
    if not result.startswith(b'{"refused":'):
        return None
    return msgspec.json.decode(result, type=_Result).refused


UNAUTHENTICATED = Code("UNAUTHENTICATED", "never", 401)
FORBIDDEN = Code("FORBIDDEN", "never", 403)
MALFORMED = Code("MALFORMED", "never", 400)
UNKNOWN_COMMAND = Code("UNKNOWN_COMMAND", "never", 400)
ROOM_NOT_FOUND = Code("ROOM_NOT_FOUND", "never", 404)
CMD_ID_REUSED = Code("CMD_ID_REUSED", "never", 409)
RATE_LIMITED = Code("RATE_LIMITED", "later", 429)
OVERLOADED = Code("OVERLOADED", "later", 503)
UNAVAILABLE = Code("UNAVAILABLE", "same_id", 503)
UNKNOWN = Code("UNKNOWN", "same_id", 503)
INVALID_TRANSITION = Code("INVALID_TRANSITION", "refresh", 409)
ARCHIVED = Code("ARCHIVED", "never", 410)
FRAME_TOO_LARGE = Code("FRAME_TOO_LARGE", "never", 400)
KYC_REQUIRED = Code("KYC_REQUIRED", "never", 403)
REASON_REQUIRED = Code("REASON_REQUIRED", "never", 422)
CURRENCY_MISMATCH = Code("CURRENCY_MISMATCH", "never", 422)

GENERAL_CODES = (
    UNAUTHENTICATED,
    FORBIDDEN,
    MALFORMED,
    UNKNOWN_COMMAND,
    ROOM_NOT_FOUND,
    CMD_ID_REUSED,
    RATE_LIMITED,
    OVERLOADED,
    UNAVAILABLE,
    UNKNOWN,
    INVALID_TRANSITION,
    ARCHIVED,
    FRAME_TOO_LARGE,
    KYC_REQUIRED,
    REASON_REQUIRED,
    CURRENCY_MISMATCH,
)
