"""The text provider: who puts a sentence of the house into words (negotiation X5).

It is asked after everything is decided, and told public facts only. Whatever it does wrong, the
house says its own sentence instead.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from engine.contract import Command
from engine.kernel.outside import Compose
from engine.ports import CommandSink
from runtime.outside.breaker import Breaker
from runtime.outside.carrying import Carrier, Job, Undeliverable
from runtime.outside.http_out import HttpOut, NoAnswer, bearer
from runtime.outside.templates import Missing, sentence_of
from runtime.writer.house_commands import decided

TEXT_S_MAX = 3.0
"""Negotiation M2: no text in 3 s -> template."""
TEXT_CHARACTERS_MAX = 500
CHAT_TOKENS_MAX = 200
INSTRUCTION = (
    "You are the voice of a shop in a conversation about a price. Say what the next message says "
    "in one or two short, friendly sentences, in its language. Keep every number and currency "
    "exactly as it is, and add no other number, promise or name. Answer with the message alone."
)


class TextProvider(Protocol):
    """Somebody who finds words."""

    async def say(self, wanted: Compose, sentence: str) -> str:
        """What to say; `sentence` is how the house would say it. Raises NoAnswer."""


class ChatMessage(Struct):
    """What of a chat endpoint's message is used."""

    content: str


class ChatChoice(Struct):
    """One of its answers."""

    message: ChatMessage


class ChatAnswer(Struct):
    """What an OpenAI-compatible endpoint answers."""

    choices: list[ChatChoice]


class PlainAnswer(Struct):
    """What a plain endpoint answers."""

    text: str


class ChatProvider(TextProvider):
    """An OpenAI-compatible `/chat/completions` endpoint."""

    def __init__(self, http: HttpOut, url: str, secret: str, model: str) -> None:
        self._http = http
        self._url = url
        self._headers = bearer(secret)
        self._model = model

    async def say(self, wanted: Compose, sentence: str) -> str:
        body = {
            "model": self._model,
            "max_tokens": CHAT_TOKENS_MAX,
            "messages": [
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": sentence},
            ],
        }
        answer = await _ask(self._http, self._url, self._headers, body, ChatAnswer)
        if not answer.choices:
            raise NoAnswer("it says nothing")
        return str(answer.choices[0].message.content)


class PlainProvider(TextProvider):
    """Posts `{"template", "facts", "sentence"}` and is answered `{"text"}`."""

    def __init__(self, http: HttpOut, url: str, secret: str) -> None:
        self._http = http
        self._url = url
        self._headers = bearer(secret)

    async def say(self, wanted: Compose, sentence: str) -> str:
        body = {"template": wanted.template, "facts": wanted.facts, "sentence": sentence}
        answer = await _ask(self._http, self._url, self._headers, body, PlainAnswer)
        return str(answer.text)


class TextCounts(Struct):
    """What the metrics page tells."""

    provided: int = 0
    templates: int = 0


class TextCarrier(Carrier):
    """Finds a sentence, and has it posted as a command of the house."""

    def __init__(
        self,
        commands: Mapping[str, type[Command]],
        provider: TextProvider | None,
        breaker: Breaker,
        sink: Callable[[], CommandSink],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self.counts = TextCounts()
        self._commands = commands
        self._provider = provider
        self._breaker = breaker
        self._sink = sink
        self._pause = pause

    async def carry(self, job: Job) -> None:
        wanted = job.errand
        assert isinstance(wanted, Compose), "letters are another carrier's"
        try:
            sentence = sentence_of(wanted)
        except Missing as missing:
            raise Undeliverable(str(missing)) from None
        text = await self._words(wanted, sentence)
        # A repeat may have found other words: then its id was used, and the first ones stand.
        await decided(self._sink(), self._answer(job, wanted, text), self._pause)

    def _answer(self, job: Job, wanted: Compose, text: str) -> Command:
        command = self._commands.get(wanted.answer)
        if command is None:
            raise Undeliverable("no such command")
        try:
            return msgspec.convert({**wanted.fields, "id": job.key, "text": text}, command)
        except msgspec.ValidationError:
            raise Undeliverable("the command cannot be made of its fields") from None

    async def _words(self, wanted: Compose, sentence: str) -> str:
        if self._provider is not None and self._breaker.may_try():
            try:
                text = (await self._provider.say(wanted, sentence)).strip()
            except NoAnswer:
                self._breaker.failed()
            else:
                self._breaker.worked()
                if is_sayable(text, sentence):
                    self.counts.provided += 1
                    return text
        self.counts.templates += 1
        return sentence


def is_sayable(text: str, sentence: str) -> bool:
    """Whether a text may stand for the house's own sentence: of a bearable length, printable, and
    without a number that the sentence does not say (negotiation M2)."""
    if not 0 < len(text) <= TEXT_CHARACTERS_MAX:
        return False
    if any(not sign.isprintable() and sign != "\n" for sign in text):
        return False
    return numbers_of(text) <= numbers_of(sentence)


def numbers_of(text: str) -> set[str]:
    """The numbers of a text, in digits of ASCII, with their point and without thousands marks."""
    digits = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)
    plain = re.sub(r"(?<=\d)[,'](?=\d{3}(?!\d))", "", digits)
    return set(re.findall(r"\d(?:[\d.,']*\d)?", plain))


async def _ask(
    http: HttpOut, url: str, headers: Mapping[str, str], body: object, type_: type[Any]
) -> Any:
    """Post JSON, and read what comes back. Raises NoAnswer."""
    encoded = msgspec.json.encode(body)
    answer = await http.call("POST", url, encoded, headers, timeout_s=TEXT_S_MAX)
    if not answer.is_good:
        raise NoAnswer(f"status {answer.status}")
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except msgspec.MsgspecError:
        raise NoAnswer("it says something else") from None
