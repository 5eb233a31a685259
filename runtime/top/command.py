"""`outcry top`: how fast the house is just now, from the metrics pages of its processes."""

import argparse
import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from persistence.errors import LogError
from persistence.shards import ShardTable
from runtime.config import Config, ConfigError
from runtime.top.figures import Figures, figures
from runtime.top.pages import PATH, Page, Stretch, fetch

DEFAULT = "http://127.0.0.1:8080"
EVERY_S = 2.0
KEY_LEAVE = b"q"
NOBODY = 1
"""Exit code if no process answers."""

Show = Callable[[Figures], None]


def add_top_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom to ask, and how to show it."""
    add = parser.add_argument
    add("urls", nargs="*", metavar="URL", help=f"of a process [{DEFAULT}]; several are one house")
    add(
        "--every",
        type=_interval,
        default=EVERY_S,
        metavar="SECONDS",
        help="how long figures are gathered before they are shown [%(default)s]",
    )
    add("--once", action="store_true", help="show one stretch of time, and exit")
    add("--json", action="store_true", help="a JSON document for each stretch, one to a line")


async def top(config: Config, arguments: argparse.Namespace) -> int:
    """Show figures until q, Ctrl-C or SIGTERM; once for --once. Returns the exit code: 1 if nobody
    answers --once. Raises ConfigError, and LogError if the database cannot tell of writers."""
    addresses = [_address(url) for url in arguments.urls]
    if not addresses and not config.postgres:
        addresses = [DEFAULT]
    table = ShardTable(config.postgres) if config.postgres else None
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    looking = Looking(addresses, table, arguments.every, stopped)
    try:
        if arguments.once:
            found = await looking.once()
            return 0 if found is None else _shown_once(found, arguments.json)
        with _showing(arguments.json, stopped) as show:
            await looking.on(show)
    finally:
        if table:
            await table.close()
    return 0


class Looking:
    """Asks all processes, now and again."""

    def __init__(
        self,
        addresses: Sequence[str],
        table: ShardTable | None,
        every_s: float,
        stopped: asyncio.Event,
    ) -> None:
        """`table` tells of writers beside those `addresses`."""
        self._addresses = addresses
        self._table = table
        self._every_s = every_s
        self._stopped = stopped
        self._writers: list[str] = []
        self._pages: dict[str, Page] = {}

    async def once(self) -> Figures | None:
        """What happens in one stretch of time, from now on; None if it was stopped."""
        await self._find_writers()
        await self._look()
        await self._wait()
        return None if self._stopped.is_set() else figures(await self._look())

    async def on(self, show: Show) -> None:
        """Show what happens until it is stopped; at first there are no rates."""
        await self._find_writers()
        while not self._stopped.is_set():
            show(figures(await self._look()))
            await self._wait()
            with suppress(LogError):
                # Those of before will do while the database is away.
                await self._find_writers()

    async def _find_writers(self) -> None:
        if self._table:
            found = await self._table.overview()
            self._writers = [writer.address for writer in found.writers if writer.lives]

    async def _look(self) -> list[Stretch]:
        addresses = dict.fromkeys([*self._addresses, *self._writers])
        asked = (asyncio.to_thread(fetch, address) for address in addresses)
        pages = {page.address: page for page in await asyncio.gather(*asked)}
        stretches = [Stretch(self._pages.get(page.address), page) for page in pages.values()]
        self._pages = pages
        return stretches

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._stopped.wait()


def _shown_once(found: Figures, as_json: bool) -> int:
    if as_json:
        _show_json(found)
    elif sys.stdout.isatty():
        from rich.console import Console

        from runtime.top.view import screen

        Console().print(screen(found, ""))
    else:
        _show_lines(found)
    return NOBODY if all(process.problem for process in found.processes) else 0


@contextmanager
def _showing(as_json: bool, stopped: asyncio.Event) -> Iterator[Show]:
    """How figures are shown again and again."""
    if as_json or not sys.stdout.isatty():
        yield _show_json if as_json else _show_lines
        return
    # Only here: a pipe has no use for it.
    from rich.console import Console
    from rich.live import Live

    from runtime.top.view import screen

    with _leaving_at_key(stopped), Live(console=Console(), auto_refresh=False, screen=True) as live:
        yield lambda found: live.update(screen(found, "q leaves"), refresh=True)


@contextmanager
def _leaving_at_key(stopped: asyncio.Event) -> Iterator[None]:
    """Hear single keys, where there are any."""
    if not sys.stdin.isatty():
        yield
        return
    loop, keys = asyncio.get_running_loop(), sys.stdin.fileno()

    def pressed() -> None:
        # Nothing at all: the terminal is gone.
        if (typed := os.read(keys, 64)) == b"" or KEY_LEAVE in typed.lower():
            loop.remove_reader(keys)
            stopped.set()

    before: list[Any] = termios.tcgetattr(keys)
    tty.setcbreak(keys)
    loop.add_reader(keys, pressed)
    try:
        yield
    finally:
        loop.remove_reader(keys)
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


def _show_json(found: Figures) -> None:
    print(msgspec.json.encode(found).decode(), flush=True)


def _show_lines(found: Figures) -> None:
    from runtime.top.view import plain_lines

    print(*plain_lines(found), sep="\n", flush=True)


def _address(url: str) -> str:
    """The same without a path; `host:port` is enough."""
    address = url if "://" in url else f"http://{url}"
    address = address.removesuffix("/").removesuffix(PATH)
    if not address.startswith(("http://", "https://")):
        raise ConfigError(f"{url} is no address of a process; one is {DEFAULT}")
    return address


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 3_600:
        raise argparse.ArgumentTypeError("choose 0.1 to 3600 seconds")
    return seconds
