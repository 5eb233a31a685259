"""Staff set what the platform keeps of deals (accounts 4 and rule 9, admin ADM-6)."""

from engine.contract import Context, Decision
from engine.kernel.ids import room_name
from engine.kernel.outcome import Rejected
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.codes import RATE_OUT_OF_RANGE
from engine.ledger.rates import Commissions, base_rate
from engine.ledger.state import Journal


def set_commission(state: Journal, command: c.SetCommission, ctx: Context) -> Decision:
    """It counts for what is paid from now on. The same again has no effect."""
    least, most = command.min_bps, command.max_bps
    if not least <= command.base_bps <= most:
        return Rejected(
            RATE_OUT_OF_RANGE,
            f"base_bps must be {least} to {most}, as min_bps and max_bps say",
            {"min": least, "max": most},
        )
    standing = state.commissions.get(command.service_type)
    before = base_rate(command.service_type, ctx.market(command.currency), state.commissions)
    if standing and (standing.base_bps, standing.min_bps, standing.max_bps) == (
        command.base_bps,
        least,
        most,
    ):
        return ()
    return [
        e.CommissionSet(
            service_type=command.service_type,
            base_bps=command.base_bps,
            min_bps=least,
            max_bps=most,
            base_before_bps=before,
            by=ctx.actor.user,
        )
    ]


def commissions_of(ctx: Context, currency: str) -> Commissions:
    """What staff have set in this currency, for whoever holds a deal's money."""
    journal = ctx.peek(room_name("ledger", currency))
    return journal.commissions if isinstance(journal, Journal) else {}
