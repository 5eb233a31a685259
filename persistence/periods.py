"""What a period of a log is: a month of its records, or so many of them that it ends earlier."""

from datetime import UTC, datetime

from engine.kernel.time import Millis

PERIOD_RECORDS_MAX = 5_000_000


def month_of(at: Millis) -> str:
    """The month of a moment, such as `2026-11`, UTC."""
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m")
