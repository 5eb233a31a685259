"""`outcry demo`: a house with a market that is alive, shown on the terminal."""

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
from runtime.demo_market import DemoMarket
from runtime.demo_table import Watch, plain_lines, render
from runtime.serve import House, open_house

TOKEN_SECONDS = 8 * 3_600
LIVE_REFRESH_S = 0.25
PLAIN_REFRESH_S = 5.0
DEMO_FOLDER = "demo"


async def demo(config: Config, seconds: float) -> int:
    """Show the market until Ctrl-C, or for so many seconds. Returns the exit code."""
    config = _demo_config(config)
    logs.set_up(config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if seconds:
        loop.call_later(seconds, stopped.set)
    async with open_house(config) as house:
        url = house.address.replace("http://", "ws://") + "/v1/ws"
        market = DemoMarket(url, lambda user, role: _token(house, user, role), house.writer.now)
        print(_introduction(house, url, config), flush=True)
        watch = Watch(url, _token(house, "demo-watcher", "user"))
        tasks = [loop.create_task(market.run()), loop.create_task(watch.run(market.live))]
        showing = loop.create_task(_show(watch, house))
        stopping = loop.create_task(stopped.wait())
        done, _ = await asyncio.wait(
            {*tasks, showing, stopping, house.serving}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in (*tasks, showing, stopping):
            task.cancel()
        await asyncio.gather(*tasks, showing, stopping, return_exceptions=True)
        for task in done - {stopping}:
            task.result()
    print(f"\nThe log of this market is in {config.data}. Check it with:")
    print(f"  {_beside('outcry')} verify --data {config.data}")
    return 0


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
    # Letters on the terminal would tear the table.
    letters = "file" if config.notifier == "terminal" else config.notifier
    return msgspec.structs.replace(
        config, data=data, port=port, rate_user=0, log_level=quiet, notifier=letters
    )


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _token(house: House, user: str, role: str) -> str:
    return house.tokens.issue(user, role, "approved", now_s=int(time.time()), ttl_s=TOKEN_SECONDS)


def _introduction(house: House, url: str, config: Config) -> str:
    return "\n".join(
        (
            f"Open Outcry is live at {house.address} (documents: {house.address}/docs)",
            "Join it, in another terminal:",
            f"  {_beside('websockets')} {url}",
            '  {"id":"1","type":"auth","token":"' + _token(house, "you", "user") + '"}',
            '  {"id":"2","type":"subscribe","room":"auction:<id in the table>"}',
            "Money for you, and more tokens:",
            f"  {_beside('outcry')} token --data {config.data} --user boss --role admin",
            "",
        )
    )


def _beside(command: str) -> str:
    """A command of this environment, as somebody in this folder would type it."""
    path = Path(sys.executable).with_name(command)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


async def _show(watch: Watch, house: House) -> None:
    if not sys.stdout.isatty():
        while True:
            await asyncio.sleep(PLAIN_REFRESH_S)
            for line in plain_lines(watch, house.writer.now()):
                print(line, flush=True)
    console = Console()
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            live.update(render(watch, house.writer.now()), refresh=True)
            await asyncio.sleep(LIVE_REFRESH_S)
