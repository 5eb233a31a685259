"""Questions: they change nothing, and are answered from the state (custody 4, X1)."""

from typing import Any

from engine.contract import Context, Decision, Vault
from engine.domains.custody import commands as c
from engine.domains.custody import qr
from engine.domains.custody.guards import caller, forbidden, not_found
from engine.domains.custody.state import Shipment
from engine.kernel.actor import Actor
from engine.kernel.outcome import Rejected


def get_custody(state: Shipment, command: c.GetCustody, ctx: Context) -> Decision:
    """For parties and staff."""
    if refusal := not_found(state, command.shipment):
        return refusal
    who = caller(state, ctx)
    return who if isinstance(who, Rejected) else ()


def track(state: Shipment, command: c.Track, ctx: Context) -> Decision:
    """For the recipient: with the link, or as the account that the plan names."""
    if refusal := not_found(state, command.shipment):
        return refusal
    who = caller(state, ctx, command.link)
    if isinstance(who, Rejected):
        return who
    return () if who.is_recipient else forbidden("only the recipient tracks by this command")


def tracked(_: c.Track, result: dict[str, Any], _actor: Actor, vault: Vault) -> dict[str, Any]:
    """The delivery code, which the recipient alone may know (custody 10)."""
    code = result.get("delivery")
    if code is None:
        return {}
    return {"delivery_code": qr.delivery_code(vault, code["qr_id"], code["version"])}


def export_epcis(state: Shipment, command: c.ExportEpcis, ctx: Context) -> Decision:
    """For every party, as far as they may see it."""
    if refusal := not_found(state, command.shipment):
        return refusal
    who = caller(state, ctx, command.link)
    return who if isinstance(who, Rejected) else ()
