"""Which users are connected, and through which connections."""

from collections.abc import Callable, Collection

from engine.kernel.actor import Actor
from gateway.feeds import Feeds

Presence = Callable[[str, bool], None]
"""(user, whether online): told of a user's first connection and of the end of the last."""


class Attendance:
    """Connections by user. Guests are nobody, and are not kept."""

    __slots__ = ("_by_user", "_presence")

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._by_user: dict[str, dict[Feeds, None]] = {}

    def of(self, user: str) -> Collection[Feeds]:
        """What this user's connections listen to."""
        return self._by_user.get(user, {}).keys()

    def come(self, user: str, feeds: Feeds) -> None:
        """A connection has said that it is this user's."""
        present = self._by_user.setdefault(user, {})
        present[feeds] = None
        if len(present) == 1:
            self._presence(user, True)

    def review(self, user: str, room: str) -> None:
        """The user may be another class of viewer in this room."""
        # One user may have very many connections; as a rule they are all the same viewer.
        known: dict[Actor, str] = {}
        for feeds in tuple(self.of(user)):
            feeds.review(room, known)

    def dismiss(self, user: str, session: str, reason: str) -> None:
        """End the user's connections: those of one session, or all if `session` is empty."""
        for feeds in tuple(self.of(user)):
            if session in ("", feeds.actor.session):
                feeds.hang_up(reason)

    def go(self, user: str, feeds: Feeds) -> None:
        """A connection is this user's no more."""
        present = self._by_user[user]
        del present[feeds]
        if not present:
            del self._by_user[user]
            self._presence(user, False)
