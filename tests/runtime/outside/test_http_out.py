"""Calls to providers are bounded in time and size, and say little when they fail."""

from pathlib import Path

import pytest

from runtime.outside.http_out import ANSWER_BYTES_MAX, HttpOut, NoAnswer, is_web_address
from tests.runtime.outside.small_servers import certificate, provider


async def test_a_call_carries_what_it_is_given() -> None:
    """Method, path with query, headers, body; the answer as it is, redirects too."""
    http = HttpOut()
    async with provider(lambda _: (302, b"elsewhere")) as there:
        answer = await http.call("POST", there.url, b"body", {"X-A": "1"}, timeout_s=5)
    http.close()
    assert (answer.status, answer.body, answer.is_good) == (302, b"elsewhere", False)
    (asked,) = there.asked
    assert asked.line == "POST /v1?key=k HTTP/1.1"
    assert (asked.headers["x-a"], asked.body) == ("1", b"body")


async def test_an_answer_is_read_up_to_a_bound() -> None:
    """A provider cannot fill our memory."""
    http = HttpOut()
    async with provider(lambda _: (200, bytes(2 * ANSWER_BYTES_MAX))) as there:
        answer = await http.call("GET", there.url, timeout_s=5)
    http.close()
    assert len(answer.body) == ANSWER_BYTES_MAX


async def test_nobody_is_waited_for_longer_than_asked() -> None:
    """One that hangs, and one that is not there."""
    http = HttpOut()
    async with provider(lambda _: None) as there:
        with pytest.raises(NoAnswer):
            await http.call("GET", there.url, timeout_s=0.05)
    with pytest.raises(NoAnswer, match="ConnectionRefusedError"):
        await http.call("GET", "http://127.0.0.1:1/?key=hush", timeout_s=5)
    http.close()


async def test_a_certificate_is_checked(tmp_path: Path) -> None:
    """A key must not go to whoever sits on the line."""
    served, trusting = certificate(tmp_path)
    wary, sure = HttpOut(), HttpOut(trusting)
    async with provider(lambda _: (200, b"good"), served) as there:
        with pytest.raises(NoAnswer, match="SSLCertVerificationError"):
            await wary.call("GET", there.url, timeout_s=5)
        assert (await sure.call("GET", there.url, timeout_s=5)).body == b"good"
    wary.close()
    sure.close()


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://h/x", True),
        ("http://127.0.0.1:8080", True),
        ("h/x", False),
        ("ftp://h", False),
        ("https://", False),
        ("http://h:x", False),
        ("file:///etc/passwd", False),
    ],
)
def test_an_address_is_one_of_the_web(url: str, may: bool) -> None:
    """Anything else in a setting is a mistake, told at the start."""
    assert is_web_address(url) is may
