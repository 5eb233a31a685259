"""What happened in a simulated run, action by action, and a digest of all of it."""

from collections import Counter, deque
from collections.abc import Callable
from hashlib import blake2b

SHOWN = 30


class Chronicle:
    """Every action is a step; the latest are kept for whoever has to understand a failure."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self.step = 0
        self.counts: Counter[str] = Counter()
        """How often each kind of thing happened."""
        self._now_us = now_us
        self._latest: deque[str] = deque(maxlen=SHOWN)
        self._hash = blake2b(digest_size=8)

    def note(self, kind: str, text: str = "") -> None:
        """An action: its kind is counted."""
        self.step += 1
        self.counts[kind] += 1
        line = f"{self.step:>7} {self._now_us() / 1_000_000:>12.6f} {kind} {text}"
        self._latest.append(line)
        self._hash.update(line.encode())

    @property
    def latest(self) -> list[str]:
        """The last actions, oldest first, with their virtual seconds."""
        return list(self._latest)

    @property
    def digest(self) -> str:
        """The same for the same run."""
        return self._hash.hexdigest()
