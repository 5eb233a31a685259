"""What stands in the log: one record for each event, and the chain that binds them."""

from hashlib import sha256

from msgspec import Struct

CHAIN_START = ""

HMAC_BLOCK_BYTES = 64
_XOR_36 = bytes(byte ^ 0x36 for byte in range(256))
_XOR_5C = bytes(byte ^ 0x5C for byte in range(256))


class Record(Struct, frozen=True, gc=False):
    """One event at its place in the log. Everything but `position` is seen from outside.

    `command_id`, `command_hash` and `result` stand on the last record that a command made in
    the room it was sent to; on others they are empty. They are what a repeated command is
    answered from, also after a restart.
    """

    position: int
    """Place in the shard's log: 1, 2, 3 … without gaps."""
    room: str
    seq: int
    """Place in the room: 1, 2, 3 … without gaps."""
    at: int
    """Engine time, ms since 1970."""
    actor: str
    """User id of the one who caused it; `house` for timers and reactions."""
    event: bytes
    """The event as tagged JSON: these very bytes are hashed."""
    hash: str
    """Hex SHA-256 over the room's previous hash and this record."""
    command_id: str = ""
    command_hash: str = ""
    result: bytes = b""
    """JSON of the reply's `result`."""


class HmacKey(Struct, frozen=True, gc=False):
    """A key as HMAC-SHA-256 uses it (RFC 2104). `hmac.digest` lays it out anew for each message,
    which costs more than the hash of an event."""

    inner: bytes
    outer: bytes


def hmac_key(key: bytes) -> HmacKey:
    """The key laid out, once for all its messages. It is at most a block long."""
    assert len(key) <= HMAC_BLOCK_BYTES, "HMAC hashes a longer key first"
    block = key.ljust(HMAC_BLOCK_BYTES, b"\0")
    return HmacKey(block.translate(_XOR_36), block.translate(_XOR_5C))


def chain_hash(
    key: HmacKey, previous: str, room: str, seq: int, at: int, actor: str, event: bytes
) -> str:
    """The receipt of an event: its hash covers the one before (auction X8).

    It is keyed. People hold receipts of events that they may not see in full: with a plain hash
    they could try every reserve price, or every maximum, until one fits. Who is given the room's
    key can check the whole chain."""
    head = f"{previous}\n{room}\n{seq}\n{at}\n{actor}\n"
    inside = sha256(key.inner + head.encode() + event).digest()
    return sha256(key.outer + inside).hexdigest()
