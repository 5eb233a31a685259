"""The notifier: who brings a letter to a person. Mail and text messages, each by its provider."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TextIO

import msgspec
from msgspec import Struct

from engine.kernel.outside import Letter
from runtime.outside.carrying import Carrier, Job, NotNow, Undeliverable
from runtime.outside.http_out import HttpOut, NoAnswer, bearer
from runtime.outside.templates import Missing, letter_of

LETTERS_FILE = "letters.jsonl"
SMS_S_MAX = 10.0
LATER = frozenset({408, 425, 429})
"""HTTP statuses below 500 after which another attempt has sense."""


class Message(Struct, frozen=True):
    """A letter, written out."""

    channel: str
    to: str
    subject: str
    text: str
    key: str
    """The same for each repeat of the letter."""


class Notifier(Protocol):
    """Brings messages of some channel."""

    async def send(self, message: Message) -> None:
        """Hand it over for delivery. Raises NotNow or Undeliverable."""


class LetterCarrier(Carrier):
    """Writes letters out and gives each to the notifier of its channel."""

    def __init__(self, notifiers: Mapping[str, Notifier]) -> None:
        self._notifiers = notifiers

    async def carry(self, job: Job) -> None:
        letter = job.errand
        assert isinstance(letter, Letter), "sentences are another carrier's"
        notifier = self._notifiers.get(letter.channel)
        if notifier is None:
            raise Undeliverable("no provider for this channel")
        try:
            subject, text = letter_of(letter)
        except Missing as missing:
            raise Undeliverable(str(missing)) from None
        await notifier.send(Message(letter.channel, letter.to, subject, text, job.world_key))


class TerminalNotifier(Notifier):
    """Prints messages, for development."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    async def send(self, message: Message) -> None:
        subject = f"{message.subject}\n" if message.channel == "email" else ""
        text = f"--- {message.channel} to {message.to}\n{subject}{message.text}\n---"
        print(text, file=self._out or sys.stdout, flush=True)


class FileNotifier(Notifier):
    """Writes messages to a file, one JSON object a line, for tests and demonstrations."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: Message) -> None:
        line = msgspec.json.encode(message) + b"\n"
        try:
            await asyncio.to_thread(self._append, line)
        except OSError as problem:
            raise NotNow(f"the file cannot be written: {type(problem).__name__}") from None

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Codes stand in it, so it is for the owner's eyes; one write keeps lines whole.
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)


class SmsNotifier(Notifier):
    """Posts `{"id", "to", "text"}` to a provider's webhook. The id is the same for each repeat."""

    def __init__(self, http: HttpOut, url: str, secret: str) -> None:
        self._http = http
        self._url = url
        self._headers = bearer(secret)

    async def send(self, message: Message) -> None:
        body = {"id": message.key, "to": message.to, "text": message.text}
        try:
            answer = await self._http.call(
                "POST", self._url, msgspec.json.encode(body), self._headers, timeout_s=SMS_S_MAX
            )
        except NoAnswer as problem:
            raise NotNow(f"the provider does not answer: {problem}") from None
        if answer.is_good:
            return
        said = f"the provider answered {answer.status}"
        # What is wrong with our account a person may set right meanwhile.
        if answer.status >= 500 or answer.status in LATER or answer.status in (401, 402, 403):
            raise NotNow(said)
        raise Undeliverable(said)
