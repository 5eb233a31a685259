"""Accounts and their sessions told anew from the log: who may come in, and with which token.

It knows of no passwords and codes: that a session is open once, that a refresh token is good once
(identity J5), and that whoever is suspended or gone has no session (INV-5).
"""

from collections.abc import Mapping
from typing import Any

from engine.contract import Command
from engine.domains.identity.commands import Refresh
from engine.kernel.record import Record
from testkit.violation import expect

Fields = Mapping[str, Any]
ROOM = "identity:"
TRIES_MAX = 5
"""Wrong tries of one code (I7)."""


class NaiveIdentity:
    """Fed with every record of the log, in order; `command` is what somebody sent, if any."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, int]] = {}
        """Room -> its open sessions -> how often each was refreshed."""
        self._shut: set[str] = set()
        self._used: set[str] = set()
        """Refresh tokens that were changed for others."""
        self._wrong: dict[tuple[str, str], int] = {}
        """Room and kind of code -> wrong tries since it was sent."""

    def take(self, record: Record, event: Fields, command: Command | None) -> None:
        """The next record."""
        if not record.room.startswith(ROOM):
            return
        tag: str = event["event"]
        handler = getattr(self, f"_on_{tag.removeprefix('identity.')}", None)
        if handler:
            handler(record.room, event)
        if tag == "identity.session_refreshed" and isinstance(command, Refresh):
            token = command.refresh_token
            expect(token not in self._used, f"identity J5: {record.room} takes a used token")
            self._used.add(token)

    def finish(self) -> None:
        """A batch is complete, so every step in it is."""
        for room in self._shut:
            open_ = self.sessions.get(room)
            expect(not open_, f"identity INV-5: {room} is shut, with {open_}")

    def _on_session_opened(self, room: str, event: Fields) -> None:
        open_ = self.sessions.setdefault(room, {})
        expect(event["session"] not in open_, f"identity J1: {room} opens {event} twice")
        open_[event["session"]] = 0

    def _on_session_refreshed(self, room: str, event: Fields) -> None:
        counter = self.sessions.get(room, {}).get(event["session"])
        expect(counter is not None, f"identity J5: {room} refreshes what is over: {event}")
        expect(event["counter"] == (counter or 0) + 1, f"identity J5: {room}: {event}")
        self.sessions[room][event["session"]] = event["counter"]

    def _on_session_ended(self, room: str, event: Fields) -> None:
        found = self.sessions.get(room, {}).pop(event["session"], None)
        expect(found is not None, f"identity S1: {room} ends what is not open: {event}")

    def _on_user_suspended(self, room: str, _: Fields) -> None:
        self._shut.add(room)

    _on_user_closed = _on_user_suspended

    def _on_user_reinstated(self, room: str, _: Fields) -> None:
        self._shut.discard(room)

    def _on_otp_requested(self, room: str, event: Fields) -> None:
        self._wrong[room, f"{event['channel']}:{event['purpose']}"] = 0

    def _on_registration_repeated(self, room: str, event: Fields) -> None:
        """Codes that nobody can know take the place of those that were sent (I4)."""
        for channel in event["decoys"]:
            self._wrong[room, f"{channel}:signup"] = 0

    def _on_otp_failed(self, room: str, event: Fields) -> None:
        key = (room, f"{event['channel']}:{event['purpose']}")
        self._wrong[key] = self._wrong.get(key, 0) + 1
        expect(event["tries"] == self._wrong[key], f"identity I7: {room}: {event}")
        expect(event["tries"] <= TRIES_MAX, f"identity I7: {room}: {event}")
