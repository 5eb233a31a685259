"""Notifiers: who brings a letter where, and what is worth another attempt."""

import io
import json
from pathlib import Path

import pytest

from engine.kernel.outside import Letter
from runtime.config import Config, ConfigError
from runtime.outside.carrying import Job, NotNow, Undeliverable
from runtime.outside.http_out import HttpOut
from runtime.outside.notifiers import (
    FileNotifier,
    LetterCarrier,
    Message,
    SmsNotifier,
    TerminalNotifier,
)
from runtime.outside.providers import notifiers_of
from runtime.outside.smtp import SmtpNotifier
from tests.runtime.outside.small_servers import provider

LETTER = Letter("sms", "+2348012345678", "otp", {"code": "493817", "minutes": "10"})
MESSAGE = Message("sms", "+2348012345678", "", "493817 is it", "log-errand-5-0")


async def test_the_terminal_shows_a_letter() -> None:
    """A developer reads the code where the server runs."""
    out = io.StringIO()
    await LetterCarrier({"sms": TerminalNotifier(out)}).carry(Job(5, 0, "identity:u1", LETTER))
    assert "sms to +2348012345678" in out.getvalue()
    assert "493817" in out.getvalue()


async def test_a_file_keeps_letters_line_by_line_for_the_owner(tmp_path: Path) -> None:
    """Tests and demonstrations read codes there; nobody else may."""
    notifier = FileNotifier(tmp_path / "letters.jsonl")
    await notifier.send(MESSAGE)
    await notifier.send(MESSAGE)
    lines = (tmp_path / "letters.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["493817 is it"] * 2
    assert (tmp_path / "letters.jsonl").stat().st_mode & 0o777 == 0o600


async def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    """A full disk gets room."""
    (tmp_path / "file").touch()
    with pytest.raises(NotNow):
        await FileNotifier(tmp_path / "file" / "letters.jsonl").send(MESSAGE)


async def test_a_text_message_is_posted_with_its_id() -> None:
    """The provider can tell a repeat from a second message."""
    http = HttpOut()
    async with provider(lambda _: (202, b"{}")) as sms:
        await SmsNotifier(http, sms.url, "hush").send(MESSAGE)
    http.close()
    (asked,) = sms.asked
    assert asked.line == "POST /v1?key=k HTTP/1.1"
    assert asked.headers["authorization"] == "Bearer hush"
    assert json.loads(asked.body) == {
        "id": "log-errand-5-0",
        "to": "+2348012345678",
        "text": "493817 is it",
    }


@pytest.mark.parametrize(
    ("status", "problem"),
    [(500, NotNow), (503, NotNow), (429, NotNow), (401, NotNow), (400, Undeliverable)],
)
async def test_a_refusal_is_told_from_a_failure(status: int, problem: type[Exception]) -> None:
    """A bad number stays bad; an overloaded provider recovers."""
    http = HttpOut()
    async with provider(lambda _: (status, b"+2348012345678 493817")) as sms:
        with pytest.raises(problem, match=str(status)) as raised:
            await SmsNotifier(http, sms.url, "").send(MESSAGE)
    http.close()
    assert "493817" not in str(raised.value)


@pytest.mark.parametrize(
    ("letter", "said"),
    [
        (Letter("fax", "x", "otp", LETTER.fields), "no provider"),
        (Letter("sms", "x", "nonsense"), "no such template"),
        (Letter("sms", "x", "otp", {"code": "493817"}), "'minutes'"),
    ],
    ids=["channel", "template", "field"],
)
async def test_what_cannot_be_written_is_given_up_at_once(letter: Letter, said: str) -> None:
    """No attempt later will find a template."""
    carrier = LetterCarrier({"sms": TerminalNotifier(io.StringIO())})
    with pytest.raises(Undeliverable, match=said) as raised:
        await carrier.carry(Job(5, 0, "identity:u1", letter))
    assert "493817" not in str(raised.value)


def test_the_configuration_chooses(tmp_path: Path) -> None:
    """Terminal by default; file; mail with or without text messages."""
    http, data = HttpOut(), str(tmp_path)
    assert isinstance(notifiers_of(Config(data=data), http)["email"], TerminalNotifier)
    assert isinstance(notifiers_of(Config(data=data, notifier="file"), http)["sms"], FileNotifier)
    mail = Config(data=data, notifier="smtp", smtp_url="smtp://h")
    assert set(notifiers_of(mail, http)) == {"email"}
    both = Config(data=data, notifier="smtp", smtp_url="smtp://h", sms_url="https://h/x")
    found = notifiers_of(both, http)
    assert isinstance(found["email"], SmtpNotifier)
    assert isinstance(found["sms"], SmsNotifier)
    http.close()


@pytest.mark.parametrize(
    ("config", "flag"),
    [
        (Config(notifier="smtp"), "--smtp-url"),
        (Config(notifier="smtp", smtp_url="http://u:hush@h"), "--smtp-url"),
        (Config(notifier="smtp", smtp_url="smtp://h", mail_from="Me"), "--mail-from"),
        (Config(notifier="smtp", smtp_url="smtp://h", sms_url="hush"), "--sms-url"),
    ],
)
def test_a_bad_setting_is_refused_by_name(config: Config, flag: str) -> None:
    """At the start, not with the first letter; and without what may be secret."""
    http = HttpOut()
    with pytest.raises(ConfigError, match=flag) as raised:
        notifiers_of(config, http)
    http.close()
    assert "hush" not in str(raised.value)
