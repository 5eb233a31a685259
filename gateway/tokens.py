"""Who is asking: tokens (JWT) and what they must say (PROTOCOL, connecting).

The algorithm belongs to the deployment and is never the token's own choice, so neither `none` nor
a public key used as a shared secret gets anyone in. Tokens expire by the world's clock, whatever
the house's clock says: whoever issues them knows no other.
"""

import re
from typing import Any

import jwt
import msgspec
from jwt.exceptions import InvalidTokenError, PyJWKSetError
from msgspec import Struct

from engine.kernel.actor import ANYONE, GUEST, KYC_STATES, ROLES, Actor
from engine.kernel.ids import HOUSE, ID_PATTERN, PLATFORM
from engine.kernel.outcome import UNAUTHENTICATED, Rejected
from engine.kernel.time import Millis
from gateway.limits import TOKEN_CHARACTERS_MAX, TOKEN_LEEWAY_S

HS256 = "HS256"
SHARED_SECRET_ALGORITHMS = frozenset({HS256})
KEY_SET_ALGORITHMS = frozenset({"EdDSA", "RS256"})
TOKEN_ROLES = tuple(role for role in ROLES if role != GUEST)

HOOK_PREFIX = "hook-"
"""Payment webhooks act under names of their own, which no token may carry."""

NEVER: Millis = 2**63
"""When a caller without a token expires."""


class Caller(Struct, frozen=True, gc=False):
    """Who is asking, and until when we may believe it (ms since 1970, by the world's clock)."""

    actor: Actor
    expires_at: Millis


NOBODY = Caller(ANYONE, NEVER)


class Tokens:
    """Verifies tokens, and issues them where the deployment has a shared secret."""

    __slots__ = ("_algorithm", "_audience", "_issuer", "_keys", "_secret")

    def __init__(
        self,
        algorithm: str,
        *,
        secret: str | None = None,
        keys: dict[str, Any] | None = None,
        issuer: str = "outcry",
        audience: str = "outcry",
    ) -> None:
        """Use `shared_secret` or `key_set`."""
        self._algorithm = algorithm
        self._secret = secret
        self._keys = keys or {}
        self._issuer = issuer
        self._audience = audience

    def verify(self, token: str) -> Caller | Rejected:
        """The caller whom a token names, or what is wrong with it. Never quotes the token."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            return _bad("it is too long")
        try:
            claims = jwt.decode(
                token,
                self._key_for(token),
                algorithms=[self._algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=TOKEN_LEEWAY_S,
                options={"require": ["sub", "role", "exp", "iss", "aud"]},
            )
        except InvalidTokenError as fault:
            return _bad(_words(fault))
        return _caller(claims)

    def issue(self, user: str, role: str, kyc: str, *, now_s: int, ttl_s: int) -> str:
        """A token for this user, good for `ttl_s` seconds from `now_s` (s since 1970).

        Raises:
            ValueError: the house could not accept such a token, or has no secret to sign it.
        """
        if self._secret is None:
            raise ValueError(f"{self._algorithm} tokens are issued by whoever has the private key")
        claims = {
            "sub": user,
            "role": role,
            "kyc": kyc,
            "iat": now_s,
            "exp": now_s + ttl_s,
            "iss": self._issuer,
            "aud": self._audience,
        }
        caller = _caller(claims)
        if isinstance(caller, Rejected):
            raise ValueError(caller.message)
        return jwt.encode(claims, self._secret, algorithm=self._algorithm)

    def _key_for(self, token: str) -> Any:
        if self._secret is not None:
            return self._secret
        key_id = jwt.get_unverified_header(token).get("kid")
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        key = self._keys.get(str(key_id))
        if key is None:
            raise InvalidTokenError("`kid` names no key of this deployment")
        return key


def shared_secret(secret: str, *, issuer: str = "outcry", audience: str = "outcry") -> Tokens:
    """HS256. A secret of less than 32 bytes works, and PyJWT warns of it (RFC 7518, 3.2).

    Raises:
        ValueError: the secret is empty.
    """
    if not secret:
        raise ValueError("the secret that signs tokens is empty")
    return Tokens(HS256, secret=secret, issuer=issuer, audience=audience)


def key_set(
    jwks: bytes, algorithm: str, *, issuer: str = "outcry", audience: str = "outcry"
) -> Tokens:
    """EdDSA or RS256, with the public keys of a JWKS document.

    Raises:
        ValueError: the algorithm is none of these, or the document holds no key for it.
    """
    if algorithm not in KEY_SET_ALGORITHMS:
        raise ValueError(f"a JWKS goes with one of {', '.join(sorted(KEY_SET_ALGORITHMS))}")
    try:
        found = jwt.PyJWKSet.from_dict(msgspec.json.decode(jwks, type=dict[str, Any]))
    except (msgspec.DecodeError, PyJWKSetError, AttributeError, TypeError) as fault:
        raise ValueError(f"this is no JWKS: {fault}") from fault
    wanted = {str(k.key_id): k for k in found.keys if k.algorithm_name == algorithm}
    if not wanted:
        raise ValueError(f"the JWKS holds no key for {algorithm}")
    return Tokens(algorithm, keys=wanted, issuer=issuer, audience=audience)


def bearer(headers: list[str]) -> str | Rejected | None:
    """The token in a request's `Authorization` headers; None if there is no such header."""
    if not headers:
        return None
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token.strip():
        return _bad("the header must be `Authorization: Bearer <token>`, once")
    return token.strip()


def is_reserved(user: str) -> bool:
    """Whether the house itself acts under this name."""
    return user in (HOUSE, PLATFORM) or user.startswith(HOOK_PREFIX)


def _caller(claims: dict[str, Any]) -> Caller | Rejected:
    user, role, kyc = claims["sub"], claims["role"], claims.get("kyc", "none")
    if not isinstance(user, str) or not re.fullmatch(ID_PATTERN, user):
        return _bad("`sub` is no user id: 1-64 letters, digits, '_', '.' or '-'")
    if is_reserved(user):
        return _bad(f"`sub` {user!r} is a name of the house itself")
    if role not in TOKEN_ROLES:
        return _bad(f"`role` must be one of {', '.join(TOKEN_ROLES)}")
    if kyc not in KYC_STATES:
        return _bad(f"`kyc` must be one of {', '.join(KYC_STATES)}")
    return Caller(Actor(user, role, kyc), (int(claims["exp"]) + TOKEN_LEEWAY_S) * 1_000)


def _words(fault: InvalidTokenError) -> str:
    """What to tell the client. The library's own words can hold parts of keys or tokens."""
    match fault:
        case jwt.ExpiredSignatureError():
            return "it has expired; get a new one"
        case jwt.ImmatureSignatureError():
            return "it is not valid yet; check the clock of its issuer"
        case jwt.MissingRequiredClaimError():
            return f"claim `{fault.claim}` is missing"
        case jwt.InvalidAudienceError():
            return "`aud` names another audience"
        case jwt.InvalidIssuerError():
            return "`iss` names another issuer"
        case jwt.InvalidAlgorithmError():
            return "`alg` is not this deployment's algorithm"
        case jwt.InvalidSignatureError():
            return "its signature is not ours"
    return "it is no JWT that this deployment accepts"


def _bad(what: str) -> Rejected:
    return Rejected(UNAUTHENTICATED, f"token refused: {what}", {"rule": "token"})
