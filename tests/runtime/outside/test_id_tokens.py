"""ID tokens: of a provider that is configured, for us, fresh, signed; or nobody is believed."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.outside import CheckIdToken, IdTokenChecked
from runtime.config import Config
from runtime.outside.http_out import HttpOut
from runtime.outside.id_tokens import KEYS_AGAIN_S, KEYS_GOOD_S, IdTokens, Issuer, id_tokens_of
from tests.runtime.outside.small_servers import provider

KEY = rsa.generate_private_key(65_537, 2_048)
OTHER = rsa.generate_private_key(65_537, 2_048)
CURVE = ec.generate_private_key(ec.SECP256R1())
GOOGLE = "https://accounts.google.com"
OURS = "ours.apps.example"


def jwks(**keys: Any) -> bytes:
    """What a provider publishes."""
    listed = []
    for name, key in keys.items():
        of = jwt.algorithms.RSAAlgorithm if key is not CURVE else jwt.algorithms.ECAlgorithm
        told = json.loads(of.to_jwk(key.public_key()))
        listed.append(told | {"kid": name, "use": "sig"})
    return json.dumps({"keys": listed}).encode()


def token(key: Any = KEY, kid: str | None = "k1", algorithm: str = "RS256", **claims: Any) -> str:
    """A good one, but for what is given; None leaves a claim out."""
    now = int(time.time())
    usual = {"iss": GOOGLE, "aud": OURS, "sub": "s1", "iat": now, "exp": now + 600}
    told = usual | {"email": "ann@example.org", "email_verified": True} | claims
    left = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(left, key, algorithm, headers={"kid": kid} if kid else None)


@pytest.fixture
def checker(tmp_path: Path) -> IdTokens:
    """Google's keys in a file; nobody else is configured."""
    path = tmp_path / "google.json"
    path.write_bytes(jwks(k1=KEY, k2=CURVE))
    return id_tokens_of(Config(google_audience=f"other, {OURS}", google_jwks=str(path)), HttpOut())


async def _ask(checker: IdTokens, said: str, provider: str = "google") -> Any:
    return await checker.check(CheckIdToken(provider, said))


async def test_a_good_token_says_who_it_is(checker: IdTokens) -> None:
    """By RSA and by elliptic curve; Apple's spelling of true too."""
    ann = IdTokenChecked("s1", "ann@example.org", True)
    assert await _ask(checker, token()) == ann
    assert await _ask(checker, token(CURVE, "k2", "ES256")) == ann
    assert await _ask(checker, token(email_verified="true")) == ann
    assert await _ask(checker, token(email=None)) == IdTokenChecked("s1", "", True)
    for unverified in (False, "false", None, 1.5):
        found = await _ask(checker, token(email_verified=unverified))
        assert not found.email_verified


async def test_whatever_is_wrong_with_it_nobody_is_believed(checker: IdTokens) -> None:
    """Another audience, issuer or key; old; of tomorrow; unsigned; no token at all."""
    now = int(time.time())
    for bad in (
        token(aud="theirs"),
        token(aud=None),
        token(iss="https://evil.test"),
        token(iss=None),
        token(sub=None),
        token(exp=now - 60),
        token(exp=None),
        token(iat=now + 600),
        token(OTHER),
        token(kid="k9"),
        token(kid=None),
        token(kid="k2"),
        jwt.encode({"sub": "s1"}, b"k" * 32, "HS256", headers={"kid": "k1"}),
        jwt.encode({"sub": "s1", "aud": OURS, "iss": GOOGLE}, None, "none", headers={"kid": "k1"}),
        token() + "x",
        "a.b.c",
        "",
        "x" * 100_000,
    ):
        assert await _ask(checker, bad) is None, bad[:200]


async def test_who_is_not_configured_is_not_believed(checker: IdTokens) -> None:
    """Without an audience of ours any application's token would open our accounts."""
    assert await _ask(checker, token(iss="https://appleid.apple.com"), "apple") is None
    assert await _ask(checker, token(), "facebook") is None
    nobody = id_tokens_of(Config(google_audience=" , "), HttpOut())
    assert await _ask(nobody, token()) is None


class Clock:
    """Seconds, in the hands of the test."""

    now_s = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now_s


async def test_keys_are_fetched_once_and_again_when_they_change() -> None:
    """A provider changes its keys without a word: an unknown one is looked for, but not by every
    forger's token."""
    http, clock = HttpOut(), Clock()
    async with provider(lambda _: (200, jwks(k1=KEY))) as google:
        issuer = Issuer((GOOGLE,), (OURS,), google.url)
        checker = IdTokens({"google": issuer}, http, clock)
        for _ in range(3):
            assert await _ask(checker, token())
        assert len(google.asked) == 1
        google.answer = lambda _: (200, jwks(k3=OTHER))
        assert await _ask(checker, token(OTHER, "k3")) is None
        clock.now_s += KEYS_AGAIN_S
        assert await _ask(checker, token(OTHER, "k3"))
        assert await _ask(checker, token()) is None
        assert len(google.asked) == 2
        clock.now_s += KEYS_GOOD_S
        google.answer = lambda _: (500, b"")
        assert await _ask(checker, token(OTHER, "k3")), "what is known goes on being good"
        assert len(google.asked) == 3
    http.close()


@pytest.mark.parametrize("answer", [(500, b""), (200, b"{"), (200, b'{"keys":[]}'), (200, b"[]")])
async def test_without_keys_people_are_told_to_wait(answer: tuple[int, bytes]) -> None:
    """It is not their token that is wrong."""
    http, clock = HttpOut(), Clock()
    async with provider(lambda _: answer) as google:
        checker = IdTokens({"google": Issuer((GOOGLE,), (OURS,), google.url)}, http, clock)
        for _ in range(3):
            found = await _ask(checker, token())
            assert isinstance(found, Rejected)
            assert found.code == UNAVAILABLE
        assert len(google.asked) == 1
        google.answer = lambda _: (200, jwks(k1=KEY))
        clock.now_s += KEYS_AGAIN_S
        assert await _ask(checker, token())
    http.close()
