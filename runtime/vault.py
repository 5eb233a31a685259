"""The house's keys (`contract.Vault`): one root secret, and a key of its own for each purpose.

Nothing that the vault makes is stored. Whoever has the root secret can make all of it again, so
the secret is worth as much as the log, and must outlive restarts.
"""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.contract import Vault

ALGORITHM = "HS256"
PURPOSES_MAX = 64
ROOT_BYTES_MIN = 32


class HouseVault(Vault):
    """Keys derived from `root` by purpose."""

    def __init__(self, root: bytes) -> None:
        assert len(root) >= ROOT_BYTES_MIN, "a root secret is long enough not to be guessed"
        self._root = root
        # Making a key costs more than using it, and there are few purposes.
        self._key = lru_cache(PURPOSES_MAX)(self._derive)
        self._signer = lru_cache(PURPOSES_MAX)(self._derive_signer)

    def mac(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._key(purpose), text.encode(), "sha256")

    def sign(self, purpose: str, data: bytes) -> bytes:
        return self._signer(purpose).sign(data)

    def is_signed(self, purpose: str, data: bytes, signature: bytes) -> bool:
        try:
            self._signer(purpose).public_key().verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def public_key(self, purpose: str) -> bytes:
        return self._signer(purpose).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def is_signed_with(self, public_key: bytes, data: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def seal(self, purpose: str, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), self._key(purpose), algorithm=ALGORITHM)

    def unseal(self, purpose: str, token: str) -> dict[str, Any] | None:
        # Expiry is a matter of engine time, which only the rule knows.
        options: Any = {"verify_signature": True, "verify_exp": False, "verify_iat": False}
        options |= {"verify_aud": False, "verify_nbf": False}
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._key(purpose), algorithms=[ALGORITHM], options=options
            )
        except jwt.InvalidTokenError:
            return None
        return claims

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._root, b"key:" + purpose.encode(), sha256)

    def _derive_signer(self, purpose: str) -> Ed25519PrivateKey:
        seed = hmac.digest(self._root, b"signing-key:" + purpose.encode(), sha256)
        return Ed25519PrivateKey.from_private_bytes(seed)
