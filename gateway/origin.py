"""Who may open a websocket from a browser page: the Origin header, RFC 6455 section 10.2."""

import msgspec
from websockets.datastructures import Headers

from gateway.handshake import Refusal

ANY_ORIGIN = "*"

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_allowed(origin: str | None, host: str, allowed: frozenset[str]) -> bool:
    """Whether a page of `origin` may connect to the server that it calls `host`.

    Native clients send no Origin and may connect; so may pages of the same origin, and those in
    `allowed` (exact origins such as `https://example.com`, or `*` for all). The scheme is not
    compared with ours, because a proxy in front may have taken the TLS away.
    """
    if origin is None or ANY_ORIGIN in allowed or origin in allowed:
        return True
    scheme, separator, authority = origin.lower().partition("://")
    default_port = _DEFAULT_PORTS.get(scheme)
    if not separator or default_port is None or not authority:
        return False
    same_host = host.lower().removesuffix(default_port)
    return authority.removesuffix(default_port) == same_host


def check_origin(headers: Headers, allowed: frozenset[str]) -> Refusal | None:
    """The refusal of a foreign origin, or None.

    It is an HTTP 403 and not the close code 4003: a page can read neither, and a connection that
    was never opened costs nothing. The body names the rule for whoever reads the network log.
    """
    origin = headers.get("Origin")
    hosts = headers.get_all("Host")
    # Of two Host headers neither can be believed.
    if origin_allowed(origin, hosts[0] if len(hosts) == 1 else "", allowed):
        return None
    body = {
        "type": "error",
        "code": "FORBIDDEN",
        "message": "This origin is neither the server's own nor on its allow-list.",
        "details": {"rule": "origin", "origin": origin, "close_code": 4003},
    }
    return Refusal(403, msgspec.json.encode(body))
