"""What a websocket connection may cost, and how long it waits."""

import msgspec


class ConnectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and times of a connection."""

    message_bytes_max: int = 65_536
    """Largest message in, whether it comes whole or in fragments."""
    fragments_max: int = 256
    """Most fragments of one message in."""
    backlog_bytes_max: int = 1_048_576
    """Unsent bytes beyond which a reader is too slow and is closed."""
    backlog_bytes_soft: int = 65_536
    """Unsent bytes beyond which a connection is congested: the owner should drop what it may."""
    ping_interval_ms: int = 25_000
    """A connection that was silent for so long is sent a ping."""
    ping_timeout_ms: int = 20_000
    """A connection that is silent for so long after a ping is closed."""
    handshake_timeout_ms: int = 10_000
    """From the socket's opening to a complete request."""
    close_timeout_ms: int = 5_000
    """From the start of the closing handshake until the socket is cut off."""
    subprotocols: tuple[str, ...] = ()
    """What a client may ask for, best first. A client that asks for none is welcome too."""

    def __post_init__(self) -> None:
        assert 0 < self.backlog_bytes_soft <= self.backlog_bytes_max, "congested before too slow"
        assert self.message_bytes_max > 0, "a message has room"
        assert self.fragments_max > 0, "a message has a fragment"
        assert min(self.delays_ms) > 0, "a wait takes time"

    @property
    def delays_ms(self) -> tuple[int, ...]:
        """Everything that a connection may wait for, in ms."""
        return (
            self.ping_interval_ms,
            self.ping_timeout_ms,
            self.handshake_timeout_ms,
            self.close_timeout_ms,
        )
