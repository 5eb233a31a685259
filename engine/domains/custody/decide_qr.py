"""Codes and links: shown, issued again, ended (custody Q1, Q2, Q6, 11.8)."""

from typing import Any

from msgspec.structs import replace

from engine.contract import Context, Decision, Event, Vault
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody import plan, qr
from engine.domains.custody.codes import (
    CUSTOMS_MISSING,
    PHOTO_REQUIRED,
    QR_ALREADY_USED,
    QR_EXPIRED,
    QR_INVALID,
    QR_REVOKED,
    REISSUE_LIMIT,
    STEP_OUT_OF_ORDER,
)
from engine.domains.custody.decide_plan import customs_missing
from engine.domains.custody.guards import (
    Caller,
    both_sides,
    entered,
    forbidden,
    no_reason,
    not_found,
    out_of_place,
)
from engine.domains.custody.state import Qr, Shipment, Step, step_of
from engine.domains.custody.terms import REISSUES_MAX, SLOT_MS, SLOTS_GOOD, slot_of
from engine.kernel.actor import Actor
from engine.kernel.outcome import Rejected


def show_qr(state: Shipment, command: c.ShowQr, ctx: Context) -> Decision:
    """Only whoever shows it may have it, and nobody else, staff neither (custody 10)."""
    who = entered(state, command, ctx, command.link)
    if isinstance(who, Rejected):
        return who
    step = step_of(state, command.step_seq)
    if step is None or not _shows(step, who):
        return forbidden("the code of this step is not yours to show")
    if refusal := both_sides(step, who):
        return refusal
    code = state.codes[step.qr_id]
    if refusal := not_active(state, step, code, ctx):
        return refusal
    if command.version is not None and command.version != code.version:
        return revoked(code)
    return ()


def _shows(step: Step, who: Caller) -> bool:
    return who.is_recipient if step.kind == "DELIVERY" else step.shower == who.user != ""


def shown(state: Shipment, command: c.ShowQr, ctx: Context) -> dict[str, Any]:
    """What the reply stores: enough to make the token again, and no secret."""
    step = step_of(state, command.step_seq)
    assert step is not None, "it was found a moment ago"
    code, slot = state.codes[step.qr_id], slot_of(ctx.now)
    return {
        "step_seq": step.seq,
        "qr_id": code.qr_id,
        "version": code.version,
        "expires_at": code.expires_at,
        "slot": slot,
        "show_again_at": (slot + 1) * SLOT_MS,
        "good_until": (slot + SLOTS_GOOD) * SLOT_MS,
        "public_key": qr.public_key(ctx.vault),
        "is_delivery": step.kind == "DELIVERY",
    }


def revealed(_: c.ShowQr, result: dict[str, Any], _actor: Actor, vault: Vault) -> dict[str, Any]:
    """The token, and at the delivery the code to say instead. In no log."""
    qr_id, version = result["qr_id"], result["version"]
    said = {"token": qr.token_for(vault, qr_id, version, result["slot"])}
    if result["is_delivery"]:
        said["delivery_code"] = qr.delivery_code(vault, qr_id, version)
    return said


def not_active(state: Shipment, step: Step, code: Qr, ctx: Context) -> Rejected | None:
    """Why the code of a step is not good now, if so."""
    if code.state == "ACTIVE" and ctx.now < code.expires_at:
        return None
    if code.state == "USED":
        return used()
    if code.state == "REVOKED":
        return revoked(code)
    if code.state in ("EXPIRED", "ACTIVE"):
        return expired(code)
    return not_ready(state, step)


def not_ready(state: Shipment, step: Step) -> Rejected:
    """A step that waits: for customs, for photos of the one before, or for its turn (Q4)."""
    if customs_missing(state):
        return Rejected(CUSTOMS_MISSING, "the customs declaration is missing; it comes first")
    current = state.current
    if current and current.state == "SCANNED" and current.seq + 1 == step.seq:
        return Rejected(
            PHOTO_REQUIRED,
            f"step {current.seq} has no photo yet; add one first",
            {"step_seq": current.seq},
        )
    expected = current.seq if current else 0
    return Rejected(
        STEP_OUT_OF_ORDER,
        f"step {step.seq} has not come yet; step {expected} is next",
        {"expected": expected},
    )


def used() -> Rejected:
    return Rejected(QR_ALREADY_USED, "this code was used; each is good for one scan")


def revoked(code: Qr) -> Rejected:
    return Rejected(
        QR_REVOKED,
        "this code was replaced or withdrawn; ask for the one that is shown now",
        {"version": code.version},
    )


def expired(code: Qr) -> Rejected:
    return Rejected(
        QR_EXPIRED,
        "this code is over; it can be issued again",
        {"expires_at": code.expires_at},
    )


def reissue_qr(state: Shipment, command: c.ReissueQr, ctx: Context) -> Decision:
    """By whoever shows it, or staff, who say why. The old one dies (Q6)."""
    who = entered(state, command, ctx, command.link)
    if isinstance(who, Rejected):
        return who
    step = step_of(state, command.step_seq)
    if step is None or not (who.is_staff or _shows(step, who)):
        return forbidden("the code of this step is not yours to issue again")
    if who.is_staff and not _shows(step, who) and (refusal := no_reason(command.reason)):
        return refusal
    code = state.codes[step.qr_id]
    if code.state not in ("ACTIVE", "EXPIRED"):
        return not_active(state, step, code, ctx) or used()
    if code.reissues >= REISSUES_MAX:
        return Rejected(
            REISSUE_LIMIT,
            f"a code is issued again {REISSUES_MAX} times at most; ask staff for another plan",
            {"limit": REISSUES_MAX},
        )
    return reissued(step, code, command.reason, ctx)


def reissued(step: Step, code: Qr, reason: str, ctx: Context) -> list[Event]:
    """The next version of a code, active at once."""
    version = code.version + 1
    issued = plan.issued_as(ctx, code.qr_id, step.seq, version, step.shower, reason)
    events: list[Event] = []
    if code.state == "ACTIVE":
        events.append(
            e.QrRevoked(qr_id=code.qr_id, step_seq=step.seq, version=code.version, cause="REISSUED")
        )
    ready = plan.ready(step, code, ctx.now, ctx.now)
    return [*events, issued, replace(ready, version=version)]


def expire_qr(state: Shipment, command: c.ExpireQr, ctx: Context) -> Decision:
    """Staff end a code before its time; whoever shows it may have another."""
    if refusal := out_of_place(state, command):
        return refusal
    code = state.codes.get(command.qr_id)
    if code is None:
        return Rejected(QR_INVALID, "this shipment has no such code", {"field": "qr_id"})
    if code.state == "ACTIVE":
        return [expiry(code, "BY_HAND")]
    step = step_of(state, code.step_seq)
    if code.state in ("REVOKED", "EXPIRED") or step is None:
        return revoked(code) if code.state == "REVOKED" else expired(code)
    return not_active(state, step, code, ctx) or used()


def expiry(code: Qr, cause: e.ExpireCause) -> e.QrExpired:
    """The end of a version of a code."""
    return e.QrExpired(qr_id=code.qr_id, step_seq=code.step_seq, version=code.version, cause=cause)


def issue_link(state: Shipment, command: c.IssueLink, ctx: Context) -> Decision:
    """The recipient has lost it, or somebody else has it."""
    if refusal := not_found(state, command.shipment):
        return refusal
    return [e.RecipientLinkIssued(version=state.link_version + 1, by=ctx.actor.user)]
