"""Tokens that are not good: refused in the handshake, with `auth` and over HTTP alike."""

import base64
import hmac
import json
import time
from hashlib import sha256
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.e2e.bad_input.siege import AUCTION, Siege
from tests.e2e.bad_input.wire import (
    ask,
    assert_closed,
    assert_open,
    bearer,
    hear,
    http,
    peer,
    request,
    upgraded,
)

pytestmark = pytest.mark.asyncio(loop_scope="package")

CLAIMS = {"sub": "ann", "role": "user", "kyc": "approved", "iss": "outcry", "aud": "outcry"}
HS256 = {"alg": "HS256", "typ": "JWT"}
ASK = b'{"id":"1","type":"ledger.statement","currency":"USD"}'
"""Needs a token, and changes nothing."""


def part(value: Any) -> str:
    """One of the three parts of a token."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def made(secret: bytes, claims: Any, header: Any = HS256) -> str:
    """A token under our own signature, whatever it says."""
    body = f"{part(header)}.{part(claims)}"
    return f"{body}.{part(hmac.new(secret, body.encode(), sha256).digest())}"


def secret_of(siege: Siege) -> bytes:
    return (siege.place.data / "jwt_secret").read_bytes().strip()


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with some changed, or taken away (None)."""
    given = CLAIMS | {"exp": int(time.time()) + 60} | changes
    return {name: value for name, value in given.items() if value is not None}


def written(exp: str) -> bytes:
    """Good claims but for `exp`, of which no encoder would make this."""
    return json.dumps(CLAIMS).encode()[:-1] + f',"exp":{exp}}}'.encode()


def good(**changes: Any) -> Any:
    return lambda secret: made(secret, claims(**changes))


def other_algorithm(algorithm: str) -> Any:
    return lambda secret: jwt.encode(claims(), secret * 2, algorithm)


def unsigned(name: str) -> Any:
    return lambda _: f"{part({'alg': name, 'typ': 'JWT'})}.{part(claims())}."


def own_key(_: bytes) -> str:
    """Signed with a key that the token brings along."""
    key = Ed25519PrivateKey.generate()
    return jwt.encode(claims(), key, "EdDSA", headers={"jwk": {"kty": "OKP"}})


def tampered(secret: bytes) -> str:
    """The signature is of other claims."""
    first, _, signature = made(secret, claims()).split(".")
    return f"{first}.{part(claims(role='admin'))}.{signature}"


BAD = {
    "expired": good(exp=int(time.time()) - 60),
    "not yet valid": good(nbf=int(time.time()) + 600),
    "without exp": good(exp=None),
    "exp is a word": good(exp="tomorrow"),
    "exp is null": lambda secret: made(secret, claims() | {"exp": None}),
    "exp is a list": good(exp=[1]),
    "exp is infinite": lambda s: made(
        s, json.dumps(claims()).replace("60", "60").encode()[:-1] + b',"exp":1e999}'
    ),
    "exp is endless": lambda s: made(
        s, json.dumps(claims()).encode()[:-1] + b',"exp":' + b"9" * 5_000 + b"}"
    ),
    "unsigned": unsigned("none"),
    "unsigned, None": unsigned("None"),
    "signature cut off": lambda secret: made(secret, claims()).rpartition(".")[0] + ".",
    "another key": lambda _: made(b"another secret of thirty-two bytes", claims()),
    "empty key": lambda _: made(b"", claims()),
    "HS384": other_algorithm("HS384"),
    "HS512": other_algorithm("HS512"),
    "EdDSA with a key of its own": own_key,
    "alg in lower case": lambda secret: made(secret, claims(), {"alg": "hs256"}),
    "alg missing": lambda secret: made(secret, claims(), {"typ": "JWT"}),
    "alg is a list": lambda secret: made(secret, claims(), {"alg": ["HS256"]}),
    "critical extension": lambda secret: made(secret, claims(), HS256 | {"crit": ["b64"]}),
    "tampered": tampered,
    "another issuer": good(iss="evil"),
    "without iss": good(iss=None),
    "another audience": good(aud="elsewhere"),
    "without aud": good(aud=None),
    "without sub": good(sub=None),
    "sub is a number": good(sub=7),
    "sub is a list": good(sub=["ann"]),
    "sub is empty": good(sub=""),
    "sub is too long": good(sub="x" * 65),
    "sub with NUL": good(sub="a\0"),
    "sub with a line feed": good(sub="ann\n"),
    "sub with a colon": good(sub="user:ann"),
    "sub is an emoji": good(sub="😀"),
    "sub is the house": good(sub="house"),
    "sub is the platform": good(sub="PLATFORM"),
    "sub is a webhook": good(sub="hook-sandbox"),
    "without role": good(role=None),
    "role guest": good(role="guest"),
    "role unknown": good(role="root"),
    "role is a list": good(role=["admin"]),
    "kyc unknown": good(kyc="perhaps"),
    "kyc is a number": good(kyc=1),
    "claims are a list": lambda secret: made(secret, ["sub", "ann"]),
    "claims are no JSON": lambda secret: made(secret, b"{sub:ann}"),
    "claims are no UTF-8": lambda secret: made(secret, b'{"sub":"\xff"}'),
    "header is deep": lambda secret: made(secret, claims(), b"[" * 5_000),
    "header is no object": lambda secret: made(secret, claims(), 7),
    "two parts": lambda secret: made(secret, claims()).rpartition(".")[0],
    "four parts": lambda secret: made(secret, claims()) + ".e30",
    "dots": lambda _: "..",
    "a word": lambda _: "hello",
    "no base64": lambda _: "!!!.???.###",
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
async def test_a_bad_token_is_refused_at_every_door(siege: Siege, make: Any) -> None:
    """The handshake and `auth` end with 4001, HTTP with 401; nothing of the token is quoted."""
    token: str = make(secret_of(siege))
    async with upgraded(siege.port, *bearer(token)) as client:
        await assert_closed(client, 4001)
    async with peer(siege) as client:
        reply = await ask(client, msgspec.json.encode({"id": "1", "type": "auth", "token": token}))
        assert (reply["code"], reply["id"]) == ("UNAUTHENTICATED", "1")
        assert token not in reply["message"] or len(token) < 6
        await assert_closed(client, 4001)
    answer = await http(siege, request("POST", "/v1/commands", *bearer(token), body=ASK))
    assert (answer.status, answer.reply["code"]) == (401, "UNAUTHENTICATED")
    assert "www-authenticate: Bearer" in answer.head


HEADERS = {
    "no token": ("Authorization: Bearer",),
    "only spaces": ("Authorization: Bearer   ",),
    "another scheme": ("Authorization: Basic YW5uOmFubg==",),
    "empty": ("Authorization: ",),
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
async def test_a_header_that_holds_no_token_is_a_bad_token(
    siege: Siege, headers: tuple[str, ...]
) -> None:
    """Whoever sends the header wants to be somebody, and must not pass as a guest."""
    async with upgraded(siege.port, *headers) as client:
        await assert_closed(client, 4001)
    answer = await http(siege, request("GET", f"/v1/rooms/auction:{AUCTION}", *headers))
    assert (answer.status, answer.reply["code"]) == (401, "UNAUTHENTICATED")


async def test_two_tokens_are_none(siege: Siege) -> None:
    """Also if both are good: nobody can tell which was meant."""
    twice = bearer(siege.server.token("ann")) * 2
    async with upgraded(siege.port, *twice) as client:
        await assert_closed(client, 4001)
    answer = await http(siege, request("POST", "/v1/commands", *twice, body=ASK))
    assert answer.status == 401


async def test_a_token_in_the_address_is_not_looked_at(siege: Siege) -> None:
    """Addresses end up in logs: such a client is a guest."""
    token = siege.server.token("ann")
    answer = await http(siege, request("POST", f"/v1/commands?token={token}", body=ASK))
    assert (answer.status, answer.reply["code"]) == (401, "UNAUTHENTICATED")


async def test_a_token_that_is_too_long_is_malformed(siege: Siege) -> None:
    """The field has a bound, and the connection goes on."""
    async with peer(siege) as client:
        frame = {"id": "1", "type": "auth", "token": "x" * 8_193}
        reply = await ask(client, msgspec.json.encode(frame))
        assert (reply["code"], reply["details"]["field"]) == ("MALFORMED", "token")
        await assert_open(client)


async def test_a_token_that_runs_out_ends_what_its_owner_may_do(siege: Siege) -> None:
    """On a connection that stays open: commands are refused until there is a new token."""
    secret = secret_of(siege)
    # Good for a moment only because of the leeway of five seconds.
    token = made(secret, claims(exp=int(time.time()) - 3))
    async with upgraded(siege.port, *bearer(token)) as client:
        assert (await hear(client))["user"] == "ann"
        while (reply := await ask(client, ASK))["type"] == "ok":
            await siege.assert_well()
        assert (reply["code"], reply["details"]["rule"]) == ("UNAUTHENTICATED", "token")
        fresh = msgspec.json.encode({"id": "2", "type": "auth", "token": made(secret, claims())})
        assert (await ask(client, fresh))["type"] == "ok"
        assert (await ask(client, ASK))["type"] == "ok"
