"""What fails again and again is said once, and once more when it is over."""

import time
from collections.abc import Callable
from logging import Logger

REMIND_S = 30.0
"""As long as it lasts it is said again so often."""


class Trouble:
    """Something that is tried until it works."""

    def __init__(
        self, logger: Logger, what: str, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`what` is wrong, as an operator reads it, such as `gateways are not told`."""
        self._logger = logger
        self._what = what
        self._clock_s = clock_s
        self._since_s: float | None = None
        self._said_s = 0.0

    def met(self, problem: BaseException | str) -> None:
        """It has failed."""
        now_s = self._clock_s()
        if self._since_s is None:
            self._since_s = now_s
        elif now_s - self._said_s < REMIND_S:
            return
        self._said_s = now_s
        self._logger.warning("%s: %s", self._what, str(problem) or type(problem).__name__)

    def over(self) -> None:
        """It has worked."""
        if self._since_s is not None:
            lasted_s = self._clock_s() - self._since_s
            self._logger.info("%s: that is over, after %.1f s", self._what, lasted_s)
            self._since_s = None
