"""Bytes that are no websocket of a well-behaved peer: a legal close code, and nobody else hears."""

import struct

import msgspec
import pytest
from websockets.frames import Frame, Opcode

from gateway.limits import MESSAGE_BYTES_MAX
from tests.e2e.bad_input.siege import Siege
from tests.e2e.bad_input.wire import ask, assert_closed, assert_open, hear, peer

pytestmark = pytest.mark.asyncio(loop_scope="package")

PING = b'{"id":"1","type":"ping"}'
NO_MASK = bytes(4)
FRAGMENTS_MAX = 256

PROTOCOL_ERROR = 1002
NOT_UTF8 = 1007
TOO_BIG = 1009


def head(first: int, size: int, mask: int = 0x80) -> bytes:
    """The head of a frame, as the peer pleases; a mask of zeros stands at its end."""
    return bytes((first, mask | size)) + (NO_MASK if mask else b"")


BROKEN = {
    "unmasked": head(0x81, len(PING), mask=0) + PING,
    "unmasked ping": head(0x89, 0, mask=0),
    "bit 1": head(0xC1, 0),
    "bit 2": head(0xA1, 0),
    "bit 3": head(0x91, 0),
    "fragmented ping": head(0x09, 0),
    "fragmented close": head(0x08, 0),
    "long ping": bytes((0x89, 0xFE)) + struct.pack("!H", 126) + NO_MASK + bytes(126),
    "long close": bytes((0x88, 0xFE)) + struct.pack("!H", 126) + NO_MASK + bytes(126),
    "continuation of nothing": head(0x80, 0),
    "text within text": head(0x01, 1) + b"{" + head(0x81, 1) + b"}",
    "binary within text": head(0x01, 1) + b"{" + head(0x82, 1) + b"}",
    "close of one byte": head(0x88, 1) + b"\x03",
    "close 999": head(0x88, 2) + struct.pack("!H", 999),
    "close 1005": head(0x88, 2) + struct.pack("!H", 1005),
    "close 1006": head(0x88, 2) + struct.pack("!H", 1006),
    "close 5000": head(0x88, 2) + struct.pack("!H", 5000),
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
} | {f"opcode {code}": head(0x80 | code, 0) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
async def test_a_breach_of_the_protocol_closes_with_1002(siege: Siege, data: bytes) -> None:
    """After what was said before it has been answered."""
    async with peer(siege) as client:
        client.say(Opcode.TEXT, PING)
        client.writer.write(data)
        assert (await hear(client))["type"] == "ok"
        await assert_closed(client, PROTOCOL_ERROR)


@pytest.mark.parametrize("sizes", [(0xFF, "!Q", 2**63), (0xFF, "!Q", 2**62), (0xFF, "!Q", 65_537)])
async def test_a_size_beyond_the_bound_is_not_waited_for(
    siege: Siege, sizes: tuple[int, str, int]
) -> None:
    """The head alone is enough: FRAME_TOO_LARGE, then 1009."""
    marker, layout, size = sizes
    async with peer(siege) as client:
        client.writer.write(bytes((0x81, marker)) + struct.pack(layout, size))
        assert (await hear(client))["code"] == "FRAME_TOO_LARGE"
        await assert_closed(client, TOO_BIG)


NO_TEXT = {
    "lone byte": b"\xff",
    "overlong": b"\xc0\x80",
    "surrogate": b'{"id":"\xed\xa0\x80","type":"ping"}',
    "beyond": b"\xf4\x90\x80\x80",
    "cut": '{"id":"é'.encode()[:-1],
    "latin-1": '{"id":"é","type":"ping"}'.encode("latin-1"),
    "utf-16": '{"id":"1","type":"ping"}'.encode("utf-16"),
}


@pytest.mark.parametrize("text", NO_TEXT.values(), ids=NO_TEXT)
async def test_text_that_is_no_utf8_closes_with_1007(siege: Siege, text: bytes) -> None:
    """Whole or in fragments."""
    async with peer(siege) as client:
        client.say(Opcode.TEXT, text)
        await assert_closed(client, NOT_UTF8)
    async with peer(siege) as client:
        client.say(Opcode.TEXT, text[:1], fin=False)
        client.say(Opcode.CONT, text[1:])
        await assert_closed(client, NOT_UTF8)


async def test_a_frame_under_another_mask_than_its_own_is_rubbish(siege: Siege) -> None:
    """What comes out of it is no JSON, and is told so."""
    async with peer(siege) as client:
        masked = bytes(byte ^ 0x01 for byte in PING)
        client.writer.write(bytes((0x81, 0x80 | len(PING))) + NO_MASK + masked)
        assert (await hear(client))["code"] == "MALFORMED"
        await assert_open(client)


async def test_a_binary_frame_is_malformed(siege: Siege) -> None:
    """Whatever is in it, whole or in fragments; three in a row are the end."""
    async with peer(siege) as client:
        client.say(Opcode.BINARY, PING)
        assert (await hear(client))["code"] == "MALFORMED"
        await assert_open(client)
        client.say(Opcode.BINARY, PING[:5], fin=False)
        client.say(Opcode.CONT, PING[5:])
        client.say(Opcode.BINARY, b"")
        client.say(Opcode.BINARY, bytes(1_000))
        for _ in range(3):
            assert (await hear(client))["code"] == "MALFORMED"
        await assert_closed(client, 4002)


async def test_a_message_may_come_in_fragments_with_pings_between(siege: Siege) -> None:
    """One byte in each, an empty one too; every ping has its pong, in order."""
    async with peer(siege) as client:
        client.say(Opcode.TEXT, b"", fin=False)
        for number, byte in enumerate(PING):
            client.say(Opcode.PING, bytes([number]))
            client.say(Opcode.CONT, bytes([byte]), fin=False)
        client.say(Opcode.CONT, b"")
        heard = [await client.hear() for _ in range(len(PING) + 1)]
        assert [p for o, p in heard if o is Opcode.PONG] == [bytes([n]) for n in range(len(PING))]
        # All in one read, the reply comes before the pongs.
        (reply,) = (msgspec.json.decode(p) for o, p in heard if o is Opcode.TEXT)
        assert (reply["type"], reply["id"]) == ("ok", "1")
        await assert_open(client)


async def test_fragments_of_exactly_the_bound_are_read(siege: Siege) -> None:
    """As many fragments as may be, and as many bytes."""
    async with peer(siege) as client:
        text = PING.ljust(MESSAGE_BYTES_MAX)
        client.say(Opcode.TEXT, text[:256], fin=False)
        for number in range(1, FRAGMENTS_MAX):
            part = text[number * 256 : (number + 1) * 256]
            client.say(Opcode.CONT, part, fin=number == FRAGMENTS_MAX - 1)
        assert (await hear(client))["type"] == "ok"
        await assert_open(client)


@pytest.mark.parametrize(
    ("count", "size"), [(FRAGMENTS_MAX + 1, 0), (FRAGMENTS_MAX + 1, 1), (3, 30_000)]
)
async def test_fragments_beyond_a_bound_are_too_large(siege: Siege, count: int, size: int) -> None:
    """Too many of them, or too much in them: FRAME_TOO_LARGE, then 1009."""
    async with peer(siege) as client:
        client.say(Opcode.TEXT, b" " * size, fin=False)
        for _ in range(count - 1):
            client.say(Opcode.CONT, b" " * size, fin=False)
        assert (await hear(client))["code"] == "FRAME_TOO_LARGE"
        await assert_closed(client, TOO_BIG)


async def test_a_message_that_never_ends_holds_up_nobody(siege: Siege) -> None:
    """Neither an unfinished message nor an unfinished frame; pings within are answered."""
    async with peer(siege) as unfinished, peer(siege) as half:
        unfinished.say(Opcode.TEXT, b'{"id":', fin=False)
        half.writer.write(Frame(Opcode.TEXT, PING).serialize(mask=True)[:-1])
        unfinished.say(Opcode.PING, b"?")
        assert await unfinished.hear() == (Opcode.PONG, b"?")
        await siege.assert_well()


async def test_a_flood_of_pings_is_answered_in_order(siege: Siege) -> None:
    """Thousands in one write, and the connection goes on."""
    async with peer(siege) as client:
        pings = (Frame(Opcode.PING, b"%d" % n).serialize(mask=True) for n in range(5_000))
        client.writer.write(b"".join(pings))
        for number in range(5_000):
            assert await client.hear() == (Opcode.PONG, b"%d" % number)
        await assert_open(client)


async def test_pongs_that_nobody_asked_for_are_ignored(siege: Siege) -> None:
    """RFC 6455 section 5.5.3 allows them."""
    async with peer(siege) as client:
        for _ in range(100):
            client.say(Opcode.PONG, b"unasked")
        await assert_open(client)


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_a_close_is_answered_and_nothing_behind_it_is_heard(siege: Siege, code: int) -> None:
    """The code comes back; a command behind the close frame has no reply."""
    async with peer(siege) as client:
        client.say(Opcode.CLOSE, struct.pack("!H", code))
        client.say(Opcode.TEXT, PING)
        close = await client.hear_close()
        assert close.code == code


async def test_the_connection_behind_a_breach_is_not_reused(siege: Siege) -> None:
    """A good command behind a bad frame, in the same write, is not carried out."""
    async with peer(siege) as client:
        client.writer.write(BROKEN["bit 1"] + Frame(Opcode.TEXT, PING).serialize(mask=True))
        await assert_closed(client, PROTOCOL_ERROR)
    async with peer(siege) as client:
        assert (await ask(client, PING))["type"] == "ok"
