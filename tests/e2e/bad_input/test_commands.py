"""JSON that is no command of this house: each is told what is wrong, and the connection goes on."""

import msgspec
import pytest
from websockets.frames import Opcode

from gateway.limits import MESSAGE_BYTES_MAX
from testkit.client import Heard
from tests.e2e.bad_input.siege import AUCTION, STRANGER, Siege
from tests.e2e.bad_input.wire import ask, assert_closed, assert_open, hear, peer

pytestmark = pytest.mark.asyncio(loop_scope="package")

BID = {
    "id": '"1"',
    "type": '"auction.place_bid"',
    "auction": f'"{AUCTION}"',
    "amount": "1",
    "currency": '"USD"',
}
"""A good command; the values are JSON, so that a case may hold what no encoder would write."""


def bid(**changes: str | None) -> bytes:
    """The command with other members, with further ones, or without some (None)."""
    members = {name: value for name, value in (BID | changes).items() if value is not None}
    return ("{" + ",".join(f'"{k}":{v}' for k, v in members.items()) + "}").encode()


def ping(id_: str) -> bytes:
    return f'{{"id":{id_},"type":"ping"}}'.encode()


async def refused(siege: Siege, frame: bytes, code: str, id_: str | None, field: str) -> None:
    """An error with this code names the field, and the next command is answered as ever."""
    async with peer(siege, STRANGER) as client:
        reply = await ask(client, frame)
        assert (reply["type"], reply["code"], reply["id"]) == ("error", code, id_), reply
        assert reply["details"].get("field", "") == field, reply
        assert reply["retry"] == "never"
        assert reply["message"]
        await assert_open(client)


NUMBERS = ["0", "-0", "-1", "1.0", "1.5", "1e3", "true", "null", '"5"', "[5]", "{}", '""']
HUGE = [str(2**53), str(2**63), str(2**64), "-" + str(2**64), str(10**400), "-" + str(10**400)]


@pytest.mark.parametrize("amount", [*NUMBERS, *HUGE], ids=lambda text: text[:24])
async def test_money_is_a_whole_number_above_zero(siege: Siege, amount: str) -> None:
    """No float, no string, no sign, nothing that a double could not hold."""
    await refused(siege, bid(amount=amount), "MALFORMED", "1", "amount")


NO_NUMBERS = ["NaN", "Infinity", "-Infinity", "01", "+1", "0x10", "1_000", ".5", "5.", "--1", "1e"]
BEYOND_READING = ["1E400", "-1E400", "9" * 5_000]


@pytest.mark.parametrize("amount", [*NO_NUMBERS, *BEYOND_READING], ids=lambda text: text[:12])
async def test_what_json_has_no_number_for_is_no_json(siege: Siege, amount: str) -> None:
    """And a number that no reader could hold counts as none."""
    await refused(siege, bid(amount=amount), "MALFORMED", None, "")


@pytest.mark.parametrize(
    "currency", ["usd", "US", "USDT", "", "U$D", "USD\\n", "U\\u0000D", "\\uff35SD"]
)
async def test_a_currency_is_three_capitals(siege: Siege, currency: str) -> None:
    """ISO 4217 and nothing that looks like it."""
    await refused(siege, bid(currency=f'"{currency}"'), "MALFORMED", "1", "currency")


async def test_the_wrong_currency_is_named(siege: Siege) -> None:
    """The right one stands in the details."""
    async with peer(siege, STRANGER) as client:
        reply = await ask(client, bid(currency='"NGN"'))
        assert (reply["code"], reply["details"]) == ("CURRENCY_MISMATCH", {"expected": "USD"})


ENTITIES = [
    "a\\u0000b",
    "a\\n",
    "a\\r\\n",
    "\\u001b[2J",
    "x" * 65,
    "",
    ".a",
    "-a",
    "_a",
    "../a",
    "a/b",
    "a:b",
    "a b",
    "a%00",
    "😀",
    "\u202ea",
    "אב",
    "é",
    "\\ud83d\\ude00",
]


@pytest.mark.parametrize("auction", ENTITIES, ids=ascii)
async def test_an_entity_has_a_plain_name(siege: Siege, auction: str) -> None:
    """Names become rooms, paths and keys: letters, digits, `_`, `.` and `-` only."""
    await refused(siege, bid(auction=f'"{auction}"'), "MALFORMED", "1", "auction")


@pytest.mark.parametrize("id_", ["\\u0000", "a\\n", "\\u001b[31m", "\\u007f", "a\\tb"])
async def test_an_id_has_no_control_characters(siege: Siege, id_: str) -> None:
    """It is echoed all the same, so that the client can pair the error."""
    said: str = msgspec.json.decode(f'"{id_}"')
    await refused(siege, ping(f'"{id_}"'), "MALFORMED", said, "id")


@pytest.mark.parametrize("id_", ['"' + "x" * 65 + '"', '""', "7", "null", "[]", "{}", "true"])
async def test_an_id_that_cannot_be_echoed_is_null(siege: Siege, id_: str) -> None:
    """Too long, empty, or no string at all."""
    await refused(siege, ping(id_), "MALFORMED", None, "id")


@pytest.mark.parametrize("id_", ["\\ud800", "\\udc00\\ud800", "a\nb", "a\0b", "\\x41"])
async def test_a_string_that_is_none_is_no_json(siege: Siege, id_: str) -> None:
    """Half a surrogate pair, raw control characters, escapes that do not exist."""
    await refused(siege, ping(f'"{id_}"'), "MALFORMED", None, "")


@pytest.mark.parametrize(
    "id_",
    ["😀", "😀" * 64, "\u202eabc", "שלום", "\\ud83d\\ude00", "a b", "'; --", "\u2028"],
    ids=ascii,
)
async def test_an_id_may_be_in_any_script(siege: Siege, id_: str) -> None:
    """It comes back as it was sent."""
    async with peer(siege, STRANGER) as client:
        reply = await ask(client, ping(f'"{id_}"'))
        assert (reply["type"], reply["id"]) == ("ok", msgspec.json.decode(f'"{id_}"'))


async def test_strange_ids_are_kept_in_the_log(siege: Siege) -> None:
    """A command under such an id is done once, and its answer found again."""
    async with peer(siege, "boss", "admin") as client:
        for number, id_ in enumerate(("😀" * 64, "\u202e\u2028", "'; DROP TABLE event; --")):
            money = {"user": "u1", "amount": 1, "currency": "USD", "reference": f"😀{number}"}
            command = {"id": id_, "type": "ledger.deposit"} | money
            first = await ask(client, msgspec.json.encode(command))
            again = await ask(client, msgspec.json.encode(command))
            assert again == first | {"duplicate": True}
            siege.keep("boss", command, msgspec.convert(first, Heard))


@pytest.mark.parametrize("field", BID)
async def test_a_missing_field_is_named(siege: Siege, field: str) -> None:
    """Each of them is required."""
    id_ = None if field == "id" else "1"
    await refused(siege, bid(**{field: None}), "MALFORMED", id_, field)


@pytest.mark.parametrize("field", ["amount", "auction", "currency", "\\u0061mount", "id"])
async def test_a_field_given_twice_is_refused(siege: Siege, field: str) -> None:
    """Also if one is spelled with an escape: nobody can tell which was meant."""
    twice = msgspec.json.decode(f'"{field}"')
    frame = bid()[:-1] + f',"{field}":{BID[twice]}}}'.encode()
    await refused(siege, frame, "MALFORMED", "1", twice)


@pytest.mark.parametrize("field", ["x", "Amount", "amount ", "", "__proto__", "id\\u0000", "room"])
async def test_an_unknown_field_is_named(siege: Siege, field: str) -> None:
    """A typing error in an optional field must not pass for its absence."""
    name = msgspec.json.decode(f'"{field}"')
    await refused(siege, bid(**{field: "1"}), "MALFORMED", "1", name)


UNKNOWN = [
    "auction.fly",
    "",
    "AUCTION.PLACE_BID",
    "auction.place_bid ",
    "place_bid",
    "auction",
    "😀",
    "x" * 10_000,
    # What rooms and the house say to one another is not for clients.
    "house.wake",
    "house.outage",
    "house.presence",
    "ledger.payment_captured",
    "auction.extend_with_group",
    "auction.create_relisted",
    "auction_group.open_lot",
    "auction.bid_placed",
]


@pytest.mark.parametrize("type_", UNKNOWN, ids=lambda text: text[:30])
async def test_an_unknown_command_is_named(siege: Siege, type_: str) -> None:
    """Clipped, if it is long."""
    async with peer(siege, STRANGER) as client:
        reply = await ask(client, bid(type=f'"{type_}"'))
        assert (reply["code"], reply["id"]) == ("UNKNOWN_COMMAND", "1")
        assert reply["details"]["type"].rstrip("…") == type_[:100]
        assert len(reply["message"]) < 200
        await assert_open(client)


@pytest.mark.parametrize("type_", ["7", "null", "true", "[]", "{}", "1.5"])
async def test_a_type_is_a_string(siege: Siege, type_: str) -> None:
    """Anything else is no name of a command."""
    await refused(siege, bid(type=type_), "MALFORMED", "1", "type")


@pytest.mark.parametrize("frame", [b"[]", b"[1]", b'"ping"', b"7", b"null", b"true", b'["ping"]'])
async def test_a_frame_is_an_object(siege: Siege, frame: bytes) -> None:
    """Other JSON is told so, and is not held against the client as no JSON would be."""
    async with peer(siege, STRANGER) as client:
        for _ in range(4):
            reply = await ask(client, frame)
            assert (reply["code"], reply["details"]["field"]) == ("MALFORMED", "")
        await assert_open(client)


NO_JSON = {
    "empty": b"",
    "spaces": b"   ",
    "nul": b"\0",
    "word": b"hello",
    "open": b"{",
    "half": b'{"id":"1","type":',
    "tail": b'{"id":"1","type":"ping"} x',
    "two": b'{"id":"1","type":"ping"}{"id":"2","type":"ping"}',
    "comma": b'{"id":"1","type":"ping",}',
    "comment": b'{"id":"1","type":"ping"/**/}',
    "single quotes": b"{'id':'1','type':'ping'}",
    "no quotes": b"{id:1}",
    "mark": b'\xef\xbb\xbf{"id":"1","type":"ping"}',
    "nul at the end": b'{"id":"1","type":"ping"}\0',
    "brackets": b"[" * 60_000,
    "braces": b'{"a":' * 10_000,
    "deep": b'{"id":"1","type":"ping","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
}


@pytest.mark.parametrize("frame", NO_JSON.values(), ids=NO_JSON)
async def test_no_json_is_malformed_and_the_third_in_a_row_is_the_end(
    siege: Siege, frame: bytes
) -> None:
    """Each is answered; a good frame between them begins the count anew; then 4002."""
    async with peer(siege, STRANGER) as client:
        for _ in range(2):
            for _ in range(2):
                reply = await ask(client, frame)
                assert (reply["code"], reply["id"]) == ("MALFORMED", None)
            await assert_open(client)
        for _ in range(3):
            await ask(client, frame)
        await assert_closed(client, 4002)


@pytest.mark.parametrize("depth", [100, 500])
async def test_nesting_that_can_be_read_is_an_unknown_field(siege: Siege, depth: int) -> None:
    """Nothing in the protocol is deeper than two."""
    await refused(siege, bid(x="[" * depth + "]" * depth), "MALFORMED", "1", "x")
    await refused(siege, bid(x='{"x":' * depth + "1" + "}" * depth), "MALFORMED", "1", "x")


async def test_a_frame_of_exactly_the_limit_is_read(siege: Siege) -> None:
    """64 KiB of good command."""
    async with peer(siege, STRANGER) as client:
        reply = await ask(client, ping('"1"').ljust(MESSAGE_BYTES_MAX))
        assert reply["type"] == "ok"
        await assert_open(client)


@pytest.mark.parametrize("size", [MESSAGE_BYTES_MAX + 1, 1_000_000])
async def test_a_frame_beyond_the_limit_is_named_and_then_closed(siege: Siege, size: int) -> None:
    """FRAME_TOO_LARGE, then 1009, though the client is still sending."""
    async with peer(siege, STRANGER) as client:
        client.say(Opcode.TEXT, ping('"1"').ljust(size))
        reply = await hear(client)
        assert (reply["code"], reply["details"]) == ("FRAME_TOO_LARGE", {"limit": 65_536})
        await assert_closed(client, 1009)


ROOMS = {
    "auction": "MALFORMED",
    "auction:": "MALFORMED",
    ":a1": "MALFORMED",
    "auction:a:b": "MALFORMED",
    "AUCTION:a1": "MALFORMED",
    "auction:a\\u0000": "MALFORMED",
    "auction:a\\n": "MALFORMED",
    "auction:" + "x" * 65: "MALFORMED",
    "x" * 33 + ":a1": "MALFORMED",
    "auction:😀": "MALFORMED",
    "auction:nowhere": "ROOM_NOT_FOUND",
    "nothing:a1": "ROOM_NOT_FOUND",
    "user:bob": "FORBIDDEN",
    "ledger:USD": "FORBIDDEN",
    "house:dead_letters": "FORBIDDEN",
}


@pytest.mark.parametrize("room", ROOMS, ids=ascii)
async def test_a_room_that_is_not_there_cannot_be_listened_to(siege: Siege, room: str) -> None:
    """Or not by this viewer; nothing of it stays behind."""
    async with peer(siege, STRANGER) as client:
        reply = await ask(client, f'{{"id":"1","type":"subscribe","room":"{room}"}}'.encode())
        assert (reply["id"], reply["code"]) == ("1", ROOMS[room])
        await assert_open(client)


@pytest.mark.parametrize(
    ("since", "field"),
    [
        ('"after":-1', "after"),
        ('"after":1.5', "after"),
        ('"after":"1"', "after"),
        ('"after":true', "after"),
        (f'"epoch":"{"x" * 65}"', "epoch"),
        ('"epoch":7', "epoch"),
    ],
)
async def test_a_position_that_is_none_is_malformed(siege: Siege, since: str, field: str) -> None:
    """A seq is a whole number, an epoch a short string."""
    frame = f'{{"id":"1","type":"subscribe","room":"auction:{AUCTION}",{since}}}'
    await refused(siege, frame.encode(), "MALFORMED", "1", field)


@pytest.mark.parametrize(
    "since", [f'"after":{2**63}', f'"after":{10**400}', '"after":1,"epoch":"x"']
)
async def test_a_position_of_no_log_gives_a_snapshot(siege: Siege, since: str) -> None:
    """Whatever the client remembers, it gets a true picture."""
    async with peer(siege) as client:
        frame = f'{{"id":"1","type":"subscribe","room":"auction:{AUCTION}",{since}}}'
        reply = await ask(client, frame.encode())
        assert reply["result"]["recovered"] is False
        snapshot = await hear(client)
        assert (snapshot["type"], snapshot["state"]["status"]) == ("snapshot", "live")


async def test_a_guest_may_look_and_no_more(siege: Siege) -> None:
    """Every command of the engine needs a token."""
    async with peer(siege) as client:
        for type_ in ("auction.join", "auction.approve"):
            command = {"id": "1", "type": type_, "auction": AUCTION}
            reply = await ask(client, msgspec.json.encode(command))
            assert (reply["code"], reply["retry"]) == ("UNAUTHENTICATED", "never")
        reply = await ask(client, bid())
        assert reply["code"] == "UNAUTHENTICATED"
        await assert_open(client)
