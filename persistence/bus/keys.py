"""What keys and channels in Redis are called, and how a place in a stream is one number.

The shard's number stands in braces, so that a Redis cluster keeps all that is a shard's together.
"""

MARKETS = "outcry:markets"
"""Hash: market -> its shard, so that a gateway needs no database."""

WITHIN_MS = 1 << 20
"""Entries that a stream can have in one millisecond, as far as a cursor tells them apart."""


def commands_key(shard: int) -> str:
    """The stream of what gateways ask of a shard."""
    return f"outcry:{{{shard}}}:commands"


def room_channel(shard: int, room: str) -> str:
    """What is heard in a room."""
    return f"outcry:{{{shard}}}:room:{room}"


def room_of(channel: bytes) -> str:
    """The room that a channel is of; "" if it is another channel."""
    return channel.decode().partition(":room:")[2]


def shard_channel(shard: int) -> str:
    """What concerns all gateways."""
    return f"outcry:{{{shard}}}:all"


def replies_channel(shard: int, gateway: str) -> str:
    """What one gateway is answered."""
    return f"outcry:{{{shard}}}:replies:{gateway}"


def cursor_of(entry: bytes) -> int:
    """The place of a stream's entry as a number: `ms-n` with both parts in their order."""
    milliseconds, _, within = entry.partition(b"-")
    assert int(within) < WITHIN_MS, "more entries in a millisecond than a cursor can count"
    return int(milliseconds) * WITHIN_MS + int(within)


def written_ms(entry: bytes) -> int:
    """When a stream's entry was added, ms since 1970 by Redis' clock."""
    return int(entry.partition(b"-")[0])


def entry_at(cursor: int) -> str:
    """The same as Redis writes it."""
    return "-".join(map(str, divmod(cursor, WITHIN_MS)))
