"""Mail by SMTP (RFC 5321), in a thread: a connection for each letter, TLS unless told otherwise."""

import asyncio
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from runtime.outside.carrying import NotNow, Undeliverable
from runtime.outside.notifiers import Message, Notifier

THREADS = 4
STEP_S_MAX = 10
"""How long the server may take for each step."""
PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


class MailServer(Struct, frozen=True):
    """Where mail is handed in."""

    scheme: str
    """`smtp`: STARTTLS, or nothing; `smtps`: TLS from the first byte; `smtp+plain`: none, for a
    relay on the same machine."""
    host: str
    port: int
    user: str = ""
    password: str = ""


def read_server(url: str) -> MailServer:
    """`smtp://user:password@host:587`. Raises ValueError; its text holds no part of the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise ValueError("it is no URL") from None
    if parts.scheme not in PORTS or not host:
        raise ValueError(f"expected {', '.join(f'{scheme}://HOST' for scheme in PORTS)}")
    return MailServer(
        parts.scheme, host, port, unquote(parts.username or ""), unquote(parts.password or "")
    )


class SmtpNotifier(Notifier):
    """Hands letters in at a mail server."""

    def __init__(self, server: MailServer, sender: str, tls: ssl.SSLContext | None = None) -> None:
        """`sender`: the From header. `tls`: what to trust; by default the system's authorities."""
        self._server = server
        self._sender = sender
        self._domain = parseaddr(sender)[1].partition("@")[2] or "localhost"
        self._tls = tls or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="smtp")

    async def send(self, message: Message) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._send, self._written(message))
        except smtplib.SMTPRecipientsRefused as refused:
            code = next(iter(refused.recipients.values()))[0]
            raise _not_done(code, "the address was refused") from None
        except smtplib.SMTPAuthenticationError:
            raise NotNow("the mail server refuses our login") from None
        except smtplib.SMTPNotSupportedError:
            raise NotNow("the mail server lacks STARTTLS, authentication or UTF-8") from None
        except smtplib.SMTPResponseException as refused:
            raise _not_done(refused.smtp_code, "the mail server refused") from None
        except (OSError, smtplib.SMTPException) as problem:
            raise NotNow(f"the mail server cannot be reached: {type(problem).__name__}") from None
        except ValueError:
            raise Undeliverable("the address is not one of mail") from None

    def _written(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        try:
            mail["From"] = self._sender
            mail["To"] = message.to
            mail["Subject"] = message.subject
        except (ValueError, IndexError):
            raise Undeliverable("the address is not one of mail") from None
        if [bool(address.domain) for address in mail["To"].addresses] != [True]:
            # One letter is for one person, whatever stands in the field.
            raise Undeliverable("the address is not one of mail")
        mail["Date"] = formatdate()
        # Readers show a repeat of a letter once if it has the same id.
        mail["Message-ID"] = f"<{message.key}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail

    def _send(self, mail: EmailMessage) -> None:
        server = self._server
        with self._connected() as connection:
            if server.scheme == "smtp":
                connection.starttls(context=self._tls)
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(mail)

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        # Without a name to say, it would ask the name service, which may take long to answer.
        how: Any = {"local_hostname": self._domain, "timeout": STEP_S_MAX}
        if server.scheme == "smtps":
            return smtplib.SMTP_SSL(server.host, server.port, context=self._tls, **how)
        return smtplib.SMTP(server.host, server.port, **how)


def _not_done(code: int, what: str) -> NotNow | Undeliverable:
    """RFC 5321, 4.2.1: 4yz may work later, 5yz will not."""
    return (NotNow if 400 <= code < 500 else Undeliverable)(f"{what} ({code})")
