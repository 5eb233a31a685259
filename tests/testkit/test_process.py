"""A process that is waited for either says it, or its end says why not."""

from pathlib import Path

import pytest

from testkit.process import ProcessEnded, run, serving, start


async def test_what_was_said_already_is_found() -> None:
    """Lines are kept, so that nobody has to begin to wait in time."""
    process = await start("--help")
    assert await process.ended() == 0
    assert (await process.out.until(r"usage: (\w+)"))[1] == "outcry"
    assert not process.lives


async def test_a_process_that_ends_before_it_says_so() -> None:
    """Nobody waits for a line that cannot come any more; what was said is told."""
    process = await start("--help")
    with pytest.raises(ProcessEnded, match="usage: outcry"):
        await process.out.until("good night")
    await process.close()


async def test_a_server_that_does_not_come_to_serve(tmp_path: Path) -> None:
    """Its exit code and its complaint are in the failure."""
    with pytest.raises(ProcessEnded, match=r"exit code 2: outcry: .*--log-level|log_level"):
        async with serving(tmp_path, "--log-level", "loud"):
            pytest.fail("it served")


async def test_the_callers_environment_stays_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings do not change what is tested."""
    monkeypatch.setenv("OUTCRY_PORT", "1")
    printed = await run("serve", "--print-config")
    assert '"port": 8080' in printed.out
