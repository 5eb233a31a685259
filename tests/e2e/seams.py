"""What a test changes in a server from outside, where the world offers no handle: each is a command
under which the server is started (testkit.process.start)."""

import os
import sys
from pathlib import Path

from testkit.process import ROOT

DAC_CAPABILITIES = (1, 2)
"""Of Linux: to write, and to read, whatever the permissions of files say."""
PR_CAPBSET_DROP = 24

LAY_DOWN = f"""
import ctypes, os, sys
for capability in {DAC_CAPABILITIES}:
    done = ctypes.CDLL(None, use_errno=True).prctl({PR_CAPBSET_DROP}, capability, 0, 0, 0)
    assert done == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[1], sys.argv[1:])
"""

SMALL_BACKLOG = """
from engine.kernel import limits
limits.BACKLOG_RECORDS_MAX = {records}
limits.BATCH_RECORDS_MAX = {records} // 4
"""

MOVED_CLOCK = """
import datetime, pathlib, time

offset_s = pathlib.Path({offset_file!r})
true_ns = time.time_ns

class MovedDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

time.time_ns = lambda: true_ns() + int(offset_s.read_text()) * 1_000_000_000
time.time = lambda: time.time_ns() / 1_000_000_000
datetime.datetime = MovedDatetime
"""


def without_root() -> tuple[str, ...]:
    """File permissions are for everybody, root too."""
    return (sys.executable, "-c", LAY_DOWN) if os.geteuid() == 0 else ()


def with_small_backlog(folder: Path, records: int) -> tuple[str, ...]:
    """The bound on what is undecided is so small that a test can reach it."""
    return _with_code(folder, SMALL_BACKLOG.format(records=records))


class WorldClock:
    """The wall clock of one server, as Python sees it. The machine's own is left alone."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset_s"
        self.set(0)
        self.under = _with_code(folder, MOVED_CLOCK.format(offset_file=str(self._file)))
        """A server that is started under this has the clock."""

    def set(self, offset_s: int) -> None:
        """Set it before or after the true time, from now on."""
        self.offset_s = offset_s
        new = self._file.with_suffix(".new")
        new.write_text(str(offset_s))
        # A reader finds the old or the new, never half of it.
        new.replace(self._file)


def _with_code(folder: Path, code: str) -> tuple[str, ...]:
    """Python runs a module of this name before anything else."""
    (folder / "sitecustomize.py").write_text(code)
    path = filter(None, (str(folder), str(ROOT), os.environ.get("PYTHONPATH")))
    return ("env", f"PYTHONPATH={os.pathsep.join(path)}")
