"""The end of a connection, from either side, in good order and otherwise."""

import asyncio
import socket
import struct

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Opcode

from gateway.connection import Connection
from tests.gateway.harness import Owner, on_paper, raw_client, serving

BOTH_LOOPS = True


async def test_the_client_closes() -> None:
    """Its code and reason are echoed, and told to the owner once, after its last messages."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        client.say(Opcode.TEXT, b"last words")
        client.say(Opcode.CLOSE, Close(3000, "enough").serialize())
        assert await client.hear() == (Opcode.TEXT, b"last words")
        assert await client.hear_close() == Close(3000, "enough")
        await client.hang_up()
        assert await owner.call("closed") == ("closed", 3000, "enough")
    assert owner.calls.empty()


async def test_its_owner_may_close_it_while_it_waits() -> None:
    """Asked again and again, whether the client is silent or not; then in good order."""
    owner, asked = Owner(), [3]

    def enough(connection: Connection) -> None:
        asked[0] -= 1
        if not asked[0]:
            connection.close(4001, "enough")

    owner.on_waiting = enough
    async with (
        serving(owner, ping_interval_ms=20) as port,
        connect(f"ws://127.0.0.1:{port}/", proxy=None) as client,
    ):
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4001, "enough")
        assert await owner.call("closed") == ("closed", 4001, "enough")


async def test_the_client_closes_without_a_code() -> None:
    """1005 stands for none."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        client.say(Opcode.CLOSE, b"")
        assert await client.hear() == (Opcode.CLOSE, b"")
        await client.hang_up()
        assert await owner.call("closed") == ("closed", 1005, "")


async def test_the_server_closes() -> None:
    """What was sent before leaves first; what is sent or comes in after is dropped."""
    owner = Owner()

    def goodbye(connection: Connection, text: bytes) -> None:
        connection.send(b"goodbye")
        connection.close(4002, "not the protocol")
        connection.send(b"never")
        connection.close(1000, "never")

    owner.on_received = goodbye
    async with serving(owner) as port, connect(f"ws://127.0.0.1:{port}/", proxy=None) as client:
        await client.send("one")
        await client.send("two")
        assert await client.recv() == "goodbye"
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4002, "not the protocol")
        assert await owner.call("received") == ("received", b"one")
        assert await owner.call("closed") == ("closed", 4002, "not the protocol")
    assert owner.calls.empty()


async def test_a_client_that_never_answers_a_close_is_cut_off() -> None:
    """The closing timeout ends it. The code stays ours."""
    owner = Owner()
    async with serving(owner, close_timeout_ms=30) as port, raw_client(port) as client:
        await owner.call("opened")
        owner.connections[0].close(4201, "restart")
        assert await client.hear() == (Opcode.CLOSE, Close(4201, "restart").serialize())
        assert await owner.call("closed") == ("closed", 4201, "restart")


async def test_a_client_that_never_hangs_up_is_cut_off() -> None:
    """Both close frames are exchanged, and yet the client keeps its half of the socket open."""
    owner = Owner()
    async with serving(owner, close_timeout_ms=30) as port, raw_client(port) as client:
        client.say(Opcode.CLOSE, Close(1000, "").serialize())
        assert await owner.call("closed") == ("closed", 1000, "")


async def test_a_client_that_stops_sending_is_gone() -> None:
    """The end of the stream without a close frame is 1006, with half a frame before it or not."""
    owner = Owner()
    async with serving(owner) as port:
        for last_bytes in (b"", b"\x81"):
            async with raw_client(port) as client:
                client.writer.write(last_bytes)
                client.writer.write_eof()
                assert await client.rest() == b""
                assert await owner.call("closed") == ("closed", 1006, "")


async def test_a_reset_socket_is_1006_and_sending_to_it_is_harmless() -> None:
    """The owner may go on sending until it has heard of it."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        await owner.call("opened")
        [connection] = owner.connections
        sock = client.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()
        while connection.is_open:
            connection.send(b"anyone?")
            await asyncio.sleep(0)
        connection.send(b"no")
        connection.close(1000)
        assert await owner.call("closed") == ("closed", 1006, "")
    assert owner.calls.empty()


async def test_both_close_in_the_same_moment() -> None:
    """Two close frames cross: one handshake, one report."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        await owner.call("opened")
        owner.connections[0].close(4201, "restart")
        client.say(Opcode.CLOSE, Close(1001, "leaving").serialize())
        assert await client.hear_close() == Close(4201, "restart")
        await client.hang_up()
        assert await owner.call("closed") == ("closed", 4201, "restart")
    assert owner.calls.empty()


async def test_closing_in_answer_to_a_message_with_a_close_behind_it() -> None:
    """The peer's close is already answered when the owner closes: nothing is sent twice."""
    owner = Owner()
    owner.on_received = lambda connection, text: connection.close(4002)
    async with serving(owner) as port, raw_client(port) as client:
        client.say(Opcode.TEXT, b"bad")
        client.say(Opcode.CLOSE, Close(1000, "").serialize())
        assert (await client.hear_close()).code in (1000, 4002)
        await client.hang_up()
        await owner.call("closed")
    assert owner.calls.empty()


async def test_a_paused_connection_can_be_closed() -> None:
    """Closing reads again, or the peer's close frame would never be seen."""
    owner = Owner()
    owner.on_opened = Connection.pause
    async with serving(owner) as port, raw_client(port) as client:
        await owner.call("opened")
        owner.connections[0].close(1000)
        assert (await client.hear())[0] is Opcode.CLOSE
        client.say(Opcode.CLOSE, Close(1000, "").serialize())
        assert await client.rest() == b""
        await client.hang_up()
        assert await owner.call("closed") == ("closed", 1000, "")


async def test_shutdown_lets_the_owner_say_goodbye() -> None:
    """The owner's words, then 4201. A second shutdown changes nothing."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        await owner.call("opened")
        owner.connections[0].shutdown()
        owner.connections[0].shutdown()
        assert await client.hear() == (Opcode.TEXT, b"goodbye")
        opcode, payload = await client.hear()
        assert opcode is Opcode.CLOSE
        assert Close.parse(payload) == Close(4201, "restart, come back and resume")
        assert owner.noted("shutdown") == [("shutdown",)]


async def test_a_code_that_may_not_be_sent_changes_nothing() -> None:
    """The mistake is the caller's; the connection stays open."""
    _, connection, _ = on_paper(Owner())
    with pytest.raises(ProtocolError):
        connection.close(1006)
    assert connection.is_open


@pytest.mark.parametrize("tls", [True, False])
async def test_a_transport_that_cannot_half_close_is_closed(tls: bool) -> None:
    """TLS has no half-closing, and a socket that was reset refuses it."""
    _, connection, transport = on_paper(Owner())

    def refuse() -> None:
        raise OSError("not connected")

    transport.can_write_eof = lambda: not tls  # type: ignore[method-assign]
    transport.write_eof = refuse  # type: ignore[method-assign]
    ends: list[str] = []
    transport.close = lambda: ends.append("closed")  # type: ignore[method-assign]
    transport.abort = lambda: ends.append("aborted")  # type: ignore[method-assign]
    connection.eof_received()
    assert ends == ["closed" if tls else "aborted"]
