"""What a login's reply becomes at the door: an access token, and a cookie for the browser.

The engine says whom a session belongs to (`access` in what it reveals) and what refreshes it
(`refresh_token`). The door signs the first; over HTTP it moves the second into a cookie that no
script can read (identity J2).
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from engine.contract import Command
from engine.kernel.time import Millis
from engine.ports import Answer, AnswerTo
from engine.sequencer import Accepted
from gateway.tokens import Tokens

ACCESS = "access"
ACCESS_TOKEN = "access_token"
REFRESH_TOKEN = "refresh_token"
COOKIE = "outcry_refresh"
COOKIE_PATH = "/v1/commands"
COOKIE_SECONDS = 7 * 86_400
"""As long as a session can be refreshed at most (identity J1)."""


class Access(Struct, frozen=True):
    """Whom the engine lets in, in the words of a token."""

    user: str
    session: str
    role: str
    kyc: str
    expires_at: Millis
    """When the token is good no longer, by the house's clock."""
    also: tuple[str, ...] = ()


class Login(Struct, frozen=True):
    """What of a result concerns logins."""

    access: Access | None = None
    refresh_token: str | None = None


def with_token(
    to: AnswerTo, tokens: Tokens, wall_ms: Callable[[], Millis], house_ms: Callable[[], Millis]
) -> AnswerTo:
    """Where an answer goes by way of the signing: `access` becomes `access_token`. Tokens expire
    by the world's clock, and it may differ from the house's."""

    def answer(found: Answer) -> None:
        if isinstance(found, Accepted):
            access = msgspec.json.decode(found.result, type=Login).access
            if access:
                ttl_ms = access.expires_at - house_ms()
                found = _signed(found, access, tokens, wall_ms() // 1_000, ttl_ms // 1_000)
        to(found)

    return answer


def _signed(answer: Accepted, access: Access, tokens: Tokens, now_s: int, ttl_s: int) -> Accepted:
    result = msgspec.json.decode(answer.result)
    del result[ACCESS]
    result[ACCESS_TOKEN] = tokens.issue(
        access.user,
        access.role,
        access.kyc,
        now_s=now_s,
        ttl_s=ttl_s,
        also=access.also,
        session=access.session,
    )
    return replace(answer, result=msgspec.json.encode(result))


def with_cookie_of(command: Command, request: Request) -> Command:
    """The command, its refresh token taken from the browser's cookie if it has none."""
    if getattr(command, REFRESH_TOKEN, None) != "":
        return command
    cookie = request.cookies.get(COOKIE, "")
    return replace(command, **{REFRESH_TOKEN: cookie})


def into_cookie(answer: Accepted) -> tuple[Accepted, str | None]:
    """An answer without its refresh token, and the token: "" if the cookie is to go, None if
    there is nothing to do."""
    if b'"refresh_token"' not in answer.result:
        return answer, None
    result = msgspec.json.decode(answer.result)
    token: str = result.pop(REFRESH_TOKEN, None)
    return replace(answer, result=msgspec.json.encode(result)), token


def set_cookie(response: Response, token: str) -> None:
    """Have the browser keep the refresh token, or forget it if it is empty."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_SECONDS if token else 0,
        path=COOKIE_PATH,
        secure=True,
        httponly=True,
        samesite="strict",
    )
