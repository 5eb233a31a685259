"""A maker of commands, plausible and not: shops on their way to approval, and back."""

from collections.abc import Callable, Mapping

from engine.contract import Command, Dice, Stage
from engine.domains.shop import commands as c
from engine.domains.shop.terms import Document, shop_room
from engine.kernel.actor import ADMIN, SHOPKEEPER, Actor

Asked = tuple[Actor, Command]
Maker = Callable[[Dice, Stage, str], Asked]


def workload(dice: Dice, stage: Stage) -> Asked:
    """The domain's `contract.Workload`: mostly what suits a shop's state, now and then anything."""
    shop = f"s{dice.choice(stage.things)}"
    shown = stage.look(shop_room(shop))
    suitable = _SUITABLE[shown["status"] if shown else "absent"]
    makers = suitable if dice.randrange(0, 16) else (*_UPLOADS, *_ACTS)
    return dice.choice(makers)(dice, stage, shop)


def _create(dice: Dice, stage: Stage, shop: str) -> Asked:
    command = c.CreateShop(
        id=stage.id,
        shop=shop,
        name=f"Shop {shop}",
        address="1 Market Road",
        category=dice.choice(("grocery", "bakery")),
        auto_accept=dice.choice((True, False)),
    )
    return _keeper(dice, stage), command


def _both(dice: Dice, stage: Stage, shop: str) -> Asked:
    files = (Document("ID_PROOF", f"id-{shop}"), Document("LICENCE", f"licence-{shop}"))
    return _owner(dice, stage, shop), c.UploadShopDocs(id=stage.id, shop=shop, files=files)


def _one(dice: Dice, stage: Stage, shop: str) -> Asked:
    files = (Document("ID_PROOF", f"id-{shop}"),)
    return _owner(dice, stage, shop), c.UploadShopDocs(id=stage.id, shop=shop, files=files)


def _approve(dice: Dice, stage: Stage, shop: str) -> Asked:
    return _admin(dice, stage), c.ApproveShop(id=stage.id, shop=shop)


def _reject(dice: Dice, stage: Stage, shop: str) -> Asked:
    reason = dice.choice(("the licence has expired", ""))
    return _admin(dice, stage), c.RejectShop(id=stage.id, shop=shop, reason=reason)


def _suspend(dice: Dice, stage: Stage, shop: str) -> Asked:
    return _admin(dice, stage), c.SuspendShop(id=stage.id, shop=shop, reason="complaints")


def _reinstate(dice: Dice, stage: Stage, shop: str) -> Asked:
    return _admin(dice, stage), c.ReinstateShop(id=stage.id, shop=shop, reason="sorted out")


def _open(dice: Dice, stage: Stage, shop: str) -> Asked:
    return _admin(dice, stage), c.OpenShopDocument(id=stage.id, shop=shop, file=f"id-{shop}")


def _owner(dice: Dice, stage: Stage, shop: str) -> Actor:
    """Whose shop it is, as far as anybody has looked."""
    shown = stage.look(shop_room(shop)) or {}
    known = Actor(shown.get("owner", ""), SHOPKEEPER, "approved")
    return known if known.user and dice.randrange(0, 12) else _keeper(dice, stage)


def _keeper(dice: Dice, stage: Stage) -> Actor:
    return Actor(dice.choice(stage.people[SHOPKEEPER]), SHOPKEEPER, "approved")


def _admin(dice: Dice, stage: Stage) -> Actor:
    return Actor(dice.choice(stage.people[ADMIN]), ADMIN, "approved")


_UPLOADS: tuple[Maker, ...] = (_both, _both, _one)
_ACTS: tuple[Maker, ...] = (_approve, _reject, _suspend, _reinstate, _open, _create)
_SUITABLE: Mapping[str, tuple[Maker, ...]] = {
    "absent": (_create,),
    "pending_approval": (_both, _one, *(_approve,) * 3, _reject),
    "active": (_suspend, *(_open,) * 9),
    "rejected": _UPLOADS,
    "suspended": (_reinstate,),
}
"""By the shop's state, each as often as it stands here."""
