"""How records get into the log in Postgres, behind its fence (`persistence.postgres`).

Few go with one statement, which is a transaction and a round trip of its own. Many go with a COPY
between BEGIN and COMMIT: it takes each row for half of that, but the three round trips cost us
more than a hundred rows do.
"""

from collections.abc import Sequence
from functools import cache

from engine.kernel.record import Record
from engine.ports import COMMANDS
from persistence.postgres_ranges import COLUMNS, rows_of
from persistence.postgres_schema import Connection

FEW = 64
"""Records that go with one statement. Each count is a statement of its own, which both sides keep:
more of them than asyncpg remembers (100) would be prepared again and again."""

TYPES = ("bigint", "text", "bigint", "bigint", "text", "json", "text", "text", "text", "json")
"""Of COLUMNS but the shard."""

FENCE = "SELECT shard FROM shard_lease WHERE shard = {} AND epoch = {} FOR SHARE"
SAVE_CURSOR = """
INSERT INTO marks (shard, name, position) {}
ON CONFLICT (shard, name)
DO UPDATE SET position = greatest(marks.position, excluded.position), saved_at = now()
"""


async def append(
    connection: Connection, shard: int, epoch: int, records: Sequence[Record], cursor: int | None
) -> bool:
    """Write all records and the cursor, or nothing and return False if the epoch is another.

    An append that fails leaves its transaction to the connection, which is to be thrown away.
    Raises UniqueViolationError if a place is taken."""
    write = _insert if len(records) <= FEW else _copy
    return await write(connection, shard, epoch, records, cursor)


async def _insert(
    connection: Connection, shard: int, epoch: int, records: Sequence[Record], cursor: int | None
) -> bool:
    values = [value for row in rows_of(shard, records) for value in row[1:]]
    if cursor is not None:
        values.append(cursor)
    sql = _insert_sql(len(records), cursor is not None)
    done = await connection.execute(sql, shard, epoch, *values)
    return done == f"INSERT 0 {len(records)}"


@cache
def _insert_sql(count: int, has_cursor: bool) -> str:
    rows, width = [], len(TYPES)
    for row in range(count):
        fields = (f"${3 + row * width + n}::{type_}" for n, type_ in enumerate(TYPES))
        rows.append(f"({', '.join(fields)})")
    mark = ""
    if has_cursor:
        marked = f"SELECT shard, '{COMMANDS}', ${3 + count * width} FROM fence"
        mark = f", mark AS ({SAVE_CURSOR.format(marked)})"
    return (
        f"WITH fence AS ({FENCE.format('$1', '$2')}){mark}"
        f" INSERT INTO events ({', '.join(COLUMNS)})"
        f" SELECT shard, records.* FROM fence, (VALUES {', '.join(rows)}) AS records"
    )


async def _copy(
    connection: Connection, shard: int, epoch: int, records: Sequence[Record], cursor: int | None
) -> bool:
    # Numbers of our own go into one message with BEGIN and COMMIT, which take no parameters.
    if await connection.execute(f"BEGIN; {FENCE.format(shard, epoch)}") != "SELECT 1":
        return False
    await connection.copy_records_to_table(
        "events", columns=COLUMNS, records=rows_of(shard, records)
    )
    marked = f"VALUES ({shard}, '{COMMANDS}', {cursor})"
    mark = f"{SAVE_CURSOR.format(marked)};" if cursor is not None else ""
    await connection.execute(f"{mark}COMMIT")
    return True
