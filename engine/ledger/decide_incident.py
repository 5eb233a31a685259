"""What does not fit waits until staff have looked: a payment, in CLEARING (accounts 8), or a
difference between the books and a provider's statement (accounts rule 17)."""

from engine.contract import Context, Decision
from engine.kernel.ids import split_room
from engine.kernel.outcome import Rejected
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.codes import DUPLICATE_REFERENCE, INCIDENT_NOT_FOUND
from engine.ledger.messages import OpenIncident
from engine.ledger.refusals import reason_required
from engine.ledger.state import Journal


def open_incident(state: Journal, message: OpenIncident, ctx: Context) -> Decision:
    """Told by the room that the payment was for."""
    return [
        e.IncidentOpened(
            incident=f"i{state.made + 1}",
            room=message.room,
            payment=message.payment,
            payer=message.payer,
            amount=message.amount,
            currency=split_room(ctx.room)[1],
            provider=message.provider,
            expected=message.expected,
        )
    ]


def report_difference(state: Journal, command: c.ReportDifference, ctx: Context) -> Decision:
    """Told by whoever compares a provider's statement with the books (accounts rule 17)."""
    claim = f"difference:{command.provider}:{command.what}:{command.payment}:{command.reported}"
    if ctx.claimed_by(claim):
        return Rejected(
            DUPLICATE_REFERENCE,
            f"this difference in {command.payment!r} has been told before",
            {"field": "payment"},
        )
    return [
        e.IncidentOpened(
            incident=f"i{state.made + 1}",
            room="",
            payment=command.payment,
            payer="",
            amount=command.reported,
            currency=command.currency,
            provider=command.provider,
            expected=command.booked,
            cause=command.cause,
            what=command.what,
            claims=(claim,),
        )
    ]


def settle_incident(state: Journal, command: c.SettleIncident, _: Context) -> Decision:
    """The money goes back to where it came from (P9): `return_payment` tells the provider. Of a
    difference there is none to send."""
    incident = state.incidents.get(command.incident)
    if incident is None:
        return Rejected(
            INCIDENT_NOT_FOUND,
            f"no open incident {command.incident!r} in this currency",
            {"incident": command.incident},
        )
    if not command.reason:
        return reason_required()
    return [
        e.IncidentSettled(
            incident=command.incident,
            reason=command.reason,
            room=incident.room,
            payment=incident.payment,
            payer=incident.payer,
            amount=incident.amount,
            currency=incident.currency,
            provider=incident.provider,
            cause=incident.cause,
        )
    ]
