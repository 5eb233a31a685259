"""A person's line to the house: one websocket, and whatever it says."""

import asyncio
import time
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection

Message = dict[str, Any]
"""A frame of the server, as the wire has it."""
Feed = asyncio.Queue[Message]


class Refused(Exception):
    """The house said no where the demo did not expect it; the text says to what, and why."""


class Client:
    """Sends commands, and sorts what comes by room."""

    def __init__(self, socket: ClientConnection, user: str) -> None:
        self.user = user
        self._socket = socket
        self._sent = 0
        # A user's ids are unique over all connections and for ever.
        self._run = f"{time.time_ns():x}"
        self._replies: dict[str, asyncio.Future[Message]] = {}
        self._feeds: dict[str, Feed] = {}

    async def ask(self, type_: str, /, **fields: Any) -> Message:
        """Send a command; its reply, be it yes or no. Raises websockets' ConnectionClosed."""
        self._sent += 1
        id_ = f"{self._run}-{self._sent}"
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._replies[id_] = reply
        command = {"id": id_, "type": type_, **fields}
        await self._socket.send(msgspec.json.encode(command), text=True)
        return await reply

    async def must(self, type_: str, /, **fields: Any) -> Message:
        """As `ask`: the result of a command that is not refused. Raises Refused."""
        reply = await self.ask(type_, **fields)
        if reply["type"] != "ok":
            raise Refused(f"{self.user}: {type_} {fields}: {reply['code']}: {reply['message']}")
        result: Message = reply.get("result") or {}
        return result

    async def follow(self, room: str, feed: Feed | None = None) -> Feed:
        """Subscribe; snapshots, events and soft notices of the room go to the feed."""
        self._feeds[room] = asyncio.Queue() if feed is None else feed
        await self.must("subscribe", room=room)
        return self._feeds[room]

    async def leave(self, room: str) -> None:
        """Hear no more of a room."""
        await self.must("unsubscribe", room=room)
        del self._feeds[room]

    async def listen(self) -> None:
        """Take in whatever comes, until the connection is closed from here. Raises
        ConnectionClosedError if it ends otherwise, and tells those who await replies."""
        try:
            async for text in self._socket:
                self._take(msgspec.json.decode(text))
        finally:
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(ConnectionResetError(f"the line of {self.user} is dead"))

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()

    def _take(self, message: Message) -> None:
        if message["type"] in ("ok", "error"):
            reply = self._replies.pop(message["id"], None)
            if reply and not reply.done():
                reply.set_result(message)
        elif feed := self._feeds.get(message.get("room", "")):
            feed.put_nowait(message)


async def heard(feed: Feed, *events: str) -> Message:
    """The next of these events on a feed; what comes before it is passed over."""
    while True:
        message = await feed.get()
        if message["type"] == "event" and message["event"] in events:
            return message
