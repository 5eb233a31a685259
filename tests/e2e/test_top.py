"""`outcry top` beside processes that run: on a terminal, and of a whole cluster."""

import asyncio
import json
import os
import pty
import sys
import termios
from pathlib import Path

import pytest

from testkit.cluster import Cluster, cluster
from testkit.process import ROOT, run, serving

PATIENCE_S = 20


async def _read_until(terminal: int, wanted: bytes) -> bytes:
    """What is drawn, up to these words."""
    loop, said, more = asyncio.get_running_loop(), b"", asyncio.Event()
    loop.add_reader(terminal, more.set)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while wanted not in said:
                await more.wait()
                more.clear()
                said += os.read(terminal, 65_536)
    finally:
        loop.remove_reader(terminal)
    return said


async def test_a_terminal_is_drawn_on_until_q_and_left_as_it_was(tmp_path: Path) -> None:
    """Keys are heard at once; afterwards lines are lines again, and the screen is back."""
    terminal, inside = pty.openpty()
    before = termios.tcgetattr(inside)
    async with serving(tmp_path) as house:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "runtime", "top", house.address, "--every", "0.2"),
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "160", "LINES": "30"},
            stdin=inside,
            stdout=inside,
        )
        drawn = await _read_until(terminal, b"q leaves")
        os.write(terminal, b"q")
        left = await _read_until(terminal, b"\x1b[?1049l")
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
    assert b"\x1b[?1049h" in drawn
    assert b"commands/s" in drawn
    assert b"main" in drawn
    assert left.count(b"\x1b[?1049l") == 1
    assert termios.tcgetattr(inside) == before
    os.close(terminal)
    os.close(inside)


async def _seen(town: Cluster) -> dict[str, dict[str, object]]:
    """Markets by name, as soon as each has a writer and a standby."""
    gateways = [part.address for part in town.gateways]
    flags = ("--postgres", town.url, "--once", "--json", "--every", "0.1")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await run("top", *gateways, *flags)
            assert found.code == 0, found.err
            seen = json.loads(found.out)
            assert {(p["role"], p["name"]) for p in seen["processes"]} == {
                *(("engine", name) for name in ("w1", "w2")),
                ("gateway", "g1"),
            }
            markets = {market["market"]: market for market in seen["markets"]}
            if markets.keys() == {"main", "east"} and all(
                market["is_ready"] and market["standby"] for market in markets.values()
            ):
                return markets


@pytest.mark.xdist_group("cluster")
async def test_engines_are_found_by_the_database() -> None:
    """Only a gateway is named; who serves what and who stands ready comes from both engines."""
    async with cluster(gateways=1, markets=["east"]) as town:
        for market in (await _seen(town)).values():
            assert {market["writer"], market["standby"]} == {"w1", "w2"}
