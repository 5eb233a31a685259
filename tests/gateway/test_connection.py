"""Messages in both directions, over real sockets on both event loops."""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.frames import Opcode

from gateway.connection import Connection, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.frames import frame_binary, frame_text
from gateway.tick import LISTENERS_MAX
from tests.gateway.harness import (
    ManualLoop,
    Owner,
    on_paper,
    open_on_paper,
    raw_client,
    serving,
)

BOTH_LOOPS = True


async def test_echo_in_order_at_every_length() -> None:
    """What a common client sends comes back: short, long, not ASCII, and in its order."""
    messages = ["", "a", "é€😀", "x" * 125, "x" * 126, "x" * 65_536]
    async with serving(Owner()) as port, connect(f"ws://127.0.0.1:{port}/", proxy=None) as client:
        for message in messages:
            await client.send(message)
        assert [await client.recv() for _ in messages] == messages


async def test_opened_comes_first_and_may_send_at_once() -> None:
    """The owner's first words follow the handshake; the session is whatever the owner put there."""
    owner = Owner()

    def welcome(connection: Connection) -> None:
        connection.session = "of the owner"
        connection.send(b"welcome")

    owner.on_opened = welcome
    async with serving(owner) as port, raw_client(port) as client:
        assert await client.hear() == (Opcode.TEXT, b"welcome")
        assert await owner.call("opened") == ("opened", "/v1/ws")
        [connection] = owner.connections
        assert connection.session == "of the owner"
        assert connection.peer == client.writer.get_extra_info("sockname")


async def test_fragments_become_one_message_with_pings_between() -> None:
    """Fragments are joined, even within a character; a ping between them is answered."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        client.say(Opcode.TEXT, "€".encode()[:1], fin=False)
        client.say(Opcode.PING, b"there?")
        client.say(Opcode.CONT, "€".encode()[1:], fin=False)
        client.say(Opcode.CONT, b"", fin=True)
        client.say(Opcode.TEXT, b"next")
        assert await owner.call("received") == ("received", "€".encode())
        heard = [await client.hear() for _ in range(3)]
        assert (Opcode.PONG, b"there?") in heard
        assert [payload for code, payload in heard if code is Opcode.TEXT] == [
            "€".encode(),
            b"next",
        ]


async def test_many_messages_in_one_read_keep_their_order() -> None:
    """A pipelining client gets all answers in order."""
    async with serving(Owner()) as port, raw_client(port) as client:
        for number in range(500):
            client.say(Opcode.TEXT, b"%d" % number)
        for number in range(500):
            assert await client.hear() == (Opcode.TEXT, b"%d" % number)


async def test_a_message_may_come_byte_by_byte() -> None:
    """Where the network cuts is of no consequence."""
    owner = Owner()
    _, connection, _ = on_paper(owner)
    for byte in b"\x81\x85\x00\x00\x00\x00hello":
        connection.data_received(bytes([byte]))
    assert await owner.call("received") == ("received", b"hello")


async def test_binary_is_the_owners_choice() -> None:
    """Binary messages, whole or in fragments, reach their own callback and are not read as text."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        client.say(Opcode.BINARY, b"\xff")
        client.say(Opcode.BINARY, b"\xff", fin=False)
        client.say(Opcode.CONT, b"\xfe", fin=True)
        client.say(Opcode.TEXT, b"text", fin=False)
        client.say(Opcode.CONT, b"!", fin=True)
        assert await owner.call("binary") == ("binary", b"\xff")
        assert await owner.call("binary") == ("binary", b"\xff\xfe")
        assert await owner.call("received") == ("received", b"text!")
        owner.connections[0].send_framed(frame_binary(b"\xfd"))
        assert await client.hear() == (Opcode.TEXT, b"text!")
        assert await client.hear() == (Opcode.BINARY, b"\xfd")


async def test_many_sends_in_a_tick_are_one_write() -> None:
    """Ten messages from anywhere in one turn of the loop: one write of the transport."""
    loop, connection, transport = on_paper(Owner())
    shared = frame_text(b"to all")
    for _ in range(5):
        connection.send(b"to one")
        connection.send_framed(shared)
    assert (transport.writes, connection.backlog_bytes) == ([], 80)
    loop.tick()
    assert transport.writes == [(frame_text(b"to one") + shared) * 5]
    loop.tick()
    assert (len(transport.writes), connection.backlog_bytes) == (1, 0)


async def test_an_answer_does_not_wait_for_a_crowd() -> None:
    """It leaves at the next turn, behind what its own connection was told before; what that is told
    afterwards has its place in the crowd again."""
    loop = ManualLoop()
    listener = Listener(Owner(), ConnectionSettings(), loop)
    crowd = [open_on_paper(listener, loop) for _ in range(LISTENERS_MAX + 1)]
    last, transport = crowd[-1]
    event, reply = frame_text(b"event"), frame_text(b"reply")
    for connection, _ in crowd:
        connection.send_framed(event)
    last.send(b"reply")
    loop.tick()
    assert transport.writes == [event + reply]
    loop.tick()
    for connection, _ in crowd:
        connection.send_framed(event)
    loop.tick()
    assert transport.writes[1:] == []
    loop.tick()
    assert [other.writes for _, other in crowd[:-1]] == [[event, event]] * LISTENERS_MAX
    assert transport.writes[1:] == [event]


async def test_a_long_burst_is_written_before_the_tick_ends() -> None:
    """What waits for the tick is bounded, and nothing of it is lost or repeated."""
    loop, connection, transport = on_paper(Owner())
    frames = [frame_text(b"%07d" % number) for number in range(20_000)]
    for frame in frames:
        connection.send_framed(frame)
        assert connection.backlog_bytes <= 65_536
    loop.tick()
    assert b"".join(transport.writes) == b"".join(frames)
    assert len(transport.writes) == 3


async def test_a_paused_connection_is_not_read() -> None:
    """Until the owner resumes, messages stay in the network."""
    owner = Owner()
    owner.on_received = lambda connection, text: connection.pause()
    async with serving(owner) as port, raw_client(port) as client:
        client.say(Opcode.TEXT, b"first")
        assert await owner.call("received") == ("received", b"first")
        [connection] = owner.connections
        client.say(Opcode.TEXT, b"second")
        async with raw_client(port) as other:
            other.say(Opcode.PING, b"")
            await other.hear()
        assert owner.noted("received") == []
        connection.resume()
        assert await owner.call("received") == ("received", b"second")


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_compression_is_declined(compression: str | None) -> None:
    """A client may offer it; messages then travel plain."""
    options: dict[str, Any] = {"compression": compression, "proxy": None}
    async with serving(Owner()) as port, connect(f"ws://127.0.0.1:{port}/", **options) as client:
        await client.send("plain")
        assert await client.recv() == "plain"
        assert client.protocol.extensions == []


async def test_a_handler_that_fails_ends_only_its_connection() -> None:
    """An error in the owner's code is reported to the loop; the others go on."""
    owner = Owner()
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def fail(connection: Connection, text: bytes) -> None:
        if text == b"fail":
            raise ValueError("of the owner")
        connection.send(text)

    owner.on_received = fail
    async with serving(owner) as port, raw_client(port) as bad, raw_client(port) as good:
        bad.say(Opcode.TEXT, b"fail")
        assert await owner.call("closed") == ("closed", 1006, "")
        good.say(Opcode.TEXT, b"still here")
        assert await good.hear() == (Opcode.TEXT, b"still here")
    assert [str(context["exception"]) for context in reported] == ["of the owner"]
