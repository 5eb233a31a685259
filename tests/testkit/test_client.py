"""The tests' own client: replies find their commands, and nothing that is heard gets lost."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from testkit.client import Client, ConnectionEnded, connected


@asynccontextmanager
async def talking_to(*frames: dict[str, object], answers: int) -> AsyncIterator[Client]:
    """A server that says these frames, answers so many commands, last first, and closes."""

    async def behave(socket: ServerConnection) -> None:
        await socket.send('{"type":"welcome"}')
        for frame in frames:
            await socket.send(json.dumps(frame))
        commands = [json.loads(await socket.recv()) for _ in range(answers + 1)]
        for command in reversed(commands[:answers]):
            await socket.send(json.dumps({"type": "ok", "id": command["id"], "result": command}))
        await socket.close(4201, "restart")

    async with serve(behave, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connected(f"ws://127.0.0.1:{port}") as client:
            yield client


async def test_replies_are_paired_by_id() -> None:
    """In whatever order they come; a command that nobody answered gets None."""
    async with talking_to(answers=2) as client:
        one, two, three = [await client.send("count", number=number) for number in (1, 2, 3)]
        assert [reply.result["number"] for reply in (await one, await two) if reply] == [1, 2]
        assert await three is None
        assert (await client.ended).code == 4201


async def test_a_command_that_must_be_answered_raises_what_ended_it() -> None:
    """The close code is in the exception."""
    async with talking_to(answers=0) as client:
        with pytest.raises(ConnectionEnded, match="4201 restart"):
            await client.ask("count")
        with pytest.raises(ConnectionEnded, match="4201 restart"):
            await client.hear("event")


async def test_what_is_passed_over_is_kept() -> None:
    """Waiting for one event does not forget those before it."""
    events = [{"type": "event", "room": "a:1", "seq": n, "event": f"e{n}"} for n in (1, 2, 3)]
    async with talking_to(*events, answers=0) as client:
        assert (await client.hear(event="e2")).seq == 2
        assert (await client.hear(room="a:1")).seq == 3
        assert client.seqs("a:1") == [1, 2, 3]
        await client.send("leave")
        await client.ended
