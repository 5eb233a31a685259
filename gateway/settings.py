"""What an operator may set of the gateway. Fixed bounds stand in `gateway.limits`."""

from msgspec import Struct

from gateway.connection_settings import ConnectionSettings
from gateway.limits import CONNECTIONS_MAX, CONNECTIONS_PER_USER_MAX, MESSAGE_BYTES_MAX
from gateway.rates import Rates

WEBSOCKET_PATH = "/v1/ws"
PROTOCOL = "outcry.v1"
SUBPROTOCOL = "outcry.v1+json"


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """Who may come in, and how often they may call."""

    origins: frozenset[str] = frozenset()
    """Origins of pages that may call beside our own, such as `https://example.com`; `*`: any."""
    proxies: frozenset[str] = frozenset()
    """Addresses of reverse proxies, whose `X-Forwarded-For` is believed."""
    rates: Rates = Rates()
    connections_max: int = CONNECTIONS_MAX
    connections_per_user_max: int = CONNECTIONS_PER_USER_MAX
    connection: ConnectionSettings = ConnectionSettings(
        subprotocols=(SUBPROTOCOL,), message_bytes_max=MESSAGE_BYTES_MAX
    )
    """Of each websocket; the listener needs the same."""
