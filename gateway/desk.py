"""The desk where every call is looked at, however it came: who, how often, may they, then on.

Websocket sessions and the HTTP door share one desk, so that both say the same of the same call.
"""

from collections.abc import Callable

from engine.contract import Command
from engine.kernel.actor import GUEST, SYSTEM, Actor
from engine.kernel.outcome import FORBIDDEN, UNAUTHENTICATED, Rejected
from engine.kernel.time import Millis
from engine.ports import AnswerTo, CommandSink
from engine.registry import Registry
from gateway.attendance import Attendance
from gateway.counts import Counts
from gateway.decoding import Decoder
from gateway.hub import Hub
from gateway.logins import with_token
from gateway.rates import SlidingWindow, too_often
from gateway.settings import GatewaySettings
from gateway.tokens import NOBODY, Caller, Tokens, bearer


class Desk:
    """What all calls of this process share."""

    __slots__ = (
        "_by_address",
        "_by_user",
        "attendance",
        "counts",
        "decoder",
        "hub",
        "monotonic_s",
        "registry",
        "settings",
        "sink",
        "tokens",
        "wall_ms",
    )

    def __init__(
        self,
        settings: GatewaySettings,
        registry: Registry,
        sink: CommandSink,
        hub: Hub,
        tokens: Tokens,
        counts: Counts,
        wall_ms: Callable[[], Millis],
        monotonic_s: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.sink = sink
        self.hub = hub
        self.tokens = tokens
        self.counts = counts
        self.wall_ms = wall_ms
        """The world's clock: tokens expire by it."""
        self.monotonic_s = monotonic_s
        """A clock for durations."""
        self.decoder = Decoder(registry)
        self.attendance = Attendance(sink.presence)
        hub.on_dismiss = self.attendance.dismiss
        hub.on_regroup = self.attendance.review
        self._by_user = SlidingWindow(settings.rates.user)
        self._by_address = SlidingWindow(settings.rates.guest)

    def identify(self, authorization: list[str]) -> Caller | Rejected:
        """Who calls, by the `Authorization` headers of a request; nobody, if there are none."""
        token = bearer(authorization)
        if isinstance(token, Rejected):
            return token
        return NOBODY if token is None else self.tokens.verify(token)

    def charge(self, actor: Actor, address: str) -> Rejected | None:
        """Count a call: against the user, or against the address of someone without a token.
        The house's own services are exempt (operations 1)."""
        if actor.role == SYSTEM:
            return None
        now_ms = int(self.monotonic_s() * 1_000)
        if actor.user:
            wait_ms = self._by_user.charge(actor.user, now_ms)
        else:
            wait_ms = self._by_address.charge(address, now_ms)
        return too_often(wait_ms) if wait_ms else None

    def expired(self, caller: Caller) -> Rejected | None:
        """The refusal of a caller whose token was good once. What they listen to already goes on
        for a little while; they can ask for nothing new."""
        if self.wall_ms() < caller.expires_at:
            return None
        return Rejected(
            UNAUTHENTICATED,
            "your token has expired; send `auth` with a new one",
            {"rule": "token", "expired_at": caller.expires_at},
        )

    def admit(self, caller: Caller) -> Actor | Rejected:
        """Who the caller is by now: what the house knows of them goes before what the token
        says (identity J3)."""
        return self.expired(caller) or self.sink.admit(caller.actor)

    def may(self, command: Command, actor: Actor) -> Actor | Rejected:
        """The actor, if they may send this command at all (the permission matrix)."""
        return self.sink.refuse(type(command), actor) or actor

    def submit(self, command: Command, actor: Actor, to: AnswerTo) -> None:
        """Have a command decided."""
        if type(command) in self.registry.reveals:
            to = with_token(to, self.tokens, self.wall_ms, self.sink.now)
        self.sink.submit(command, actor, to)


def for_viewer(rejected: Rejected, viewer: Actor) -> Rejected:
    """A guest who may not look is told that a token is needed, rather than that it is useless."""
    if viewer.role == GUEST and rejected.code == FORBIDDEN:
        return Rejected(
            UNAUTHENTICATED,
            f"{rejected.message}; a token may help: send `auth`, or an Authorization header",
            rejected.details,
        )
    return rejected
