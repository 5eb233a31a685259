"""ID tokens of Google and Apple: who somebody is, by the word of another house (OpenID Connect).

A provider is believed only if the configuration names an audience of its own: a token that was
made for another application says nothing here.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
import msgspec
from msgspec import Struct

from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.outside import CheckIdToken, IdTokenChecked
from runtime.config import Config
from runtime.outside.http_out import HttpOut, NoAnswer, is_web_address

ALGORITHMS = ["RS256", "ES256"]
KEYS_GOOD_S = 3_600.0
"""After so long the keys are fetched again."""
KEYS_AGAIN_S = 60.0
"""How soon they may be fetched again for a key that is not among them, or after a failure."""
FETCH_S_MAX = 5.0
LEEWAY_S = 30
TOKEN_CHARACTERS_MAX = 8_192


class Issuer(Struct, frozen=True):
    """An identity provider that is believed."""

    names: tuple[str, ...]
    audiences: tuple[str, ...]
    jwks: str
    """URL or file."""


class KeySet(Struct):
    """What a provider publishes (RFC 7517)."""

    keys: list[dict[str, Any]]


class KeysAway(Exception):
    """The provider's keys cannot be had now."""


class Keys:
    """The keys of one provider, cached."""

    def __init__(self, source: str, http: HttpOut, monotonic_s: Callable[[], float]) -> None:
        self._source = source
        self._http = http
        self._monotonic_s = monotonic_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._good_until_s = 0.0
        self._again_at_s = 0.0
        self._turn = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key of this id. Raises KeysAway if there are none, or none that are fresh enough
        to tell."""
        async with self._turn:
            now_s = self._monotonic_s()
            is_stale = now_s >= self._good_until_s or key_id not in self._keys
            if is_stale and now_s >= self._again_at_s:
                self._again_at_s = now_s + KEYS_AGAIN_S
                await self._fetch(now_s)
        if not self._keys:
            raise KeysAway
        return self._keys.get(key_id)

    async def _fetch(self, now_s: float) -> None:
        try:
            told = msgspec.json.decode(await self._read(), type=KeySet)
            found = jwt.PyJWKSet(told.keys)
        except (OSError, NoAnswer, msgspec.MsgspecError, jwt.PyJWTError):
            # What is known goes on being good: keys change seldom, networks fail often.
            return
        self._keys = {key.key_id: key for key in found.keys if key.key_id}
        self._good_until_s = now_s + KEYS_GOOD_S

    async def _read(self) -> bytes:
        if not is_web_address(self._source):
            return await asyncio.to_thread(Path(self._source).read_bytes)
        answer = await self._http.call("GET", self._source, timeout_s=FETCH_S_MAX)
        if not answer.is_good:
            raise NoAnswer(f"status {answer.status}")
        return answer.body


class IdTokens:
    """Checks tokens of the issuers that it is given, by provider."""

    def __init__(
        self,
        issuers: Mapping[str, Issuer],
        http: HttpOut,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuers = issuers
        self._keys = {
            name: Keys(issuer.jwks, http, monotonic_s) for name, issuer in issuers.items()
        }

    async def check(self, ask: CheckIdToken) -> IdTokenChecked | Rejected | None:
        """Whom the token is about; None if it, or its provider, is not accepted."""
        issuer = self._issuers.get(ask.provider)
        if issuer is None or len(ask.token) > TOKEN_CHARACTERS_MAX:
            return None
        try:
            key_id = jwt.get_unverified_header(ask.token).get("kid")
            key = await self._keys[ask.provider].find(key_id) if key_id else None
            return _checked(ask.token, key, issuer) if key else None
        except jwt.PyJWTError:
            return None
        except KeysAway:
            what = f"the keys of {ask.provider} cannot be had now; log in another way, or wait"
            return Rejected(UNAVAILABLE, what)


def _checked(token: str, key: jwt.PyJWK, issuer: Issuer) -> IdTokenChecked | None:
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=ALGORITHMS,
        audience=issuer.audiences,
        issuer=issuer.names,
        leeway=LEEWAY_S,
        options={"require": ["exp", "iat", "aud", "iss", "sub"]},
    )
    # Apple says "true" where Google says true.
    is_verified = claims.get("email_verified") in (True, "true")
    return IdTokenChecked(str(claims["sub"]), str(claims.get("email") or ""), is_verified)


def id_tokens_of(config: Config, http: HttpOut) -> IdTokens:
    """Of the providers that have an audience in the configuration."""
    known = {
        "google": (
            ("https://accounts.google.com", "accounts.google.com"),
            config.google_audience,
            config.google_jwks,
        ),
        "apple": (("https://appleid.apple.com",), config.apple_audience, config.apple_jwks),
    }
    issuers = {}
    for name, (names, audiences, jwks) in known.items():
        taken = tuple(filter(None, (part.strip() for part in audiences.split(","))))
        if taken:
            issuers[name] = Issuer(names, taken, jwks)
    return IdTokens(issuers, http)
