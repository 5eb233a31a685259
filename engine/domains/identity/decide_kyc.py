"""Documents: handed in, looked at, opened (K1-K5)."""

from typing import Any

from engine.contract import Context, Decision, Event, Vault
from engine.domains.identity import commands as c
from engine.domains.identity import events as e
from engine.domains.identity.codes import (
    ACCOUNT_NOT_VERIFIED,
    KYC_DOC_ILLEGIBLE,
    KYC_DOC_MISSING,
    KYC_PENDING,
    KYC_REJECTED,
)
from engine.domains.identity.guards import no_reason, not_found, not_in, own
from engine.domains.identity.state import Account, Application
from engine.domains.identity.terms import (
    LINK_MS,
    NEEDED,
    REVIEW_WITHIN_MS,
    ROLE_OF_KYC,
    KycKind,
)
from engine.kernel.actor import ADMIN, DEALER, DRIVER, Actor
from engine.kernel.files import LINK_PURPOSE
from engine.kernel.ids import HOUSE
from engine.kernel.outcome import FORBIDDEN, INVALID_TRANSITION, Rejected


def submit(state: Account, command: c.SubmitKyc, ctx: Context) -> Decision:
    """All documents of the kind, each legible; not while others are being looked at."""
    refusal = not_in(state, command, "active") or _no_phone(state) or _incomplete(state, command)
    if refusal:
        return refusal
    found = state.applications.get(command.kind)
    if found and found.state == "pending" and not found.lapsed:
        return Rejected(
            KYC_PENDING,
            f"application {found.application} is being looked at; wait for the answer",
            {"application": found.application, "due_at": found.due_at},
        )
    return [
        e.KycSubmitted(
            application=f"k{state.applications_made + 1}",
            kind=command.kind,
            files=command.files,
            form=command.form,
            due_at=ctx.now + REVIEW_WITHIN_MS,
        )
    ]


def _no_phone(state: Account) -> Rejected | None:
    """Whoever is to bid, sell or drive has proved a phone number (I9), and all of that begins
    with documents (K1)."""
    if "phone" in state.verified:
        return None
    return Rejected(
        ACCOUNT_NOT_VERIFIED, "add a phone and type its code first", {"missing": ["phone"]}
    )


def _incomplete(state: Account, command: c.SubmitKyc) -> Rejected | None:
    given = {found.kind for found in command.files}
    missing: list[str] = [kind for kind in NEEDED[command.kind] if kind not in given]
    if command.kind == "dealer" and command.form is None:
        missing.append("form")
    if missing:
        return Rejected(
            KYC_DOC_MISSING,
            f"an application of this kind needs {', '.join(missing)}",
            {"missing": missing},
        )
    unread = [found.file for found in command.files if found.file in state.illegible]
    if unread:
        return Rejected(
            KYC_DOC_ILLEGIBLE,
            "a reviewer could not read this file before; make a better picture",
            {"files": unread},
        )
    return None


def approve(state: Account, command: c.ApproveKyc, ctx: Context) -> Decision:
    """By somebody else; a role that waits for it comes with it (K4)."""
    found = _waiting(state, command, ctx)
    if isinstance(found, Rejected):
        return found
    expires_at = command.documents_expire_at
    if expires_at is not None and expires_at <= ctx.now:
        return Rejected(
            KYC_DOC_MISSING,
            "a document that has expired proves nothing; reject the application",
            {"missing": ["documents_expire_at"]},
        )
    by = ctx.actor.user
    approved = e.KycApproved(
        application=found.application, kind=found.kind, by=by, documents_expire_at=expires_at
    )
    role = ROLE_OF_KYC.get(found.kind)
    if role is None or role in state.roles:
        return [approved]
    reason = f"application {found.application} approved"
    return [approved, e.RoleGranted(role=role, by=by, reason=reason)]


def reject(state: Account, command: c.RejectKyc, ctx: Context) -> Decision:
    """With a reason that names the document."""
    found = _waiting(state, command, ctx)
    if isinstance(found, Rejected):
        return found
    if refusal := no_reason(command.reason):
        return refusal
    unknown = [file for file in command.illegible if file not in found.files.values()]
    if unknown:
        return Rejected(KYC_DOC_MISSING, "the application has no such file", {"missing": unknown})
    return [
        e.KycRejected(
            application=found.application,
            kind=found.kind,
            by=ctx.actor.user,
            reason=command.reason,
            illegible=command.illegible,
        )
    ]


def _waiting(
    state: Account, command: c.ApproveKyc | c.RejectKyc, ctx: Context
) -> Application | Rejected:
    """The application, if it is there and somebody else's (INV-7). Who names one that has been
    replaced has looked at other documents."""
    if refusal := not_in(state, command, "active", "suspended") or own(state, ctx):
        return refusal
    by_id = {found.application: found for found in state.applications.values()}
    found = by_id.get(command.application)
    if found is None:
        return Rejected(
            INVALID_TRANSITION,
            f"there is no application {command.application!r} of this account by now",
            {"application": command.application},
        )
    if found.state == "rejected":
        return Rejected(
            KYC_REJECTED,
            "it was rejected; the owner must hand in better documents first",
            {"application": found.application, "reason": found.reason},
        )
    if found.state == "approved" or found.lapsed:
        return Rejected(
            INVALID_TRANSITION,
            "nobody has to look at this application now",
            {"application": found.application, "status": found.state},
        )
    return found


def lost_roles(state: Account, lapsing: KycKind) -> list[Event]:
    """Dealers and drivers are approved as such (K1, K4): without it they are none. A dealer who
    was made one by hand is none without any approval (INV-3)."""
    lost = {ROLE_OF_KYC.get(lapsing)} & {DEALER, DRIVER}
    if not set(state.approvals) - {lapsing}:
        lost.add(DEALER)
    reason = f"documents of kind {lapsing} have expired"
    return [
        e.RoleRevoked(role=role, by=HOUSE, reason=reason)
        for role in (DEALER, DRIVER)
        if role in lost and role in state.roles
    ]


def open_document(state: Account, command: c.OpenDocument, ctx: Context) -> Decision:
    """For the owner and admins; who has looked is written down (K5)."""
    if ctx.actor.user != command.user and not ctx.actor.has(frozenset({ADMIN})):
        return Rejected(FORBIDDEN, "documents are for their owner and for admins")
    if refusal := not_found(state):
        return refusal
    files = {file for found in state.applications.values() for file in found.files.values()}
    if command.file not in files:
        return Rejected(
            KYC_DOC_MISSING, "the account has no such document", {"missing": [command.file]}
        )
    until = ctx.now + LINK_MS
    return [e.DocumentOpened(file=command.file, by=ctx.actor.user, until=until)]


def reveal_link(command: c.OpenDocument, result: Any, actor: Actor, vault: Vault) -> dict[str, Any]:
    """The link that opens the file. Whoever serves files must see that the file is the owner's:
    an application may name a file that is somebody else's."""
    claims = {
        "file": command.file,
        "owner": command.user,
        "reader": actor.user,
        "until": result["until"],
    }
    return {"link": vault.seal(LINK_PURPOSE, claims)}
