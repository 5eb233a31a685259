"""Shops: who may sell (identity 3, K6). In prose: README.md."""

from engine.contract import Domain
from engine.domains.shop import commands as c
from engine.domains.shop import decide
from engine.domains.shop import events as e
from engine.domains.shop.codes import CODES
from engine.domains.shop.desk import SHOP_DESK
from engine.domains.shop.state import EVOLVE, Shop, card, check
from engine.domains.shop.terms import DOMAIN
from engine.domains.shop.views import audience, errands, react, result, show, view
from engine.domains.shop.workload import workload

SHOP = Domain(
    name=DOMAIN,
    summary="A shop: its sign, its documents, and whether it may sell.",
    initial=Shop,
    decide={
        c.CreateShop: decide.create,
        c.UploadShopDocs: decide.upload_docs,
        c.ApproveShop: decide.approve,
        c.RejectShop: decide.reject,
        c.SuspendShop: decide.suspend,
        c.ReinstateShop: decide.reinstate,
        c.OpenShopDocument: decide.open_document,
    },
    evolve=EVOLVE,
    audience=audience,
    show=show,
    view=view,
    result=result,
    react=react,
    errands=errands,
    card=card,
    check=check,
    reveal={c.OpenShopDocument: decide.reveal_link},
    notices=(e.ShopDecided,),
    codes=CODES,
    workload=workload,
)

DOMAINS: tuple[Domain, ...] = (SHOP, SHOP_DESK)
