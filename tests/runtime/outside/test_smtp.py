"""Mail, against a real SMTP server on loopback."""

import asyncio
import email.policy
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from msgspec.structs import replace

from runtime.outside.carrying import NotNow, Undeliverable
from runtime.outside.notifiers import Message
from runtime.outside.smtp import MailServer, SmtpNotifier, read_server
from tests.runtime.outside.small_servers import certificate

FROM = "Open Outcry <no-reply@outcry.test>"
LETTER = Message(
    "email", "ann@example.org", "Your code is 493817", "Grüße\n493817", "log-errand-5-0"
)

Serve = Callable[..., Awaitable[MailServer]]


class Mailbox:
    """Keeps what was handed in; refuses some."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.was_encrypted: list[bool] = []

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        """Refuse two of them."""
        if address.startswith("nobody@"):
            return "550 No such user here"
        if address.startswith("full@"):
            return "452 Mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep it."""
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.envelopes.append(envelope)
        self.was_encrypted.append(session.ssl is not None)
        return "250 OK"


@pytest.fixture
def mailbox() -> Mailbox:
    """An empty one."""
    return Mailbox()


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the server, and of a client that trusts it."""
    return certificate(tmp_path)


@pytest.fixture
async def serve(mailbox: Mailbox) -> AsyncIterator[Serve]:
    """Starts a server with these options, on a free port."""
    loop = asyncio.get_running_loop()
    begun: list[asyncio.Server] = []

    async def start(
        scheme: str, within: ssl.SSLContext | None = None, **options: Any
    ) -> MailServer:
        server = await loop.create_server(
            lambda: SMTP(mailbox, loop=loop, **options), "127.0.0.1", 0, ssl=within
        )
        begun.append(server)
        return MailServer(scheme, "127.0.0.1", server.sockets[0].getsockname()[1])

    yield start
    for server in begun:
        server.close()
        await server.wait_closed()


def _login(_: SMTP, __: Session, ___: Envelope, mechanism: str, data: object) -> AuthResult:
    good = isinstance(data, LoginPassword) and data.password == b"pass:word"
    return AuthResult(success=good, handled=False)


async def test_a_letter_arrives_whole(serve: Serve, mailbox: Mailbox) -> None:
    """Text, subject and headers as a mail reader wants them."""
    await SmtpNotifier(await serve("smtp+plain"), FROM).send(LETTER)
    (mail,) = mailbox.mails
    assert mail["From"] == FROM
    assert mail["To"] == "ann@example.org"
    assert mail["Subject"] == "Your code is 493817"
    assert mail["Message-ID"] == "<log-errand-5-0@outcry.test>"
    assert mail["Date"]
    assert mail.get_content().split() == ["Grüße", "493817"]
    assert mailbox.envelopes[0].rcpt_tos == ["ann@example.org"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_letters_go_encrypted_and_with_a_login(
    serve: Serve, mailbox: Mailbox, tls: tuple[ssl.SSLContext, ssl.SSLContext], scheme: str
) -> None:
    """By STARTTLS, or from the first byte."""
    served, trusting = tls
    if scheme == "smtp":
        options: dict[str, Any] = {"tls_context": served, "auth_required": True}
    else:
        options = {"within": served, "auth_require_tls": False}
    server = await serve(scheme, authenticator=_login, **options)
    known = replace(server, user="outcry", password="pass:word")
    await SmtpNotifier(known, FROM, trusting).send(LETTER)
    assert mailbox.was_encrypted == [scheme == "smtp"], "aiosmtpd knows of STARTTLS alone"
    assert len(mailbox.mails) == 1
    with pytest.raises(NotNow, match="refuses our login"):
        await SmtpNotifier(replace(known, password="wrong"), FROM, trusting).send(LETTER)


async def test_a_server_without_tls_gets_nothing(serve: Serve, mailbox: Mailbox) -> None:
    """A code must not cross a network in the clear because somebody took STARTTLS away."""
    with pytest.raises(NotNow, match="STARTTLS"):
        await SmtpNotifier(await serve("smtp"), FROM).send(LETTER)
    assert not mailbox.mails


async def test_a_server_that_cannot_be_trusted_gets_nothing(
    serve: Serve, mailbox: Mailbox, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """The certificate is checked."""
    server = await serve("smtp", tls_context=tls[0])
    with pytest.raises(NotNow, match="SSLCertVerificationError"):
        await SmtpNotifier(server, FROM).send(LETTER)
    assert not mailbox.mails


@pytest.mark.parametrize(
    ("to", "problem", "said"),
    [
        ("nobody@example.org", Undeliverable, "550"),
        ("full@example.org", NotNow, "452"),
        ("no address", Undeliverable, "not one of mail"),
        ("a@example.org, b@example.org", Undeliverable, "not one of mail"),
        ("a@example.org\r\nBcc: b@example.org", Undeliverable, "not one of mail"),
        ("", Undeliverable, "not one of mail"),
    ],
)
async def test_what_is_refused_for_good_is_told_from_what_is_not(
    serve: Serve, mailbox: Mailbox, to: str, problem: type[Exception], said: str
) -> None:
    """A full mailbox is tried again, a missing one is not, and an address is one address."""
    with pytest.raises(problem, match=said) as raised:
        await SmtpNotifier(await serve("smtp+plain"), FROM).send(replace(LETTER, to=to))
    assert "example" not in str(raised.value)
    assert not mailbox.mails


async def test_nobody_there_is_no_reason_to_give_up(serve: Serve) -> None:
    """A server that is down comes back."""
    nobody = MailServer("smtp+plain", "127.0.0.1", 1)
    with pytest.raises(NotNow, match="cannot be reached"):
        await SmtpNotifier(nobody, FROM).send(LETTER)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://h", MailServer("smtp", "h", 587)),
        ("smtps://u%40x:p%3Aw@h:2465", MailServer("smtps", "h", 2465, "u@x", "p:w")),
        ("smtp+plain://127.0.0.1", MailServer("smtp+plain", "127.0.0.1", 25)),
    ],
)
def test_a_url_names_the_server(url: str, server: MailServer) -> None:
    """Ports are the usual ones; user and password may hold anything."""
    assert read_server(url) == server


@pytest.mark.parametrize("url", ["", "h:25", "http://u:hush@h", "smtp://u:hush@h:x", "smtp://"])
def test_a_bad_url_is_refused_without_its_password(url: str) -> None:
    """What stands in it may be secret, so the error does not repeat it."""
    with pytest.raises(ValueError) as raised:
        read_server(url)
    assert "hush" not in str(raised.value)
