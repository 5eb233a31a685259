"""Tokens: whom the house believes, and whom not."""

import base64
import hmac
import time
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from engine.kernel.actor import Actor
from engine.kernel.outcome import UNAUTHENTICATED, Rejected
from gateway.limits import TOKEN_CHARACTERS_MAX, TOKEN_LEEWAY_S
from gateway.tokens import TOKEN_ROLES, Caller, bearer, key_set, shared_secret

SECRET = "a secret of at least thirty-two bytes"


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, but for these; None leaves one out."""
    good = {
        "sub": "u1",
        "role": "user",
        "kyc": "approved",
        "exp": int(time.time()) + 60,
        "iss": "outcry",
        "aud": "outcry",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(payload: dict[str, Any], secret: str = SECRET, **options: Any) -> str:
    return jwt.encode(payload, secret, **{"algorithm": "HS256", **options})


def refusal(token: str) -> str:
    """Why a token is refused."""
    answer = shared_secret(SECRET).verify(token)
    assert isinstance(answer, Rejected), answer
    assert answer.code == UNAUTHENTICATED
    assert answer.message.startswith("token refused: ")
    return answer.message.removeprefix("token refused: ")


def test_a_good_token_names_the_caller() -> None:
    """User, role, KYC, and until when it is good."""
    payload = claims()
    caller = shared_secret(SECRET).verify(signed(payload))
    expires_at = (payload["exp"] + TOKEN_LEEWAY_S) * 1_000
    assert caller == Caller(Actor("u1", "user", "approved"), expires_at)


def test_what_is_issued_is_accepted() -> None:
    """With the same secret, issuer and audience."""
    tokens = shared_secret(SECRET, issuer="me", audience="you")
    token = tokens.issue("u1", "dealer", "pending", now_s=int(time.time()), ttl_s=60)
    caller = tokens.verify(token)
    assert isinstance(caller, Caller)
    assert caller.actor == Actor("u1", "dealer", "pending")
    assert "issuer" in refusal(token) or "audience" in refusal(token)


@pytest.mark.parametrize("role", TOKEN_ROLES)
def test_every_role_but_guest_can_be_carried(role: str) -> None:
    """The house's own services too."""
    caller = shared_secret(SECRET).verify(signed(claims(role=role)))
    assert isinstance(caller, Caller)
    assert caller.actor.role == role


def test_kyc_may_be_left_out() -> None:
    """Then there is none."""
    caller = shared_secret(SECRET).verify(signed(claims(kyc=None)))
    assert isinstance(caller, Caller)
    assert caller.actor.kyc == "none"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"nbf": 2**40}, "not valid yet"),
        ({"aud": "others"}, "`aud`"),
        ({"iss": "others"}, "`iss`"),
        ({"sub": None}, "`sub` is missing"),
        ({"role": None}, "`role` is missing"),
        ({"exp": None}, "`exp` is missing"),
        ({"iss": None}, "`iss` is missing"),
        ({"aud": None}, "`aud` is missing"),
        ({"sub": "house"}, "the house itself"),
        ({"sub": "PLATFORM"}, "the house itself"),
        ({"sub": "hook-sandbox"}, "the house itself"),
        ({"sub": ""}, "no user id"),
        ({"sub": "u 1"}, "no user id"),
        ({"sub": "u1\n"}, "no user id"),
        ({"sub": "u" * 65}, "no user id"),
        ({"role": "guest"}, "`role` must be"),
        ({"role": "king"}, "`role` must be"),
        ({"role": ["admin"]}, "`role` must be"),
        ({"kyc": "perhaps"}, "`kyc` must be"),
        ({"kyc": True}, "`kyc` must be"),
    ],
)
def test_claims_that_are_refused(changes: dict[str, Any], reason: str) -> None:
    """Each with a reason that names the claim."""
    assert reason in refusal(signed(claims(**changes)))


def test_leeway_is_small() -> None:
    """Clocks may differ by seconds, not by a minute."""
    tokens = shared_secret(SECRET)
    now_s = int(time.time())
    assert isinstance(tokens.verify(signed(claims(exp=now_s - 1))), Caller)
    assert isinstance(tokens.verify(signed(claims(exp=now_s - 60))), Rejected)


def test_a_token_without_signature_is_refused() -> None:
    """`alg: none`, in whatever spelling, with or without the old signature."""
    head, body, signature = signed(claims()).split(".")
    for algorithm in ("none", "None", "NONE"):
        header = msgspec.json.encode({"alg": algorithm, "typ": "JWT"})
        head = base64.urlsafe_b64encode(header).rstrip(b"=").decode()
        for ending in ("", signature):
            assert "`alg`" in refusal(f"{head}.{body}.{ending}")


def test_a_token_of_another_key_or_algorithm_is_refused() -> None:
    """Also with the same secret under another algorithm."""
    assert "signature" in refusal(signed(claims(), "another secret of enough bytes for it"))
    assert "`alg`" in refusal(signed(claims(), SECRET * 2, algorithm="HS512"))


def test_a_changed_token_is_refused() -> None:
    """A user cannot promote themselves."""
    head, _, signature = signed(claims()).split(".")
    body = base64.urlsafe_b64encode(msgspec.json.encode(claims(role="admin"))).rstrip(b"=")
    assert "signature" in refusal(f"{head}.{body.decode()}.{signature}")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "é.é.é",
        "....",
        base64.urlsafe_b64encode(b"[" * 6_000).decode() + ".e30.e30",
        base64.urlsafe_b64encode(b'{"alg":["HS256"]}').decode() + ".e30.x",
    ],
    ids=["empty", "word", "letters", "accents", "dots", "brackets", "list"],
)
def test_rubbish_is_refused(token: str) -> None:
    """Without a trace of the parser's own words."""
    assert refusal(token) in (
        "it is no JWT that this deployment accepts",
        "`alg` is not this deployment's algorithm",
    )


def test_a_token_that_is_too_long_is_not_looked_at() -> None:
    """However good it is."""
    assert refusal(signed(claims(more="x" * TOKEN_CHARACTERS_MAX))) == "it is too long"


def test_an_expiry_beyond_all_numbers_is_refused() -> None:
    """JSON as Python reads it knows infinity."""
    assert refusal(signed(claims(exp=float("inf"))))


def ed25519() -> tuple[Ed25519PrivateKey, dict[str, Any]]:
    """A key, and its public half as a JWK."""
    key = Ed25519PrivateKey.generate()
    return key, OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)


def rsa() -> tuple[RSAPrivateKey, dict[str, Any]]:
    """A key, and its public half as a JWK."""
    key = generate_private_key(65_537, 2_048)
    return key, RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


def test_a_key_set_accepts_what_its_keys_signed() -> None:
    """By `kid`; without one, if there is only one key."""
    first, first_jwk = ed25519()
    second, second_jwk = ed25519()
    jwks = {"keys": [first_jwk | {"kid": "1"}, second_jwk | {"kid": "2"}]}
    tokens = key_set(msgspec.json.encode(jwks), "EdDSA")

    def verify(key: Ed25519PrivateKey, kid: str | None) -> Caller | Rejected:
        headers = {"kid": kid} if kid else None
        token = jwt.encode(claims(), key, algorithm="EdDSA", headers=headers)
        return tokens.verify(token)

    assert isinstance(verify(first, "1"), Caller)
    assert isinstance(verify(second, "2"), Caller)
    assert isinstance(verify(first, "2"), Rejected)
    assert isinstance(verify(first, "3"), Rejected)
    assert isinstance(verify(first, None), Rejected)
    alone = key_set(msgspec.json.encode({"keys": [first_jwk]}), "EdDSA")
    assert isinstance(alone.verify(jwt.encode(claims(), first, algorithm="EdDSA")), Caller)


def test_a_public_key_is_no_shared_secret() -> None:
    """A token signed by HS256 with the public key as its secret gets nobody in."""
    key, jwk = rsa()
    tokens = key_set(msgspec.json.encode({"keys": [jwk]}), "RS256")
    assert isinstance(tokens.verify(jwt.encode(claims(), key, algorithm="RS256")), Caller)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # The library refuses to sign with such a secret; whoever attacks has their own.
    parts = [_base64(msgspec.json.encode(part)) for part in ({"alg": "HS256"}, claims())]
    signature = hmac.new(public, ".".join(parts).encode(), "sha256").digest()
    forged = ".".join([*parts, _base64(signature)])
    assert isinstance(tokens.verify(forged), Rejected)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_key_set_takes_only_its_own_algorithm() -> None:
    """Keys of another kind are passed over, and a set without any of the right kind is none."""
    _, ed = ed25519()
    private, rsa_jwk = rsa()
    both = msgspec.json.encode({"keys": [ed | {"kid": "1"}, rsa_jwk | {"kid": "2"}]})
    tokens = key_set(both, "EdDSA")
    foreign = jwt.encode(claims(), private, algorithm="RS256", headers={"kid": "2"})
    assert isinstance(tokens.verify(foreign), Rejected)
    with pytest.raises(ValueError, match="no key for RS256"):
        key_set(msgspec.json.encode({"keys": [ed]}), "RS256")


@pytest.mark.parametrize("jwks", [b"", b"[]", b"{}", b'{"keys":[]}', b'{"keys":[{"kty":"x"}]}'])
def test_what_is_no_key_set(jwks: bytes) -> None:
    """The deployment is told at the start."""
    with pytest.raises(ValueError, match="JWKS"):
        key_set(jwks, "EdDSA")


def test_only_a_shared_secret_can_issue() -> None:
    """And only what the house would take back; an empty secret is none at all."""
    _, jwk = ed25519()
    tokens = key_set(msgspec.json.encode({"keys": [jwk]}), "EdDSA")
    with pytest.raises(ValueError, match="private key"):
        tokens.issue("u1", "user", "none", now_s=0, ttl_s=60)
    with pytest.raises(ValueError, match="the house itself"):
        shared_secret(SECRET).issue("house", "user", "none", now_s=0, ttl_s=60)
    with pytest.raises(ValueError, match="`role` must be"):
        shared_secret(SECRET).issue("u1", "guest", "none", now_s=0, ttl_s=60)
    with pytest.raises(ValueError, match="empty"):
        shared_secret("")
    with pytest.raises(ValueError, match="EdDSA, RS256"):
        key_set(b"{}", "HS256")


@pytest.mark.parametrize(
    ("headers", "token"),
    [([], None), (["Bearer abc"], "abc"), (["bearer  abc "], "abc")],
)
def test_the_header(headers: list[str], token: str | None) -> None:
    """The scheme's case does not matter."""
    assert bearer(headers) == token


@pytest.mark.parametrize("headers", [["abc"], ["Basic abc"], ["Bearer"], ["Bearer a", "Bearer b"]])
def test_headers_that_are_refused(headers: list[str]) -> None:
    """Rather than taken for those of a guest."""
    assert isinstance(bearer(headers), Rejected)


def test_a_secret_can_be_replaced() -> None:
    """The new one signs, and tokens of the old one are good until they expire."""
    old, new = SECRET, "another secret of thirty-two bytes!"
    before = shared_secret(old).issue("u1", "user", "none", now_s=int(time.time()), ttl_s=60)
    both = shared_secret(f"{new},{old}")
    assert isinstance(both.verify(before), Caller)
    assert isinstance(both.verify(signed(claims(), old)), Caller)
    after = both.issue("u1", "user", "none", now_s=int(time.time()), ttl_s=60)
    assert isinstance(shared_secret(new).verify(after), Caller)
    assert isinstance(shared_secret(old).verify(after), Rejected)


def test_a_session_and_further_roles_ride_in_the_token() -> None:
    """`sid` and `roles`; a role that nobody has is refused."""
    tokens = shared_secret(SECRET)
    now_s = int(time.time())
    token = tokens.issue(
        "u1", "user", "none", now_s=now_s, ttl_s=60, also=("driver",), session="s1"
    )
    caller = tokens.verify(token)
    assert isinstance(caller, Caller)
    assert caller.actor == Actor("u1", "user", "none", frozenset({"driver"}), "s1")
    assert "`roles`" in refusal(signed(claims(roles=["emperor"])))
    assert "`roles`" in refusal(signed(claims(roles="admin")))
    assert "`sid`" in refusal(signed(claims(sid=7)))


def test_a_token_that_was_verified_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its signature need not be checked again, its time must."""
    tokens = shared_secret(SECRET)
    token = signed(claims())
    asked = 0
    decode = jwt.decode

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        return decode(*arguments, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    for _ in range(3):
        assert isinstance(tokens.verify(token), Caller)
    assert asked == 1
    later = time.time() + 120
    monkeypatch.setattr(time, "time", lambda: later)
    tokens.verify(token)
    assert asked == 2


def test_the_house_logs_people_in_beside_an_outside_issuer() -> None:
    """With a key of its own, which no outside token can name to get round the key set."""
    outside = Ed25519PrivateKey.generate()
    public = OKPAlgorithm.to_jwk(outside.public_key(), as_dict=True) | {"kid": "k1", "alg": "EdDSA"}
    jwks = msgspec.json.encode({"keys": [public]})
    tokens = key_set(jwks, "EdDSA", own=b"the house's own thirty-two bytes")
    token = tokens.issue("u1", "user", "none", now_s=int(time.time()), ttl_s=60)
    assert isinstance(tokens.verify(token), Caller)
    assert isinstance(key_set(jwks, "EdDSA").verify(token), Rejected)
    theirs = jwt.encode(claims(), outside, algorithm="EdDSA", headers={"kid": "k1"})
    assert isinstance(tokens.verify(theirs), Caller)
    forged = jwt.encode(claims(), outside, algorithm="EdDSA", headers={"kid": "house"})
    assert isinstance(tokens.verify(forged), Rejected)
