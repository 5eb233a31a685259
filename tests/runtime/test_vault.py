"""The house's keys: the same each time, one for each purpose, and nobody else's."""

import base64
import json

import jwt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from runtime.config import Config, ConfigError
from runtime.tokens import vault_of
from runtime.vault import HouseVault

ROOT = b"a root secret of 32 bytes or more"
CLAIMS = {"file": "f1", "until": 1_700_000_000_000}


@pytest.fixture
def vault() -> HouseVault:
    """A house's keys."""
    return HouseVault(ROOT)


def test_the_same_root_makes_the_same_keys(vault: HouseVault) -> None:
    """What was shown before a restart is shown again after it."""
    again = HouseVault(ROOT)
    assert vault.mac("otp", "u1:1") == again.mac("otp", "u1:1")
    assert vault.sign("scan", b"x") == again.sign("scan", b"x")
    assert vault.public_key("scan") == again.public_key("scan")
    assert again.unseal("link", vault.seal("link", CLAIMS)) == CLAIMS


def test_the_key_of_another_is_its_own(vault: HouseVault) -> None:
    """A signature is its key's, over these very bytes; what is no key has signed nothing."""
    other = HouseVault(ROOT[::-1])
    key, signature = other.public_key("scan"), other.sign("scan", b"x")
    assert vault.is_signed_with(key, b"x", signature)
    assert not vault.is_signed_with(vault.public_key("scan"), b"x", signature)
    assert not vault.is_signed_with(key, b"y", signature)
    assert not vault.is_signed_with(key, b"x", signature[:-1])
    assert not vault.is_signed_with(key[:-1], b"x", signature)
    assert not vault.is_signed_with(b"", b"x", b"")


def test_another_root_makes_other_keys(vault: HouseVault) -> None:
    """Who copies the log, and not the secret, can make nothing of it."""
    other = HouseVault(ROOT[::-1])
    assert vault.mac("otp", "u1:1") != other.mac("otp", "u1:1")
    assert not other.is_signed("scan", b"x", vault.sign("scan", b"x"))
    assert other.unseal("link", vault.seal("link", CLAIMS)) is None


def test_purposes_know_nothing_of_each_other(vault: HouseVault) -> None:
    """A token for one thing opens no other, and a code is of one kind."""
    assert vault.mac("otp", "1") != vault.mac("delivery-code", "1")
    assert vault.public_key("scan") != vault.public_key("device")
    assert not vault.is_signed("device", b"x", vault.sign("scan", b"x"))
    assert vault.unseal("refresh", vault.seal("link", CLAIMS)) is None


def test_a_mac_has_32_bytes_and_says_what_it_is_of(vault: HouseVault) -> None:
    """Codes are cut from it; every character counts."""
    made = {vault.mac("otp", text) for text in ("", "1", "11", "1:1", "ß")}
    assert {len(mac) for mac in made} == {32}
    assert len(made) == 5


def test_anybody_can_check_a_signature_offline(vault: HouseVault) -> None:
    """With the public key alone, by any Ed25519."""
    signature = vault.sign("scan", b"parcel 1")
    key = Ed25519PublicKey.from_public_bytes(vault.public_key("scan"))
    key.verify(signature, b"parcel 1")
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"parcel 2")
    assert len(signature) == 64
    assert vault.is_signed("scan", b"parcel 1", signature)
    assert not vault.is_signed("scan", b"parcel 2", signature)
    assert not vault.is_signed("scan", b"parcel 1", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not vault.is_signed("scan", b"parcel 1", b"")


def _part(of: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(of).encode()).decode().rstrip("=")


def test_what_is_no_token_of_ours_is_nothing(vault: HouseVault) -> None:
    """Tampered with, unsigned, of another algorithm, with another key, or no token at all."""
    head, body, mac = vault.seal("link", CLAIMS).split(".")
    more = _part(CLAIMS | {"until": 9_999_999_999_999})
    link_key = vault._key("link")
    for forged in (
        f"{head}.{more}.{mac}",
        f"{head}.{body}.{mac[:-2]}{'AA' if mac[-2:] != 'AA' else 'BB'}",
        f"{_part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{_part({'alg': 'none', 'typ': 'JWT'})}.{body}.{mac}",
        jwt.encode(CLAIMS, link_key + bytes(32), algorithm="HS512"),
        jwt.encode(CLAIMS, vault.public_key("link"), algorithm="HS256"),
        jwt.encode(CLAIMS, ROOT, algorithm="HS256"),
        "a.b.c",
        "",
        "ß",
        f"{head}.{body}",
    ):
        assert vault.unseal("link", forged) is None, forged


def test_time_is_for_the_rule_to_look_at(vault: HouseVault) -> None:
    """The house has its own time, which the wall's clock knows nothing of."""
    claims = {"exp": 1, "nbf": 99_999_999_999, "iat": 99_999_999_999, "aud": "x"}
    assert vault.unseal("link", vault.seal("link", claims)) == claims


def test_the_root_is_made_once_and_kept(tmp_path: object) -> None:
    """Without a setting it stands in the data folder; a setting goes before it."""
    config = Config(data=str(tmp_path))
    made = vault_of(config).mac("otp", "1")
    assert vault_of(config).mac("otp", "1") == made
    given = Config(data=str(tmp_path), vault_secret="x" * 32)
    assert vault_of(given).mac("otp", "1") == HouseVault(b"x" * 32).mac("otp", "1") != made


def test_a_short_root_is_refused(tmp_path: object) -> None:
    """What can be guessed is no secret; and the error does not show it."""
    with pytest.raises(ConfigError, match="--vault-secret") as raised:
        vault_of(Config(data=str(tmp_path), vault_secret="hush"))
    assert "hush" not in str(raised.value)
