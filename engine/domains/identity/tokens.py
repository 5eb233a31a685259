"""Refresh tokens, and what a login reveals (J1-J5). No token is stored: each is made anew.

A refresh token is `user.session.counter.mac`. What the reply reveals beside its stored result is
`refresh_token`, and `access`: whom the gateway is to sign an access token for.
"""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from msgspec import Struct

from engine.contract import Vault
from engine.kernel.actor import Actor

PURPOSE = "refresh"


class Refreshing(Struct, frozen=True):
    """What a refresh token says."""

    user: str
    session: str
    counter: int


def make(user: str, session: str, counter: int, vault: Vault) -> str:
    """The refresh token of this session with this counter."""
    said = f"{user}.{session}.{counter}"
    return f"{said}.{vault.mac(PURPOSE, said).hex()}"


def user_of(token: str) -> str:
    """Whose token it says it is, before anybody has checked it; "" if it is none."""
    parts = token.rsplit(".", 3)
    return parts[0] if len(parts) == 4 and parts[0] and len(parts[0]) <= 64 else ""


def read(token: str, vault: Vault) -> Refreshing | None:
    """What a token of ours says; None if it is not ours."""
    said, _, mac = token.rpartition(".")
    expected = vault.mac(PURPOSE, said).hex()
    if not compare_digest(mac.encode(), expected.encode()):
        return None
    user, session, counter = said.rsplit(".", 2)
    return Refreshing(user, session, int(counter))


def reveal(_: Any, result: Mapping[str, Any], __: Actor, vault: Vault) -> dict[str, Any]:
    """Tokens of the session that the result tells of, if it does. After a logout the
    empty refresh token has the browser forget its cookie.

    `access` is what the gateway makes the access token of, with the fields of its claims."""
    if result.get("session_ended"):
        return {"refresh_token": ""}
    granted = result.get("granted")
    if granted is None:
        return {}
    return {
        "refresh_token": make(granted["user"], granted["session"], granted["counter"], vault),
        "access": {
            "user": granted["user"],
            "session": granted["session"],
            "role": granted["role"],
            "also": granted["also"],
            "kyc": granted["kyc"],
            "expires_at": granted["access_until"],
        },
    }
