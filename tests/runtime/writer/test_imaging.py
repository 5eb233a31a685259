"""Snapshots made by a copy of the process: the state of one moment, while the house goes on."""

import os
import signal
import sys

import pytest

from engine import snapshot
from engine.core import Core
from persistence.memory import MemoryLog, MemoryStore
from runtime.writer import imaging
from runtime.writer.imaging import apart
from runtime.writer.snapshots import Snapshots
from tests.engine.toys import ADA, START, Play, toy_core

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no copy")


def play(core: Core, id_: str) -> None:
    command = Play(id=id_, text="hi")
    core.step(command, command.room(ADA), ADA, START)


async def test_the_copy_holds_the_moment_at_which_it_was_made() -> None:
    """What is decided while it is being encoded is not in it."""
    core = toy_core()
    play(core, "1")
    then = snapshot.take(core)
    image = apart(core)
    play(core, "2")
    assert await image == then
    assert snapshot.take(core) != then


async def test_the_copy_holds_nothing_of_the_house(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket, no lock, no file: whoever takes over from a dead house would wait for them."""
    monkeypatch.setattr(snapshot, "image", lambda core: _files())
    assert len(_files().split()) > 5, "this process has files open"
    data = await apart(toy_core())
    assert data is not None
    _, _, left = data.partition(b"\n")
    held = set(left.split()) - {b"0", b"1", b"2"}
    assert len(held) == 2, "its own file, and the folder that is being listed"


async def test_a_process_that_cannot_be_copied_does_it_in_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For want of memory, say: the house stands still for a moment, and has its snapshot."""

    def fork() -> int:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(os, "fork", fork)
    core = toy_core()
    assert await apart(core) == snapshot.take(core)


async def test_a_copy_that_fails_leaves_no_snapshot(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, and the house goes on; the next one is due as usual."""
    log = MemoryLog(MemoryStore(lambda: START))
    await log.acquire("w1")
    core = toy_core()
    play(core, "1")
    snapshots = Snapshots(log, 1, apart)
    with monkeypatch.context() as broken:
        broken.delattr(snapshot, "image")
        keep = snapshots.take_if_due(core)
        assert keep is not None
        await keep()
    assert "snapshot not kept" in caplog.text
    assert await log.load_snapshot() is None
    assert snapshots.take_if_due(core) is None


async def test_a_copy_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the house could not stop: it waits for its threads, and they for the copy."""
    monkeypatch.setattr(imaging, "COPY_S_MAX", 0.1)
    monkeypatch.setattr(snapshot, "image", lambda core: signal.pause())
    assert await apart(toy_core()) is None


def _files() -> bytes:
    return " ".join(os.listdir("/proc/self/fd")).encode()
