"""People who register over the wire, read their letters, log in and are dealt with by staff."""

import json
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from engine.kernel.time import DAY, MINUTE
from testkit.client import ConnectionEnded, Heard
from tests.e2e.walk import BOSS, Walk, usd
from tests.runtime.writer.writing import until

VISITOR = "vera"
"""Comes with a token of an outside issuer, and speaks for whoever has none yet."""
PASSWORD = "Paper-hat-1"
FORM = {
    "business_name": "Ada Motors",
    "cac_number": "RC 1",
    "address": "1 Broad Street",
    "phone": "+2348030000001",
}
DEALER_FILES = [
    {"kind": kind, "file": f"f-{kind}"}
    for kind in ("CAC_CERTIFICATE", "VALID_ID", "PROOF_OF_ADDRESS")
]
OPEN_MARKET = "EUR"
"""Where who registers is told that an address has an account."""
SHOP_FILES = [{"kind": kind, "file": f"f-{kind}"} for kind in ("ID_PROOF", "LICENCE")]


def open_market(folder: Path) -> tuple[str, str]:
    """The flags for it."""
    path = folder / "markets.json"
    path.write_text(json.dumps([{"currency": OPEN_MARKET, "tells_taken": True}]))
    return ("--markets", str(path))


class Google:
    """An identity provider with a key of its own, kept in a file."""

    def __init__(self, folder: Path) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        keys = folder / "google.json"
        keys.write_text(json.dumps({"keys": [public | {"kid": "g1", "alg": "RS256"}]}))
        self.flags = ("--google-audience", "outcry-web", "--google-jwks", str(keys))

    def id_token(self, name: str) -> str:
        """What the provider says of somebody."""
        now_s = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": "outcry-web",
            "sub": name,
            "email": f"{name}@example.com",
            "email_verified": True,
            "iat": now_s,
            "exp": now_s + 600,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "g1"})


class Post:
    """The letters that a file notifier has written."""

    def __init__(self, data: Path) -> None:
        self._path = data / "letters.jsonl"
        self._read: Counter[str] = Counter()

    async def code(self, to: str) -> str:
        """The next code that was sent to this address."""
        await until(lambda: len(self._codes(to)) > self._read[to])
        self._read[to] += 1
        return self._codes(to)[self._read[to] - 1]

    def _codes(self, to: str) -> list[str]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        texts = [letter["text"] for letter in map(json.loads, lines) if letter["to"] == to]
        words = [text.split()[0] for text in texts]
        return [word for word in words if word.isdigit()]


class People:
    """Whoever has an account, and how they get one."""

    def __init__(self, walk: Walk, post: Post) -> None:
        self.walk = walk
        self.post = post
        self.phones: dict[str, str] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.users: dict[str, str] = {}

    async def begin(self, name: str, **changes: Any) -> None:
        """Register; codes are on their way."""
        self.phones[name] = f"+23480300000{len(self.phones):02}"
        person = {"email": address(name), "phone": self.phones[name], "password": PASSWORD}
        await self.walk.must(VISITOR, "identity.register", **person | changes)

    async def verify(self, name: str, channel: str, purpose: str = "signup") -> Heard:
        """Type the code of the latest letter, and come in if it opens the account."""
        to = address(name) if channel == "email" else self.phones[name]
        typed = {"channel": channel, "purpose": purpose, "code": await self.post.code(to)}
        command = {"email": address(name)} | typed
        reply = await self.walk.must(VISITOR, "identity.verify_otp", **command)
        return await self._in(name, reply)

    async def join(self, name: str, **changes: Any) -> None:
        """Register, and type both codes."""
        await self.begin(name, **changes)
        await self.verify(name, "email")
        await self.verify(name, "phone")

    async def login(self, name: str, **device: str) -> Heard:
        """By password."""
        command = {"email": address(name), "password": PASSWORD} | device
        return await self._in(name, await self.walk.must(VISITOR, "identity.login", **command))

    async def google(self, name: str, google: Google) -> Heard:
        """By what an identity provider says."""
        said = {"provider": "google", "id_token": google.id_token(name)}
        return await self._in(name, await self.walk.must(VISITOR, "identity.oauth_login", **said))

    async def refresh(self, name: str) -> Heard:
        """With the latest refresh token that was asked for."""
        token = {"refresh_token": self.refresh_tokens[name]}
        return await self.walk.ask(VISITOR, "identity.refresh", **token)

    async def _in(self, name: str, reply: Heard) -> Heard:
        if "access_token" in reply.result:
            self.refresh_tokens[name] = reply.result["refresh_token"]
            self.users[name] = reply.result["granted"]["user"]
            await self.walk.come_in(name, reply.result["access_token"])
        return reply

    async def ask(self, name: str, verb: str, **fields: Any) -> Heard:
        """Somebody with an account asks, and is not refused."""
        return await self.walk.must(name, f"identity.{verb}", **fields)

    async def go(self, name: str, verb: str) -> None:
        """As `ask`, where the answer may be too late for the connection, which ends with it."""
        with suppress(ConnectionEnded):
            await self.ask(name, verb)

    async def staff(self, verb: str, name: str, **fields: Any) -> Heard:
        """An admin deals with somebody."""
        command = {"user": self.users[name]} | fields
        return await self.walk.must(BOSS, f"identity.{verb}", **command)


def address(name: str) -> str:
    """Everybody's email address."""
    return f"{name}@example.com"


async def people(walk: Walk, data: Path, google: Google) -> tuple[str, ...]:
    """Everything that happens to accounts and shops; the rooms in which it happened. It takes
    some days."""
    crowd = People(walk, Post(data))
    await shops(walk)
    await arrivals(crowd, google)
    await sessions(crowd)
    await roles(crowd)
    await documents(crowd)
    await crowd.login("ada")
    await crowd.go("ada", "close_account")
    await walk.advance(8 * DAY)
    index = await walk.door.room("identity:index", walk.token(BOSS))
    return (
        *(f"identity:{user}" for user in index["latest"]),
        *(f"{kind}:{user}" for kind in ("profile", "user") for user in crowd.users.values()),
        *("identity:index", "identity_desk:staff", "shop:corner", "shop_desk:queue", "user:kim"),
    )


async def shops(walk: Walk) -> None:
    """Turned down once, then open; closed for a while, and open again."""
    corner = {"shop": "corner"}
    sign = {"name": "Corner", "address": "1 Broad Street", "category": "grocery"}
    await walk.must("kim", "shop.create", **corner, **sign)
    await walk.must("kim", "shop.upload_docs", **corner, files=SHOP_FILES)
    await walk.must(BOSS, "shop.open_document", **corner, file="f-LICENCE")
    await walk.must(BOSS, "shop.reject", **corner, reason="the licence is blurred")
    await walk.must("kim", "shop.upload_docs", **corner, files=SHOP_FILES)
    await walk.must(BOSS, "shop.approve", **corner)
    await walk.must("meg", "shop.suspend", **corner, reason="complaints")
    await walk.must(BOSS, "shop.reinstate", **corner, reason="sorted out")


async def arrivals(crowd: People, google: Google) -> None:
    """With a password, with a code alone, by a provider, and not at all."""
    walk = crowd.walk
    await crowd.begin("ada")
    wrong = {"email": address("ada"), "channel": "email", "code": "000000"}
    assert (await walk.ask(VISITOR, "identity.verify_otp", **wrong)).code == "OTP_INVALID"
    await walk.advance(MINUTE)
    again = {"email": address("ada"), "channel": "email"}
    await walk.must(VISITOR, "identity.resend_otp", **again)
    await crowd.post.code(address("ada"))
    await crowd.verify("ada", "email")
    await crowd.verify("ada", "phone")
    await walk.advance(MINUTE)
    repeated = {"email": address("ada"), "phone": "+2348039999999", "password": PASSWORD}
    await walk.must(VISITOR, "identity.register", **repeated)
    await crowd.begin("bob")
    await walk.advance(MINUTE)
    await crowd.post.code(address("bob"))
    await walk.must(VISITOR, "identity.start_email_login", email=address("bob"))
    await crowd.verify("bob", "email", "login")
    await crowd.ask("bob", "add_phone", phone="+2348038888888")
    await crowd.ask("bob", "set_profile", display_name="Bob")
    await crowd.google("gina", google)
    await crowd.begin("ghost")
    await walk.advance(DAY)


async def sessions(crowd: People) -> None:
    """Replaced, refreshed, used twice, ended by staff and by oneself."""
    device = {"device_fingerprint": "f-1", "user_agent": "Mozilla"}
    await crowd.login("ada", **device)
    assert (await crowd.refresh("ada")).ok
    assert (await crowd.refresh("ada")).code == "REFRESH_REUSED"
    await crowd.login("ada", **device)
    await crowd.staff("force_logout", "ada", reason="stolen phone")
    await crowd.login("ada", **device)
    await crowd.go("ada", "logout")


async def roles(crowd: People) -> None:
    """Two admins, one of them suspended, who may sell besides."""
    await crowd.login("ada")
    for name, role in (("ada", "verified_seller"), ("ada", "admin"), ("bob", "admin")):
        await crowd.staff("grant_role", name, role=role, reason="earned")
    await crowd.staff("suspend", "ada", reason="complaints")
    await crowd.staff("reinstate", "ada", reason="sorted out")
    await crowd.staff("revoke_role", "ada", role="admin", reason="on leave")


async def documents(crowd: People) -> None:
    """Looked at too late, found in order, expired; and others that were not."""
    walk = crowd.walk
    await crowd.login("ada")
    dealer = {"kind": "dealer", "files": DEALER_FILES, "form": FORM}
    application = (await crowd.ask("ada", "submit_kyc", **dealer)).result["application"]
    now = await walk.advance(2 * DAY)
    await crowd.staff("open_document", "ada", file="f-VALID_ID")
    terms = {"application": application, "documents_expire_at": now + DAY}
    await crowd.staff("approve_kyc", "ada", **terms)
    await crowd.login("ada")
    personal = {"kind": "personal", "files": DEALER_FILES[1:2]}
    application = (await crowd.ask("ada", "submit_kyc", **personal)).result["application"]
    await crowd.staff("reject_kyc", "ada", application=application, reason="the ID is blurred")
    await walk.advance(DAY)


async def codes_of_people(walk: Walk, data: Path, refusals: Any) -> None:
    """Everything that identity and shops refuse. It takes some days."""
    crowd = People(walk, Post(data))
    await codes_of_shops(walk, refusals)
    await codes_of_registration(crowd, refusals)
    await codes_of_one_time_codes(crowd, refusals)
    await codes_of_documents(crowd, refusals)
    await codes_of_staff(crowd, refusals)
    await codes_of_tokens(crowd, refusals)


async def codes_of_shops(walk: Walk, refusals: Any) -> None:
    no, corner = refusals.no, {"shop": "corner"}
    sign = {"name": "Corner", "address": "1 Broad Street", "category": "grocery"}
    await no("SHOP_NOT_FOUND", BOSS, "shop.approve", **corner)
    await walk.must("kim", "shop.create", **corner, **sign)
    await no("SHOP_EXISTS", "kim", "shop.create", **corner, **sign)
    await no("KYC_DOC_MISSING", BOSS, "shop.approve", **corner)


async def codes_of_registration(crowd: People, refusals: Any) -> None:
    no, register = refusals.no, "identity.register"
    new = {"email": "eve@example.com", "phone": "+2348031111111", "password": PASSWORD}
    await no("EMAIL_INVALID", VISITOR, register, **new | {"email": "eve"})
    await no("PHONE_INVALID", VISITOR, register, **new | {"phone": "0803"})
    await no("PASSWORD_WEAK", VISITOR, register, **new | {"password": "eve"})
    await crowd.begin("ada")
    known = {"email": address("ada"), "currency": OPEN_MARKET}
    await no("EMAIL_TAKEN", VISITOR, register, **new | known)
    known = {"phone": crowd.phones["ada"], "currency": OPEN_MARKET}
    await no("PHONE_TAKEN", VISITOR, register, **new | known)
    wrong = {"email": address("ada"), "password": "Wrong-hat-1"}
    await no("INVALID_CREDENTIALS", VISITOR, "identity.login", **wrong)
    right = wrong | {"password": PASSWORD}
    await no("ACCOUNT_NOT_VERIFIED", VISITOR, "identity.login", **right)
    forged = {"provider": "apple", "id_token": "forged"}
    await no("OAUTH_FAILED", VISITOR, "identity.oauth_login", **forged)


async def codes_of_one_time_codes(crowd: People, refusals: Any) -> None:
    no, walk, verify = refusals.no, crowd.walk, "identity.verify_otp"
    typed = {"email": address("ada"), "channel": "email", "code": "000000"}
    await no("OTP_INVALID", VISITOR, verify, **typed | {"email": address("nobody")})
    resend = {"email": address("ada"), "channel": "email"}
    await no("OTP_TOO_SOON", VISITOR, "identity.resend_otp", **resend)
    for _ in range(5):
        await no("OTP_INVALID", VISITOR, verify, **typed)
    await no("OTP_LOCKED", VISITOR, verify, **typed)
    await walk.advance(10 * MINUTE)
    await no("OTP_EXPIRED", VISITOR, verify, **typed | {"channel": "phone"})
    for channel in ("email", "phone"):
        await walk.must(VISITOR, "identity.resend_otp", **resend | {"channel": channel})
        await crowd.post.code(address("ada") if channel == "email" else crowd.phones["ada"])
        await crowd.verify("ada", channel)


async def codes_of_documents(crowd: People, refusals: Any) -> None:
    no, submit = refusals.no, "identity.submit_kyc"
    await no("ACCOUNT_NOT_FOUND", VISITOR, "identity.logout")
    files = DEALER_FILES[1:2]
    personal = {"kind": "personal", "files": files}
    await no("KYC_DOC_MISSING", "ada", submit, **personal | {"kind": "dealer"})
    application = (await crowd.ask("ada", "submit_kyc", **personal)).result["application"]
    await no("KYC_PENDING", "ada", submit, **personal)
    decided = {"application": application}
    illegible = {"reason": "it is blurred", "illegible": [files[0]["file"]]}
    await crowd.staff("reject_kyc", "ada", **decided, **illegible)
    user = {"user": crowd.users["ada"]}
    await no("KYC_REJECTED", BOSS, "identity.approve_kyc", **user, **decided)
    await no("KYC_DOC_ILLEGIBLE", "ada", submit, **personal)
    role = {"role": "dealer", "reason": "earned"}
    await no("ROLE_NEEDS_KYC", BOSS, "identity.grant_role", **user, **role)


async def codes_of_staff(crowd: People, refusals: Any) -> None:
    no, walk = refusals.no, crowd.walk
    ada = {"user": crowd.users["ada"], "reason": "because"}
    await crowd.staff("grant_role", "ada", role="admin", reason="earned")
    await no("SELF_APPROVAL", "ada", "identity.suspend", **ada)
    await no("LAST_ADMIN", BOSS, "identity.suspend", **ada)
    await crowd.join("bob")
    await crowd.staff("grant_role", "bob", role="admin", reason="earned")
    await walk.must(BOSS, "ledger.deposit", user=crowd.users["bob"], reference="b", **usd(1))
    await no("ACCOUNT_HAS_FUNDS", "bob", "identity.close_account")
    await crowd.staff("suspend", "ada", reason="complaints")
    login = {"email": address("ada"), "password": PASSWORD}
    await no("ACCOUNT_SUSPENDED", VISITOR, "identity.login", **login)


async def codes_of_tokens(crowd: People, refusals: Any) -> None:
    no, refresh = refusals.no, "identity.refresh"
    await no("TOKEN_INVALID", VISITOR, refresh, refresh_token="forged")
    await crowd.staff("reinstate", "ada", reason="sorted out")
    used = {"refresh_token": crowd.refresh_tokens["ada"]}
    await no("SESSION_REVOKED", VISITOR, refresh, **used)
    await crowd.login("ada")
    used = {"refresh_token": crowd.refresh_tokens["ada"]}
    assert (await crowd.refresh("ada")).ok
    for _ in range(2):
        await no("REFRESH_REUSED", VISITOR, refresh, **used)
    await crowd.login("ada")
    late = {"refresh_token": crowd.refresh_tokens["ada"]}
    await crowd.walk.advance(7 * DAY)
    await no("TOKEN_EXPIRED", VISITOR, refresh, **late)
    await crowd.staff("close_account", "ada", reason="by request")
    await no("ACCOUNT_CLOSED", VISITOR, refresh, **late)
