"""Tests of testkit/naive_identity.py: it sees what must not be."""

from typing import Any

import pytest

from engine.domains.identity.commands import Refresh
from engine.kernel.record import Record
from testkit.naive_identity import NaiveIdentity
from testkit.violation import Violation

OPENED = {"event": "identity.session_opened", "session": "s1"}
ENDED = {"event": "identity.session_ended", "session": "s1"}
REFRESHED = {"event": "identity.session_refreshed", "session": "s1", "counter": 1}
AGAIN = REFRESHED | {"counter": 2}
ASKED = {"event": "identity.otp_requested", "channel": "email", "purpose": "login"}
WRONG = ASKED | {"event": "identity.otp_failed", "tries": 1}
SUSPENDED = {"event": "identity.user_suspended"}


def told(*events: dict[str, Any]) -> NaiveIdentity:
    """Events of one account, and a batch that ends with them. All tokens are the same one."""
    naive = NaiveIdentity()
    for number, event in enumerate(events, start=1):
        record = Record(number, "identity:u1", number, number, "u1", b"", "")
        naive.take(record, event, Refresh(id="r", refresh_token="token"))
    naive.finish()
    return naive


def test_a_sound_log_is_sound() -> None:
    """In, on, out, suspended; a code that is sent anew has all its tries."""
    naive = told(OPENED, REFRESHED, ASKED, WRONG, ASKED, WRONG, ENDED, SUSPENDED)
    assert naive.sessions == {"identity:u1": {}}


@pytest.mark.parametrize(
    ("events", "promise"),
    [
        ((OPENED, OPENED), "J1"),
        ((REFRESHED,), "J5"),
        ((OPENED, AGAIN), "J5"),
        ((OPENED, REFRESHED, AGAIN), "takes a used token"),
        ((ENDED,), "S1"),
        ((OPENED, SUSPENDED), "INV-5"),
        ((ASKED, WRONG, WRONG), "I7"),
    ],
)
def test_a_broken_promise_is_seen(events: tuple[dict[str, Any], ...], promise: str) -> None:
    """Each by its number."""
    with pytest.raises(Violation, match=promise):
        told(*events)
