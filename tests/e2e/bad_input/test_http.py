"""Requests that are none, or ask for what is not there: the named error as JSON."""

import msgspec
import pytest

from gateway.limits import MESSAGE_BYTES_MAX
from tests.e2e.bad_input.siege import AUCTION, ROOM, Siege
from tests.e2e.bad_input.wire import bearer, handshake, http, request

pytestmark = pytest.mark.asyncio(loop_scope="package")

EVENTS = f"/v1/rooms/{ROOM}/events"
BID = {"id": "1", "type": "auction.place_bid", "auction": AUCTION, "amount": 1, "currency": "USD"}

PATHS = {
    "/v1/rooms/%00": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/auction:%00": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/auction:a%0a": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/auction:a%0d%0aX:y": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/%ff%fe": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/%F0%9F%98%80": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/..": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/%2e%2e": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/%2e%2e%2f": (404, "NOT_FOUND"),
    "/v1/rooms/..%2f..%2fetc%2fpasswd": (404, "NOT_FOUND"),
    "/v1/rooms/../../etc/passwd": (404, "NOT_FOUND"),
    "/../../etc/passwd": (404, "NOT_FOUND"),
    "//v1/rooms": (404, "NOT_FOUND"),
    "/v1/rooms/": (404, "NOT_FOUND"),
    "/v1/rooms": (404, "NOT_FOUND"),
    "/healthz/": (404, "NOT_FOUND"),
    "/V1/rooms/auction:a": (404, "NOT_FOUND"),
    "/": (200, ""),
    "/%": (404, "NOT_FOUND"),
    "/%zz": (404, "NOT_FOUND"),
    "/v1/ws": (404, "NOT_FOUND"),
    "/v1/rooms/auction:nowhere": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/nothing:a1": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/auction:nowhere/events": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/nothing%3Aa1%2Fevents": (404, "ROOM_NOT_FOUND"),
    "/v1/rooms/" + "a" * 60_000: (404, "ROOM_NOT_FOUND"),
    "/" + "a" * 60_000: (404, "NOT_FOUND"),
    "/v1/rooms/user:bob": (401, "UNAUTHENTICATED"),
    "/v1/rooms/user:bob/events": (401, "UNAUTHENTICATED"),
    "/v1/rooms/ledger:USD": (401, "UNAUTHENTICATED"),
    "/v1/rooms/house:dead_letters": (401, "UNAUTHENTICATED"),
    f"{EVENTS}?after=-1": (400, "MALFORMED"),
    f"{EVENTS}?after=1.5": (400, "MALFORMED"),
    f"{EVENTS}?after=1e3": (400, "MALFORMED"),
    f"{EVENTS}?after=": (400, "MALFORMED"),
    f"{EVENTS}?after=%D9%A1": (400, "MALFORMED"),
    f"{EVENTS}?after={2**53}": (400, "MALFORMED"),
    f"{EVENTS}?after={'9' * 5_000}": (400, "MALFORMED"),
    f"{EVENTS}?limit=0": (400, "MALFORMED"),
    f"{EVENTS}?limit=1001": (400, "MALFORMED"),
    f"{EVENTS}?limit=%00": (400, "MALFORMED"),
    f"{EVENTS}?after={2**53 - 1}": (200, ""),
    f"{EVENTS}?after=1&unknown=1": (200, ""),
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:60])
async def test_an_address_leads_somewhere_or_is_named(siege: Siege, path: str) -> None:
    """No trick with dots, escapes or slashes reaches anything, and nobody is sent elsewhere."""
    answer = await http(siege, request("GET", path))
    status, code = PATHS[path]
    assert answer.status == status, answer.body
    if code:
        assert (answer.reply["type"], answer.reply["code"]) == ("error", code)
        assert len(answer.body) < 1_000 or "NOT_FOUND" in code


METHODS = {
    "/v1/commands": ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "HEAD"),
    f"/v1/rooms/{ROOM}": ("POST", "PUT", "DELETE"),
    EVENTS: ("POST", "DELETE"),
    "/v1/hooks/sandbox": ("GET", "PUT"),
    "/v1/test/clock": ("GET",),
    "/healthz": ("POST", "DELETE"),
    "/": ("POST",),
}


@pytest.mark.parametrize("path", METHODS)
async def test_a_wrong_method_is_named(siege: Siege, path: str) -> None:
    """405, and which methods there are."""
    for method in METHODS[path]:
        answer = await http(siege, request(method, path, body=b"{}"))
        assert answer.status == 405, (method, answer.body)
        assert "allow: " in answer.head.lower()
        assert method == "HEAD" or answer.reply["code"] == "METHOD_NOT_ALLOWED"


NO_HTTP = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "words": b"hello\r\n\r\n",
    "unknown method": request("FOO", "/"),
    "negative length": request("POST", "/v1/commands", "Content-Length: -1"),
    "two lengths": request("POST", "/v1/commands", "Content-Length: 3", body=b"{}"),
    "length and chunks": request("POST", "/v1/commands", "Transfer-Encoding: chunked", body=b"{}"),
    "bad chunk": request("POST", "/v1/commands", "Transfer-Encoding: chunked") + b"zz\r\n{}",
    "NUL in a header": request("GET", "/healthz", "X: a\0b"),
    "space in a name": request("GET", "/healthz", "X Y: z"),
    "folded header": request("GET", "/healthz", "X: y", " z"),
    "path beyond reading": request("GET", "/" + "a" * 70_000),
}


@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_request_is_400(siege: Siege, data: bytes) -> None:
    """And the end of the connection: nobody can tell where a next request would begin."""
    assert (await http(siege, data)).status == 400


BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "MALFORMED"),
    "no JSON": (b"amount=5", "MALFORMED"),
    "form": (b"id=1&type=ping", "MALFORMED"),
    "not UTF-8": (b'{"id":"\xff"}', "MALFORMED"),
    "a list": (b"[]", "MALFORMED"),
    "many": (b'[{"id":"1","type":"ping"}]', "MALFORMED"),
    "deep": (b"[" * 60_000, "MALFORMED"),
    "unknown": (b'{"id":"1","type":"auction.fly"}', "UNKNOWN_COMMAND"),
    "of the websocket": (b'{"id":"1","type":"ping"}', "UNKNOWN_COMMAND"),
    "too large": (b" " * (MESSAGE_BYTES_MAX + 1), "FRAME_TOO_LARGE"),
}


@pytest.mark.parametrize("body", BODIES, ids=BODIES)
async def test_a_body_that_is_no_command_is_400(siege: Siege, body: str) -> None:
    """The same codes as on a websocket; the type that the client claims for it is not asked."""
    data, code = BODIES[body]
    for claimed in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = await http(
            siege, request("POST", "/v1/commands", f"Content-Type: {claimed}", body=data)
        )
        assert (answer.status, answer.reply["code"]) == (400, code)


async def test_a_body_of_exactly_the_limit_is_read(siege: Siege) -> None:
    """64 KiB of a command that is refused only for what it asks."""
    token = siege.server.token("ann")
    body = msgspec.json.encode(BID).ljust(MESSAGE_BYTES_MAX)
    answer = await http(siege, request("POST", "/v1/commands", *bearer(token), body=body))
    assert (answer.status, answer.reply["code"]) == (409, "BID_TOO_LOW")


async def test_a_large_body_is_refused_before_it_has_come(siege: Siege) -> None:
    """Nobody waits for a gigabyte, or believes that it will come."""
    head = request("POST", "/v1/commands", "Content-Length: 1000000000")
    answer = await http(siege, (head, b" " * (MESSAGE_BYTES_MAX + 1)))
    assert (answer.status, answer.reply["code"]) == (400, "FRAME_TOO_LARGE")


async def test_a_chunked_body_is_read_and_bounded(siege: Siege) -> None:
    """Byte by byte it is a command like any other; beyond the limit it is too large."""
    token = siege.server.token("ann")
    head = request("POST", "/v1/commands", "Transfer-Encoding: chunked", *bearer(token))
    chunks = [b"1\r\n%c\r\n" % byte for byte in msgspec.json.encode(BID)]
    answer = await http(siege, (head, *chunks, b"0\r\n\r\n"))
    assert (answer.status, answer.reply["code"]) == (409, "BID_TOO_LOW")
    endless = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = await http(siege, (head, *[endless] * 5))
    assert (answer.status, answer.reply["code"]) == (400, "FRAME_TOO_LARGE")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://localhost.evil.example", "file://"]
)
async def test_a_page_of_a_foreign_origin_may_not_come_in(siege: Siege, origin: str) -> None:
    """Neither upgrade nor change anything, not even with a good token."""
    headers = (f"Origin: {origin}", *bearer(siege.server.token("ann")))
    for data in (
        handshake(*headers),
        request("POST", "/v1/commands", *headers, body=msgspec.json.encode(BID)),
    ):
        answer = await http(siege, data)
        assert (answer.status, answer.reply["code"]) == (403, "FORBIDDEN")
        assert answer.reply["details"]["rule"] == "origin"


UPGRADES = {
    "another path": (handshake(path="/nope"), 404),
    "another method": (handshake(method="POST"), 405),
    "no key": (handshake().replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""), 400),
    "bad key": (handshake().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"!"), 400),
    "two keys": (handshake("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400),
    "old version": (handshake().replace(b"Version: 13", b"Version: 8"), 400),
    "no version": (handshake().replace(b"Sec-WebSocket-Version: 13\r\n", b""), 400),
    "strange subprotocol": (handshake("Sec-WebSocket-Protocol: chat"), 400),
    "strange extension": (handshake("Sec-WebSocket-Extensions: \x01"), 400),
    "many headers": (handshake(*(f"X-{n}: y" for n in range(1_000))), 431),
    "long header": (handshake("X: " + "y" * 10_000), 431),
}


@pytest.mark.parametrize("upgrade", UPGRADES, ids=UPGRADES)
async def test_a_handshake_that_is_none_is_refused(siege: Siege, upgrade: str) -> None:
    """With a status, and without a websocket."""
    data, status = UPGRADES[upgrade]
    assert (await http(siege, data)).status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"advance_ms":-1}',
        b'{"advance_ms":1.5}',
        b'{"advance_ms":"1"}',
        b'{"x":1}',
        b'{"advance_ms":9999999999999}',
        b'{"advance_ms":1,"x":1}',
    ],
)
async def test_the_test_clock_goes_ahead_only(siege: Siege, body: bytes) -> None:
    """By a bounded number of milliseconds."""
    token = siege.server.token("boss", "admin")
    answer = await http(siege, request("POST", "/v1/test/clock", *bearer(token), body=body))
    assert (answer.status, answer.reply["code"]) == (400, "MALFORMED")


async def test_the_test_clock_is_an_admins(siege: Siege) -> None:
    """And nobody else's, though the deployment has one."""
    for token, status in (("", 401), (siege.server.token("ann"), 403)):
        data = request("POST", "/v1/test/clock", *bearer(token), body=b'{"advance_ms":1}')
        assert (await http(siege, data)).status == status
