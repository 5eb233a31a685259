"""A payment that does not fit waits in CLEARING until staff have looked (accounts 8 and 17)."""

from engine.contract import Context, Decision
from engine.kernel.ids import split_room
from engine.kernel.outcome import Rejected
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.codes import INCIDENT_NOT_FOUND
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


def settle_incident(state: Journal, command: c.SettleIncident, _: Context) -> Decision:
    """The money goes back to where it came from (P9): `return_payment` tells the provider."""
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
        )
    ]
