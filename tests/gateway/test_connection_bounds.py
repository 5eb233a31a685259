"""What a peer may not do: too large, too slow, not the protocol, or silent."""

import asyncio
import socket
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close, Opcode

from gateway.connection import Connection
from gateway.connection_settings import ConnectionSettings
from gateway.frames import PING
from tests.gateway.harness import (
    HANDSHAKE,
    Owner,
    RawClient,
    on_paper,
    raw_client,
    serving,
)

BOTH_LOOPS = True

BACKLOG = 262_144
PONG = b"\x8a\x80\x00\x00\x00\x00"


async def test_an_oversized_frame_is_told_before_it_is_closed() -> None:
    """The owner's word, then 1009, though most of the frame is unread or not even sent."""
    owner = Owner()
    async with serving(owner, message_bytes_max=1000) as port, raw_client(port) as client:
        client.say(Opcode.TEXT, b"fits" * 250)
        client.say(Opcode.TEXT, b"x" * 1_000_000)
        assert await client.hear() == (Opcode.TEXT, b"fits" * 250)
        assert await client.hear() == (Opcode.TEXT, b"FRAME_TOO_LARGE")
        assert (await client.hear_close()).code == 1009
        await client.hang_up()
        assert (await owner.call("closed"))[1] == 1009


async def test_a_common_client_reads_the_reason() -> None:
    """No reset of the socket swallows the close code while the client is still sending."""
    async with serving(Owner()) as port:
        client = await connect(f"ws://127.0.0.1:{port}/", proxy=None)
        with suppress(ConnectionClosedError):
            await client.send("x" * 5_000_000)
        assert await client.recv() == "FRAME_TOO_LARGE"
        await client.wait_closed()
        assert client.close_code == 1009


async def test_fragments_are_bounded_in_total() -> None:
    """Many small fragments cannot make what one frame may not."""
    owner = Owner()
    async with serving(owner, message_bytes_max=1000) as port, raw_client(port) as client:
        client.say(Opcode.TEXT, b"x" * 600, fin=False)
        client.say(Opcode.CONT, b"x" * 600, fin=True)
        assert await client.hear() == (Opcode.TEXT, b"FRAME_TOO_LARGE")
        assert (await client.hear_close()).code == 1009
        assert owner.noted("received") == []


async def test_fragments_are_bounded_in_number() -> None:
    """Empty fragments cost memory too. As many as allowed still pass."""
    owner = Owner()
    async with serving(owner, fragments_max=3) as port, raw_client(port) as client:
        for fragments in (3, 4):
            client.say(Opcode.TEXT, b"x", fin=False)
            for number in range(2, fragments + 1):
                client.say(Opcode.CONT, b"x", fin=number == fragments)
        assert await client.hear() == (Opcode.TEXT, b"xxx")
        assert await client.hear() == (Opcode.TEXT, b"FRAME_TOO_LARGE")
        assert await client.hear_close() == Close(1009, "too many fragments")
        assert owner.noted("oversized") == [("oversized",)]


@pytest.mark.parametrize("pieces", [[b"\xff"], [b"ok", b"\xc3\x28"], [b"\xe2\x82"]])
async def test_text_that_is_not_utf8_is_1007(pieces: list[bytes]) -> None:
    """Whole, in fragments, or broken off. What comes behind it in the same read is void."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        for index, piece in enumerate(pieces):
            opcode = Opcode.CONT if index else Opcode.TEXT
            client.say(opcode, piece, fin=index == len(pieces) - 1)
        client.say(Opcode.TEXT, b"void")
        client.say(Opcode.CLOSE, Close(1000, "").serialize())
        assert (await client.hear_close()).code == 1007
        await client.hang_up()
        assert (await owner.call("closed"))[1] == 1007
        assert owner.noted("received") == []


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x02hi",
        b"\x83\x80\x00\x00\x00\x00",
        b"\xc1\x80\x00\x00\x00\x00",
        b"\x80\x80\x00\x00\x00\x00",
        b"\x09\x80\x00\x00\x00\x00",
        b"\x88\x81\x00\x00\x00\x00\x00",
    ],
    ids=["unmasked", "opcode", "reserved bit", "no start", "fragmented ping", "short close"],
)
async def test_what_is_not_the_protocol_is_1002(frame: bytes) -> None:
    """RFC 6455 section 5, as the library checks it."""
    owner = Owner()
    async with serving(owner) as port, raw_client(port) as client:
        client.writer.write(frame)
        assert (await client.hear_close()).code == 1002
        await client.hang_up()
        assert (await owner.call("closed"))[1] == 1002


async def slow_client(port: int) -> RawClient:
    """A client with little room for what it does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    client = RawClient(*await asyncio.open_connection(sock=sock, limit=4096))
    client.writer.write(HANDSHAKE)
    await client.reader.readuntil(b"\r\n\r\n")
    return client


async def flood(connection: Connection) -> int:
    """Send until the connection closes. The number of messages that were sent."""
    payload = b"x" * 10_000
    for sent in range(10_000):
        if not connection.is_open:
            return sent
        connection.send(payload)
        assert connection.backlog_bytes < BACKLOG + 2 * 65_536 + 10_000
        await asyncio.sleep(0)
    raise AssertionError("the reader was never too slow")


async def test_a_slow_reader_is_cut_off_and_the_others_are_not() -> None:
    """4200 when the backlog is full; the socket ends although the close frame cannot leave."""
    owner = Owner()
    async with serving(owner, backlog_bytes_max=BACKLOG, close_timeout_ms=100) as port:
        slow = await slow_client(port)
        await owner.call("opened")
        await flood(owner.connections[0])
        assert owner.connections[0].congested
        async with raw_client(port) as quick:
            quick.say(Opcode.TEXT, b"hello")
            assert await quick.hear() == (Opcode.TEXT, b"hello")
            assert await owner.call("closed") == (
                "closed",
                4200,
                "too slow, come back and resume",
            )
            assert not owner.connections[1].congested
        await slow.hang_up()


async def test_a_slow_reader_that_catches_up_reads_everything_and_the_code() -> None:
    """Nothing is lost before the close frame."""
    owner = Owner()
    async with serving(owner, backlog_bytes_max=BACKLOG) as port:
        slow = await slow_client(port)
        await owner.call("opened")
        sent = await flood(owner.connections[0])
        for _ in range(sent):
            assert await slow.hear() == (Opcode.TEXT, b"x" * 10_000)
        opcode, payload = await slow.hear()
        assert opcode is Opcode.CLOSE
        assert Close.parse(payload).code == 4200
        await slow.hang_up()


async def test_a_congested_connection_says_when_it_is_drained() -> None:
    """Beyond the soft mark the owner may drop; once it is read, the owner is told."""
    owner = Owner()
    async with serving(owner, backlog_bytes_max=2**30, backlog_bytes_soft=BACKLOG) as port:
        slow = await slow_client(port)
        await owner.call("opened")
        [connection] = owner.connections
        sent = 0
        while not connection.congested:
            connection.send(b"x" * 10_000)
            sent += 1
            await asyncio.sleep(0)
        for _ in range(sent):
            await slow.hear()
        await owner.call("drained")
        assert not connection.congested
        assert connection.is_open
        await slow.hang_up()


async def test_a_silent_peer_is_pinged_and_then_closed() -> None:
    """Over a socket: ping, then 1011, then the end."""
    owner = Owner()
    times = {"ping_interval_ms": 20, "ping_timeout_ms": 40}
    async with serving(owner, **times) as port, raw_client(port) as client:
        assert await client.hear() == (Opcode.PING, b"")
        assert await client.hear_close() == Close(1011, "keepalive ping timeout")
        await client.hang_up()
        assert (await owner.call("closed"))[1] == 1011


async def test_a_peer_that_answers_pings_stays() -> None:
    """Every interval one ping, for as long as it is answered."""
    loop, connection, transport = on_paper(Owner(), ping_interval_ms=25_000)
    for _ in range(10):
        transport.writes.clear()
        loop.advance(27_000)
        assert transport.writes == [PING]
        connection.data_received(PONG)
    assert connection.is_open


async def test_a_peer_that_talks_is_not_pinged() -> None:
    """Any bytes are a sign of life."""
    loop, connection, transport = on_paper(Owner(), ping_interval_ms=25_000)
    for _ in range(20):
        connection.data_received(PONG)
        loop.advance(20_000)
    assert transport.writes == []
    assert connection.is_open


async def test_a_paused_peer_is_not_taken_for_dead() -> None:
    """We do not hear it because we do not listen."""
    loop, connection, transport = on_paper(Owner())
    connection.pause()
    loop.advance(300_000)
    assert transport.writes == []
    assert connection.is_open


@pytest.mark.parametrize("times", [(100, 1000), (1000, 100)], ids=["patient", "strict"])
async def test_the_ping_timeout_counts_from_the_ping(times: tuple[int, int]) -> None:
    """Whether it is longer than the interval or shorter, and precise to two slots each."""
    interval_ms, timeout_ms = times
    settings = {"ping_interval_ms": interval_ms, "ping_timeout_ms": timeout_ms}
    loop, connection, transport = on_paper(Owner(), **settings)
    loop.advance(interval_ms + timeout_ms - 13)
    assert connection.is_open
    assert transport.writes == [PING]
    loop.advance(100)
    assert not connection.is_open
    assert transport.ended


async def test_a_socket_that_does_not_shake_hands_is_dropped() -> None:
    """Half a request is no request. The owner never hears of it."""
    owner = Owner()
    async with (
        serving(owner, handshake_timeout_ms=30) as port,
        raw_client(port, HANDSHAKE[:-2]) as client,
    ):
        assert await client.rest() == b""
    assert owner.calls.empty()


@pytest.mark.parametrize(
    "wrong",
    [
        {"backlog_bytes_soft": 2, "backlog_bytes_max": 1},
        {"message_bytes_max": 0},
        {"fragments_max": 0},
        {"ping_interval_ms": 0},
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong: dict[str, int]) -> None:
    """At the start, not under load."""
    with pytest.raises(AssertionError):
        ConnectionSettings(**wrong)
