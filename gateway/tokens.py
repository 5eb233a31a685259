"""Who is asking: tokens (JWT) and what they must say (PROTOCOL, connecting).

The algorithm belongs to the deployment and is never the token's own choice, so neither `none` nor
a public key used as a shared secret gets anyone in. Tokens expire by the world's clock, whatever
the house's clock says: whoever issues them knows no other.
"""

import re
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import jwt
import msgspec
from jwt.exceptions import InvalidSignatureError, InvalidTokenError, PyJWKSetError
from msgspec import Struct

from engine.kernel.actor import ANYONE, GUEST, KYC_STATES, ROLES, Actor
from engine.kernel.ids import HOUSE, ID_PATTERN, PLATFORM
from engine.kernel.outcome import UNAUTHENTICATED, Rejected
from engine.kernel.time import Millis
from gateway.limits import TOKEN_CHARACTERS_MAX, TOKEN_LEEWAY_S, TOKENS_KNOWN

HS256 = "HS256"
KEY_SET_ALGORITHMS = frozenset({"EdDSA", "RS256"})
TOKEN_ROLES = tuple(role for role in ROLES if role != GUEST)

OWN_KEY_ID = "house"
"""The key of the house's own tokens beside those of an outside issuer."""

HOOK_PREFIX = "hook-"
"""Payment webhooks act under names of their own, which no token may carry."""

NEVER: Millis = 2**63
"""When a caller without a token expires."""


class Caller(Struct, frozen=True, gc=False):
    """Who is asking, and until when we may believe it (ms since 1970, by the world's clock)."""

    actor: Actor
    expires_at: Millis


NOBODY = Caller(ANYONE, NEVER)


class Key(Struct, frozen=True):
    """What a signature is checked with. The algorithm belongs to the key."""

    algorithm: str
    key: Any


class Tokens:
    """Verifies tokens, and issues them where the deployment has a secret to sign with.

    Several secrets may be in force, so that one can be replaced while tokens of the old one live
    (identity J1). Tokens name their key by `kid`; those of a shared secret need not.
    """

    __slots__ = ("_audience", "_issuer", "_keys", "_known", "_nameless", "_signer")

    def __init__(
        self,
        keys: Mapping[str, Key],
        *,
        nameless: Sequence[Key],
        signer: str | None,
        issuer: str = "outcry",
        audience: str = "outcry",
    ) -> None:
        """Use `shared_secret` or `key_set`. `nameless` are tried for tokens whose `kid` tells
        nothing; `signer` is the `kid` of the key that signs."""
        self._keys = keys
        self._nameless = nameless
        self._signer = signer
        self._issuer = issuer
        self._audience = audience
        self._known: dict[str, Caller] = {}
        """Tokens that were verified not long ago: a client of the HTTP door shows the same one
        with every call, and a signature costs more than the rest of it."""

    def verify(self, token: str) -> Caller | Rejected:
        """The caller whom a token names, or what is wrong with it. Never quotes the token."""
        known = self._known.get(token)
        if known is not None and time.time() * 1_000 < known.expires_at:
            return known
        if len(token) > TOKEN_CHARACTERS_MAX:
            return _bad("it is too long")
        try:
            claims = self._claims(token)
        except InvalidTokenError as fault:
            return _bad(_words(fault))
        caller = _caller(claims)
        if isinstance(caller, Caller):
            if len(self._known) >= TOKENS_KNOWN:
                self._known.clear()
            self._known[token] = caller
        return caller

    def issue(
        self,
        user: str,
        role: str,
        kyc: str,
        *,
        now_s: int,
        ttl_s: int,
        also: Sequence[str] = (),
        session: str = "",
    ) -> str:
        """A token for this user, good for `ttl_s` seconds from `now_s` (s since 1970).

        Raises:
            ValueError: the house could not accept such a token, or has no secret to sign it.
        """
        if self._signer is None:
            raise ValueError("these tokens are issued by whoever has the private key")
        claims: dict[str, Any] = {
            "sub": user,
            "role": role,
            "kyc": kyc,
            "iat": now_s,
            "exp": now_s + ttl_s,
            "iss": self._issuer,
            "aud": self._audience,
        }
        claims |= {"roles": sorted(also)} if also else {}
        claims |= {"sid": session} if session else {}
        caller = _caller(claims)
        if isinstance(caller, Rejected):
            raise ValueError(caller.message)
        key = self._keys[self._signer]
        return jwt.encode(claims, key.key, algorithm=key.algorithm, headers={"kid": self._signer})

    def _claims(self, token: str) -> dict[str, Any]:
        """What the token says. Raises InvalidTokenError."""
        fault = InvalidTokenError("`kid` names no key of this deployment")
        for key in self._keys_for(token):
            try:
                found: dict[str, Any] = jwt.decode(
                    token,
                    key.key,
                    algorithms=[key.algorithm],
                    audience=self._audience,
                    issuer=self._issuer,
                    leeway=TOKEN_LEEWAY_S,
                    options={"require": ["sub", "role", "exp", "iss", "aud"]},
                )
            except InvalidSignatureError as unsigned:
                fault = unsigned
            else:
                return found
        raise fault

    def _keys_for(self, token: str) -> Sequence[Key]:
        named = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
        return (named,) if named else self._nameless


def shared_secret(secrets: str, *, issuer: str = "outcry", audience: str = "outcry") -> Tokens:
    """HS256. Several secrets are separated by commas: the first signs, all are accepted. One of
    less than 32 bytes works, and PyJWT warns of it (RFC 7518, 3.2).

    Raises:
        ValueError: a secret is empty.
    """
    found = secrets.split(",")
    if not all(found):
        raise ValueError("the secret that signs tokens is empty")
    keys = {_key_id(secret): Key(HS256, secret) for secret in found}
    return Tokens(
        keys,
        nameless=tuple(keys.values()),
        signer=_key_id(found[0]),
        issuer=issuer,
        audience=audience,
    )


def key_set(
    jwks: bytes,
    algorithm: str,
    *,
    own: bytes = b"",
    issuer: str = "outcry",
    audience: str = "outcry",
) -> Tokens:
    """EdDSA or RS256, with the public keys of a JWKS document. `own` signs the tokens of those
    who log in at the house itself; without it there are none.

    Raises:
        ValueError: the algorithm is none of these, or the document holds no key for it.
    """
    if algorithm not in KEY_SET_ALGORITHMS:
        raise ValueError(f"a JWKS goes with one of {', '.join(sorted(KEY_SET_ALGORITHMS))}")
    try:
        found = jwt.PyJWKSet.from_dict(msgspec.json.decode(jwks, type=dict[str, Any]))
    except (msgspec.DecodeError, PyJWKSetError, AttributeError, TypeError) as fault:
        raise ValueError(f"this is no JWKS: {fault}") from fault
    wanted = {str(k.key_id): Key(algorithm, k) for k in found.keys if k.algorithm_name == algorithm}
    if not wanted:
        raise ValueError(f"the JWKS holds no key for {algorithm}")
    outside = tuple(wanted.values())
    if own:
        wanted[OWN_KEY_ID] = Key(HS256, own)
    return Tokens(
        wanted,
        nameless=outside if len(outside) == 1 else (),
        signer=OWN_KEY_ID if own else None,
        issuer=issuer,
        audience=audience,
    )


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
    also, session = claims.get("roles", []), claims.get("sid", "")
    if not isinstance(user, str) or not re.fullmatch(ID_PATTERN, user):
        return _bad("`sub` is no user id: 1-64 letters, digits, '_', '.' or '-'")
    if is_reserved(user):
        return _bad(f"`sub` {user!r} is a name of the house itself")
    if role not in TOKEN_ROLES:
        return _bad(f"`role` must be one of {', '.join(TOKEN_ROLES)}")
    if kyc not in KYC_STATES:
        return _bad(f"`kyc` must be one of {', '.join(KYC_STATES)}")
    if not isinstance(also, list) or not {*map(str, also)} <= {*TOKEN_ROLES}:
        return _bad(f"`roles` must be a list of {', '.join(TOKEN_ROLES)}")
    if not isinstance(session, str):
        return _bad("`sid` must be text")
    actor = Actor(user, role, kyc, frozenset(also), session)
    return Caller(actor, (int(claims["exp"]) + TOKEN_LEEWAY_S) * 1_000)


def _key_id(secret: str) -> str:
    """A name for a secret that does not give it away."""
    return sha256(b"kid:" + secret.encode()).hexdigest()[:12]


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
        case InvalidSignatureError():
            return "its signature is not ours"
    return "it is no JWT that this deployment accepts"


def _bad(what: str) -> Rejected:
    return Rejected(UNAUTHENTICATED, f"token refused: {what}", {"rule": "token"})
