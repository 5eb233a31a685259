"""The link of a recipient who has no account (custody 11.8): a sealed token, stored nowhere."""

from engine.contract import Context, Vault
from engine.domains.custody.state import Shipment
from engine.domains.custody.terms import LINK_MS

PURPOSE = "recipient-link"


def link_for(vault: Vault, shipment: str, version: int) -> str:
    """The link in this version: always the same one."""
    return vault.seal(PURPOSE, {"shipment": shipment, "version": version})


def opens(state: Shipment, link: str, ctx: Context) -> bool:
    """Whether this is the latest link of this very shipment, and its time is not over."""
    said = ctx.vault.unseal(PURPOSE, link)
    if said != {"shipment": state.shipment, "version": state.link_version}:
        return False
    return state.ended_at is None or ctx.now < state.ended_at + LINK_MS
