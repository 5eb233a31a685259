"""Archives: what is over goes to files, and nothing is lost, forged or dropped too early."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from engine import snapshot
from engine.ports import EventLog, Snapshot
from persistence.errors import Archived, LeaseHeld
from persistence.order import ARCHIVED
from runtime.archive.files import Archive
from runtime.archive.restore import restore_log
from runtime.archive.retention import log_of
from runtime.archive.whole_log import WholeLog
from runtime.config import Config
from runtime.outside.errands import MARK as ERRANDS
from runtime.vault import HouseVault
from runtime.verify import VerifyError, verify_room
from runtime.writer.recovery import recover
from testkit.house import House
from testkit.world import vault
from tests.runtime.archive.archived import (
    MARKETS,
    MONTH,
    REGISTRY,
    Shelf,
    digest_of,
    four_months,
    memory_shelf,
    shelf_of,
)


@pytest.fixture
def house() -> House:
    """Four months of a house."""
    return four_months()


@pytest.fixture(params=["sqlite", "postgres"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Where a log may be that can be dropped."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    (tmp_path / "data").mkdir()
    return Config(data=str(tmp_path / "data"), postgres=url)


@pytest.fixture
async def shelf(config: Config, tmp_path: Path, house: House) -> AsyncIterator[Shelf]:
    """The log of that house, in SQLite and in Postgres."""
    shelf = shelf_of(config, tmp_path / "archive")
    await shelf.log.acquire("tests")
    await shelf.fill(house)
    yield shelf
    await shelf.close()


@pytest.fixture
async def quick(tmp_path: Path, house: House) -> Shelf:
    """The same in memory, for what is about files alone: three of them."""
    shelf = memory_shelf(tmp_path / "archive")
    await shelf.log.acquire("tests")
    await shelf.fill(house)
    assert len(await shelf.write()) == 3
    return shelf


def files(shelf: Shelf, pattern: str = "*.jsonl.gz") -> list[Path]:
    """Those of its archive, in order."""
    return sorted(shelf.archive.folder.glob(pattern))


async def test_archive_and_log_read_as_one(shelf: Shelf, house: House) -> None:
    """Written, then dropped: the history is what it was, to the last byte of state; a start from
    the snapshot needs nothing of it."""
    before = await digest_of(shelf.log)
    assert before == snapshot.digest(house.core)
    written = await shelf.write()
    assert len(written) == 3
    assert await digest_of(WholeLog(shelf.archive, shelf.log)) == before
    dropped = await shelf.drop()
    assert (dropped.position, dropped.kept) == (written[-1].last, "")
    with pytest.raises(Archived):
        await shelf.log.read(0, 1)
    whole = WholeLog(shelf.archive, shelf.log)
    assert await digest_of(whole) == before
    found = await verify_room(whole, REGISTRY, vault(), "auction:a1")
    assert found.records == house.core.rooms["auction:a1"].seq
    recovered = await recover(shelf.log, REGISTRY, MARKETS, vault())
    assert snapshot.digest(recovered.core) == before
    assert await shelf.log.head() == len(house.log)


async def test_what_was_dropped_is_put_back(shelf: Shelf) -> None:
    """The log is whole again and verifies alone; its periods are what they were."""
    before = await digest_of(shelf.log)
    periods = await shelf.retention.closed(0)
    await shelf.write()
    await shelf.drop()
    await shelf.log.release()
    await restore_log(shelf.log, shelf.retention, shelf.archive)
    assert await shelf.log.load_mark(ARCHIVED) == 0
    assert await digest_of(shelf.log) == before
    assert await shelf.retention.closed(0) == periods
    assert await shelf.write() == []


async def test_an_empty_log_becomes_the_archived_one(
    shelf: Shelf, tmp_path: Path, postgres: object, postgres_url: str
) -> None:
    """From SQLite or Postgres to another place of either kind; and again, from where it was cut."""
    written = await shelf.write()
    (tmp_path / "other").mkdir()
    other = shelf_of(Config(data=str(tmp_path / "other")), tmp_path / "archive")
    # As if an earlier attempt had been killed.
    await other.log.acquire("tests")
    await other.log.append(await shelf.log.read(0, 5))
    await other.retention.adopt(written[0].log_id, "main")
    await other.log.release()
    head = await restore_log(other.log, other.retention, other.archive)
    assert head == written[-1].last
    assert await other.retention.log_id() == written[0].log_id
    assert await other.log.read(0, 1_000) == await shelf.log.read(0, head)
    # Nobody gets a letter of that time again.
    assert await other.log.load_mark(ERRANDS) == head
    await digest_of(other.log)
    await other.close()


async def test_a_log_of_another_name_is_left_alone(shelf: Shelf, quick: Shelf) -> None:
    """It is not empty, and not what was archived."""
    before = await shelf.log.read(0, 1_000)
    await shelf.log.release()
    with pytest.raises(VerifyError, match="another one"):
        await restore_log(shelf.log, shelf.retention, quick.archive)
    assert await shelf.log.read(0, 1_000) == before


async def test_a_log_that_is_served_is_left_alone(
    shelf: Shelf, config: Config, quick: Shelf
) -> None:
    """Whoever serves it would not know what came in."""
    other = log_of(config, 0)
    serving = asyncio.create_task(_serve(shelf.log))
    with pytest.raises(LeaseHeld):
        await restore_log(other, shelf.retention, quick.archive)
    serving.cancel()
    await asyncio.wait({serving})
    await other.close()


async def _serve(log: EventLog) -> None:
    while True:
        await log.renew()
        await asyncio.sleep(0.5)


async def test_only_what_is_old_enough(quick: Shelf, house: House, tmp_path: Path) -> None:
    """`before` is about the last record of a period, so nothing younger goes with it."""
    quick = replace(quick, archive=Archive(tmp_path / "other", "main", vault()))
    ends = [house.log[last - 1].record.at for _, last in await quick.retention.closed(0)]
    assert await quick.write(ends[0]) == []
    assert len(await quick.write(ends[1])) == 1
    assert len(await quick.write(ends[-1] + MONTH)) == 2


@pytest.mark.parametrize("killed_at", ["draft", "file", "manifest"])
async def test_it_may_be_killed_at_any_moment(
    quick: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    """The next run writes what the first did not, and the files are what they would have been."""
    whole = [path.read_bytes() for path in files(quick)]
    again = replace(quick, archive=Archive(tmp_path / "again", "main", vault()))
    with monkeypatch.context() as patch:
        _kill(patch, killed_at)
        with pytest.raises(RuntimeError):
            await again.write()
    assert again.archive.manifests() == []
    await again.write()
    assert [path.read_bytes() for path in files(again)] == whole
    assert again.archive.manifests() == quick.archive.manifests()
    assert files(again, "*.draft") == []


def _kill(patch: pytest.MonkeyPatch, moment: str) -> None:
    def dies(*_: object) -> None:
        raise RuntimeError("killed")

    if moment == "draft":
        patch.setattr("runtime.archive.files.Draft.finish", dies)
        # Its file is closed with the process, and stays.
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
    elif moment == "file":
        patch.setattr("runtime.archive.files.Archive.keep", dies)
    else:
        patch.setattr("pathlib.Path.replace", _replace_files_only)


def _replace_files_only(path: Path, target: Path) -> None:
    if target.suffix == ".json":
        raise RuntimeError("killed")
    path.rename(target)


def flip(paths: list[Path]) -> None:
    """One bit in the middle of a file."""
    content = bytearray(paths[1].read_bytes())
    content[len(content) // 2] ^= 1
    paths[1].write_bytes(content)


def cut(paths: list[Path]) -> None:
    """The end of a file is missing."""
    paths[1].write_bytes(paths[1].read_bytes()[:-40])


def drop_line(paths: list[Path]) -> None:
    """A record is taken out, and the file packed again."""
    lines = gzip.decompress(paths[1].read_bytes()).splitlines(keepends=True)
    paths[1].write_bytes(gzip.compress(b"".join(lines[:2] + lines[3:]), mtime=0))


def swap(paths: list[Path]) -> None:
    """Two files change places."""
    one, other = paths[0].read_bytes(), paths[1].read_bytes()
    paths[0].write_bytes(other)
    paths[1].write_bytes(one)


def swap_with_manifests(paths: list[Path]) -> None:
    """And so do their manifests."""
    swap(paths)
    swap([manifest_of(path) for path in paths])


def take_out(paths: list[Path]) -> None:
    """A file in the middle goes, with its manifest."""
    paths[1].unlink()
    manifest_of(paths[1]).unlink()


def take_first(paths: list[Path]) -> None:
    """The first file goes, with its manifest."""
    paths[0].unlink()
    manifest_of(paths[0]).unlink()


def take_file(paths: list[Path]) -> None:
    """A file goes, and its manifest stays."""
    paths[1].unlink()


def forge(paths: list[Path]) -> None:
    """A record is changed, and the manifest made to fit."""
    text = gzip.decompress(paths[1].read_bytes()).replace(b'"bob"', b'"eve"')
    paths[1].write_bytes(gzip.compress(text, mtime=0))
    path = manifest_of(paths[1])
    manifest = msgspec.json.decode(path.read_bytes())
    manifest["bytes"] = paths[1].stat().st_size
    path.write_bytes(msgspec.json.encode(manifest))


def manifest_of(path: Path) -> Path:
    """The manifest of a file."""
    return path.with_name(path.name.replace(".jsonl.gz", ".json"))


TAMPERING = [
    flip,
    cut,
    drop_line,
    swap,
    swap_with_manifests,
    take_out,
    take_first,
    take_file,
    forge,
]


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
async def test_tampering_is_found(quick: Shelf, tamper: Callable[[list[Path]], None]) -> None:
    """By the folder alone; and nothing is restored from it, or written into it."""
    tamper(files(quick))
    with pytest.raises(VerifyError):
        await digest_of(WholeLog(quick.archive, None))
    other = memory_shelf(quick.archive.folder.parent)
    with pytest.raises(VerifyError):
        await restore_log(other.log, other.retention, other.archive)
    assert await other.log.head() == 0


async def test_another_secret_is_told(quick: Shelf) -> None:
    """Whoever has it not cannot make a manifest."""
    foreign = Archive(quick.archive.folder.parent, "main", HouseVault(b"x" * 32))
    with pytest.raises(VerifyError, match="seal"):
        foreign.manifests()


async def test_a_file_that_is_missing_at_the_end(shelf: Shelf) -> None:
    """The log tells, which has it no more."""
    await shelf.write()
    await shelf.drop()
    last = files(shelf)[-1]
    last.unlink()
    manifest_of(last).unlink()
    with pytest.raises(VerifyError, match="neither"):
        await digest_of(WholeLog(shelf.archive, shelf.log))
    with pytest.raises(VerifyError, match="another archive"):
        await shelf.write()
    await shelf.log.release()
    with pytest.raises(VerifyError, match="missing at the end"):
        await restore_log(shelf.log, shelf.retention, shelf.archive)


async def test_a_log_that_differs_from_its_archive(quick: Shelf) -> None:
    """Which of the two was changed, a person has to say: nothing is dropped."""
    records = quick.log._store.records
    records[3] = replace(records[3], result=b'{"another":"answer"}')
    with pytest.raises(VerifyError, match="differ"):
        await digest_of(WholeLog(quick.archive, quick.log))
    with pytest.raises(VerifyError, match="not what the log has"):
        await quick.drop()


async def test_nothing_is_dropped_that_a_start_needs(shelf: Shelf, house: House) -> None:
    """What commands that come again are answered from, and letters that are yet to be sent."""
    first, second, third = await shelf.write()
    head = len(house.log)
    kept = await shelf.drop(remember=head)
    assert kept.position == 0
    assert "reads the" in kept.kept
    assert (await shelf.drop(remember=head - second.last)).position == second.last
    assert (await shelf.drop(remember=head - second.last)).position == second.last
    assert (await shelf.drop(remember=head - third.last + 1)).kept
    assert (await shelf.log.read(second.last, 1))[0].position == second.last + 1
    assert first.last < second.last


async def test_nothing_is_dropped_without_a_snapshot(
    tmp_path: Path, config: Config, house: House
) -> None:
    """Or with one that this version cannot read, or before letters are sent."""
    shelf = shelf_of(config, tmp_path / "archive")
    await shelf.log.acquire("tests")
    await shelf.log.append([house.log[0].record])
    await shelf.log.save_snapshot(Snapshot(1, b"of another version"))
    records = [applied.record for applied in house.log]
    await shelf.log.append(records[1:-1])
    await shelf.retention.closed(0)
    await shelf.log.append(records[-1:])
    assert await shelf.write()
    assert "no snapshot" in (await shelf.drop()).kept
    await shelf.log.save_snapshot(Snapshot(len(records), snapshot.take(house.core)))
    assert "letters" in (await shelf.drop()).kept
    await shelf.log.save_mark(ERRANDS, len(records))
    assert not (await shelf.drop()).kept
    await shelf.close()


async def test_nothing_is_dropped_that_is_not_as_written(shelf: Shelf) -> None:
    """The file is read once more."""
    await shelf.write()
    flip(files(shelf))
    with pytest.raises(VerifyError):
        await shelf.drop()
    assert await shelf.log.load_mark(ARCHIVED) < shelf.archive.manifests()[1].last
