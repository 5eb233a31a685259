"""The text provider is asked, and whatever it does wrong, the house speaks for itself."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from engine.contract import Command, tag_of
from engine.domains.negotiation.commands import PostText
from engine.domains.negotiation.texts import TEMPLATE
from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.outside import Compose
from engine.sequencer import Accepted, Refused
from runtime.outside.breaker import FAILURES_MAX, OPEN_S, Breaker
from runtime.outside.carrying import Job, Undeliverable
from runtime.outside.http_out import HttpOut
from runtime.outside.texts import (
    TEXT_S_MAX,
    ChatProvider,
    PlainProvider,
    TextCarrier,
    TextProvider,
    is_sayable,
)
from tests.runtime.outside.small_servers import Asked, provider

SENTENCE = "We can offer it at USD 135.00."
WANTED = Compose(
    "talk.post",
    "negotiation.answer",
    {"sentence": SENTENCE, "ask": "USD 135.00"},
    {"message": 7},
)
JOB = Job(5, 0, "negotiation:n1", WANTED, "log1")


class Post(Command, frozen=True, tag="talk.post"):
    """What comes back."""

    message: int
    text: str


class Answered(Struct):
    """A writer that notes what is submitted, and whether it can write."""

    submitted: list[Any] = []
    unavailable: int = 0

    def submit(self, command: Command, actor: Any, to: Callable[[Any], None]) -> None:
        """Refuse so often, then accept."""
        assert actor.role == "system"
        self.submitted.append(command)
        if self.unavailable:
            self.unavailable -= 1
            to(Refused(None, command.id, Rejected(UNAVAILABLE, "no log")))
        else:
            to(Accepted(None, command.id, "talk:t1", 1, 1, b"{}"))


class Clock:
    """Seconds, in the hands of the test."""

    now_s = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now_s


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


def carrier_with(
    talker: TextProvider | None, sink: Answered, clock: Clock | None = None
) -> TextCarrier:
    """Posts to that sink."""
    commands: dict[str, type[Command]] = {"talk.post": Post}
    breaker = Breaker(clock or Clock())
    return TextCarrier(commands, talker, breaker, lambda: sink, _at_once)  # type: ignore[arg-type,return-value]


async def test_without_a_provider_the_template_speaks() -> None:
    """The default: nobody outside is asked."""
    sink = Answered()
    await carrier_with(None, sink).carry(JOB)
    assert sink.submitted == [Post(id="errand-5-0", message=7, text=SENTENCE)]


async def test_a_chat_endpoint_is_asked_as_such() -> None:
    """The key in the header, the sentence and nothing private in the body."""
    said = json.dumps({"choices": [{"message": {"content": " It is yours for USD 135.00! "}}]})
    http, sink = HttpOut(), Answered()
    async with provider(lambda _: (200, said.encode())) as asked:
        await carrier_with(ChatProvider(http, asked.url, "hush", "small"), sink).carry(JOB)
    http.close()
    assert [post.text for post in sink.submitted] == ["It is yours for USD 135.00!"]
    (request,) = asked.asked
    assert request.headers["authorization"] == "Bearer hush"
    body = json.loads(request.body)
    assert body["model"] == "small"
    assert body["messages"][-1] == {"role": "user", "content": SENTENCE}


async def test_a_plain_endpoint_is_told_the_facts() -> None:
    """Whoever writes one gets what a template gets."""
    http, sink = HttpOut(), Answered()
    async with provider(lambda _: (200, b'{"text":"135.00 and it is yours"}')) as asked:
        await carrier_with(PlainProvider(http, asked.url, ""), sink).carry(JOB)
    http.close()
    assert sink.submitted[0].text == "135.00 and it is yours"
    assert json.loads(asked.asked[0].body) == {
        "template": "negotiation.answer",
        "facts": WANTED.facts,
        "sentence": SENTENCE,
    }


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: (500, b""),
        lambda _: (302, b""),
        lambda _: (200, b"not json"),
        lambda _: (200, b'{"text": 5}'),
        lambda _: (200, b'{"text": ""}'),
        lambda _: (200, b'{"text": "Take it for USD 120.00"}'),
        lambda _: (200, json.dumps({"text": "x" * 501}).encode()),
        lambda _: (200, json.dumps({"text": "yes\x00"}).encode()),
        lambda _: (200, b" " * 1_000_000),
    ],
    ids=["500", "302", "no_json", "no_text", "empty", "number", "long", "control", "huge"],
)
async def test_whatever_is_wrong_the_template_speaks(
    answer: Callable[[Asked], tuple[int, bytes]],
) -> None:
    """A price that nobody has decided is never said (M2)."""
    http, sink = HttpOut(), Answered()
    async with provider(answer) as asked:
        carrier = carrier_with(PlainProvider(http, asked.url, ""), sink)
        await carrier.carry(JOB)
    http.close()
    assert [post.text for post in sink.submitted] == [SENTENCE]
    assert carrier.counts.templates == 1


async def test_a_provider_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No text in 3 s: the template (M2). And when it hangs often it is left alone."""
    assert TEXT_S_MAX == 3.0
    monkeypatch.setattr("runtime.outside.texts.TEXT_S_MAX", 0.05)
    http, sink, clock = HttpOut(), Answered(), Clock()
    async with provider(lambda _: None) as asked:
        carrier = carrier_with(PlainProvider(http, asked.url, ""), sink, clock)
        for _ in range(FAILURES_MAX + 3):
            await carrier.carry(JOB)
        assert len(asked.asked) == FAILURES_MAX
        asked.answer = lambda _: (200, b'{"text":"back"}')
        clock.now_s += OPEN_S
        await carrier.carry(JOB)
        await carrier.carry(JOB)
    http.close()
    assert [post.text for post in sink.submitted][-3:] == [SENTENCE, "back", "back"]


async def test_the_command_is_sent_until_it_is_decided() -> None:
    """While the log is away; with the same id, which makes a repeat the duplicate."""
    sink = Answered(unavailable=2)
    await carrier_with(None, sink).carry(JOB)
    assert [post.id for post in sink.submitted] == ["errand-5-0"] * 3


async def test_what_a_negotiation_wants_said_can_be_posted() -> None:
    """Its errand names a command that there is, with all the fields of it but the text."""
    wanted = Compose(
        tag_of(PostText), TEMPLATE, {"sentence": SENTENCE}, {"negotiation": "n1", "message": 3}
    )
    sink = Answered()
    commands: dict[str, type[Command]] = {tag_of(PostText): PostText}
    carrier = TextCarrier(commands, None, Breaker(Clock()), lambda: sink, _at_once)  # type: ignore[arg-type,return-value]
    await carrier.carry(Job(5, 0, "negotiation:n1", wanted))
    (posted,) = sink.submitted
    assert posted == PostText(id="errand-5-0", negotiation="n1", message=3, text=SENTENCE)


@pytest.mark.parametrize(
    "wanted",
    [
        Compose("talk.none", "negotiation.answer", WANTED.facts, WANTED.fields),
        Compose("talk.post", "negotiation.answer", WANTED.facts, {}),
        Compose("talk.post", "negotiation.answer", {}, WANTED.fields),
        Compose("talk.post", "nonsense", WANTED.facts, WANTED.fields),
    ],
    ids=["command", "field", "fact", "template"],
)
async def test_what_cannot_be_posted_is_given_up(wanted: Compose) -> None:
    """It is a fault of ours, and no attempt later mends it."""
    sink = Answered()
    with pytest.raises(Undeliverable):
        await carrier_with(None, sink).carry(Job(5, 0, "negotiation:n1", wanted))
    assert not sink.submitted


def test_thousands_may_be_marked() -> None:
    """As people write them, and without the marks."""
    for text in ("NGN 1,350,000.50", "NGN 1'350'000.50", "NGN 1350000.50"):
        assert is_sayable(text, "We can offer it at NGN 1350000.50.")
        assert is_sayable("NGN 1350000.50", f"We can offer it at {text}.")
    assert not is_sayable("NGN 1,350.50", "We can offer it at NGN 1350000.50.")


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("USD 135.00 it is", True),
        ("It is yours", True),
        ("135.00, and 135.00 again", True),
        ("USD 135", False),
        ("USD 135.00 in 2 days", False),
        ("USD 1,35.00", False),
        ("USD 13,500", False),
        ("USD 13500", False),
        ("USD 135,00", False),
        ("USD \u0661\u0663\u0665.\u0660\u0660", True),
        ("USD \u0661\u0662\u0660.\u0660\u0660", False),
        ("first line\nsecond line", True),
        ("\x1b[2J", False),
        ("", False),
    ],
)
def test_only_numbers_of_the_sentence_are_said(text: str, may: bool) -> None:
    """Digits of any script, with or without separators."""
    assert is_sayable(text, SENTENCE) is may
