"""Making a log of archive files, or putting back what was dropped from one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import islice

from engine.kernel.limits import BATCH_RECORDS_MAX
from engine.kernel.record import Record
from engine.ports import EventLog
from persistence.errors import LogUnavailable
from persistence.order import ARCHIVED
from runtime.archive.files import Archive, Manifest
from runtime.archive.retention import Retention
from runtime.archive.write import Progress, compare
from runtime.outside.errands import MARK as ERRANDS
from runtime.verify import VerifyError

OWNER = "outcry restore"
RENEW_S = 2.0


async def restore_log(
    log: EventLog,
    retention: Retention,
    archive: Archive,
    progress: Progress = lambda done, total: None,
) -> int:
    """Make the log whole. Returns its head. It may be killed at any moment and run again.

    An empty log becomes the archived one; one of the same name gets back what it no longer has.
    Every file is checked before anything is written. Nobody may serve the log meanwhile.

    Raises VerifyError if the archive is damaged or of another log, LeaseHeld if the log is served,
    and LogError.
    """
    manifests = archive.manifests()
    if not manifests:
        raise VerifyError(f"there is no archive in {archive.folder}")
    for manifest in manifests:
        archive.check(manifest)
    acquired = await log.acquire(OWNER)
    keeping = asyncio.create_task(_keep_lease(log))
    try:
        name = manifests[0].log_id
        if await log.head() == 0:
            await retention.adopt(name, archive.market)
        elif acquired.log_id != name:
            raise VerifyError(
                f"the log there is another one, {acquired.log_id}, and not empty; this is {name}"
            )
        if await log.load_mark(ARCHIVED):
            await _put_back(log, retention, archive, manifests, progress)
        else:
            await _append(log, retention, archive, manifests, progress)
        return await log.head()
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        await log.release()


async def _keep_lease(log: EventLog) -> None:
    """Renew it beside long work. SQLite may be busy with that; it needs no renewing."""
    while True:
        await asyncio.sleep(RENEW_S)
        with suppress(LogUnavailable):
            await log.renew(is_serving=False)


async def _put_back(
    log: EventLog,
    retention: Retention,
    archive: Archive,
    manifests: Sequence[Manifest],
    progress: Progress,
) -> None:
    """The latest first, so that the log is without a gap at any moment."""
    begins = total = await log.load_mark(ARCHIVED)
    if manifests[-1].last < begins:
        raise VerifyError(
            f"{archive.folder} ends with position {manifests[-1].last}, but the log has nothing up "
            f"to {begins}: files are missing at the end"
        )
    for manifest in reversed(manifests):
        if manifest.last > begins:
            await compare(log, archive, manifest, max(manifest.first, begins + 1))
        if manifest.first <= begins:
            last = min(manifest.last, begins)
            pages = _pages(archive, manifest, last)
            await retention.put_back(manifest.first, last, pages)
            progress(total - manifest.first + 1, total)


async def _append(
    log: EventLog,
    retention: Retention,
    archive: Archive,
    manifests: Sequence[Manifest],
    progress: Progress,
) -> None:
    """From the beginning, or from where an earlier attempt came to."""
    for manifest in manifests:
        head = await log.head()
        if head >= manifest.first:
            await _compare_begun(log, archive, manifest, min(head, manifest.last))
        if head >= manifest.last:
            continue
        async for page in _pages(archive, manifest, manifest.last, head):
            await log.append(page)
            progress(page[-1].position, manifests[-1].last)
        await retention.close_at(manifest.last)
        # What is archived has been done: nobody gets a letter of that time again.
        await log.save_mark(ERRANDS, manifest.last)


async def _compare_begun(log: EventLog, archive: Archive, manifest: Manifest, last: int) -> None:
    records = archive.records(manifest)
    position = manifest.first
    while position <= last:
        page = await log.read(position - 1, min(BATCH_RECORDS_MAX, last - position + 1))
        if list(islice(records, len(page))) != list(page):
            raise VerifyError(f"{manifest.file}: the log has something else from {position} on")
        position += len(page)


async def _pages(
    archive: Archive, manifest: Manifest, last: int, after: int = 0
) -> AsyncIterator[Sequence[Record]]:
    """The records of a file, some at a time."""
    skipped = max(0, after - manifest.first + 1)
    records = islice(archive.records(manifest), skipped, last - manifest.first + 1)
    while page := list(islice(records, BATCH_RECORDS_MAX)):
        yield page
