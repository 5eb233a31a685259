"""Numbered, forward-only changes of the tables, as SQL files that travel with the program.

A file that has been released is never edited: a further change is a further file. The tables say
by number and checksum which files have made them.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files

from msgspec import Struct

from persistence.errors import WrongSchema


class Migration(Struct, frozen=True):
    """One SQL file, such as `0001_log.sql`."""

    number: int
    name: str
    sql: str
    checksum: str
    """Hex SHA-256 of the file."""


def load_migrations(dialect: str) -> list[Migration]:
    """Read the migrations of a dialect, `postgres` or `sqlite`, in order."""
    folder = files("persistence") / "migrations" / dialect
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    migrations = [_parse(name, (folder / name).read_bytes()) for name in names]
    numbers = [m.number for m in migrations]
    assert numbers == list(range(1, len(numbers) + 1)), f"{dialect}: numbers {numbers} have a gap"
    return migrations


def _parse(name: str, content: bytes) -> Migration:
    number, _, _ = name.partition("_")
    return Migration(int(number), name, content.decode(), sha256(content).hexdigest())


def pending(known: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Return the migrations that the tables have yet to undergo; `applied`: number -> checksum.

    Raises:
        WrongSchema: the tables are newer than the program, or made by a file that has changed.
    """
    newest = max(applied, default=0)
    if newest > len(known):
        raise WrongSchema(
            f"the tables are at migration {newest} and this program knows {len(known)}: "
            "start a program at least as new as the one that last served this log"
        )
    for migration in known:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise WrongSchema(
                f"{migration.name} is not the file that made these tables: "
                "put the released file back and write the change as a new migration"
            )
    return [m for m in known if m.number not in applied]
