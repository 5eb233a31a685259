"""The owner of all connections: who comes in, and what becomes of what they say."""

import secrets
from collections.abc import Callable

import msgspec
from typing_extensions import override
from websockets.http11 import Request

from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis
from engine.ports import CommandSink
from engine.registry import Registry
from gateway import replies
from gateway.addresses import client_address
from gateway.connection import CLOSE_TOO_SLOW, Connection, Handler
from gateway.counts import Counts
from gateway.desk import Desk
from gateway.handshake import Refusal
from gateway.hub import Hub
from gateway.limits import (
    CLOSE_BAD_TOKEN,
    CLOSE_TOO_MANY,
    RECONNECT_MS_MIN,
    RECONNECT_MS_SPREAD,
)
from gateway.origin import check_origin
from gateway.session import Session
from gateway.settings import WEBSOCKET_PATH, GatewaySettings
from gateway.tokens import Tokens

_SPREAD_STEP = 0.618
"""Multiples of the golden ratio fall evenly into an interval, however many there are."""


class Gateway(Handler):
    """Give it to a `Listener`, together with `settings.connection`.

    `hub` is the writer's fan-out, and `counts` what both the hub and the gateway count into.
    `wall_ms` is the world's clock, by which tokens expire; `monotonic_s` one for durations, such
    as `time.perf_counter`. The house's own time comes from the sink.
    """

    __slots__ = ("_farewells", "_instance", "counts", "desk", "hub", "settings")

    def __init__(
        self,
        settings: GatewaySettings,
        registry: Registry,
        sink: CommandSink,
        hub: Hub,
        tokens: Tokens,
        counts: Counts,
        *,
        wall_ms: Callable[[], Millis],
        monotonic_s: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.counts = counts
        self.hub = hub
        self.desk = Desk(settings, registry, sink, hub, tokens, counts, wall_ms, monotonic_s)
        self._instance = secrets.token_hex(4)
        self._farewells = 0

    # The connection's Handler.

    @override
    def check(self, connection: Connection, request: Request) -> Refusal | None:
        if request.path.partition("?")[0] != WEBSOCKET_PATH:
            body = {"type": "error", "code": "NOT_FOUND", "message": f"try {WEBSOCKET_PATH}"}
            return Refusal(404, msgspec.json.encode(body))
        return check_origin(request.headers, self.settings.origins)

    @override
    def opened(self, connection: Connection, request: Request) -> None:
        counts = self.counts
        counts.connections += 1
        counts.connections_opened += 1
        # A websocket client can read a close code, but not the status of a refused handshake:
        # so whoever may not stay is let in first.
        if counts.connections > self.settings.connections_max:
            connection.close(CLOSE_TOO_MANY, "the house is full; come back later")
            return
        caller = self.desk.identify(request.headers.get_all("Authorization"))
        if isinstance(caller, Rejected):
            counts.refuse(caller)
            connection.close(CLOSE_BAD_TOKEN, caller.message)
            return
        name = f"{self._instance}-{counts.connections_opened}"
        session = Session(self.desk, connection, name, self._address(connection, request))
        connection.session = session
        session.open(caller)

    @override
    def received(self, connection: Connection, text: bytes) -> None:
        self.counts.messages_in += 1
        session = connection.session
        assert isinstance(session, Session), "a connection without a session is closing"
        session.receive(text)

    @override
    def binary(self, connection: Connection, payload: bytes) -> None:
        self.counts.messages_in += 1
        session = connection.session
        assert isinstance(session, Session), "a connection without a session is closing"
        session.receive_binary()

    @override
    def oversized(self, connection: Connection) -> None:
        self.counts.messages_in += 1
        session = connection.session
        assert isinstance(session, Session), "a connection without a session is closing"
        session.oversized()

    @override
    def drained(self, connection: Connection) -> None:
        """Only what moves was held back: every other feed is lossless, and a reader that is too
        slow for it is closed by the connection."""
        if isinstance(connection.session, Session):
            connection.session.feeds.drained()

    @override
    def waiting(self, connection: Connection) -> None:
        if isinstance(connection.session, Session):
            connection.session.look_at_token()

    @override
    def shutdown(self, connection: Connection) -> None:
        # Whoever listened has all that was published before the goodbye.
        if isinstance(connection.session, Session):
            connection.session.feeds.drop_all()
        self._farewells += 1
        spread = self._farewells * _SPREAD_STEP % 1
        goodbye = replies.Goodbye(
            code=replies.RESTART,
            reconnect_after_ms=RECONNECT_MS_MIN + int(spread * RECONNECT_MS_SPREAD),
        )
        connection.send(replies.encode(goodbye))

    @override
    def closed(self, connection: Connection, code: int, reason: str) -> None:
        self.counts.connections -= 1
        self.counts.slow_readers += code == CLOSE_TOO_SLOW
        session, connection.session = connection.session, None
        if isinstance(session, Session):
            session.close()

    def _address(self, connection: Connection, request: Request) -> str:
        peer = connection.peer
        host = str(peer[0]) if isinstance(peer, tuple) else str(peer)
        forwarded = request.headers.get_all("X-Forwarded-For")
        return client_address(host, forwarded, self.settings.proxies)
