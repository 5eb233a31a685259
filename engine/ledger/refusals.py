"""Refusals that several commands of the ledger share."""

from engine.kernel.outcome import REASON_REQUIRED, Rejected
from engine.ledger.codes import INSUFFICIENT_FUNDS


def insufficient(required: int, available: int, source: str = "wallet") -> Rejected:
    """There is less than is asked for; both figures in minor units."""
    return Rejected(
        INSUFFICIENT_FUNDS,
        f"amount needs {required} available and the {source} has {available}",
        {"required": required, "available": available},
    )


def reason_required() -> Rejected:
    """An act by hand says why (accounts rule 16)."""
    return Rejected(REASON_REQUIRED, "reason must say why", {"field": "reason"})
