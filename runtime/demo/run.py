"""`outcry demo`: a house that is alive in all of its domains, shown on the terminal."""

import asyncio
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.live import Live

from runtime import logs
from runtime.config import Config
from runtime.demo.auctions import auctions
from runtime.demo.board import Board
from runtime.demo.deliveries import deliveries
from runtime.demo.haggling import haggling
from runtime.demo.introduction import introduction
from runtime.demo.newcomers import newcomers
from runtime.demo.parcels import parcels
from runtime.demo.screen import plain_lines, render
from runtime.demo.spectator import Spectator
from runtime.demo.stage import Stage
from runtime.outside.notifiers import LETTERS_FILE
from runtime.serve import House, open_house

TOKEN_SECONDS = 8 * 3_600
LIVE_REFRESH_S = 0.33
PLAIN_REFRESH_S = 5.0
DEMO_FOLDER = "demo"
CASTS = (auctions, haggling, deliveries, parcels, newcomers)


async def demo(config: Config, seconds: float) -> int:
    """Play until Ctrl-C, or for so many seconds. Returns the exit code; raises what a member of
    the cast raised, for nobody is to fail unseen."""
    config = _demo_config(config)
    logs.set_up(config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if seconds:
        loop.call_later(seconds, stopped.set)
    async with open_house(config) as house:
        await _play(config, house, stopped)
    print(f"\nThe log of this market is in {config.data}. Check it with:")
    print(f"  {beside('outcry')} verify --data {config.data}")
    return 0


async def _play(config: Config, house: House, stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    stage = Stage(
        house.address,
        lambda user, role: _token(house, user, role),
        house.writer.now,
        Path(config.data) / LETTERS_FILE,
    )
    print(introduction(stage, config.data, beside), flush=True)
    board = Board()
    tasks = {loop.create_task(cast(stage)) for cast in CASTS}
    tasks.add(loop.create_task(Spectator(stage, board).run()))
    tasks.add(loop.create_task(_show(board, stage)))
    stopping = loop.create_task(stopped.wait())
    done, _ = await asyncio.wait(
        {*tasks, stopping, house.serving}, return_when=asyncio.FIRST_COMPLETED
    )
    for task in (*tasks, stopping):
        task.cancel()
    await asyncio.gather(*tasks, stopping, return_exceptions=True)
    for task in done - {stopping}:
        task.result()


def _demo_config(config: Config) -> Config:
    """The demo has a folder and no limits of its own, so that it never meets real data."""
    data = config.data
    if data == Config().data:
        data = str(Path(data) / DEMO_FOLDER)
        shutil.rmtree(data, ignore_errors=True)
    port = config.port
    if port == Config().port and _is_taken(config.host, port):
        port = 0
    quiet = "warning" if config.log_level == "info" else config.log_level
    return msgspec.structs.replace(
        config,
        data=data,
        port=port,
        rate_user=0,
        rate_guest=0,
        log_level=quiet,
        # On the terminal letters would tear the table; from the file newcomers have their codes.
        notifier="file",
    )


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _token(house: House, user: str, role: str) -> str:
    return house.tokens.issue(user, role, "approved", now_s=int(time.time()), ttl_s=TOKEN_SECONDS)


def beside(command: str) -> str:
    """A command of this environment, as somebody in this folder would type it."""
    path = Path(sys.executable).with_name(command)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


async def _show(board: Board, stage: Stage) -> None:
    if not sys.stdout.isatty():
        while True:
            await asyncio.sleep(PLAIN_REFRESH_S)
            for line in plain_lines(board, stage.now()):
                print(line, flush=True)
    console = Console()
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            live.update(render(board, stage.now(), console.height - 1), refresh=True)
            await asyncio.sleep(LIVE_REFRESH_S)
