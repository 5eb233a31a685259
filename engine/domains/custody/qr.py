"""Codes that are shown and scanned: made anew each time, and stored nowhere (custody Q1, Q2, X2).

A token is `{qr_id}~{version}~{slot}~{secret}~{signature}`. The secret is the same for a version;
slot and signature change every minute, so that a picture of a code soon goes stale. Whoever has the
public key can check a token without a network, and learns of it only the code's id.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import sha256
from hmac import compare_digest
from re import fullmatch

from msgspec import Struct

from engine.contract import Vault
from engine.domains.custody.terms import Device
from engine.kernel.ids import ID_LETTERS
from engine.kernel.time import Millis

PURPOSE = "qr"
CODE_PURPOSE = "delivery-code"
SECRET_BYTES = 24
"""192 random bits; Q2 asks for 128."""
MARK = "~"
QR_MARK = ".q"


class Parsed(Struct, frozen=True):
    """A token taken apart; nothing is known of its truth yet."""

    qr_id: str
    version: int
    slot: int
    secret: str
    signed: bytes
    signature: bytes


def qr_id_of(shipment: str, number: int) -> str:
    """The id of a shipment's code."""
    return f"{shipment}{QR_MARK}{number}"


def shipment_of(token: str) -> str:
    """The shipment that a token speaks of; `unknown` if it speaks of none."""
    found = token.partition(MARK)[0].rpartition(QR_MARK)[0]
    return found if fullmatch(ID_LETTERS, found) else "unknown"


def secret_of(vault: Vault, qr_id: str, version: int) -> str:
    """What only the house can make, and the holder of the token knows."""
    return _text(vault.mac(PURPOSE, f"{qr_id}:{version}")[:SECRET_BYTES])


def hash_of(secret: str) -> str:
    """What of a secret may stand in the log."""
    return sha256(secret.encode()).hexdigest()


def token_for(vault: Vault, qr_id: str, version: int, slot: int) -> str:
    """The token to show in this slot."""
    signed = MARK.join((qr_id, str(version), str(slot), secret_of(vault, qr_id, version)))
    return f"{signed}{MARK}{_text(vault.sign(PURPOSE, signed.encode()))}"


def parse(token: str) -> Parsed | None:
    """The token's parts, or None if it is no token."""
    signed, _, signature = token.rpartition(MARK)
    parts = signed.split(MARK)
    if not token.isascii() or len(parts) != 4:
        return None
    if not parts[1].isdecimal() or not parts[2].isdecimal():
        return None
    try:
        raw = urlsafe_b64decode(signature + "==")
    except Error:
        return None
    return Parsed(parts[0], int(parts[1]), int(parts[2]), parts[3], signed.encode(), raw)


def is_genuine(vault: Vault, token: Parsed) -> bool:
    """Whether the house made it: the signature says so, and the secret fits."""
    if len(token.signature) != 64 or not vault.is_signed(PURPOSE, token.signed, token.signature):
        return False
    return compare_digest(token.secret, secret_of(vault, token.qr_id, token.version))


def delivery_code(vault: Vault, qr_id: str, version: int) -> str:
    """The recipient's four digits, which a new version of the code renews (H5)."""
    made = int.from_bytes(vault.mac(CODE_PURPOSE, f"{qr_id}:{version}")[:8])
    return f"{made % 10_000:04d}"


def public_key(vault: Vault) -> str:
    """With it anybody can check a token: Ed25519, base64url."""
    return _text(vault.public_key(PURPOSE))


def scan_hash(device: Device, token: str, location: str, device_at: Millis) -> str:
    """The hash by which a device's next scan refers to this one (X2): hex SHA-256 over previous,
    key id, counter, token, location and device time, a line each."""
    lines = (device.previous, device.key_id, device.counter, token, location, device_at)
    return sha256("\n".join(str(line) for line in lines).encode()).hexdigest()


def replacement(key_id: str, public_key: str) -> str:
    """What a device's key signs to name the next one."""
    return f"replace\n{key_id}\n{public_key}"


def is_device_signed(vault: Vault, public_key: str, said: str, signature: str) -> bool:
    """Whether the device has signed this: the hash of a scan, or a replacement."""
    key, given = urlsafe_b64decode(public_key + "="), urlsafe_b64decode(signature + "==")
    return vault.is_signed_with(key, said.encode(), given)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
