"""Where the servers of these tests keep their logs."""

from pathlib import Path

import pytest

from testkit.postgres import PostgresServer
from tests.e2e.places import Place, postgres_place, sqlite_place


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Place:
    """An empty folder."""
    return sqlite_place(tmp_path)


@pytest.fixture
def on_postgres(tmp_path: Path, postgres: PostgresServer, postgres_url: str) -> Place:
    """An empty database on the session's server."""
    return postgres_place(tmp_path, postgres, postgres_url)


@pytest.fixture(params=["on_sqlite", "on_postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each of both, one after the other."""
    found: Place = request.getfixturevalue(request.param)
    return found
