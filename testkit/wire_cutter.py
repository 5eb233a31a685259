"""A wire between a process and a server on a Unix socket, that can be cut and mended."""

import asyncio
from contextlib import suppress
from pathlib import Path

PIECE = 65_536


class Wire:
    """Passes on whatever comes. While it is cut, nobody gets through and nothing is said."""

    def __init__(self, path: Path, server: Path) -> None:
        """`path` is where the process connects; `server` where its server listens."""
        self._path = path
        self._server = server
        self._is_cut = False
        self._door: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._door = await asyncio.start_unix_server(self._connected, str(self._path))

    def cut(self) -> None:
        """Break what is under way, and let nothing through until `mend`."""
        self._is_cut = True
        for task in self._passing:
            task.cancel()

    def mend(self) -> None:
        """Let everything through again."""
        self._is_cut = False

    async def close(self) -> None:
        """The end."""
        self.cut()
        if self._door:
            self._door.close()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)
        with suppress(OSError, asyncio.CancelledError):
            if not self._is_cut:
                await self._pass_on(reader, writer)
        writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(str(self._server))
        ways = [
            asyncio.create_task(_copy(reader, far_writer)),
            asyncio.create_task(_copy(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            far_writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
