"""Fixtures that every test may ask for."""

import logging
from collections.abc import Iterator

import pytest

from testkit.postgres import PostgresServer, find_binaries


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Commands that are run within a test set up the log lines of the process for themselves."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture(scope="session")
def _session_postgres() -> Iterator[PostgresServer]:
    with PostgresServer(find_binaries()) as server:
        yield server


@pytest.fixture
def postgres(_session_postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The session's one server. A test may stop, kill or pause it; the next finds it running."""
    yield _session_postgres
    _revive(_session_postgres)


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database that belongs to this test alone."""
    url = postgres.create_database()
    yield url
    _revive(postgres)
    postgres.drop_database(url)


def _revive(server: PostgresServer) -> None:
    server.resume()
    if not server.running:
        server.start()
