"""Uploaded files in a local folder: content and description side by side, durable when answered.

A file's id is made of its owner and its content: the same upload by the same person is the same
file, and nobody learns from an id what others have uploaded.
"""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.kernel.files import (
    FILE_BYTES_MAX,
    FILE_TOO_LARGE,
    FILE_TYPE_REFUSED,
    FILES_FULL,
    HEAD_BYTES,
    media_type_of,
)
from engine.kernel.outcome import Rejected
from engine.kernel.outside import StoredFile
from engine.ports import FileStore

ID_CHARACTERS = 40
ID = re.compile(rf"[0-9a-f]{{{ID_CHARACTERS}}}")
PIECE_BYTES = 262_144
DRAFTS = "drafts"
DRAFT_S_MAX = 3_600
DESCRIPTION = ".json"


class FileFolder(FileStore):
    """A folder for each two letters of the ids; nothing is made before the first upload."""

    def __init__(self, folder: Path, bytes_max: int = FILE_BYTES_MAX) -> None:
        self._folder = folder
        self._bytes_max = bytes_max

    async def save(
        self, owner: str, chunks: AsyncIterable[bytes]
    ) -> tuple[str, StoredFile] | Rejected:
        try:
            draft = await asyncio.to_thread(self._begin)
        except OSError as problem:
            return _full(problem)
        try:
            found = await self._fill(draft, owner, chunks)
            if isinstance(found, Rejected):
                return found
            id_ = id_of(owner, found.sha256)
            await asyncio.to_thread(self._keep, draft, id_, found)
        except OSError as problem:
            return _full(problem)
        finally:
            with suppress(OSError):
                os.unlink(draft.name)
            with suppress(OSError):
                draft.close()
        return id_, found

    async def find(self, id_: str) -> StoredFile | None:
        # What is no id is no path either: nothing of it reaches the file system.
        if not ID.fullmatch(id_):
            return None
        return await asyncio.to_thread(self._describe, id_)

    async def read(self, id_: str) -> AsyncIterator[bytes]:
        assert ID.fullmatch(id_), "only what was found is read"
        with await asyncio.to_thread(open, self._path(id_), "rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield piece

    def clear_drafts(self) -> None:
        """Remove what uploads of a process that died have left. Others may be under way, so
        only what is old goes."""
        with suppress(FileNotFoundError):
            for draft in (self._folder / DRAFTS).iterdir():
                if time.time() - draft.stat().st_mtime > DRAFT_S_MAX:
                    draft.unlink(missing_ok=True)

    def _begin(self) -> BinaryIO:
        drafts = self._folder / DRAFTS
        drafts.mkdir(parents=True, exist_ok=True)
        # 0600: documents of people are for the house alone.
        handle, path = tempfile.mkstemp(dir=drafts)
        os.close(handle)
        return open(path, "wb")

    async def _fill(
        self, draft: BinaryIO, owner: str, chunks: AsyncIterable[bytes]
    ) -> StoredFile | Rejected:
        """Write the content, as it comes."""
        digest, size, piece, media_type = sha256(), 0, bytearray(), ""
        async for chunk in chunks:
            size += len(chunk)
            if size > self._bytes_max:
                return _too_large(self._bytes_max)
            digest.update(chunk)
            piece += chunk
            if not media_type and len(piece) >= HEAD_BYTES:
                media_type = media_type_of(bytes(piece[:HEAD_BYTES]))
                if not media_type:
                    return _refused_type()
            if len(piece) >= PIECE_BYTES:
                await asyncio.to_thread(draft.write, bytes(piece))
                piece.clear()
        # What is shorter than a head is judged by all that there is of it.
        media_type = media_type or media_type_of(bytes(piece[:HEAD_BYTES]))
        if not media_type:
            return _refused_type()
        await asyncio.to_thread(draft.write, bytes(piece))
        return StoredFile(digest.hexdigest(), size, media_type, owner)

    def _keep(self, draft: BinaryIO, id_: str, file: StoredFile) -> None:
        """Content first, then its description: what has one is whole."""
        path = self._path(id_)
        path.parent.mkdir(exist_ok=True)
        _sync(draft)
        os.replace(draft.name, path)
        description = self._begin()
        try:
            description.write(msgspec.json.encode(file))
            _sync(description)
            os.replace(description.name, path.with_suffix(DESCRIPTION))
        finally:
            with suppress(OSError):
                os.unlink(description.name)
            with suppress(OSError):
                description.close()
        for folder in (path.parent, self._folder):
            _sync_folder(folder)

    def _describe(self, id_: str) -> StoredFile | None:
        try:
            content = self._path(id_).with_suffix(DESCRIPTION).read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(content, type=StoredFile)

    def _path(self, id_: str) -> Path:
        return self._folder / id_[:2] / id_


def id_of(owner: str, content_sha256: str) -> str:
    """The id of a file with this content (hex SHA-256) of this person."""
    return sha256(f"{owner}\n{content_sha256}".encode()).hexdigest()[:ID_CHARACTERS]


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _full(problem: OSError) -> Rejected:
    return Rejected(
        FILES_FULL,
        f"the file cannot be kept now ({problem.strerror}); nothing was stored, try again later",
    )


def _too_large(limit: int) -> Rejected:
    return Rejected(FILE_TOO_LARGE, f"a file has at most {limit} bytes", {"limit": limit})


def _refused_type() -> Rejected:
    return Rejected(
        FILE_TYPE_REFUSED, "only JPEG, PNG, WebP and HEIC pictures and PDF documents are taken"
    )
