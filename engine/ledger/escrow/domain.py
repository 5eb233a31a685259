"""The domain of the rooms `escrow:{kind}.{id}`, put together."""

from engine.contract import Domain, Wake
from engine.ledger import messages as m
from engine.ledger.codes import INSUFFICIENT_FUNDS
from engine.ledger.escrow import commands as c
from engine.ledger.escrow import decide_dispute as dispute
from engine.ledger.escrow import decide_funding as funding
from engine.ledger.escrow import decide_open, decide_release, views
from engine.ledger.escrow.codes import ESCROW_CODES
from engine.ledger.escrow.decide_chargeback import charged_back
from engine.ledger.escrow.events import SharePaid
from engine.ledger.escrow.reactions import react
from engine.ledger.escrow.state import EVOLVE, Escrow, check
from engine.ledger.escrow.terms import DOMAIN
from engine.ledger.escrow.workload import workload

ESCROW = Domain(
    name=DOMAIN,
    summary="Money of a deal, held until its release: shares, fees, refund, dispute.",
    initial=Escrow,
    decide={
        c.Open: decide_open.open_by_hand,
        c.NamePayee: decide_open.name_payee,
        c.Fund: funding.fund,
        c.Release: decide_release.release_by_hand,
        c.Refund: decide_release.refund_by_hand,
        c.OpenDispute: dispute.open_dispute,
        c.ResolveDispute: dispute.resolve_dispute,
        m.OpenEscrow: decide_open.open_for_a_deal,
        m.NamePayee: decide_open.name_payee,
        m.ReleaseEscrow: decide_release.release_for_a_deal,
        m.RefundEscrow: decide_release.refund_for_a_deal,
        m.DisputeEscrow: dispute.dispute_for_a_deal,
        m.PaymentCaptured: funding.payment_captured,
        m.ChargedBack: charged_back,
        Wake: funding.wake,
    },
    evolve=EVOLVE,
    audience=views.audience,
    regroups=views.regroups,
    show=views.show,
    view=views.view,
    result=views.result,
    react=react,
    due=funding.due,
    check=check,
    notices=(SharePaid,),
    codes=(*ESCROW_CODES, INSUFFICIENT_FUNDS),
    workload=workload,
)
