"""Uploaded files: whole or not at all, for their owner, and nothing outside the folder."""

import errno
import os
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.files import (
    FILE_TOO_LARGE,
    FILE_TYPE_REFUSED,
    FILES_FULL,
    media_type_of,
)
from engine.kernel.outcome import Code, Rejected
from engine.kernel.outside import StoredFile
from persistence.file_folder import DRAFTS, FileFolder

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def pieces(content: bytes, size: int = 7) -> AsyncIterator[bytes]:
    """As it comes over a line."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def content_of(folder: FileFolder, id_: str) -> bytes:
    """All of it."""
    return b"".join([piece async for piece in folder.read(id_)])


async def kept(folder: FileFolder, content: bytes, owner: str = "u1") -> tuple[str, StoredFile]:
    """Save what is taken."""
    saved = await folder.save(owner, pieces(content))
    assert not isinstance(saved, Rejected), saved
    return saved


def left(path: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(found.relative_to(path)) for found in path.rglob("*") if found.is_file())


async def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    """Also by another process, and with its description."""
    content = PNG + os.urandom(600_000)
    id_, file = await kept(FileFolder(tmp_path / "files"), content)
    assert file == StoredFile(sha256(content).hexdigest(), len(content), "image/png", "u1")
    again = FileFolder(tmp_path / "files")
    assert await again.find(id_) == file
    assert await content_of(again, id_) == content
    assert left(tmp_path / "files" / DRAFTS) == []


async def test_the_same_upload_is_the_same_file(tmp_path: Path) -> None:
    """Of one person. Another's has an id of its own, so nobody learns what others have."""
    folder = FileFolder(tmp_path)
    first, again, other = [await kept(folder, PNG, owner) for owner in ("u1", "u1", "u2")]
    assert first == again
    assert other[0] != first[0]
    assert other[1].sha256 == first[1].sha256


async def test_files_are_for_the_house_alone(tmp_path: Path) -> None:
    """Papers of people: no other account of the machine reads them."""
    await kept(FileFolder(tmp_path), PNG)
    assert {(tmp_path / name).stat().st_mode & 0o077 for name in left(tmp_path)} == {0}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (PNG + bytes(2_000), FILE_TOO_LARGE),
        (b"<svg onload=alert(1)>" * 9, FILE_TYPE_REFUSED),
        (b"MZ" + bytes(200), FILE_TYPE_REFUSED),
        (b"", FILE_TYPE_REFUSED),
        (b"\x89PNG", FILE_TYPE_REFUSED),
    ],
    ids=["large", "svg", "program", "empty", "short"],
)
async def test_what_is_refused_leaves_nothing(tmp_path: Path, content: bytes, code: Code) -> None:
    """Neither the file nor a piece of it."""
    saved = await FileFolder(tmp_path, bytes_max=1_000).save("u1", pieces(content))
    assert isinstance(saved, Rejected)
    assert saved.code == code
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [b"\xff\xd8\xff\xe0", b"%PDF-1.4", PNG[:8], PNG[:15]],
    ids=["jpeg", "pdf", "png", "15"],
)
async def test_a_short_file_is_judged_by_what_there_is_of_it(
    tmp_path: Path, content: bytes
) -> None:
    """Its kind decides, and not its length."""
    folder = FileFolder(tmp_path)
    id_, file = await kept(folder, content)
    assert (file.size, file.media_type) == (len(content), media_type_of(content))
    assert await content_of(folder, id_) == content


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """The connection is gone in the middle."""

    async def broken() -> AsyncIterator[bytes]:
        yield PNG
        raise EOFError

    with pytest.raises(EOFError):
        await FileFolder(tmp_path).save("u1", broken())
    assert left(tmp_path) == []


@pytest.mark.parametrize("fails", ["write", "fsync", "replace", "mkdir"])
async def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Wherever it shows: nothing is answered that is not there; with room it goes on."""

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = FileFolder(tmp_path / "files")
    with monkeypatch.context() as patch:
        if fails == "write":
            patch.setattr("persistence.file_folder.PIECE_BYTES", 1)
            patch.setattr("persistence.file_folder.asyncio.to_thread", _failing_writes(full))
        elif fails == "mkdir":
            patch.setattr(Path, "mkdir", full)
        else:
            patch.setattr(os, fails, full)
        saved = await folder.save("u1", pieces(PNG))
    assert isinstance(saved, Rejected)
    assert saved.code == FILES_FULL
    assert "No space left" in saved.message
    assert left(tmp_path) == []
    await kept(folder, PNG)


def _failing_writes(full: Any) -> Any:
    async def to_thread(call: Any, *arguments: Any) -> Any:
        return full() if call.__name__ == "write" else call(*arguments)

    return to_thread


@pytest.mark.parametrize(
    "id_",
    [
        *("", "..", "../vault_secret", "/etc/passwd", "%2e%2e%2f", "aa/" + "a" * 37),
        *("a" * 39, "a" * 41, "A" * 40, "a" * 40 + "\n", "é" * 40, "\0" * 40, "a" * 38 + ".."),
    ],
)
async def test_what_is_no_id_reaches_no_file(tmp_path: Path, id_: str) -> None:
    """Neither up, nor across, nor through another spelling."""
    (tmp_path / "vault_secret").write_text("hush")
    folder = FileFolder(tmp_path / "files")
    await kept(folder, PNG)
    assert await folder.find(id_) is None
    with pytest.raises(AssertionError):
        await content_of(folder, id_)


async def test_what_a_dead_process_left_is_cleared(tmp_path: Path) -> None:
    """An old draft goes; one that is being written stays; so do files."""
    folder = FileFolder(tmp_path)
    folder.clear_drafts()
    id_, _ = await kept(folder, PNG)
    old, fresh = tmp_path / DRAFTS / "old", tmp_path / DRAFTS / "fresh"
    for draft in (old, fresh):
        draft.write_bytes(PNG)
    os.utime(old, (time.time() - 7_200, time.time() - 7_200))
    folder.clear_drafts()
    assert not old.exists()
    assert fresh.exists()
    assert await folder.find(id_)


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1\1\0\0\1", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\0", "application/pdf"),
        (b"GIF89a" + bytes(10), ""),
        (b"RIFF\x24\0\0\0WAVEfmt ", ""),
        (b"\0\0\0\x18ftypisom\0\0\0\0", ""),
        (b"<html><script>xx", ""),
        (b"", ""),
    ],
)
def test_first_bytes_tell_what_a_file_is(head: bytes, media_type: str) -> None:
    """Its name and what its sender says do not count."""
    assert media_type_of(head) == media_type
