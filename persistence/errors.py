"""What a log may raise. No exception of a driver or of the system passes these walls.

    LogError
    ├── LogUnavailable   it cannot be reached or written just now
    ├── LeaseHeld        a living process owns the shard
    ├── LeaseLost        this process owns the shard no longer, or never did
    ├── WrongSchema      the tables and this program do not belong together
    ├── CorruptLog       what stands in the log cannot have been written by a house
    ├── Archived         what is asked for has been moved to files
    └── ShardsRefused    the table of markets and their owners does not allow it
        └── NameTaken    another living process has this name

The first is a matter of time. After the second and third this process may not serve. The next two
need a person. The last say what would help; a name is free again when its process is dead.
"""

from pathlib import Path

from engine.kernel.time import Millis

NO_EPOCH = -1
"""What a log has in the place of an epoch while it owns nothing. No lease ever has it."""


class LogError(Exception):
    """Anything that a log raises; raised itself when the log refuses what it is given."""


class LogUnavailable(LogError):
    """The log cannot be reached, read or written.

    The outcome of an append is unknown: it may stand in the log, or may still come to stand there.
    `acquire` settles it, and then `head` tells. The same object connects again by itself.
    """

    def __init__(self, cause: BaseException | str) -> None:
        super().__init__(cause)
        self.cause = cause

    def __str__(self) -> str:
        name = "" if isinstance(self.cause, str) else type(self.cause).__name__
        return ": ".join(filter(None, ("the log is unavailable", name, str(self.cause))))


class LeaseHeld(LogError):
    """A living process owns the shard."""

    def __init__(self, log: str | Path, owner: str, remaining_ms: Millis | None) -> None:
        """`remaining_ms`: the lease ends then unless it is renewed; None: with its process."""
        super().__init__(log, owner, remaining_ms)
        self.log = log
        self.owner = owner
        self.remaining_ms = remaining_ms

    def __str__(self) -> str:
        until = "as long as it lives"
        if self.remaining_ms is not None:
            until = f"for {self.remaining_ms} ms more, and may renew"
        return (
            f"{self.log} is served by {self.owner}, {until}; "
            "stop that process first, or give this one another log"
        )


class LeaseLost(LogError):
    """The shard has another owner, or this process let it go. Nothing was written.

    Forget what was decided since the last append that succeeded, and `acquire` anew or stop.
    """

    def __init__(self, log: str | Path, epoch: int) -> None:
        """`epoch`: the ownership that has ended, NO_EPOCH if there was none."""
        super().__init__(log, epoch)
        self.log = log
        self.epoch = epoch

    def __str__(self) -> str:
        if self.epoch == NO_EPOCH:
            return f"{self.log} is not ours: acquire it first"
        return f"{self.log} is no longer ours: epoch {self.epoch} has ended"


class WrongSchema(LogError):
    """The tables were made by a newer program, or by a migration that was changed since."""


class CorruptLog(LogError):
    """Records are missing or unreadable. Keep the files and restore from a backup."""


class Archived(LogError):
    """What is asked for has been moved from the log to files."""

    def __init__(self, first: int) -> None:
        """`first`: the first position, or the first seq of a room, that the log still has."""
        super().__init__(first)
        self.first = first

    def __str__(self) -> str:
        return (
            f"the log has only what begins with {self.first}; what came before has been archived: "
            "name the folder with --archive, or put it back with `outcry restore`"
        )


class ShardsRefused(LogError):
    """The table of markets and their owners does not allow it; the text says what would help."""


class NameTaken(ShardsRefused):
    """Another living process reports under the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"a living process is called {self.name}; give this one another --name"
