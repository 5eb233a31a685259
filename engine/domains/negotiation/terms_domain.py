"""The rooms `terms:{shop}`: what a shop would really take, and who haggles over what."""

from engine.contract import Domain
from engine.domains.negotiation import messages as m
from engine.domains.negotiation import terms_commands as c
from engine.domains.negotiation import terms_decide as decide
from engine.domains.negotiation.codes import TERMS_CODES
from engine.domains.negotiation.figures import TERMS_DOMAIN
from engine.domains.negotiation.terms_state import TERMS_EVOLVE, Terms, check_terms
from engine.domains.negotiation.terms_views import audience, result, show, view

TERMS = Domain(
    name=TERMS_DOMAIN,
    summary="A shop's secret terms for haggling: minimum prices, strategies, quantity breaks.",
    initial=Terms,
    decide={
        c.SetTerms: decide.set_terms,
        c.TryStrategy: decide.try_strategy,
        c.ListProduct: decide.list_product,
        c.WithdrawProduct: decide.withdraw_product,
        c.ChangeStock: decide.change_stock,
        m.ProductListed: decide.list_product,
        m.ProductWithdrawn: decide.withdraw_product,
        m.StockChanged: decide.change_stock,
        m.NegotiationBegun: decide.begin,
        m.NegotiationAgreed: decide.agree,
        m.NegotiationClosed: decide.close,
    },
    evolve=TERMS_EVOLVE,
    audience=audience,
    show=show,
    view=view,
    result=result,
    react=decide.react,
    check=check_terms,
    codes=TERMS_CODES,
)
