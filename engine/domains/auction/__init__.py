"""Live timed auctions: the rules in code; in prose they stand in README.md."""

from engine.contract import Domain, Outage, Presence, Wake
from engine.domains.auction import commands as c
from engine.domains.auction import decide_bid as bid
from engine.domains.auction import decide_draft as draft
from engine.domains.auction import decide_handover as handover
from engine.domains.auction import decide_settlement as settlement
from engine.domains.auction import decide_staff as staff
from engine.domains.auction import timers
from engine.domains.auction.codes import CODES
from engine.domains.auction.evolve import EVOLVE
from engine.domains.auction.group import GROUP
from engine.domains.auction.invariants import check
from engine.domains.auction.messages import CreateRelisted, ExtendWithGroup
from engine.domains.auction.notices import NOTICES
from engine.domains.auction.reactions import react
from engine.domains.auction.shown import show
from engine.domains.auction.state import Auction
from engine.domains.auction.terms import DOMAIN
from engine.domains.auction.views import audience, regroups, result, view
from engine.domains.auction.workload import workload
from engine.ledger.codes import INSUFFICIENT_FUNDS
from engine.ledger.escrow.codes import ESCROW_DISPUTED
from engine.ledger.messages import (
    EscrowDisputed,
    EscrowRefunded,
    EscrowReleased,
    EscrowResolved,
    PaymentCaptured,
)

AUCTION = Domain(
    name=DOMAIN,
    summary="An ascending auction of one vehicle: bids, extensions, reserve, winner, settlement.",
    initial=Auction,
    decide={
        c.CreateAuction: draft.create,
        c.ApproveAuction: draft.approve,
        c.RejectAuction: draft.reject,
        c.JoinAuction: bid.join,
        c.PlaceBid: bid.place_bid,
        c.SetMaxBid: bid.set_max_bid,
        c.WithdrawMaxBid: bid.withdraw_max_bid,
        c.ExtendAuction: staff.extend,
        c.ForceEnd: staff.force_end,
        c.CancelAuction: staff.cancel,
        c.VoidResult: staff.void_result,
        c.FundDeposit: settlement.fund_deposit,
        c.DeclineOffer: settlement.decline_offer,
        c.PayRemainder: settlement.pay_remainder,
        c.ChooseDelivery: settlement.choose_delivery,
        c.SubmitSettlementDoc: settlement.submit_doc,
        c.ReportDelivery: handover.report_delivery,
        c.ConfirmHandover: handover.confirm_handover,
        c.Relist: draft.relist,
        CreateRelisted: draft.create_relisted,
        PaymentCaptured: settlement.payment_captured,
        EscrowDisputed: handover.escrow_disputed,
        EscrowResolved: handover.escrow_resolved,
        EscrowReleased: handover.escrow_released,
        EscrowRefunded: handover.escrow_refunded,
        Wake: timers.wake,
        Outage: timers.outage,
        Presence: timers.presence,
        ExtendWithGroup: timers.extend_with_group,
    },
    evolve=EVOLVE,
    audience=audience,
    regroups=regroups,
    show=show,
    view=view,
    result=result,
    react=react,
    due=timers.due,
    check=check,
    notices=NOTICES,
    codes=(*CODES, INSUFFICIENT_FUNDS, ESCROW_DISPUTED),
    workload=workload,
)

DOMAINS: tuple[Domain, ...] = (AUCTION, GROUP)
