"""Where a call comes from: the address that a guest's calls are counted against."""

from collections.abc import Set as AbstractSet


def client_address(peer: str, forwarded_for: list[str], proxies: AbstractSet[str]) -> str:
    """The client's address: the peer's or, behind a proxy of ours, what the proxy says it is.

    `forwarded_for` are the `X-Forwarded-For` headers. Each proxy adds the address it was called
    from at the end, and whatever stands before the first that is not ours anyone can have made
    up.
    """
    hops = [hop.strip() for header in forwarded_for for hop in header.split(",")]
    while peer in proxies and hops:
        peer = hops.pop()
    return peer
