"""What both ends of the bus count, as plain numbers. Metrics read them when they are scraped."""

from msgspec import Struct


class WriterEnd(Struct):
    """What a writer read of its stream, and what it said."""

    entries: int = 0
    """Entries of the stream that were read: what a gateway asked in one turn of its loop."""
    waited_ms: int = 0
    """How long these stood in the stream, together; by Redis' clock and by ours."""
    messages: int = 0
    bytes: int = 0
    """Of these messages, as they were published."""
    losses: int = 0
    """Times that Redis did not take what was said, so that gateways had to ask again."""


class GatewayEnd(Struct):
    """What a gateway missed, and had again."""

    breaks: int = 0
    """Times that Redis could be heard again after it could not."""
    filled: int = 0
    """Times that a room asked what it may have missed, and was told all of it."""
    lost: int = 0
    """Times that it had missed too much: whoever listens there had to come back."""
