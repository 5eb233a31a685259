"""Peers that would take more than their share: they are cut off, and nobody else notices."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from websockets.frames import Frame, Opcode

from testkit.client import ConnectionEnded, connected
from testkit.process import Server, serving
from tests.e2e.bad_input.siege import Siege
from tests.e2e.bad_input.wire import (
    ask,
    assert_closed,
    bearer,
    handshake,
    hear,
    http,
    peer,
    request,
    upgraded,
)
from tests.gateway.harness import PATIENCE_S, RawClient

pytestmark = pytest.mark.asyncio(loop_scope="package")

TOO_SLOW = 4200
TOO_MANY = 4101
TALKATIVE = msgspec.json.encode({"id": "1", "type": "😀" * 100})
"""Its refusal quotes it twice."""
ASKED = 12_000


async def metric(siege: Siege, name: str) -> int:
    """What the server has counted."""
    page = (await http(siege, request("GET", "/metrics"))).body.decode()
    found = re.search(rf"^{name} ([0-9.e+]+)$", page, re.MULTILINE)
    assert found, f"no {name} in {page}"
    return int(float(found[1]))


async def until_alone(siege: Siege) -> None:
    """Await that the server has let everybody go but the siege's own three: boss, bidder and
    listener. Meanwhile these notice nothing."""
    async with asyncio.timeout(PATIENCE_S):
        while await metric(siege, "outcry_connections") > 3:
            await siege.assert_well()


@asynccontextmanager
async def greedy_client(siege: Siege) -> AsyncIterator[RawClient]:
    """A client that has asked for more than its socket and the server's patience can hold, and
    has read none of it."""
    async with peer(siege, "ann") as client:
        client.writer.write(Frame(Opcode.TEXT, TALKATIVE).serialize(mask=True) * ASKED)
        yield client


async def test_a_reader_that_never_reads_is_cut_off(siege: Siege) -> None:
    """One begins to read at last and finds 4200 at the end; the other is cut off without."""
    slow = await metric(siege, "outcry_slow_readers_total")
    async with greedy_client(siege) as late, greedy_client(siege) as never:
        heard = await late.hear()
        while heard[0] is not Opcode.CLOSE:
            heard = await late.hear()
        assert int.from_bytes(heard[1][:2], "big") == TOO_SLOW
        late.say(Opcode.CLOSE, heard[1])
        assert await late.rest() == b""
        # The five seconds of the closing handshake pass, and then the socket is reset.
        await until_alone(siege)
        with suppress(ConnectionError):
            assert b"come back and resume" not in await never.rest()
    assert await metric(siege, "outcry_slow_readers_total") == slow + 2


async def test_sockets_that_go_without_a_word_are_forgotten(siege: Siege) -> None:
    """Reset, half closed, or closed in the midst of a frame or of the handshake."""
    for depart in (reset, half_close, RawClient.hang_up):
        for said in (b"", b"\x81", b"\x81\xfe\xff\xff", b"\x01\x80\x00\x00\x00\x00"):
            async with peer(siege, "ann") as client:
                client.writer.write(said)
                await depart(client)
    for said in (b"", b"GET", handshake()[:40], handshake()):
        client = RawClient(*await asyncio.open_connection("127.0.0.1", siege.port))
        client.writer.write(said)
        await reset(client)
    await until_alone(siege)


async def test_requests_that_never_end_hold_up_nobody(siege: Siege) -> None:
    """Hundreds of sockets that say nothing, or half a handshake, letter by letter."""
    beginnings = (b"", handshake()[:1], handshake()[:-2], request("POST", "/v1/commands")[:-2])
    async with AsyncExitStack() as stack:
        slow = []
        for number in range(200):
            client = RawClient(*await asyncio.open_connection("127.0.0.1", siege.port))
            stack.push_async_callback(client.hang_up)
            client.writer.write(beginnings[number % len(beginnings)])
            slow.append(client)
        for letter in (b"X", b":", b"y"):
            for client in slow[2::4]:
                client.writer.write(letter)
            await siege.assert_well()
        async with peer(siege, "ann") as client:
            assert (await ask(client, b'{"id":"1","type":"ping"}'))["type"] == "ok"


async def reset(client: RawClient) -> None:
    """The socket is torn down at once."""
    client.writer.transport.abort()


async def half_close(client: RawClient) -> None:
    """The client says that it will send no more; the server hangs up."""
    client.writer.write_eof()
    await client.rest()


async def test_a_flood_on_one_connection_is_answered_and_holds_up_nobody(siege: Siege) -> None:
    """Thousands of bad commands in one write: each has its reply, in order."""
    async with peer(siege, "ann") as client:
        flood = (b'{"id":"%d","type":"auction.fly"}' % number for number in range(3_000))
        frames = (Frame(Opcode.TEXT, text).serialize(mask=True) for text in flood)
        client.writer.write(b"".join(frames))
        for number in range(3_000):
            reply = await hear(client)
            assert (reply["id"], reply["code"]) == (str(number), "UNKNOWN_COMMAND")


async def test_many_connections_come_and_go(siege: Siege) -> None:
    """None of them leaves anything behind."""
    for _ in range(5):
        async with AsyncExitStack() as stack:
            for _ in range(40):
                await stack.enter_async_context(peer(siege, "ann"))
            await siege.assert_well()
    await until_alone(siege)


USER_CALLS, GUEST_CALLS, CONNECTIONS, PER_USER = 20, 10, 8, 3


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with narrow limits."""
    limits = {
        "--rate-user": USER_CALLS,
        "--rate-guest": GUEST_CALLS,
        "--connections": CONNECTIONS,
        "--connections-per-user": PER_USER,
    }
    flags = [word for flag, limit in limits.items() for word in (flag, str(limit))]
    async with serving(Path(tmp_path_factory.mktemp("strict")), *flags) as server:
        yield server


async def test_a_user_who_calls_too_often_is_told_when_to_come_back(strict: Server) -> None:
    """Over all connections, HTTP and rubbish included; others are not concerned."""
    token = strict.token("flooder")
    async with connected(strict.websocket, token) as one, connected(strict.websocket, token) as two:
        replies = [await (one, two)[n % 2].ask("ping") for n in range(USER_CALLS)]
        assert all(reply.ok for reply in replies)
        refused = await one.ask("ledger.statement", currency="USD")
        assert (refused.code, refused.retry) == ("RATE_LIMITED", "later")
        assert 0 < refused.details["retry_after_ms"] <= 120_000
        assert (await two.ask("nonsense")).code == "RATE_LIMITED"
        async with connected(strict.websocket, strict.token("other")) as other:
            assert (await other.ask("ping")).ok


async def test_guests_share_the_limit_of_their_address(strict: Server) -> None:
    """Also over HTTP, with the time to wait in a header; a bad token is a guest's call."""
    port = int(strict.address.rpartition(":")[2])
    async with upgraded(port) as guest:
        await hear(guest)
        for _ in range(GUEST_CALLS):
            assert (await ask(guest, b'{"id":"1","type":"ping"}'))["type"] == "ok"
        reply = await ask(guest, b'{"id":"1","type":"ping"}')
        assert reply["code"] == "RATE_LIMITED"
        wait_ms = reply["details"]["retry_after_ms"]
        # Rubbish is no way around it, and still ends the connection.
        for _ in range(3):
            assert (await ask(guest, b"{"))["code"] == "RATE_LIMITED"
        await assert_closed(guest, 4002)
    for headers in ((), bearer("no.good.token")):
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        client.writer.write(request("POST", "/v1/commands", *headers, body=b"{}"))
        response = (await client.rest()).decode()
        await client.hang_up()
        assert response.startswith("HTTP/1.1 429 ")
        (wait_s,) = re.findall(r"retry-after: (\d+)\r\n", response, re.IGNORECASE)
        assert 0 < int(wait_s) <= wait_ms / 1_000 + 1
        assert '"code":"RATE_LIMITED"' in response


async def test_connections_beyond_the_limits_are_told_so(strict: Server) -> None:
    """4101 for one user's and for the house's; those who were there stay, and a free place is
    given away again."""
    async with AsyncExitStack() as stack:
        token = strict.token("hoarder")
        first = await stack.enter_async_context(connected(strict.websocket, token))
        for _ in range(PER_USER - 1):
            await stack.enter_async_context(connected(strict.websocket, token))
        assert await refused(strict, token) == TOO_MANY
        others = []
        for number in range(CONNECTIONS - PER_USER):
            other = connected(strict.websocket, strict.token(f"u{number}"))
            others.append(await stack.enter_async_context(other))
        assert await refused(strict, strict.token("late")) == TOO_MANY
        assert await refused(strict, "") == TOO_MANY
        assert (await first.ask("ping")).ok
        await others[-1].close()
        last = await stack.enter_async_context(connected(strict.websocket, strict.token("late")))
        assert (await last.ask("ping")).ok


async def test_a_guest_who_says_that_he_is_one_too_many_is_told_so(strict: Server) -> None:
    """`auth` is answered with OVERLOADED before the close."""
    async with AsyncExitStack() as stack:
        token = strict.token("crowd")
        for _ in range(PER_USER):
            await stack.enter_async_context(connected(strict.websocket, token))
        guest = await stack.enter_async_context(connected(strict.websocket))
        assert (await guest.ask("auth", token=token)).code == "OVERLOADED"
        assert (await guest.ended).code == TOO_MANY


async def refused(server: Server, token: str) -> int:
    """The close code of a connection that is not wanted."""
    with pytest.raises(ConnectionEnded) as ended:
        async with connected(server.websocket, token):
            pass
    return ended.value.code
