"""Links for pictures: to upload one without an account, and to look at one (custody 10)."""

from typing import Any

from engine.contract import Context, Decision, Vault
from engine.domains.custody import commands as c
from engine.domains.custody import photos
from engine.domains.custody.codes import PHOTO_INVALID
from engine.domains.custody.guards import caller, entered, forbidden, not_found
from engine.domains.custody.state import Shipment
from engine.kernel.actor import Actor
from engine.kernel.files import LINK_PURPOSE, UPLOAD_PURPOSE
from engine.kernel.outcome import Rejected


def request_upload(state: Shipment, command: c.RequestUpload, ctx: Context) -> Decision:
    """For the recipient, who may have a link and no account. Everybody else has a token."""
    who = entered(state, command, ctx, command.link)
    if isinstance(who, Rejected):
        return who
    return () if who.is_recipient else forbidden("only the recipient uploads by a link")


def open_photo(state: Shipment, command: c.OpenPhoto, ctx: Context) -> Decision:
    """For whoever sees that the photo is there. Of other files nobody learns anything."""
    if refusal := not_found(state, command.shipment):
        return refusal
    who = caller(state, ctx, command.link)
    if isinstance(who, Rejected):
        return who
    if any(photos.may_open(state, viewer, command.file) for viewer in who.viewers):
        return ()
    return Rejected(
        PHOTO_INVALID, "the shipment shows you no such photo", {"file_id": command.file}
    )


def upload_link(_: c.RequestUpload, result: Any, _actor: Actor, vault: Vault) -> dict[str, Any]:
    """The link by which the door takes the file, and says whose it is."""
    claims = {"owner": result["owner"], "until": result["until"]}
    return {"link": vault.seal(UPLOAD_PURPOSE, claims)}


def photo_link(command: c.OpenPhoto, result: Any, actor: Actor, vault: Vault) -> dict[str, Any]:
    """The link that opens the file. Whose it is, it does not say: a carrier is known by first
    name here, and `photos.found` has seen that the file was its giver's to show."""
    claims = {"file": command.file, "reader": actor.user, "until": result["until"]}
    return {"link": vault.seal(LINK_PURPOSE, claims)}
