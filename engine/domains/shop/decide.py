"""What may be done to a shop, and when (identity 3, K5, K6)."""

from typing import Any

from engine.contract import Command, Context, Decision, Vault, tag_of
from engine.domains.shop import commands as c
from engine.domains.shop import events as e
from engine.domains.shop.codes import (
    KYC_DOC_MISSING,
    SELF_APPROVAL,
    SHOP_EXISTS,
    SHOP_NOT_FOUND,
)
from engine.domains.shop.state import Shop, missing
from engine.domains.shop.terms import LINK_MS, LINK_PURPOSE, Status
from engine.kernel.actor import Actor
from engine.kernel.outcome import FORBIDDEN, INVALID_TRANSITION, REASON_REQUIRED, Rejected

FROM: dict[type[Command], tuple[Status, ...]] = {
    c.UploadShopDocs: ("pending_approval", "rejected"),
    c.ApproveShop: ("pending_approval",),
    c.RejectShop: ("pending_approval",),
    c.SuspendShop: ("active",),
    c.ReinstateShop: ("suspended",),
    c.OpenShopDocument: ("pending_approval", "active", "rejected", "suspended"),
}
"""In which states a command has a row in identity 3."""


def create(state: Shop, command: c.CreateShop, ctx: Context) -> Decision:
    """Somebody's own shop, waiting for approval."""
    if state.status != "absent":
        return Rejected(
            SHOP_EXISTS,
            f"there is a shop {command.shop!r}; choose another id",
            {"shop": command.shop},
        )
    return [
        e.ShopCreated(
            shop=command.shop,
            owner=ctx.actor.user,
            name=command.name,
            address=command.address,
            category=command.category,
            auto_accept=command.auto_accept,
        )
    ]


def upload_docs(state: Shop, command: c.UploadShopDocs, ctx: Context) -> Decision:
    """Once all that is needed is there, admins are asked to look; again after each change."""
    if refusal := _out_of_place(state, command) or _not_own(state, ctx):
        return refusal
    documents = state.documents | {found.kind: found.file for found in command.files}
    uploaded = e.DocumentsUploaded(documents=command.files)
    return [uploaded] if missing(documents) else [uploaded, e.ShopSubmitted()]


def approve(state: Shop, command: c.ApproveShop, ctx: Context) -> Decision:
    """By an admin other than its owner, with its documents at hand."""
    if refusal := _out_of_place(state, command) or _own(state, ctx):
        return refusal
    if lacking := missing(state.documents):
        return Rejected(
            KYC_DOC_MISSING,
            f"a shop is approved on its {' and '.join(lacking)}; ask the shopkeeper for it",
            {"missing": lacking},
        )
    return [e.ShopApproved(by=ctx.actor.user)]


def reject(state: Shop, command: c.RejectShop, ctx: Context) -> Decision:
    """With a reason; the shopkeeper may submit again."""
    refusal = _out_of_place(state, command) or _own(state, ctx) or _no_reason(command.reason)
    return refusal or [e.ShopRejected(by=ctx.actor.user, reason=command.reason)]


def suspend(state: Shop, command: c.SuspendShop, ctx: Context) -> Decision:
    """From now on it sells nothing."""
    refusal = _out_of_place(state, command) or _own(state, ctx) or _no_reason(command.reason)
    return refusal or [e.ShopSuspended(by=ctx.actor.user, reason=command.reason)]


def reinstate(state: Shop, command: c.ReinstateShop, ctx: Context) -> Decision:
    """It may sell again."""
    refusal = _out_of_place(state, command) or _own(state, ctx) or _no_reason(command.reason)
    return refusal or [e.ShopReinstated(by=ctx.actor.user, reason=command.reason)]


def open_document(state: Shop, command: c.OpenShopDocument, ctx: Context) -> Decision:
    """For the owner and admins; who has looked is written down."""
    if refusal := _out_of_place(state, command):
        return refusal
    if ctx.actor.user != state.owner and not ctx.actor.has(c.ADMIN_ONLY):
        return Rejected(FORBIDDEN, "documents are for their owner and for admins")
    if command.file not in state.documents.values():
        return Rejected(
            KYC_DOC_MISSING, "the shop has no such document", {"missing": [command.file]}
        )
    until = ctx.now + LINK_MS
    return [e.DocumentOpened(file=command.file, by=ctx.actor.user, until=until)]


def reveal_link(
    command: c.OpenShopDocument, result: Any, actor: Actor, vault: Vault
) -> dict[str, Any]:
    """The link that opens the file. Whoever serves files must see that the file is the owner's:
    a shop may name a file that is somebody else's."""
    claims = {
        "file": command.file,
        "owner": result["owner"],
        "reader": actor.user,
        "until": result["until"],
    }
    return {"link": vault.seal(LINK_PURPOSE, claims)}


def _out_of_place(state: Shop, command: c.ShopCommand) -> Rejected | None:
    """The shop is not there, or not in a state that knows this command."""
    if state.status in FROM[type(command)]:
        return None
    if state.status == "absent":
        return Rejected(
            SHOP_NOT_FOUND,
            f"there is no shop {command.shop!r}; check the field `shop`",
            {"shop": command.shop},
        )
    tag = tag_of(type(command))
    return Rejected(
        INVALID_TRANSITION,
        f"{tag} is not possible while the shop is {state.status}",
        {"status": state.status, "command": tag},
    )


def _not_own(state: Shop, ctx: Context) -> Rejected | None:
    if ctx.actor.user == state.owner:
        return None
    return Rejected(FORBIDDEN, "only its owner hands in documents of a shop")


def _own(state: Shop, ctx: Context) -> Rejected | None:
    """Nobody judges a shop of their own (identity INV-7)."""
    if ctx.actor.user != state.owner:
        return None
    return Rejected(SELF_APPROVAL, "it is your own shop: somebody else must decide")


def _no_reason(reason: str) -> Rejected | None:
    if reason.strip():
        return None
    return Rejected(
        REASON_REQUIRED, "`reason` must say why; it is kept with the act", {"field": "reason"}
    )
