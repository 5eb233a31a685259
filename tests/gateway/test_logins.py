"""Logins at the door: tokens, cookies, and connections that end with a session."""

import time

from engine.kernel.actor import DRIVER, Actor
from gateway.tokens import Caller
from tests.gateway.open_house import OpenHouse, open_house

ENTER = {"id": "1", "type": "club.enter", "club": "c1", "refresh_token": "the pass"}


def who(house: OpenHouse, token: str) -> Actor:
    """Whom the house takes the bearer for."""
    caller = house.tokens.verify(token)
    assert isinstance(caller, Caller), caller
    return caller.actor


async def test_a_login_over_a_websocket_gives_both_tokens() -> None:
    """A native client keeps the refresh token itself. A guest may send such a command."""
    async with open_house() as house, house.client() as guest:
        reply = await guest.ask("club.enter", club="c1", refresh_token="the pass")
        result = reply["result"]
        assert result["refresh_token"] == "the next pass"
        assert "access" not in result
        actor = who(house, result["access_token"])
        assert actor == Actor("u7", "user", "none", frozenset({DRIVER}), "s1")
        assert (await guest.ask("auth", token=result["access_token"]))["result"]["user"] == "u7"


async def test_over_http_the_refresh_token_is_a_cookie() -> None:
    """No script can read it, and it goes nowhere else; the body does not have it."""
    async with open_house() as house, house.http() as client:
        response = await client.post("/v1/commands", json=ENTER)
        assert "refresh_token" not in response.json()["result"]
        assert who(house, response.json()["result"]["access_token"]).user == "u7"
        cookie = response.headers["set-cookie"]
        for part in ("outcry_refresh=", "HttpOnly", "Secure", "SameSite=strict", "Path=/v1/"):
            assert part in cookie, cookie


async def test_the_cookie_stands_in_for_the_field() -> None:
    """A browser sends no refresh token of its own; what is given goes before the cookie."""
    async with open_house() as house, house.http() as client:
        cookie = {"Cookie": 'outcry_refresh="the pass"'}
        bare = {key: value for key, value in ENTER.items() if key != "refresh_token"}
        assert (await client.post("/v1/commands", json=bare, headers=cookie)).status_code == 200
        wrong = {**ENTER, "id": "2", "refresh_token": "another"}
        assert (await client.post("/v1/commands", json=wrong, headers=cookie)).status_code == 403


async def test_no_token_is_in_the_log() -> None:
    """What is revealed is made anew each time, and the same answer comes again."""
    async with open_house() as house, house.client() as guest:
        first = await guest.ask("club.enter", club="c1", refresh_token="the pass", id="x")
        again = await guest.ask("club.enter", club="c1", refresh_token="the pass", id="x")
        assert again["duplicate"]
        assert again["result"]["refresh_token"] == first["result"]["refresh_token"]
        logged = b"".join(record.event + record.result for record in house.sink.log)
        assert b"pass" not in logged
        assert b"access" not in logged


async def test_guests_do_not_share_ids() -> None:
    """The same id with other words is another guest's command, not a reused id."""
    async with open_house() as house, house.client() as one, house.client() as other:
        good = await one.ask("club.enter", club="c1", refresh_token="the pass", id="x")
        bad = await other.ask("club.enter", club="c1", refresh_token="a guess", id="x")
        assert good["type"] == "ok"
        assert bad["code"] == "NOT_A_MEMBER"


async def test_connections_end_with_their_session() -> None:
    """Those of the session, and no others: an error that says why, then 4001."""
    async with open_house() as house:
        now_s = int(time.time())
        issue = house.tokens.issue
        phone = issue("u1", "user", "none", now_s=now_s, ttl_s=60, session="phone")
        desk = issue("u1", "user", "none", now_s=now_s, ttl_s=60, session="desk")
        async with (
            house.client(phone) as first,
            house.client(desk) as second,
            house.client(house.token("boss", "admin")) as boss,
        ):
            await boss.ask("club.eject", club="c1", user="u1", session="phone")
            ended = await first.hear("error")
            assert (ended["id"], ended["code"]) == (None, "UNAUTHENTICATED")
            assert (await first.closed())[0] == 4001
            await second.heard_nothing()
            await boss.ask("club.eject", club="c1", user="u1")
            await second.hear("error")
            assert (await second.closed())[0] == 4001
