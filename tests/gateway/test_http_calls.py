"""Commands, rooms and history over HTTP: the same answers as on a websocket, with a status."""

from typing import Any

import httpx
import pytest

from gateway.limits import HISTORY_PAGE, MESSAGE_BYTES_MAX
from gateway.rates import Rates
from tests.gateway.open_house import OpenHouse, open_house

DEPOSIT = {
    "id": "d1",
    "type": "ledger.deposit",
    "user": "u1",
    "amount": 500,
    "currency": "NGN",
    "reference": "r1",
}
JOIN = {"id": "1", "type": "club.join", "club": "c1"}


async def post(http: httpx.AsyncClient, body: Any, **options: Any) -> tuple[int, dict[str, Any]]:
    """A command's status and reply."""
    response = await http.post("/v1/commands", json=body, **options)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, response.json()


async def test_a_command_is_answered_as_on_a_websocket() -> None:
    """200, and the very same reply."""
    async with open_house() as house, house.http(house.token("boss", "admin")) as http:
        status, reply = await post(http, DEPOSIT)
        assert status == 200
        assert reply.pop("result")["balance"] == 500
        assert reply == {
            "type": "ok",
            "id": "d1",
            "room": "ledger:NGN",
            "epoch": "log-1",
            "seq": 1,
            "at": house.sink.now(),
        }
        assert (await post(http, DEPOSIT))[1]["duplicate"] is True


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (JOIN | {"type": "club.fly"}, 400, "UNKNOWN_COMMAND"),
        (JOIN | {"club": 7}, 400, "MALFORMED"),
        (DEPOSIT | {"id": "1"}, 403, "FORBIDDEN"),
        ({"id": "1", "type": "club.say", "club": "c9", "text": "x"}, 403, "NOT_A_MEMBER"),
        (
            {"id": "1", "type": "ledger.withdraw", "amount": 5, "currency": "NGN"},
            422,
            "INSUFFICIENT_FUNDS",
        ),
        ({"id": "1", "type": "ping"}, 400, "UNKNOWN_COMMAND"),
        ({"id": "1", "type": "subscribe", "room": "club:c1"}, 400, "UNKNOWN_COMMAND"),
    ],
)
async def test_a_refusal_has_the_status_of_its_code(body: Any, status: int, code: str) -> None:
    """And the id of the command."""
    async with open_house() as house, house.http(house.token("u1")) as http:
        found, reply = await post(http, body)
        assert (found, reply["code"], reply["id"]) == (status, code, "1")
        assert (reply["type"], reply["message"] != "") == ("error", True)
        assert house.counts.refused == {code: 1}


async def test_an_id_that_was_used_for_something_else_is_a_conflict() -> None:
    """409, as on the websocket."""
    async with open_house() as house, house.http(house.token("boss", "admin")) as http:
        await post(http, DEPOSIT)
        status, reply = await post(http, DEPOSIT | {"amount": 1})
        assert (status, reply["code"]) == (409, "CMD_ID_REUSED")


async def test_without_a_token_a_command_is_unauthenticated() -> None:
    """401, and the scheme to use."""
    async with open_house() as house, house.http() as http:
        response = await http.post("/v1/commands", json=JOIN)
        assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer not.a.token", "Basic dTpw", "Bearer"])
async def test_a_bad_token_is_unauthenticated_everywhere(header: str) -> None:
    """Also where a guest may look."""
    async with open_house() as house, house.http() as http:
        http.headers["Authorization"] = header
        for response in (
            await http.post("/v1/commands", json=JOIN),
            await http.get("/v1/rooms/club:c1"),
            await http.get("/v1/rooms/club:c1/events"),
        ):
            assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")


async def test_a_body_is_bounded() -> None:
    """FRAME_TOO_LARGE, whatever it holds."""
    async with open_house() as house, house.http(house.token("u1")) as http:
        response = await http.post("/v1/commands", content=b"x" * (MESSAGE_BYTES_MAX + 1))
        assert (response.status_code, response.json()["code"]) == (400, "FRAME_TOO_LARGE")
        response = await http.post("/v1/commands", content=b"x" * MESSAGE_BYTES_MAX)
        assert (response.status_code, response.json()["code"]) == (400, "MALFORMED")


async def test_rate_limits_hold_here_too() -> None:
    """One count for both doors; the wait stands in the header as well."""
    async with open_house(rates=Rates(user=2, guest=1)) as house:
        token = house.token("u1")
        async with house.client(token) as client, house.http(token) as http:
            await client.ask("ping")
            assert (await post(http, JOIN))[0] == 200
            response = await http.post("/v1/commands", json=JOIN)
            assert (response.status_code, response.json()["code"]) == (429, "RATE_LIMITED")
            wait_ms = response.json()["details"]["retry_after_ms"]
            assert int(response.headers["retry-after"]) == -(-wait_ms // 1_000)
        async with house.http() as guest:
            assert (await guest.get("/v1/rooms/club:c1")).status_code == 200
            assert (await guest.get("/v1/rooms/club:c1")).status_code == 429


async def test_a_foreign_page_may_change_nothing() -> None:
    """403 that names the Origin; reading is left to the browser's own rules."""
    async with (
        open_house(origins=frozenset({"https://good.example"})) as house,
        house.http(house.token("u1")) as http,
    ):
        status, reply = await post(http, JOIN, headers={"Origin": "https://bad.example"})
        assert (status, reply["code"]) == (403, "FORBIDDEN")
        assert "Origin" in reply["message"]
        for number, origin in enumerate(("https://good.example", "http://house")):
            body = JOIN | {"id": f"o{number}"}
            assert (await post(http, body, headers={"Origin": origin}))[0] == 200


async def test_a_client_that_hangs_up_early_is_no_fault() -> None:
    """Half a command is none, and nothing is logged as broken."""
    async with open_house() as house:
        received = iter(
            [
                {"type": "http.request", "body": b'{"id":"1",', "more_body": True},
                {"type": "http.disconnect"},
            ]
        )

        async def receive() -> Any:
            return next(received)

        async def send(message: Any) -> None:
            sent.append(message)

        sent: list[Any] = []
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/commands",
            "headers": [],
            "query_string": b"",
        }
        await house.app()(scope, receive, send)
        assert sent[0]["status"] == 400


async def club_with(house: OpenHouse, *texts: str) -> None:
    """The club c1, where u1 said these things: seq 1 is the joining."""
    async with house.http(house.token("u1")) as http:
        await post(http, JOIN)
        for number, text in enumerate(texts):
            say = {"id": f"say{number}", "type": "club.say", "club": "c1", "text": text}
            assert (await post(http, say))[0] == 200


async def test_a_room_as_the_viewer_may_see_it() -> None:
    """The snapshot that a subscription would begin with."""
    async with open_house() as house:
        await club_with(house)
        async with house.http() as guest, house.http(house.token("u1")) as member:
            response = await guest.get("/v1/rooms/club:c1")
            assert response.status_code == 200
            assert response.json() == {
                "room": "club:c1",
                "epoch": "log-1",
                "seq": 1,
                "state": {"count": 1, "member": False},
            }
            assert (await member.get("/v1/rooms/club:c1")).json()["state"]["member"] is True


async def test_rooms_that_one_may_not_see() -> None:
    """401 to a guest, 403 to another user, 404 where there is none."""
    async with open_house() as house, house.http() as guest, house.http(house.token("u2")) as user:
        for path in ("/v1/rooms/user:u1", "/v1/rooms/user:u1/events"):
            response = await guest.get(path)
            assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")
            response = await user.get(path)
            assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")
        for room in ("club:none", "nothing:n1", "club", "user:u%001", "user:u%0a"):
            for path in (f"/v1/rooms/{room}", f"/v1/rooms/{room}/events"):
                response = await user.get(path)
                assert (response.status_code, response.json()["code"]) == (404, "ROOM_NOT_FOUND")


async def test_history_comes_in_pages_and_ends_empty() -> None:
    """The frames of the feed, redacted in the same way."""
    async with open_house() as house:
        await club_with(house, "one", "two", "three")
        path = "/v1/rooms/club:c1/events"
        async with house.http() as guest, house.http(house.token("u1")) as member:
            page = (await member.get(path, params={"after": 1, "limit": 2})).json()
            assert (page["room"], page["epoch"]) == ("club:c1", "log-1")
            assert [(e["seq"], e["data"]["text"]) for e in page["events"]] == [
                (2, "one"),
                (3, "two"),
            ]
            page = (await member.get(path, params={"after": 3, "limit": 2})).json()
            assert [event["seq"] for event in page["events"]] == [4]
            assert (await member.get(path, params={"after": 4})).json()["events"] == []
            seen = (await guest.get(path)).json()["events"]
            assert [(event["seq"], event["data"]) for event in seen] == [
                (seq, {}) for seq in (1, 2, 3, 4)
            ]


async def test_a_page_has_a_usual_length() -> None:
    """Unless the client says another."""
    async with open_house() as house:
        await club_with(house, *["x"] * HISTORY_PAGE)
        async with house.http() as guest:
            page = (await guest.get("/v1/rooms/club:c1/events")).json()
            assert len(page["events"]) == HISTORY_PAGE


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=1.5", "after"),
        ("after=" + "9" * 5_000, "after"),
        ("after=²", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=", "limit"),
    ],
)
async def test_a_query_that_cannot_be_read(query: str, field: str) -> None:
    """400 that names the parameter."""
    async with open_house() as house:
        await club_with(house)
        async with house.http() as guest:
            response = await guest.get(f"/v1/rooms/club:c1/events?{query}")
            assert (response.status_code, response.json()["code"]) == (400, "MALFORMED")
            assert response.json()["details"]["field"] == field


async def test_while_the_log_is_gone() -> None:
    """503: try again with the same id."""
    async with open_house() as house, house.http(house.token("u1")) as http:
        house.sink.fail()
        status, reply = await post(http, JOIN)
        assert (status, reply["code"], reply["retry"]) == (503, "UNAVAILABLE", "same_id")
        assert (await http.get("/v1/rooms/club:c1")).status_code == 503


async def test_the_test_clock_is_for_admins() -> None:
    """It moves the house's time and says what it is now."""
    async with open_house() as house:

        async def advance(ms: int) -> int:
            house.sink.advance(ms)
            return house.sink.now()

        before = house.sink.now()
        path, body = "/v1/test/clock", {"advance_ms": 60_000}
        async with house.http(house.token("boss", "admin"), advance=advance) as admin:
            response = await admin.post(path, json=body)
            assert (response.status_code, response.json()) == (200, {"now": before + 60_000})
            for bad in (-1, 10**15, 1.5, "1", None):
                assert (await admin.post(path, json={"advance_ms": bad})).status_code == 400
        async with house.http(house.token("m", "manager"), advance=advance) as manager:
            assert (await manager.post(path, json=body)).status_code == 403
        async with house.http(advance=advance) as guest:
            assert (await guest.post(path, json=body)).status_code == 401
        async with house.http(house.token("boss", "admin")) as admin:
            assert (await admin.post(path, json=body)).status_code == 404
        assert house.sink.now() == before + 60_000
