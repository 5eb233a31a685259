"""Records to write, where a test does not care what is in them."""

from collections.abc import Callable

from engine.kernel.record import Record
from persistence.postgres import PostgresLog

Open = Callable[..., PostgresLog]
"""Opens a log of the test's database: `open_log(url=..., shard=...)`."""

START = 1_732_147_200_000


def record(position: int, room: str = "auction:a1", seq: int | None = None) -> Record:
    """A record at a position; its seq is the position too, unless told otherwise."""
    return Record(
        position=position,
        room=room,
        seq=position if seq is None else seq,
        at=START + position,
        actor="u1",
        event=b'{"event":"auction.bid_placed","user":"u1","amount":%d}' % position,
        hash=f"{position:064x}",
        command_id=f"c{position}",
        command_hash=f"{position:032x}",
        result=b'{"bid":%d}' % position,
    )


def batch(first: int, last: int) -> list[Record]:
    """Records of one room from one position to another, both included."""
    return [record(position) for position in range(first, last + 1)]
