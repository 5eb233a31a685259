"""One websocket client: what it says, and what it is answered."""

from engine.contract import Command
from engine.kernel.outcome import FRAME_TOO_LARGE, OVERLOADED, UNAUTHENTICATED, Rejected
from engine.ports import Answer
from engine.sequencer import Accepted
from gateway import replies
from gateway.connection import Connection
from gateway.decoding import Unreadable, not_text
from gateway.desk import Desk, for_viewer
from gateway.feeds import Feeds
from gateway.limits import (
    BROKEN_FRAMES_MAX,
    CLOSE_BAD_TOKEN,
    CLOSE_NOT_THE_PROTOCOL,
    CLOSE_TOO_MANY,
    MESSAGE_BYTES_MAX,
    SUBSCRIPTIONS_MAX,
    TOKEN_GRACE_MS,
)
from gateway.session_commands import Auth, Ping, SessionCommand, Subscribe, Unsubscribe
from gateway.settings import PROTOCOL
from gateway.tokens import NOBODY, Caller


class ReplyTo:
    """Where the answer to one command goes."""

    __slots__ = ("_session", "_started_s")

    def __init__(self, session: "Session", started_s: float) -> None:
        self._session = session
        self._started_s = started_s

    def __call__(self, answer: Answer) -> None:
        self._session.answer(answer, self._started_s)


class Session:
    """The conversation on one connection."""

    __slots__ = ("_broken", "_connection", "_desk", "address", "caller", "feeds", "name")

    def __init__(self, desk: Desk, connection: Connection, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.caller: Caller = NOBODY
        self.feeds = Feeds(desk.hub, desk.sink, desk.counts, connection, self._refuse_feed)
        self._desk = desk
        self._connection = connection
        self._broken = 0
        """Frames in a row that were no JSON."""

    # What happens to it.

    def open(self, caller: Caller) -> None:
        """Welcome the client, whom the handshake has named, or a guest."""
        desk = self._desk
        if caller.actor.user and not self._enter(caller):
            return
        actor = caller.actor
        settings = desk.settings
        welcome = replies.Welcome(
            protocol=PROTOCOL,
            session=self.name,
            user=actor.user or None,
            role=actor.role,
            server_time=desk.sink.now(),
            ping_interval_ms=settings.connection.ping_interval_ms,
            limits=replies.Limits(
                message_bytes_max=settings.connection.message_bytes_max,
                subscriptions_max=SUBSCRIPTIONS_MAX,
                user_calls_per_minute=settings.rates.user,
                guest_calls_per_minute=settings.rates.guest,
            ),
        )
        self._connection.send(replies.encode(welcome))

    def receive(self, text: bytes) -> None:
        """One text frame."""
        started_s = self._desk.monotonic_s()
        request = self._desk.decoder.decode(text)
        if isinstance(request, Unreadable):
            self._misread(request)
            return
        self._broken = 0
        # A call with a valid token counts against its user, so `auth` is looked at first.
        if isinstance(request, Auth):
            self._authenticate(request)
        elif limited := self._desk.charge(self.caller.actor, self.address):
            self.refuse(request.id, limited)
        elif isinstance(request, Command):
            self._submit(request, started_s)
        else:
            self._carry_out(request)

    def receive_binary(self) -> None:
        """One binary frame: no part of the protocol."""
        self._misread(not_text())

    def oversized(self) -> None:
        """A frame that is too large; the connection is about to close."""
        refusal = Rejected(
            FRAME_TOO_LARGE,
            f"a frame has at most {MESSAGE_BYTES_MAX} bytes",
            {"limit": MESSAGE_BYTES_MAX},
        )
        self.refuse(None, refusal)

    def look_at_token(self) -> None:
        """Close the connection of a caller whose token expired a while ago (identity J6): nobody
        listens for longer than they may, be it with a token that was stolen."""
        expired_ms = self._desk.wall_ms() - self.caller.expires_at
        if expired_ms >= TOKEN_GRACE_MS:
            refusal = Rejected(
                UNAUTHENTICATED,
                "your token has expired; come back with a new one",
                {"rule": "token", "expired_at": self.caller.expires_at},
            )
            self.feeds.drop_all()
            self.refuse(None, refusal)
            self._connection.close(CLOSE_BAD_TOKEN, refusal.message)

    def close(self) -> None:
        """The connection has gone."""
        self.feeds.drop_all()
        if self.caller.actor.user:
            self._desk.attendance.go(self.caller.actor.user, self.feeds)

    # What it says.

    def answer(self, answer: Answer, started_s: float) -> None:
        """Pass on what was decided about a command that arrived at `started_s`."""
        desk = self._desk
        if isinstance(answer, Accepted):
            desk.counts.accept(is_duplicate=answer.duplicate)
            self._connection.send(replies.ok(answer, desk.sink.log_id))
        else:
            self.refuse(answer.id, answer.rejected)
        desk.counts.latency.observe((desk.monotonic_s() - started_s) * 1_000)

    def refuse(self, id_: str | None, rejected: Rejected) -> None:
        """Say no to a request, or to what was allowed until now (no id)."""
        self._desk.counts.refuse(rejected)
        self._connection.send(replies.error(id_, rejected))

    def _refuse_feed(self, id_: str | None, rejected: Rejected) -> None:
        self.refuse(id_, for_viewer(rejected, self.caller.actor))

    def _confirm(self, id_: str, result: replies.Identified | replies.Pong | None) -> None:
        self._connection.send(replies.confirmed(id_, self._desk.sink.now(), result))

    # What it does.

    def _misread(self, unreadable: Unreadable) -> None:
        self._broken = 0 if unreadable.is_json else self._broken + 1
        limited = self._desk.charge(self.caller.actor, self.address)
        self.refuse(unreadable.id, limited or unreadable.rejected)
        if self._broken >= BROKEN_FRAMES_MAX:
            self._connection.close(
                CLOSE_NOT_THE_PROTOCOL, f"{BROKEN_FRAMES_MAX} frames in a row were no JSON"
            )

    def _submit(self, command: Command, started_s: float) -> None:
        actor = self._desk.admit(self.caller)
        if not isinstance(actor, Rejected):
            actor = self._desk.may(command, actor)
        if isinstance(actor, Rejected):
            self.refuse(command.id, actor)
        else:
            self._desk.submit(command, actor, ReplyTo(self, started_s))

    def _carry_out(self, command: SessionCommand) -> None:
        match command:
            case Subscribe():
                actor = self._desk.admit(self.caller)
                if isinstance(actor, Rejected):
                    self.refuse(command.id, actor)
                else:
                    self.feeds.change_viewer(actor)
                    self.feeds.subscribe(command)
            case Unsubscribe():
                self.feeds.unsubscribe(command.room)
                self._confirm(command.id, None)
            case Ping():
                self._confirm(command.id, replies.Pong(self._desk.sink.now()))

    def _authenticate(self, command: Auth) -> None:
        caller = self._desk.tokens.verify(command.token)
        known = NOBODY if isinstance(caller, Rejected) else caller
        limited = self._desk.charge(known.actor, self.address)
        if limited is not None:
            self.refuse(command.id, limited)
            return
        if isinstance(caller, Rejected):
            self.refuse(command.id, caller)
            self._connection.close(CLOSE_BAD_TOKEN, caller.message)
            return
        if not self._enter(caller, command.id):
            return
        actor = caller.actor
        self._confirm(
            command.id,
            replies.Identified(actor.user, actor.role, actor.kyc, caller.expires_at),
        )

    def _enter(self, caller: Caller, id_: str | None = None) -> bool:
        """Become this caller's session. False: they have too many, and this one is closing."""
        attendance = self._desk.attendance
        before, user = self.caller.actor.user, caller.actor.user
        limit = self._desk.settings.connections_per_user_max
        if user != before and len(attendance.of(user)) >= limit:
            reason = f"a user has at most {limit} connections; close one first"
            if id_ is not None:
                self.refuse(id_, Rejected(OVERLOADED, reason, {"limit": limit}))
            self._connection.close(CLOSE_TOO_MANY, reason)
            return False
        self.caller = caller
        self.feeds.change_viewer(caller.actor)
        if user != before:
            attendance.come(user, self.feeds)
            if before:
                attendance.go(before, self.feeds)
        return True
