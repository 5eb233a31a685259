"""A history from its beginning: archive files, and the log that follows them."""

from collections.abc import Iterator, Sequence
from itertools import islice

from engine.kernel.record import Record
from engine.ports import EventLog
from persistence.errors import Archived
from persistence.order import ARCHIVED
from runtime.archive.files import Archive
from runtime.verify import VerifyError


class WholeLog:
    """Reads an archive and a log as one (`verify.History`). What both have must be the same."""

    def __init__(self, archive: Archive, log: EventLog | None) -> None:
        """`log`: None if there is only the archive."""
        self._archive = archive
        self._log = log
        self._manifests = archive.manifests()
        self._last = self._manifests[-1].last if self._manifests else 0
        self._next = 1
        self._records: Iterator[Record] = self._from(1)
        self._room: tuple[str, list[Record]] = ("", [])

    @property
    def log_id(self) -> str:
        """The name of the log that was archived; empty if nothing was."""
        return self._manifests[0].log_id if self._manifests else ""

    @property
    def last_archived(self) -> int:
        """Position of the last record in the files."""
        return self._last

    async def head(self) -> int:
        """Position of the last record."""
        return max(self._last, await self._log.head() if self._log else 0)

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        """`EventLog.read`. Raises VerifyError if the two do not fit together."""
        if after >= self._last:
            return await self._read_log(after, limit)
        if after + 1 != self._next:
            self._records = self._from(after + 1)
        page = list(islice(self._records, limit))
        self._next = page[-1].position + 1
        await self._compare(page)
        return page

    async def read_room(self, room: str, after: int, limit: int) -> Sequence[Record]:
        """`EventLog.read_room`. The first page of a room reads all files."""
        if self._room[0] != room:
            self._room = (room, [r for r in self._from(1) if r.room == room])
        archived = self._room[1]
        page = archived[after : after + limit]
        if len(page) < limit and self._log:
            known = max(after, len(archived))
            page = [*page, *await self._log.read_room(room, known, limit - len(page))]
        return page

    async def _read_log(self, after: int, limit: int) -> Sequence[Record]:
        if self._log is None:
            return ()
        try:
            return await self._log.read(after, limit)
        except Archived as gap:
            raise VerifyError(
                f"positions {after + 1} to {gap.first - 1} are neither in {self._archive.folder} "
                "nor in the log: files are missing at the end"
            ) from gap

    async def _compare(self, page: Sequence[Record]) -> None:
        """What was archived and is still in the log must be the same in both."""
        if self._log is None:
            return
        begins = await self._log.load_mark(ARCHIVED)
        both = [record for record in page if record.position > begins]
        if both and list(await self._log.read(both[0].position - 1, len(both))) != both:
            raise VerifyError(
                f"positions {both[0].position} to {both[-1].position}: log and archive differ"
            )

    def _from(self, position: int) -> Iterator[Record]:
        for manifest in self._manifests:
            if manifest.last >= position:
                skipped = max(0, position - manifest.first)
                yield from islice(self._archive.records(manifest), skipped, None)
