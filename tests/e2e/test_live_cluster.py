"""`make cluster`, typed: a market lives, its writer is killed, and it goes on."""

import os
import re
import shlex
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testkit.client import connected
from testkit.process import Process, run, start

pytestmark = pytest.mark.xdist_group("cluster")

LIVES = r"main: w\d, [1-9]\d* bids/s.*; east: w\d, [1-9]\d* bids/s"


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Process]:
    """`make cluster` at free ports; with bids in both markets; what is killed comes back after
    ten seconds."""
    flags = ("--port", "0", "--engine-port", "0", "--again-after", "10", "--data", str(tmp_path))
    process = await start(*flags, module="testkit.live")
    try:
        await process.out.until("^Open Outcry is live")
        await process.out.until(LIVES)
        yield process
    finally:
        # A kill would leave all that it has started behind.
        if process.lives:
            process.stop()
            await process.ended()
        await process.close()


def number_in(file: Path) -> int:
    """The process id that a file names."""
    return int(file.read_text())


async def test_the_market_goes_on_after_its_writer_is_killed(live: Process, tmp_path: Path) -> None:
    """The death is told, and who serves instead after which pause; the dead one comes back, and
    whoever joins by the printed lines is let in."""
    text = live.out.text
    websocket = re.search(r"(ws://\S+)\?market=main", text)
    token = re.search(r'"token":"([^"]+)"', text)
    assert websocket, text
    assert token, text
    os.kill(number_in(tmp_path / "main.writer"), signal.SIGKILL)
    dead = (await live.out.until(r"^(w\d) is gone; it served .*main"))[1]
    other = {"w1": "w2", "w2": "w1"}[dead]
    pause = await live.out.until(rf"^main is served by {other} after (\S+) s$")
    assert float(pause[1]) < 10
    async with connected(websocket[1], token[1]) as visitor:
        await visitor.subscribe("user:visitor")
    await live.out.until(rf"^{dead} is back$")
    os.kill(number_in(tmp_path / "g1.pid"), signal.SIGKILL)
    await live.out.until(r"^g1 is gone$")
    await live.out.until(r"^g1 is back$")
    assert not live.err.text


async def test_the_commands_that_it_prints_can_be_typed(live: Process) -> None:
    """Who serves what, the figures of all processes, a token."""
    typed = re.findall(r"^  (\S+outcry) (.*)$", live.out.text, re.MULTILINE)
    said = {}
    for _, arguments in typed:
        words = shlex.split(arguments, comments=True)
        once = ["--once"] if words[0] == "top" else []
        finished = await run(*words, *once)
        assert finished.code == 0, finished.err
        said[words[0]] = finished.out
    assert set(said) == {"shards", "token", "top"}
    assert re.search(r"^main\b.*\bw\d\b", said["shards"], re.MULTILINE)
    for name in ("w1", "w2", "g1", "g2"):
        assert name in said["top"]


async def test_it_ends_and_leaves_no_process_behind(live: Process, tmp_path: Path) -> None:
    """SIGTERM: all parts end in good order, and their numbers are free."""
    numbers = [number_in(tmp_path / f"{part}.pid") for part in ("w1", "w2", "g1", "g2")]
    live.stop()
    assert await live.ended() == 0
    assert live.out.said[-1] == "all processes have ended\n"
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """With what to type instead, and with what an earlier run has left."""
    left = tmp_path / "w1.pid"
    left.write_text("1\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = await start(
            "--port", port, "--engine-port", "0", "--data", str(tmp_path), module="testkit.live"
        )
        assert await process.ended() == 1
    assert f"port {port} cannot be had" in process.err.text
    assert "--port 8180" in process.err.text
    assert f"kill $(cat {left})" in process.err.text
