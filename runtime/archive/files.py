"""Archive files: closed periods of one log, and the chain of seals that binds them.

    FOLDER/main/0000000000000001.jsonl.gz    records 1 to 812345, one a line, as the log has them
    FOLDER/main/0000000000000001.json        its manifest
    FOLDER/main/0000000000812346.jsonl.gz    …

A manifest holds the file's SHA-256, what it should hold, and the seal of the manifest before, and
is sealed with a key of the house's vault. So a file that was changed, cut short, swapped, or taken
out of the middle is found by the folder alone; one that is missing at the end, by the log, which
then begins too late, or by the last seal, kept elsewhere. The manifest is written last: a file
without one does not count, and is written again.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from engine.contract import Vault
from engine.kernel.record import Record
from engine.kernel.time import Millis
from runtime.verify import VerifyError

VERSION = 1
LEVEL = 6
NO_RESULT = Raw(b"")
RECORDS, MANIFEST, DRAFT = ".jsonl.gz", ".json", ".draft"


class Manifest(Struct, frozen=True, kw_only=True):
    """What one file of records holds."""

    version: int = VERSION
    market: str
    shard: int
    log_id: str
    first: int
    """Position of its first record; the last one's is `last`."""
    last: int
    first_at: Millis
    last_at: Millis
    file: str
    bytes: int
    sha256: str
    previous: str
    """The seal of the manifest before; empty in the first."""
    seal: str = ""
    """Over all of this, by the vault."""


class Line(Struct, frozen=True, omit_defaults=True):
    """A record as JSON. Event and result are the very bytes of the log."""

    position: int
    room: str
    seq: int
    at: Millis
    actor: str
    event: Raw
    hash: str
    command_id: str = ""
    command_hash: str = ""
    result: Raw = NO_RESULT


def line_of(record: Record) -> bytes:
    """The record as a line of JSON, without its end."""
    result = Raw(record.result) if record.result else NO_RESULT
    line = msgspec.json.encode(
        Line(
            record.position,
            record.room,
            record.seq,
            record.at,
            record.actor,
            Raw(record.event),
            record.hash,
            record.command_id,
            record.command_hash,
            result,
        )
    )
    assert b"\n" not in line, f"position {record.position} would take two lines"
    return line


class Archive:
    """The files of one market. Nothing is made before the first is written."""

    def __init__(self, folder: Path, market: str, vault: Vault) -> None:
        self.folder = folder / market
        self.market = market
        self._vault = vault

    def manifests(self) -> list[Manifest]:
        """All of them, in the order of the log. Raises VerifyError if they are not a chain."""
        found = [self._read(path) for path in sorted(self.folder.glob(f"*{MANIFEST}"))]
        if found and (found[0].first, found[0].previous) != (1, ""):
            raise VerifyError(f"{self.folder}: the first file, from position 1, is missing")
        for before, manifest in pairwise(found):
            if (manifest.first, manifest.previous) != (before.last + 1, before.seal):
                raise VerifyError(
                    f"{self.folder}: {manifest.file} does not follow {before.file}, which ends at "
                    f"position {before.last}: files are missing, or from another archive"
                )
        return found

    def draft(self, first: int) -> "Draft":
        """Begin the file of a period."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Draft(self.folder / f"{first:016}{RECORDS}")

    def keep(self, manifest: Manifest) -> Manifest:
        """Write the manifest of a file that stands and was found to be right; returns it sealed."""
        sealed = replace(manifest, seal=self._seal(manifest))
        path = self._manifest_path(manifest)
        draft = path.with_suffix(DRAFT)
        with draft.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(sealed), indent=2) + b"\n")
            _sync(file)
        draft.replace(path)
        sync_folder(self.folder)
        return sealed

    def check(self, manifest: Manifest) -> None:
        """Read the whole file. Raises VerifyError if it is not what was written."""
        for _ in self.records(manifest):
            pass

    def records(self, manifest: Manifest) -> Iterator[Record]:
        """The records of a file, which is found to be untouched before the first is given."""
        path = self.folder / manifest.file
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if (digest, path.stat().st_size) != (manifest.sha256, manifest.bytes):
                raise VerifyError(f"{path} is not the file that was written")
            yield from _records(path, manifest)
        except (OSError, EOFError, zlib.error) as problem:
            raise VerifyError(f"{path} cannot be read: {problem}") from problem

    def _read(self, path: Path) -> Manifest:
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as problem:
            raise VerifyError(f"{path} cannot be read: {problem}") from None
        if manifest.version != VERSION:
            raise VerifyError(f"{path} is of version {manifest.version}, and this is {VERSION}")
        # Before the name of a file is used that somebody else may have put there.
        if manifest.seal != self._seal(manifest) or self._manifest_path(manifest) != path:
            raise VerifyError(
                f"{path} does not bear the house's seal: it was changed, or this is not the vault "
                "secret that it was written with"
            )
        if manifest.market != self.market:
            raise VerifyError(f"{path} is of the market {manifest.market}")
        return manifest

    def _manifest_path(self, manifest: Manifest) -> Path:
        return self.folder / (manifest.file.removesuffix(RECORDS) + MANIFEST)

    def _seal(self, manifest: Manifest) -> str:
        plain = msgspec.json.encode(replace(manifest, seal=""))
        return self._vault.mac("archive", plain.decode()).hex()


class Draft:
    """A file of records that is being written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_suffix(DRAFT)
        self._file = self._draft.open("wb")
        # Neither name nor time: equal records make an equal file.
        self._zip = gzip.GzipFile("", "wb", LEVEL, self._file, mtime=0)
        self._first: Record | None = None
        self._last: Record | None = None

    def add(self, records: Sequence[Record]) -> None:
        """Add records, in the order of the log."""
        self._first = self._first or records[0]
        self._last = records[-1]
        self._zip.write(b"".join(line_of(record) + b"\n" for record in records))

    def finish(self, market: str, shard: int, log_id: str, previous: str) -> Manifest:
        """Put the file in its place, durably; returns what it holds, not yet sealed."""
        assert self._first is not None, "a period is not empty"
        assert self._last is not None, "a period is not empty"
        self._zip.close()
        _sync(self._file)
        self._file.close()
        self._draft.replace(self._path)
        sync_folder(self._path.parent)
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Manifest(
            market=market,
            shard=shard,
            log_id=log_id,
            first=self._first.position,
            last=self._last.position,
            first_at=self._first.at,
            last_at=self._last.at,
            file=self._path.name,
            bytes=self._path.stat().st_size,
            sha256=digest,
            previous=previous,
        )

    def discard(self) -> None:
        """Leave nothing behind of a file that was not finished."""
        for file in (self._zip, self._file):
            # The disk may be full, which is why it is discarded.
            with suppress(OSError):
                file.close()
        self._draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _records(path: Path, manifest: Manifest) -> Iterator[Record]:
    decode = msgspec.json.Decoder(Line).decode
    expected = manifest.first
    with gzip.open(path, "rb") as lines:
        for text in lines:
            try:
                line = decode(text)
            except msgspec.MsgspecError as problem:
                raise VerifyError(f"{path}: position {expected}: {problem}") from problem
            if line.position != expected:
                raise VerifyError(f"{path}: {line.position} stands where {expected} should")
            expected += 1
            yield Record(
                line.position,
                line.room,
                line.seq,
                line.at,
                line.actor,
                bytes(line.event),
                line.hash,
                line.command_id,
                line.command_hash,
                bytes(line.result),
            )
    if expected != manifest.last + 1:
        raise VerifyError(f"{path} ends with position {expected - 1}, not {manifest.last}")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
