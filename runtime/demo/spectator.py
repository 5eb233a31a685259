"""Two spectators: a member of the public at the auctions, and an operator everywhere else."""

import asyncio
from contextlib import AsyncExitStack

from runtime.demo.board import OVER, Board
from runtime.demo.client import Client, Feed
from runtime.demo.stage import CURRENCY, Stage

LOOK_FOR_NEW_S = 0.5
READ_THE_BOOKS_S = 3.0
BOOKS = f"ledger:{CURRENCY}"


class Spectator:
    """Follows whatever is being played."""

    def __init__(self, stage: Stage, board: Board) -> None:
        self._stage = stage
        self._board = board
        self._feed: Feed = asyncio.Queue()
        self._followed: set[str] = set()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            enter = stack.enter_async_context
            public = await enter(self._stage.enter("demo-watcher"))
            operator = await enter(self._stage.enter("demo-operator", "admin"))
            group.create_task(self._hear())
            group.create_task(self._read_the_books(operator))
            while True:
                await self._look_round(public, operator)
                await asyncio.sleep(LOOK_FOR_NEW_S)

    async def _look_round(self, public: Client, operator: Client) -> None:
        playing = dict(self._stage.playing)
        for room in sorted(playing.keys() - self._followed):
            self._board.begin(room, playing[room])
            self._followed.add(room)
            await self._line(room, public, operator).follow(room, self._feed)
        for room in sorted(self._followed - playing.keys()):
            await self._line(room, public, operator).leave(room)
            self._followed.remove(room)
            # What came before is still in the feed, and goes to the board first.
            self._feed.put_nowait({"type": OVER, "room": room})

    def _line(self, room: str, public: Client, operator: Client) -> Client:
        return public if room.startswith("auction:") else operator

    async def _hear(self) -> None:
        while True:
            message = await self._feed.get()
            self._board.take(message)

    async def _read_the_books(self, operator: Client) -> None:
        """Every room moves money; the sums of all stand in the snapshot of the journal."""
        while True:
            await operator.follow(BOOKS, self._feed)
            await asyncio.sleep(READ_THE_BOOKS_S)
            await operator.leave(BOOKS)
