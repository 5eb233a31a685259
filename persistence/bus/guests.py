"""Which gateways a writer has heard of lately, and which users are connected to them."""

import time
from collections import Counter
from collections.abc import Callable

SILENCE_SECONDS_MAX = 10.0
"""A gateway that says nothing for so long is gone, and with it all who listened there."""


class Guests:
    """The gateways of one shard."""

    def __init__(
        self,
        presence: Callable[[str, bool], None],
        forget: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`presence` is told when a user has come to the first gateway, or left the last;
        `forget` when a gateway has gone."""
        self._presence = presence
        self._forget = forget
        self._clock_s = clock_s
        self._heard_s: dict[str, float] = {}
        self._entries: dict[str, int] = {}
        """Gateway -> number of the last entry that was read of it."""
        self._users: dict[str, set[str]] = {}
        self._gateways_of: Counter[str] = Counter()

    def hear(self, gateway: str, number: int = 0) -> bool:
        """The gateway has said something, in its entry of this number. False: it was not known, or
        no more, or entries before this one are missing."""
        last = self._entries.get(gateway, number)
        # An entry whose fate was not known comes again.
        known = gateway in self._heard_s and number <= last + 1
        self._heard_s[gateway] = self._clock_s()
        self._entries[gateway] = max(number, last)
        return known

    def begin(self, gateway: str) -> None:
        """The gateway says anew who is there, and what they listen to."""
        self._forget(gateway)
        for user in list(self._users.get(gateway, ())):
            self.present(gateway, user, False)

    def present(self, gateway: str, user: str, online: bool) -> None:
        """A user's first session there has come, or the last has gone."""
        users = self._users.setdefault(gateway, set())
        if online == (user in users):
            return
        if online:
            users.add(user)
            self._gateways_of[user] += 1
            if self._gateways_of[user] == 1:
                self._presence(user, True)
            return
        users.discard(user)
        self._gateways_of[user] -= 1
        if not self._gateways_of[user]:
            del self._gateways_of[user]
            self._presence(user, False)

    def sweep(self) -> None:
        """Forget gateways that have gone."""
        last = self._clock_s() - SILENCE_SECONDS_MAX
        for gateway in [name for name, heard in self._heard_s.items() if heard < last]:
            del self._heard_s[gateway]
            self._entries.pop(gateway, None)
            self.begin(gateway)
            self._users.pop(gateway, None)
