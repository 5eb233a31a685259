"""People who were not here before: they register, read their letters, and come in."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from runtime.demo.client import Client
from runtime.demo.stage import CURRENCY, NAIRA, Stage

EVERY_S = (9.0, 16.0)
NAMES = ("Abena", "Boma", "Chika", "Dayo", "Ebele", "Femi", "Grace", "Halima", "Ike", "Joke")
PASSWORD = "Paper-hat-1"
LETTERS_SEEN_S = 0.2
FUNDS = 20_000_000 * NAIRA
WELCOME_S = 6.0


class Postbox:
    """The letters that the file notifier writes, read as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0
        self._codes: dict[str, str] = {}

    async def code(self, to: str) -> str:
        """The code that is sent to an address; await it."""
        while to not in self._codes:
            await asyncio.sleep(LETTERS_SEEN_S)
            self._read()
        return self._codes.pop(to)

    def _read(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as letters:
            letters.seek(self._read_to)
            for line in letters:
                if not line.endswith(b"\n"):
                    return
                self._read_to += len(line)
                letter = msgspec.json.decode(line)
                word = letter["text"].partition(" ")[0]
                if word.isdigit():
                    self._codes[letter["to"]] = word


async def newcomers(stage: Stage) -> None:
    """Somebody registers every few seconds, until cancelled."""
    postbox = Postbox(stage.letters)
    async with AsyncExitStack() as stack:
        staff = await stack.enter_async_context(stage.enter("demo-admin", "admin"))
        for number in range(10**6):
            await _arrive(stage, staff, postbox, number)
            await stage.pause(*EVERY_S)


async def _arrive(stage: Stage, staff: Client, postbox: Postbox, number: int) -> None:
    """A form, two codes, documents that staff look at, and a first bid."""
    name = NAMES[number % len(NAMES)]
    email = f"{name.lower()}-{stage.new_id()}@example.com"
    # Ten digits, which nobody else has in this run or another.
    phone = f"+2348{(int(stage.run, 16) * 1_000 + number) % 10**9:09}"
    async with stage.enter(name, "guest") as guest:
        form = {"email": email, "phone": phone, "password": PASSWORD, "display_name": name}
        await guest.must("identity.register", **form, currency=CURRENCY)
        granted = {}
        for channel, address in (("email", email), ("phone", phone)):
            typed = {"channel": channel, "code": await postbox.code(address)}
            await stage.pause(1, 2)
            granted = await guest.must("identity.verify_otp", email=email, **typed)
    stage.playing["identity:index"] = "all accounts"
    user = granted["granted"]["user"]
    async with stage.enter_with(user, granted["access_token"]) as member:
        stage.playing[f"identity:{user}"] = name
        papers = {"kind": "personal", "files": [{"kind": "VALID_ID", "file": f"id-{user}"}]}
        await member.must("identity.set_profile", display_name=name)
        application = (await member.must("identity.submit_kyc", **papers))["application"]
        await stage.pause(1, 2)
        decided = {"user": user, "application": application}
        await staff.must("identity.approve_kyc", **decided)
        await asyncio.sleep(WELCOME_S)
        del stage.playing[f"identity:{user}"]
