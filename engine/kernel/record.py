"""What stands in the log: one record for each event, and the chain that binds them."""

import hmac

from msgspec import Struct

CHAIN_START = ""


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


def chain_hash(
    key: bytes, previous: str, room: str, seq: int, at: int, actor: str, event: bytes
) -> str:
    """The receipt of an event: its hash covers the one before (auction X8).

    It is keyed. People hold receipts of events that they may not see in full: with a plain hash
    they could try every reserve price, or every maximum, until one fits. Who is given the room's
    key can check the whole chain."""
    head = f"{previous}\n{room}\n{seq}\n{at}\n{actor}\n"
    return hmac.digest(key, head.encode() + event, "sha256").hex()
