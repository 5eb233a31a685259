"""People over HTTP and websocket, with codes from their letters: in, through, and out at once."""

import asyncio
from typing import Any

import httpx
import pytest

from engine.kernel.time import DAY, SECOND
from gateway.limits import CLOSE_BAD_TOKEN
from gateway.logins import COOKIE
from testkit.client import ConnectionEnded, connected
from tests.e2e.identity_walk import PASSWORD, Google, People, Post, address
from tests.e2e.places import Place
from tests.e2e.walk import BOSS, GUEST, walking

FILE = ("--test-clock", "--notifier", "file")
WITHIN_S = 1.0
"""In which a session that is ended has lost its connections (S3)."""


class Browser:
    """Speaks HTTP, and keeps cookies as a browser does for a secure page."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._said = 0
        self.cookie = ""
        self.set_cookie = ""

    async def say(self, type_: str, token: str = "", /, **fields: Any) -> tuple[int, Any]:
        """Send a command; the status and the reply."""
        self._said += 1
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if self.cookie:
            headers["Cookie"] = f"{COOKIE}={self.cookie}"
        command = {"id": f"browser-{self._said}", "type": type_} | fields
        answer = await self._http.post("/v1/commands", json=command, headers=headers)
        if header := answer.headers.get("set-cookie"):
            self.set_cookie = header
            self.cookie = header.partition(";")[0].partition("=")[2].strip('"')
        return answer.status_code, answer.json()


async def test_from_a_registration_to_a_socket(place: Place) -> None:
    """Register, read both letters, type both codes; the access token opens a socket, the refresh
    token stays in a cookie that no script can read (J1, J2, I5)."""
    async with (
        place.serve(*FILE) as server,
        httpx.AsyncClient(base_url=server.address, trust_env=False) as http,
    ):
        browser, post = Browser(http), Post(place.data)
        ada = {"email": address("ada"), "phone": "+2348030000001", "password": PASSWORD}
        assert (await browser.say("identity.register", **ada))[0] == 200
        typed: dict[str, Any] = {"email": address("ada"), "device_fingerprint": "f-1"}
        code = await post.code(address("ada"))
        first = await browser.say("identity.verify_otp", **typed, channel="email", code=code)
        assert first[1]["result"]["status"] == "pending_verification"
        code = await post.code("+2348030000001")
        _, last = await browser.say("identity.verify_otp", **typed, channel="phone", code=code)
        assert "refresh_token" not in last["result"]
        assert {"HttpOnly", "Secure", "SameSite=strict"} <= set(browser.set_cookie.split("; "))
        user = last["result"]["granted"]["user"]
        token = last["result"]["access_token"]
        async with connected(server.websocket, token) as client:
            assert client.unasked[0].user == user
            await client.subscribe(f"user:{user}", after=0)
            await client.hear(event="identity.welcomed")
        _, renewed = await browser.say("identity.refresh")
        assert renewed["result"]["granted"]["counter"] == 1
        status, _ = await browser.say("identity.logout", renewed["result"]["access_token"])
        assert (status, browser.cookie) == (200, "")
        status, refused = await browser.say("identity.set_profile", token, display_name="Ada")
        assert (status, refused["code"]) == (401, "SESSION_REVOKED")


async def test_a_stolen_refresh_token_ends_the_session(on_sqlite: Place) -> None:
    """J5: the thief's second try, or the owner's, ends it for both; it survives a restart."""
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        crowd = People(walk, Post(on_sqlite.data))
        await crowd.join("ada")
        stolen = crowd.refresh_tokens["ada"]
        fresh = (await crowd.refresh("ada")).result["refresh_token"]
        socket = await walk.client("ada")
        assert (await crowd.refresh("ada")).code == "REFRESH_REUSED"
        await ended_at_once(socket)
        server.process.kill()
        await server.process.ended()
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        for token in (stolen, fresh):
            refused = await walk.ask("vera", "identity.refresh", refresh_token=token)
            assert refused.code == "REFRESH_REUSED"


async def ended_at_once(client: Any) -> ConnectionEnded:
    """The connection is closed within a second, with the code for a token that is good no more."""
    async with asyncio.timeout(WITHIN_S):
        ended: ConnectionEnded = await client.ended
    assert ended.code == CLOSE_BAD_TOKEN, ended
    return ended


@pytest.mark.parametrize("verb", ["force_logout", "suspend"])
async def test_who_is_put_out_is_out_within_a_second(on_sqlite: Place, verb: str) -> None:
    """S3, K7: the socket closes, the token opens nothing, and the reason is said."""
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        crowd = People(walk, Post(on_sqlite.data))
        await crowd.join("ada")
        socket = await walk.client("ada")
        await crowd.staff(verb, "ada", reason="a stolen phone")
        await ended_at_once(socket)
        token = {"refresh_token": crowd.refresh_tokens["ada"]}
        refused = await walk.ask("vera", "identity.refresh", **token)
        if verb == "suspend":
            assert refused.code == "ACCOUNT_SUSPENDED"
            assert refused.details["reason"] == "a stolen phone"
        else:
            assert refused.code == "SESSION_REVOKED"


async def test_one_session_for_each_type_of_device(on_sqlite: Place) -> None:
    """S1: a second login on the web closes the first one's socket, and no other."""
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        crowd = People(walk, Post(on_sqlite.data))
        await crowd.join("ada")
        web = await walk.client("ada")
        await crowd.login("ada", device_type="ios")
        phone = await walk.client("ada")
        await crowd.login("ada", device_type="web")
        await ended_at_once(web)
        assert (await phone.ask("identity.set_profile", display_name="Ada")).ok


async def test_a_session_lasts_seven_days(on_sqlite: Place) -> None:
    """J1: after a day it is refreshed, after seven without it is over."""
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        crowd = People(walk, Post(on_sqlite.data))
        await crowd.join("ada")
        await walk.advance(DAY + SECOND)
        reply = await crowd.refresh("ada")
        assert reply.ok
        crowd.refresh_tokens["ada"] = reply.result["refresh_token"]
        await walk.advance(7 * DAY + SECOND)
        token = {"refresh_token": crowd.refresh_tokens["ada"]}
        refused = await walk.ask("vera", "identity.refresh", **token)
        assert refused.code == "TOKEN_EXPIRED"


async def test_a_provider_lets_people_in(on_sqlite: Place) -> None:
    """I9: with a signature that is the provider's, and with no other."""
    google = Google(on_sqlite.data)
    forger = Google(on_sqlite.data.parent)
    async with on_sqlite.serve(*FILE, *google.flags) as server, walking(server) as walk:
        crowd = People(walk, Post(on_sqlite.data))
        await crowd.google("gina", google)
        assert (await crowd.ask("gina", "set_profile", display_name="Gina")).ok
        forged = {"provider": "google", "id_token": forger.id_token("gina")}
        refused = await walk.ask(GUEST, "identity.oauth_login", **forged)
        assert refused.code == "OAUTH_FAILED"


async def test_roles_and_documents_count_at_once(on_sqlite: Place) -> None:
    """J3: a token that says `user` and `none` is enough once the account says more."""
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        crowd = People(walk, Post(on_sqlite.data))
        await crowd.join("ada")
        withdraw = {"amount": 1, "currency": "USD"}
        refused = await walk.ask("ada", "ledger.withdraw", **withdraw)
        assert refused.code == "KYC_REQUIRED"
        files = [{"kind": "VALID_ID", "file": "f-1"}]
        reply = await crowd.ask("ada", "submit_kyc", kind="personal", files=files)
        application = reply.result["application"]
        await crowd.staff("approve_kyc", "ada", application=application)
        await walk.must(BOSS, "ledger.deposit", user=crowd.users["ada"], reference="r", **withdraw)
        assert (await walk.ask("ada", "ledger.withdraw", **withdraw)).ok


async def test_a_suspended_sellers_auctions_are_on_a_managers_list(on_sqlite: Place) -> None:
    """K7: whoever listens to the desk hears of it at once; what is over is gone from the list."""
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        crowd = People(walk, Post(on_sqlite.data))
        await crowd.join("ada")
        ada = crowd.users["ada"]
        await crowd.staff("grant_role", "ada", role="verified_seller", reason="earned")
        for auction in ("a1", "a2"):
            await walk.must(BOSS, "auction.create", **await walk.plan(auction), seller=ada)
        meg = await walk.client("meg")
        await meg.subscribe("identity_desk:staff")
        await crowd.staff("suspend", "ada", reason="fraud")
        heard = await meg.hear(event="identity_desk.seller_listed")
        assert heard.data["auctions"] == ["auction:a1", "auction:a2"]
        await walk.must("meg", "auction.cancel", auction="a1", reason="the seller is suspended")
        desk = await walk.door.room("identity_desk:staff", walk.token("meg"))
        assert desk["suspended_sellers"][0]["auctions"] == ["auction:a2"]


async def test_an_account_with_an_open_escrow_is_not_closed(on_sqlite: Place) -> None:
    """Nor the payee's; both are still there after a kill, and go when the money has gone."""
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        crowd = People(walk, Post(on_sqlite.data))
        for name in ("ada", "bob"):
            await crowd.join(name)
        shares = [{"payee": crowd.users["bob"], "kind": "carrier", "gross": 500}]
        terms = {"payer": crowd.users["ada"], "currency": "USD", "total": 500, "shares": shares}
        await walk.must("robot", "escrow.open", escrow="order.o1", **terms)
        server.process.kill()
        await server.process.ended()
    async with on_sqlite.serve(*FILE) as server, walking(server) as walk:
        again = People(walk, Post(on_sqlite.data))
        again.users |= crowd.users
        for name in ("ada", "bob"):
            await again.login(name)
            refused = await walk.ask(name, "identity.close_account")
            assert refused.code == "ACCOUNT_HAS_FUNDS"
            assert refused.details == {"currencies": [], "rooms": ["escrow:order.o1"]}
        await walk.must(BOSS, "escrow.refund", escrow="order.o1", reason="called off")
        for name in ("ada", "bob"):
            await again.go(name, "close_account")
            shown = await walk.door.room(f"identity:{crowd.users[name]}", walk.token(BOSS))
            assert shown["status"] == "closed"
