"""Signatures: what fits, what does not, and for how long. The digests are those of OpenSSL."""

import pytest

from gateway.hooks.signatures import Algorithm, plain_fault, sign_timed, timed_fault
from gateway.limits import HOOK_TOLERANCE_MS

BODY = b'{"event":"charge.success","data":{"id":1}}'
SECRET = b"sk_test_key"
SHA256 = "258ed96e60e6fc8c6e6937df4bde0282cec0db37d0ac361233d2a2977f461288"
SHA512 = (
    "9bb926fa9c7206f903fa342f92a45c48798e56268997d22ab0383ac6e3865d57"
    "b413cd3c024892e869257b719934379d81dda425bf42153fbfa03eee4d4969fb"
)
TIMED_BODY = b'{"id": "evt_1"}'
TIMED_SECRET = b"whsec_test"
AT_S = 1_492_774_577
TIMED = "952cd89626c79cd65f12880afd38333422a10b88ff71136627ceb92ccdb0132c"
OTHER = "0" * 64


def timed(header: str, *secrets: bytes, now_ms: int = AT_S * 1_000) -> str:
    """What is wrong with this header on TIMED_BODY."""
    return timed_fault("S", header, TIMED_BODY, secrets or (TIMED_SECRET,), now_ms)


@pytest.mark.parametrize(("algorithm", "digest"), [("sha256", SHA256), ("sha512", SHA512)])
def test_a_plain_signature_fits_its_body_and_secret(algorithm: Algorithm, digest: str) -> None:
    """And no other of either, nor in capitals."""
    assert plain_fault("S", digest, BODY, (SECRET,), algorithm) == ""
    assert plain_fault("S", digest, BODY + b" ", (SECRET,), algorithm)
    assert plain_fault("S", digest, BODY, (b"another",), algorithm)
    assert plain_fault("S", digest.upper(), BODY, (SECRET,), algorithm)
    assert plain_fault("S", digest[:-1], BODY, (SECRET,), algorithm)


def test_an_algorithm_is_not_the_other() -> None:
    """A good digest of the wrong kind is a bad one."""
    assert plain_fault("S", SHA512, BODY, (SECRET,), "sha256")
    assert plain_fault("S", SHA256, BODY, (SECRET,), "sha512")


def test_a_missing_plain_signature_is_named() -> None:
    """What is to be sent, and where."""
    assert plain_fault("X-S", "", BODY, (SECRET,), "sha512").startswith("send X-S: <hex HMAC-SHA5")


def test_letters_beyond_ascii_are_refused_and_not_a_fault_of_ours() -> None:
    """`compare_digest` would raise for text."""
    assert plain_fault("S", "é" * 64, BODY, (SECRET,))
    assert timed(f"t={AT_S},v1={'é' * 64}")


def test_a_timed_signature_fits_its_time_body_and_secret() -> None:
    """And what we sign ourselves is the same."""
    good = f"t={AT_S},v1={TIMED}"
    assert timed(good) == ""
    assert sign_timed(TIMED_BODY, TIMED_SECRET, AT_S) == good
    assert timed(good, b"another")
    assert timed(good.replace(f"t={AT_S}", f"t={AT_S + 1}"))
    assert timed_fault("S", good, TIMED_BODY + b" ", (TIMED_SECRET,), AT_S * 1_000)


@pytest.mark.parametrize(
    ("header", "is_good"),
    [
        (f"t={AT_S},v1={OTHER},v1={TIMED}", True),
        (f"t={AT_S},v1={TIMED},v0={OTHER}", True),
        (f"v1={TIMED}, t={AT_S}", True),
        (f"t={AT_S},v0={TIMED}", False),
        (f"t={AT_S},v1={OTHER},v1={OTHER}", False),
        (f"t={AT_S},v1=", False),
        (f"v1={TIMED}", False),
        (f"t=,v1={TIMED}", False),
        (f"t=-{AT_S},v1={TIMED}", False),
        (f"t=²,v1={TIMED}", False),
        (f"t={'9' * 5_000},v1={TIMED}", False),
        ("", False),
        (",,=,=", False),
    ],
)
def test_the_forms_of_a_timed_header(header: str, is_good: bool) -> None:
    """Several `v1` while a secret is being rolled; other schemes are passed over."""
    assert (timed(header) == "") is is_good


def test_any_of_several_secrets_is_good() -> None:
    """So a secret can be replaced while deliveries with the old one are still under way."""
    assert timed(f"t={AT_S},v1={TIMED}", b"new", TIMED_SECRET) == ""
    assert plain_fault("S", SHA256, BODY, (b"new", SECRET)) == ""
    assert plain_fault("S", SHA256, BODY, ())
    assert timed_fault("S", f"t={AT_S},v1={TIMED}", TIMED_BODY, (), AT_S * 1_000)


def test_the_bounds_of_the_tolerance() -> None:
    """Inclusive on both sides."""
    header = sign_timed(TIMED_BODY, TIMED_SECRET, 1_000)
    for now_ms, is_good in (
        (1_000_000 + HOOK_TOLERANCE_MS, True),
        (1_000_000 - HOOK_TOLERANCE_MS, True),
        (1_000_001 + HOOK_TOLERANCE_MS, False),
        (999_999 - HOOK_TOLERANCE_MS, False),
    ):
        assert (timed(header, now_ms=now_ms) == "") is is_good
