"""Letters leave a real process, and come also when that process is killed before they could."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from testkit.client import connected
from tests.e2e.places import Place
from tests.runtime.writer.writing import until

ANN = {"email": "ann@example.org", "phone": "+2348012345678", "password": "Correct horse 9 battery"}


class Postman:
    """A mail server that takes mails down, or keeps those who bring them waiting."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.mails: list[str] = []
        self.url = ""

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        """Keep the mail, when it may."""
        self.is_asked.set()
        await self.answers.wait()
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content.decode())
        return "250 OK"


@pytest.fixture
async def postman() -> AsyncIterator[Postman]:
    """One on loopback, who keeps everybody waiting."""
    found = Postman()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(found, loop=loop), "127.0.0.1", 0)
    found.url = f"smtp+plain://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield found
    server.close()


def letters(data: Path) -> list[dict[str, Any]]:
    """What the file notifier wrote."""
    path = data / "letters.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_the_code_of_a_letter_opens_the_account(on_sqlite: Place) -> None:
    """Register; read both letters; type both codes. No code stands in the log."""
    async with (
        on_sqlite.serve("--notifier", "file") as server,
        connected(server.websocket) as guest,
    ):
        await guest.must("identity.register", **ANN)
        await until(lambda: len(letters(on_sqlite.data)) == 2)
        by_channel = {letter["channel"]: letter for letter in letters(on_sqlite.data)}
        codes = {name: letter["text"] for name, letter in by_channel.items()}
        assert by_channel["email"]["to"] == ANN["email"]
        assert by_channel["sms"]["to"] == ANN["phone"]
        for channel, name in (("email", "email"), ("phone", "sms")):
            code = next(word for word in codes[name].split() if word.isdigit() and len(word) == 6)
            reply = await guest.must(
                "identity.verify_otp", email=ANN["email"], channel=channel, code=code
            )
            assert ("access_token" in reply.result) == (channel == "phone")
            for record in await on_sqlite.after(0):
                assert code.encode() not in record.event + record.result


async def test_a_letter_outlives_a_kill(place: Place, postman: Postman) -> None:
    """`kill -9` between the commit and the letter: the next process sends it; and one that was
    sent and marked is not sent again."""
    flags = ("--notifier", "smtp", "--smtp-url", postman.url)
    async with place.serve(*flags) as server, connected(server.websocket) as guest:
        await guest.must("identity.register", **ANN)
        async with asyncio.timeout(10):
            await postman.is_asked.wait()
        server.process.kill()
        assert await server.process.ended() == -9
    place.bury()
    already = len(postman.mails)
    postman.answers.set()
    async with place.serve(*flags) as server:
        await until(lambda: len(postman.mails) > already)
        assert "ann@example.org" in postman.mails[-1]
        server.process.stop()
        assert await server.process.ended() == 0
    sent = len(postman.mails)
    async with place.serve(*flags) as server, connected(server.websocket) as guest:
        other = ANN | {"email": "bob@example.org", "phone": "+2348012345679"}
        await guest.must("identity.register", **other)
        await until(lambda: len(postman.mails) > sent)
        assert all("bob@example.org" in mail for mail in postman.mails[sent:])


async def test_letters_on_the_terminal_are_the_default(on_sqlite: Place) -> None:
    """Whoever tries the house out sees the code where it runs."""
    async with on_sqlite.serve() as server, connected(server.websocket) as guest:
        await guest.must("identity.register", **ANN)
        await server.process.out.until("email to ann@example.org")
