"""Time: whole milliseconds since 1970, UTC. The engine is told the time and never asks."""

from typing import Annotated

from msgspec import Meta

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Millis = int
Moment = Annotated[
    int, Meta(ge=0, le=253_402_300_799_999, description="milliseconds since 1970, UTC")
]
Duration = Annotated[int, Meta(ge=0, le=366 * DAY, description="milliseconds")]
