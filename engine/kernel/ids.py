"""Identifiers: what users, entities and rooms may be called."""

from typing import Annotated

from msgspec import Meta

END = r"(?!\n)$"  # `$` alone lets a line feed pass at the end, and JSON Schema knows no `\Z`
ID_LETTERS = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}"
ROOM_LETTERS = rf"[a-z_]{{1,32}}:{ID_LETTERS}"
ID_PATTERN = rf"^{ID_LETTERS}{END}"

Id = Annotated[
    str,
    Meta(
        pattern=ID_PATTERN,
        description="1-64 letters, digits, '_', '.' or '-', starting with a letter or digit",
    ),
]
CommandId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=rf"^[^\x00-\x1f\x7f]*{END}",  # a database's text cannot hold NUL
        description="chosen by the client, unique per user, no control characters",
    ),
]
RoomName = Annotated[
    str,
    Meta(
        pattern=rf"^{ROOM_LETTERS}{END}",
        description="kind:id, such as auction:a1 or user:u1",
    ),
]

MarketName = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9_\-]{{0,31}}{END}",
        description="1-32 letters, digits, '_' or '-', starting with a letter or digit",
        examples=["east"],
    ),
]
"""What shares rooms and money, and is owned by one shard."""

MAIN = "main"
"""The market that is always there."""
MARKET_MARK = "@"
"""Before the market's name, where something of another market is named: `zone:z2@east`."""

PLATFORM = "PLATFORM"  # bids in the house's own name; no client can carry this user id
HOUSE = "house"  # the actor of timers and of what rooms send one another


def room_name(kind: str, id_: str) -> str:
    """The name of a room: `auction`, `a1` -> `auction:a1`."""
    return f"{kind}:{id_}"


def split_room(room: str) -> tuple[str, str]:
    """Kind and id of a room's name; the id is empty if there is no colon."""
    kind, _, id_ = room.partition(":")
    return kind, id_


def user_room(user: str) -> str:
    """The private room of a user: what only they may hear."""
    return f"user:{user}"


def split_address(name: str) -> tuple[str, str]:
    """What something is called in its market, and the market; "" if it is of the same market."""
    bare, mark, market = name.rpartition(MARKET_MARK)
    return (bare, market) if mark else (name, "")


def in_market(name: str, market: str) -> str:
    """The opposite: `zone:z2`, `east` -> `zone:z2@east`."""
    return f"{name}{MARKET_MARK}{market}" if market else name
