"""Writing closed periods of a log to files, and letting go of them in the log."""

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice

from msgspec import Struct

from engine import snapshot
from engine.contract import Vault
from engine.kernel.market import Market
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.ports import EventLog
from engine.registry import Registry
from persistence.order import ARCHIVED
from runtime.archive.files import Archive, Draft, Manifest
from runtime.archive.retention import Retention
from runtime.outside.errands import MARK as ERRANDS
from runtime.verify import VerifyError

PAGE = 10_000

Progress = Callable[[int, int], None]


class Dropped(Struct, frozen=True):
    """What became of the wish to drop what is archived."""

    position: int
    """Up to here nothing is in the log any more."""
    kept: str
    """Why the rest of the archived periods stays; empty if nothing does."""


async def archive_log(
    log: EventLog,
    retention: Retention,
    archive: Archive,
    shard: int,
    before: Millis | None,
    progress: Progress = lambda done, total: None,
) -> list[Manifest]:
    """Write the closed periods that are not yet in the archive. Returns the new manifests.

    `before`: only periods whose last record is older. What was written is read back and compared
    with the log before its manifest says that it is there, so this may be killed at any moment and
    run again. Raises VerifyError and LogError.
    """
    log_id = await retention.log_id()
    if log_id is None:
        raise VerifyError("there is no log to archive")
    known = archive.manifests()
    if known and known[-1].log_id != log_id:
        raise VerifyError(f"{archive.folder} is the archive of another log, {known[-1].log_id}")
    after, seal = (known[-1].last, known[-1].seal) if known else (0, "")
    if after < (begins := await log.load_mark(ARCHIVED)):
        raise VerifyError(
            f"{archive.folder} ends with position {after}, but the log has nothing up to {begins}: "
            "that is in another archive"
        )
    written: list[Manifest] = []
    for first, last in await retention.closed(after):
        if before is not None and (await log.read(last - 1, 1))[0].at >= before:
            break
        draft = archive.draft(first)
        try:
            await _fill(draft, log, first, last, progress)
            manifest = draft.finish(archive.market, shard, log_id, seal)
        except BaseException:
            # By Ctrl-C, too: half of a period is no archive.
            draft.discard()
            raise
        await compare(log, archive, manifest, first)
        written.append(archive.keep(manifest))
        seal = written[-1].seal
    return written


async def drop_archived(
    log: EventLog,
    retention: Retention,
    archive: Archive,
    registry: Registry,
    markets: dict[str, Market],
    vault: Vault,
    remember: int,
) -> Dropped:
    """Remove from the log what the archive holds, as far as no start will need it again.

    A start needs a snapshot that lies beyond, `remember` records before it, from which commands
    that come again are answered, and what errands are still to be done of. Each file is compared
    with the log once more. Raises VerifyError and LogError.
    """
    needed, reason = await _needed(log, registry, markets, vault, remember)
    for manifest in archive.manifests():
        begins = await log.load_mark(ARCHIVED)
        if manifest.last <= begins:
            continue
        if manifest.last >= needed:
            kept = f"positions {max(begins + 1, manifest.first)} to {manifest.last} stay: {reason}"
            return Dropped(begins, kept)
        await compare(log, archive, manifest, max(manifest.first, begins + 1))
        await retention.drop(manifest.last)
    return Dropped(await log.load_mark(ARCHIVED), "")


async def pages_of(log: EventLog, first: int, last: int) -> AsyncIterator[Sequence[Record]]:
    """The records from one position to another, both included."""
    while first <= last:
        page = await log.read(first - 1, min(PAGE, last - first + 1))
        if not page:
            raise VerifyError(f"the log ends with position {first - 1}, before {last}")
        yield page
        first = page[-1].position + 1


async def compare(log: EventLog, archive: Archive, manifest: Manifest, first: int) -> None:
    """Raise VerifyError unless file and log hold the same, from this position on."""
    records = islice(archive.records(manifest), first - manifest.first, None)
    async for page in pages_of(log, first, manifest.last):
        if list(islice(records, len(page))) != list(page):
            raise VerifyError(
                f"{manifest.file}: positions {page[0].position} to {page[-1].position} are not "
                "what the log has"
            )
    # The end of the file is proved too.
    assert next(records, None) is None, "a file ends where its manifest says"


async def _fill(draft: Draft, log: EventLog, first: int, last: int, progress: Progress) -> None:
    async for page in pages_of(log, first, last):
        draft.add(page)
        progress(page[-1].position - first + 1, last - first + 1)


async def _needed(
    log: EventLog, registry: Registry, markets: dict[str, Market], vault: Vault, remember: int
) -> tuple[int, str]:
    """The first position that has to stay, and why."""
    saved = await log.load_snapshot()
    if saved is None or snapshot.restore(saved.data, registry, markets, vault) is None:
        return 0, "there is no snapshot that this version can start from"
    errands = await log.load_mark(ERRANDS)
    return min(
        (
            saved.position - remember + 1,
            f"a start reads the {remember} records before its snapshot at {saved.position}",
        ),
        (
            errands + 1,
            f"letters are known to be done up to position {errands}; a server that runs moves that "
            "on within a minute",
        ),
        (await log.head(), "the last record of a log stays"),
    )
