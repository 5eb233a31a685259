"""A client of the house as any other program would be one: the `websockets` library, JSON, ids.

It says what it is told to and keeps all that it hears, so that a test can ask afterwards whether
anything was missing, repeated or out of order.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PATIENCE_S = 30.0


class Heard(Struct, gc=False):
    """Any message of the server, as PROTOCOL has them; fields that it lacks are empty."""

    type: str
    id: str | None = None
    room: str = ""
    seq: int = 0
    epoch: str = ""
    at: int = 0
    result: Any = None
    duplicate: bool = False
    code: str = ""
    message: str = ""
    retry: str = ""
    details: Any = None
    event: str = ""
    data: Any = None
    state: Any = None
    user: str | None = None
    server_time: int = 0
    reconnect_after_ms: int = 0

    @property
    def ok(self) -> bool:
        """Whether this is the reply to a command that was accepted."""
        return self.type == "ok"


class ConnectionEnded(Exception):
    """The connection is gone; `code` is the close code, 1006 if there was none."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the connection has ended: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Client:
    """One connection. Commands may be in flight together: replies are paired by id."""

    def __init__(self, socket: ClientConnection) -> None:
        self.unasked: list[Heard] = []
        """All that was no reply, in order: the welcome, snapshots, events, the goodbye."""
        self.replied: list[Heard] = []
        """All replies, in order."""
        self.ended: asyncio.Future[ConnectionEnded] = asyncio.get_running_loop().create_future()
        """Set when the connection is gone."""
        self._socket = socket
        self._read = 0
        # A user's ids are unique over all connections and for ever.
        self._run = secrets.token_hex(4)
        self._sent = 0
        self._waiting: dict[str, asyncio.Future[Heard | None]] = {}
        self._more = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def send(
        self, type_: str, id_: str | None = None, **fields: Any
    ) -> "asyncio.Future[Heard | None]":
        """Send a command. Returns its reply to come: None, if the connection ends before."""
        if id_ is None:
            self._sent += 1
            id_ = f"{self._run}-{self._sent}"
        assert id_ not in self._waiting, f"{id_} is in flight already"
        reply: asyncio.Future[Heard | None] = asyncio.get_running_loop().create_future()
        self._waiting[id_] = reply
        try:
            await self._socket.send(json.dumps({"id": id_, "type": type_} | fields))
        except ConnectionClosed:
            await self._listening
        return reply

    async def ask(self, type_: str, id_: str | None = None, **fields: Any) -> Heard:
        """Send a command; return its reply, be it yes or no. Raises ConnectionEnded."""
        async with asyncio.timeout(PATIENCE_S):
            reply = await (await self.send(type_, id_, **fields))
        if reply is None:
            raise self.ended.result()
        return reply

    async def must(self, type_: str, id_: str | None = None, **fields: Any) -> Heard:
        """As `ask`, where a no is a failure of the test."""
        reply = await self.ask(type_, id_, **fields)
        assert reply.ok, f"{type_} {fields}: {reply.code}: {reply.message}"
        return reply

    async def hear(self, type_: str = "event", **facts: Any) -> Heard:
        """The next message of this type with these facts, such as `event="auction.outbid"`;
        what comes before it is passed over, and stays in `unasked`. Raises ConnectionEnded."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                while self._read < len(self.unasked):
                    message = self.unasked[self._read]
                    self._read += 1
                    if message.type == type_ and _fits(message, facts):
                        return message
                if self.ended.done():
                    raise self.ended.result()
                await self._more.wait()

    async def subscribe(
        self, room: str, after: int | None = None, epoch: str | None = None
    ) -> Heard:
        """Listen to a room, from `after` on if it is given; return the reply."""
        since = {"after": after, "epoch": epoch}
        return await self.must("subscribe", None, room=room, **since)

    def seqs(self, room: str) -> list[int]:
        """The seq of every event that came from this room, as they came."""
        return [m.seq for m in self.unasked if m.type == "event" and m.room == room]

    async def close(self) -> None:
        """Hang up in good order."""
        await self._socket.close()
        await self._listening

    async def _listen(self) -> None:
        decode = msgspec.json.Decoder(Heard).decode
        try:
            async for text in self._socket:
                self._take(decode(text))
        except ConnectionClosed:
            pass
        finally:
            self._end()

    def _end(self) -> None:
        code, reason = self._socket.close_code or 1006, self._socket.close_reason or ""
        self.ended.set_result(ConnectionEnded(code, reason))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(None)
        self._tell()

    def _take(self, message: Heard) -> None:
        if message.type not in ("ok", "error") or message.id is None:
            self.unasked.append(message)
            self._tell()
            return
        self.replied.append(message)
        waiting = self._waiting.pop(message.id, None)
        assert waiting is not None, f"a reply that nobody waits for: {message}"
        if not waiting.done():
            waiting.set_result(message)

    def _tell(self) -> None:
        told, self._more = self._more, asyncio.Event()
        told.set()


def _fits(message: Heard, facts: dict[str, Any]) -> bool:
    return all(getattr(message, name) == value for name, value in facts.items())


@asynccontextmanager
async def connected(websocket: str, token: str | None = None) -> AsyncIterator[Client]:
    """A client until the block ends, welcomed already. Raises as `websockets` does."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with connect(
        websocket,
        additional_headers=headers,
        subprotocols=[Subprotocol("outcry.v1+json")],
        compression=None,
        ping_interval=None,
        max_size=None,
        close_timeout=2,
    ) as socket:
        client = Client(socket)
        try:
            await client.hear("welcome")
            yield client
        finally:
            await client.close()
