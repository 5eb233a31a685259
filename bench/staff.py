"""The people behind the stalls of a fair: one for each role, who get done what has to be done."""

import random
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent

from bench.caller import PAUSE_S, Caller, Hear, Report
from bench.client import CommandRefused, ConnectionEnded, Heard
from bench.green_line import Ears, dial
from bench.server import ServerError

ROLES = ("admin", "manager", "shopkeeper", "system", "user")
NOT_NOW = frozenset({"RATE_LIMITED", "OVERLOADED", "UNAVAILABLE"})
"""Refusals that pass."""

Token = Callable[[str, str], str]
"""(user, role) -> a token that the house takes."""


class Staff:
    """All of them, and what they know: the house's time, and where its gateways are."""

    def __init__(self, gateways: Sequence[str], token: Token) -> None:
        self.name = secrets.token_hex(4)
        """Of this fair: the ids of all that belongs to it begin with it."""
        self._gateways = gateways
        self._token = token
        self._house_ahead_ms = 0
        self._callers: dict[str, Caller] = {}

    def come(self) -> None:
        """Everybody connects. Raises ServerError if a gateway does not welcome them."""
        for gateway in self._gateways:
            self._try(gateway)
        for role in ROLES:
            self._callers[role] = self.caller(self.called(role), role, _keep_quiet, _ignore)
            self._callers[role].come()

    def leave(self) -> None:
        """Everybody goes."""
        for caller in self._callers.values():
            caller.leave()

    def called(self, name: str) -> str:
        """What a user of this fair is called, who is its only one of this name."""
        return f"{self.name}-{name}"

    def caller(self, user: str, role: str, report: Report, hear: Hear) -> Caller:
        """A user of the fair, who has not come yet."""
        return Caller(self._gateways, self._token(user, role), report, hear)

    def now_ms(self) -> int:
        """The house's time, as far as its welcome tells it."""
        return time.monotonic_ns() // 1_000_000 + self._house_ahead_ms

    def must(self, role: str, type_: str, **fields: Any) -> Heard:
        """Have something done by the one of this role, however often it takes. Raises
        CommandRefused if it cannot be."""
        while True:
            reply = self._callers[role].ask(type_, type_, **fields)
            if reply.ok:
                return reply
            if reply.code not in NOT_NOW:
                raise CommandRefused(f"{type_} {fields}: {reply.code}: {reply.message}")
            gevent.sleep(random.uniform(*PAUSE_S))

    def _try(self, gateway: str) -> None:
        token = self._token(self.called("door"), "user")
        try:
            line = dial(gateway, token, Ears(_ignore, _ignore))
        except (OSError, ConnectionEnded) as problem:
            raise ServerError(f"{gateway}: {problem}") from None
        self._house_ahead_ms = line.house_ahead_ms
        line.close()


def _keep_quiet(*_: Any) -> None:
    """What staff wait for is not measured."""


def _ignore(*_: Any) -> None:
    """Staff listen to nothing."""


def gateways_of(host: str, market: str) -> list[str]:
    """The websocket addresses behind a list of addresses with commas between them."""
    query = "" if market == "main" else f"?market={market}"
    return [_websocket(address.strip()) + query for address in host.split(",")]


def _websocket(address: str) -> str:
    if address.startswith("ws"):
        return address
    return f"ws{address.removeprefix('http').rstrip('/')}/v1/ws"
