"""What the writer may ask of the world, and what it is answered."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.house import HOUSE
from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.outside import (
    Ask,
    CheckIdToken,
    CheckPassword,
    FindFiles,
    HashPassword,
    PasswordChecked,
)
from engine.registry import build_registry
from persistence.file_folder import FileFolder
from persistence.memory import MemoryLog, MemoryStore
from runtime.config import Config
from runtime.outside.world import OutsideWorld

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def _png() -> AsyncIterator[bytes]:
    yield PNG


@pytest.fixture
async def files(tmp_path: Path) -> FileFolder:
    """Empty at first."""
    return FileFolder(tmp_path / "files")


@pytest.fixture
async def world(tmp_path: Path, files: FileFolder) -> AsyncIterator[OutsideWorld]:
    """As a configuration without providers makes it."""
    log = MemoryLog(MemoryStore(lambda: 0))
    found = OutsideWorld(Config(data=str(tmp_path)), log, build_registry([HOUSE]), files)
    yield found
    found.close()


async def test_passwords_are_hashed_and_checked(world: OutsideWorld) -> None:
    """For rules that may not do slow work themselves."""
    hash_ = await world.answer(HashPassword("Correct horse 9"))
    assert await world.answer(CheckPassword("Correct horse 9", hash_)) == PasswordChecked(
        hash_, True
    )


async def test_files_are_found_by_their_ids(world: OutsideWorld, files: FileFolder) -> None:
    """Those that exist; what is no id is no file."""
    saved = await files.save("u1", _png())
    assert not isinstance(saved, Rejected)
    id_, file = saved
    assert await world.answer(FindFiles((id_, "0" * 40, "../../etc/passwd"))) == {id_: file}


async def test_files_that_cannot_be_read_now_are_not_missing(
    world: OutsideWorld, files: FileFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule would say that there is no such file; the caller may try again instead."""

    async def broken(_: str) -> None:
        raise PermissionError

    monkeypatch.setattr(files, "find", broken)
    found = await world.answer(FindFiles(("0" * 40,)))
    assert isinstance(found, Rejected)
    assert found.code == UNAVAILABLE


async def test_nobody_vouches_for_anybody_unless_configured(world: OutsideWorld) -> None:
    """Without an audience no ID token is taken."""
    assert await world.answer(CheckIdToken("google", "a.b.c")) is None


async def test_an_unknown_question_is_refused(world: OutsideWorld) -> None:
    """A rule of tomorrow on a house of today."""
    found = await world.answer(Ask())
    assert isinstance(found, Rejected)
    assert found.code == UNAVAILABLE
