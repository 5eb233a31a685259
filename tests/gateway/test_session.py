"""The conversation on one connection: welcome, auth, commands, errors, and the end."""

import pytest

from gateway.limits import (
    CLOSE_BAD_TOKEN,
    MESSAGE_BYTES_MAX,
    RATE_WINDOW_MS,
    TOKEN_GRACE_MS,
    TOKEN_LEEWAY_S,
)
from gateway.rates import Rates
from tests.gateway.open_house import open_house

BOTH_LOOPS = True

DEPOSIT = {"user": "u1", "amount": 500, "currency": "NGN", "reference": "r1"}


async def test_the_first_frame_is_a_welcome() -> None:
    """A guest is told who they are taken for, the house's time, and what to keep to."""
    async with open_house() as house, house.client() as client:
        welcome = client.welcome
        assert welcome["protocol"] == "outcry.v1"
        assert (welcome["user"], welcome["role"]) == (None, "guest")
        assert welcome["server_time"] == house.sink.now()
        assert welcome["ping_interval_ms"] == 25_000
        assert welcome["session"]
        assert welcome["limits"] == {
            "message_bytes_max": MESSAGE_BYTES_MAX,
            "subscriptions_max": 200,
            "user_calls_per_minute": 0,
            "guest_calls_per_minute": 0,
        }
        assert client.socket.subprotocol == "outcry.v1+json"


async def test_sessions_have_names_of_their_own() -> None:
    """Two connections of one user can be told apart."""
    async with open_house() as house:
        token = house.token("u1")
        async with house.client(token) as first, house.client(token) as second:
            assert first.welcome["session"] != second.welcome["session"]


async def test_a_token_in_the_handshake_names_the_user() -> None:
    """The welcome knows them, and commands are decided in their name."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        assert (client.welcome["user"], client.welcome["role"]) == ("u1", "user")
        joined = await client.ask("club.join", club="c1")
        assert (joined["type"], joined["room"], joined["seq"]) == ("ok", "club:c1", 1)
        assert house.sink.log[0].actor == "u1"


async def test_auth_as_first_command() -> None:
    """A guest becomes a user on the connection that they have."""
    async with open_house() as house, house.client() as client:
        reply = await client.ask("auth", token=house.token("u1", "dealer", "pending"))
        assert reply["type"] == "ok"
        expected = {"user": "u1", "role": "dealer", "kyc": "pending"}
        assert reply["result"].items() >= expected.items()
        assert reply["result"]["expires_at"] > house.watch.wall_ms()
        assert (await client.ask("club.join", club="c1"))["type"] == "ok"


async def test_a_bad_token_in_auth_is_an_error_and_the_end() -> None:
    """UNAUTHENTICATED with what is wrong, then close code 4001."""
    async with open_house() as house, house.client() as client:
        reply = await client.ask("auth", token="not.a.token")
        assert (reply["code"], reply["details"]) == ("UNAUTHENTICATED", {"rule": "token"})
        code, reason = await client.closed()
        assert code == 4001
        assert reason.startswith("token refused")


async def test_a_bad_token_in_the_handshake_closes_before_any_welcome() -> None:
    """A websocket client can read a close code, and no HTTP status."""
    async with open_house() as house, house.raw("not.a.token") as client:
        assert (await client.closed())[0] == 4001
        assert house.counts.refused["UNAUTHENTICATED"] == 1


async def test_another_scheme_than_bearer_is_a_bad_token() -> None:
    """Nobody with Basic credentials is silently a guest."""
    headers = {"Authorization": "Basic dTpw"}
    async with open_house() as house, house.raw(additional_headers=headers) as client:
        code, reason = await client.closed()
        assert code == 4001
        assert "Bearer" in reason


async def test_guests_may_do_nothing_but_look() -> None:
    """Commands and private feeds want a token; a public room does not."""
    async with open_house() as house, house.client(house.token("u1")) as member:
        await member.ask("club.join", club="c1")
        async with house.client() as guest:
            assert (await guest.ask("club.join", club="c1"))["code"] == "UNAUTHENTICATED"
            private = await guest.ask("subscribe", room="user:u1")
            assert (private["code"], private["retry"]) == ("UNAUTHENTICATED", "never")
            assert (await guest.ask("subscribe", room="club:c1"))["type"] == "ok"


async def test_a_foreign_private_feed_is_forbidden() -> None:
    """To a user, a private feed of another is not theirs to see."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        reply = await client.ask("subscribe", room="user:u2")
        assert (reply["code"], reply["details"]["room"]) == ("FORBIDDEN", "user:u2")


async def test_a_command_for_other_roles_is_forbidden() -> None:
    """The reply names the roles that may."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        reply = await client.ask("ledger.deposit", **DEPOSIT)
        assert reply["code"] == "FORBIDDEN"
        assert reply["details"]["roles"] == ["admin", "system"]
        assert not house.sink.log


async def test_an_expired_token_is_refused_from_then_on() -> None:
    """Commands and subscriptions want a new token; the connection stays and can take one."""
    async with open_house() as house, house.client(house.token("u1", ttl_s=60)) as client:
        assert (await client.ask("club.join", club="c1"))["type"] == "ok"
        house.watch.ahead_ms = 66_000
        refused = await client.ask("club.leave", club="c1")
        assert refused["code"] == "UNAUTHENTICATED"
        assert "expired" in refused["message"]
        assert (await client.ask("subscribe", room="club:c1"))["code"] == "UNAUTHENTICATED"
        assert (await client.ask("ping"))["type"] == "ok"
        assert (await client.ask("auth", token=house.token("u1", ttl_s=600)))["type"] == "ok"
        assert (await client.ask("club.leave", club="c1"))["type"] == "ok"


async def test_nobody_listens_on_with_a_token_that_has_expired() -> None:
    """Identity J6: a minute later the connection is closed, though it has asked for nothing; a
    guest's is not."""
    async with (
        open_house(ping_interval_ms=20) as house,
        house.client() as guest,
        house.client(house.token("u1", ttl_s=60)) as client,
    ):
        assert (await client.ask("subscribe", room="user:u1"))["type"] == "ok"
        house.watch.ahead_ms = 60_000 + (TOKEN_LEEWAY_S + 1) * 1_000 + TOKEN_GRACE_MS
        code, reason = await client.closed()
        assert (code, "expired" in reason) == (CLOSE_BAD_TOKEN, True)
        assert (await guest.ask("ping"))["type"] == "ok"


async def test_ping_tells_the_houses_time() -> None:
    """The time by which deadlines are set."""
    async with open_house() as house, house.client() as client:
        house.sink.advance(5_000)
        reply = await client.ask("ping")
        assert reply["result"] == {"server_time": house.sink.now()}
        assert reply["at"] == house.sink.now()


async def test_an_ok_says_where_and_when() -> None:
    """Room, epoch, seq and time of the decision, and its result."""
    async with open_house() as house, house.client(house.token("boss", "admin")) as client:
        reply = await client.ask("ledger.deposit", id="c1", **DEPOSIT)
        assert reply.pop("result")["balance"] == 500
        assert reply == {
            "type": "ok",
            "id": "c1",
            "room": "ledger:NGN",
            "epoch": "log-1",
            "seq": 1,
            "at": house.sink.now(),
        }


async def test_the_same_command_again_is_given_its_first_answer() -> None:
    """Marked as a duplicate; the same id for something else is refused."""
    async with open_house() as house, house.client(house.token("boss", "admin")) as client:
        first = await client.ask("ledger.deposit", id="x", **DEPOSIT)
        again = await client.ask("ledger.deposit", id="x", **DEPOSIT)
        assert again == first | {"duplicate": True}
        other = await client.ask("ledger.deposit", id="x", **DEPOSIT | {"amount": 1})
        assert (other["code"], other["details"]) == ("CMD_ID_REUSED", {"field": "id"})
        assert (house.counts.accepted, house.counts.duplicates) == (2, 1)


async def test_replies_come_in_the_order_of_decision() -> None:
    """Of a burst, accepted and refused commands alike."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        await client.say({"id": "1", "type": "club.join", "club": "c1"})
        await client.say({"id": "2", "type": "club.say", "club": "c2", "text": "not here"})
        await client.say({"id": "3", "type": "club.say", "club": "c1", "text": "here"})
        replies = [await client.hear() for _ in range(3)]
        assert [(r["id"], r["type"]) for r in replies] == [("1", "ok"), ("2", "error"), ("3", "ok")]


async def test_a_reply_waits_until_its_command_is_durable() -> None:
    """A refusal waits too, for it may rest on what is not."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        house.sink.held = True
        await client.say({"id": "1", "type": "club.join", "club": "c1"})
        await client.say({"id": "2", "type": "club.say", "club": "c2", "text": "not here"})
        await client.ask("ping")
        await client.heard_nothing()
        house.sink.commit()
        assert (await client.hear("ok"))["id"] == "1"
        assert (await client.hear("error"))["id"] == "2"


async def test_what_the_log_lost_is_unknown_or_unavailable() -> None:
    """The client is told to ask again with the same id."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        house.sink.held = True
        await client.say({"id": "1", "type": "club.join", "club": "c1"})
        await client.ask("ping")
        house.sink.fail()
        lost = await client.hear("error")
        assert (lost["code"], lost["retry"], lost["id"]) == ("UNAVAILABLE", "same_id", "1")
        assert (await client.ask("club.join", club="c1"))["code"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("frame", "id_", "code", "field"),
    [
        ('{"id":"1","type":"club.fly","club":"c1"}', "1", "UNKNOWN_COMMAND", "type"),
        ('{"id":"1","type":"club.join"}', "1", "MALFORMED", "club"),
        ('{"id":"1","type":"club.join","club":"c1","x":1}', "1", "MALFORMED", "x"),
        ('{"id":"1","type":"club.join","club":"c 1"}', "1", "MALFORMED", "club"),
        ('{"id":"1","type":"club.join","club":"c1","club":"c2"}', "1", "MALFORMED", "club"),
        ('{"id":"1","type":"subscribe","room":"c1"}', "1", "MALFORMED", "room"),
        ('{"id":"1","type":"subscribe","room":"club:c1","after":-1}', "1", "MALFORMED", "after"),
        ('{"id":7,"type":"ping"}', None, "MALFORMED", "id"),
        ('{"type":"ping"}', None, "MALFORMED", "id"),
        ('{"id":"1"}', "1", "MALFORMED", "type"),
        ('["id","1"]', None, "MALFORMED", ""),
    ],
)
async def test_a_command_that_cannot_be_read_is_an_error_that_names_the_field(
    frame: str, id_: str | None, code: str, field: str
) -> None:
    """And the connection stays open, however often it happens."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        for _ in range(4):
            await client.say(frame)
            reply = await client.reply(id_)
            assert (reply["code"], reply["details"]["field"]) == (code, field)
            assert reply["retry"] == "never"
        assert (await client.ask("ping"))["type"] == "ok"
        assert house.counts.refused == {code: 4}


async def test_three_frames_that_are_no_json_are_the_end() -> None:
    """Each is answered; the third closes with 4002."""
    async with open_house() as house, house.client() as client:
        for frame in ("hello", "{", '{"id":'):
            await client.say(frame)
            assert (await client.reply(None))["code"] == "MALFORMED"
        assert (await client.closed())[0] == 4002


async def test_only_broken_frames_in_a_row_count() -> None:
    """A readable frame, even a refused one, begins the count anew."""
    async with open_house() as house, house.client() as client:
        for _ in range(3):
            for _ in range(2):
                await client.say("hello")
                await client.reply(None)
            await client.say('{"id":"1","type":"nothing"}')
            assert (await client.reply("1"))["code"] == "UNKNOWN_COMMAND"
            for _ in range(2):
                await client.say("hello")
                await client.reply(None)
            assert (await client.ask("ping"))["type"] == "ok"


async def test_a_binary_frame_is_malformed() -> None:
    """Frames are text; the connection stays open, and three in a row are the end."""
    async with open_house() as house, house.client() as client:
        await client.say(b'{"id":"1","type":"ping"}')
        reply = await client.reply(None)
        assert reply["code"] == "MALFORMED"
        assert "text" in reply["message"]
        assert (await client.ask("ping"))["type"] == "ok"
        for _ in range(3):
            await client.say(b"\x00")
        assert (await client.closed())[0] == 4002


async def test_a_frame_that_is_too_large_is_named_before_the_close() -> None:
    """FRAME_TOO_LARGE, then the protocol's own code 1009."""
    async with open_house() as house, house.client() as client:
        await client.say(b"x" * (MESSAGE_BYTES_MAX + 1))
        reply = await client.reply(None)
        assert reply["code"] == "FRAME_TOO_LARGE"
        assert reply["details"] == {"limit": MESSAGE_BYTES_MAX}
        assert (await client.closed())[0] == 1009


async def test_a_user_who_calls_too_often_is_told_how_long_to_wait() -> None:
    """The limit is the user's, over all connections, and fades with time."""
    async with open_house(rates=Rates(user=2, guest=0)) as house:
        token = house.token("u1")
        async with house.client(token) as first, house.client(token) as second:
            await first.ask("ping")
            await second.ask("ping")
            refused = await first.ask("club.join", club="c1")
            assert (refused["code"], refused["retry"]) == ("RATE_LIMITED", "later")
            wait_ms = refused["details"]["retry_after_ms"]
            assert 0 < wait_ms <= 2 * RATE_WINDOW_MS
            house.watch.elapsed_s = wait_ms / 1_000
            assert (await first.ask("club.join", club="c1"))["type"] == "ok"
            assert house.counts.rate_limited == 1


async def test_guests_share_the_limit_of_their_address() -> None:
    """A token frees them of it, and `auth` itself counts against the user."""
    async with (
        open_house(rates=Rates(user=10, guest=1)) as house,
        house.client() as first,
        house.client() as second,
    ):
        assert (await first.ask("ping"))["type"] == "ok"
        assert (await second.ask("ping"))["code"] == "RATE_LIMITED"
        assert (await second.ask("auth", token=house.token("u1")))["type"] == "ok"
        assert (await second.ask("ping"))["type"] == "ok"


async def test_frames_that_cannot_be_read_count_too() -> None:
    """Rubbish is no way around the limit, and still answered with its id."""
    async with open_house(rates=Rates(user=0, guest=1)) as house, house.client() as client:
        for expected in ("UNKNOWN_COMMAND", "RATE_LIMITED"):
            await client.say('{"id":"1","type":"nothing"}')
            assert (await client.reply("1"))["code"] == expected


async def test_the_houses_own_services_are_not_counted() -> None:
    """Role system has no limit (operations 1)."""
    async with (
        open_house(rates=Rates(user=1, guest=1)) as house,
        house.client(house.token("robot", "system")) as client,
    ):
        for _ in range(5):
            assert (await client.ask("ping"))["type"] == "ok"


async def test_latency_is_measured_from_frame_to_reply() -> None:
    """Only commands that reached the writer are measured."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        house.sink.held = True
        await client.say({"id": "1", "type": "club.join", "club": "c1"})
        await client.ask("ping")
        house.watch.elapsed_s += 0.003
        house.sink.commit()
        await client.reply("1")
        assert house.counts.latency.count == 1
        assert house.counts.latency.sum_ms == pytest.approx(3)
