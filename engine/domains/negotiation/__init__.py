"""Haggling over a price: the rules in code; in prose they stand in README.md."""

from engine.contract import Domain, Wake
from engine.domains.negotiation import commands as c
from engine.domains.negotiation import decide_offer as offer
from engine.domains.negotiation import decide_order as order
from engine.domains.negotiation import decide_shop as shop
from engine.domains.negotiation import messages as m
from engine.domains.negotiation import timers
from engine.domains.negotiation.codes import CODES
from engine.domains.negotiation.evolve import EVOLVE
from engine.domains.negotiation.figures import DOMAIN
from engine.domains.negotiation.invariants import check
from engine.domains.negotiation.notices import NOTICES
from engine.domains.negotiation.reactions import errands, react
from engine.domains.negotiation.shown import show
from engine.domains.negotiation.state import Negotiation
from engine.domains.negotiation.terms_domain import TERMS
from engine.domains.negotiation.token import reveal
from engine.domains.negotiation.views import audience, result, view
from engine.domains.negotiation.workload import workload

NEGOTIATION = Domain(
    name=DOMAIN,
    summary="One customer and one shop haggle over one product; an agreed price stands a day.",
    initial=Negotiation,
    decide={
        c.OpenNegotiation: offer.open_,
        c.MakeOffer: offer.make_offer,
        c.AcceptAsk: offer.accept_ask,
        c.Withdraw: offer.withdraw,
        c.SendMessage: shop.send_message,
        c.ShopAccept: shop.accept,
        c.ShopCounter: shop.counter,
        c.ShopReject: shop.reject,
        c.AddToCart: order.add_to_cart,
        c.GetNegotiation: order.get,
        c.BindOrder: order.bind,
        c.OrderPaid: order.paid,
        c.OrderFailed: order.failed,
        c.PostText: shop.post_text,
        m.BindOrder: order.bind,
        m.OrderPaid: order.paid,
        m.OrderFailed: order.failed,
        m.CallOff: shop.call_off,
        Wake: timers.wake,
    },
    evolve=EVOLVE,
    audience=audience,
    show=show,
    view=view,
    result=result,
    react=react,
    due=timers.due,
    check=check,
    notices=NOTICES,
    codes=CODES,
    reveal={
        c.OpenNegotiation: reveal,
        c.MakeOffer: reveal,
        c.AcceptAsk: reveal,
        c.GetNegotiation: reveal,
    },
    errands=errands,
    workload=workload,
)

DOMAINS: tuple[Domain, ...] = (NEGOTIATION, TERMS)
