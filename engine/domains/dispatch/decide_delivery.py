"""From the shop to the customer's door, and the code that proves it (dispatch P1-P2, C1-C6)."""

from hmac import compare_digest
from typing import Any

from engine.contract import Context, Decision, Event, Noted, Vault
from engine.domains.dispatch import commands as c
from engine.domains.dispatch import events as e
from engine.domains.dispatch.codes import (
    CODE_REISSUE_LIMIT,
    DELIVERY_CODE_INVALID,
    DELIVERY_CODE_LOCKED,
    NOT_ASSIGNED_DRIVER,
    NOT_PICKED_UP,
    ORDER_ID_MISMATCH,
)
from engine.domains.dispatch.guards import (
    find_job,
    not_the_customer,
    not_the_driver,
    other_zone,
    out_of_place,
    zone_mismatch,
)
from engine.domains.dispatch.state import Job, Zone
from engine.domains.dispatch.terms import (
    LOCK_AT,
    LOCK_MS,
    NO_DELIVERY_MS,
    OPS_ONLY_AT,
    REISSUES_MAX,
    job_key,
)
from engine.kernel.actor import Actor
from engine.kernel.outcome import Rejected

CODES = 10_000


def code_of(vault: Vault, order: str, version: int) -> str:
    """The four digits of a delivery (C1, C2). They are made anew each time, and stored nowhere."""
    drawn = int.from_bytes(vault.mac("delivery-code", f"{order}:{version}")[:8], "big")
    return f"{drawn % CODES:04d}"


def _own_job(state: Zone, order: str | None, ctx: Context) -> Job | Rejected:
    """The job that the actor has; `order` says which, where it is named."""
    if order is not None:
        job = find_job(state, order, ctx)
        return job if isinstance(job, Rejected) else not_the_driver(job, ctx) or job
    mine = state.assigned.get(ctx.actor.user)
    if mine is not None:
        return state.jobs[mine]
    if elsewhere := other_zone(job_key(ctx.actor.user), ctx):
        return zone_mismatch(elsewhere)
    return Rejected(NOT_ASSIGNED_DRIVER, "you have no job")


def _package(
    state: Zone, command: c.ArriveAtShop | c.ConfirmPickup, ctx: Context
) -> Job | Rejected:
    """The job of the driver, if the package in their hands is its package (P1)."""
    job = _own_job(state, None, ctx)
    if isinstance(job, Rejected):
        return job
    if job.terms.order != command.order:
        return Rejected(
            ORDER_ID_MISMATCH,
            "this package belongs to another order; ask the shop for yours",
            {"field": "order"},
        )
    return out_of_place(job, command) or job


def arrive_at_shop(state: Zone, command: c.ArriveAtShop, ctx: Context) -> Decision:
    """Once is enough."""
    job = _package(state, command, ctx)
    if isinstance(job, Rejected):
        return job
    return _arrived(job, "PICKUP")


def _arrived(job: Job, stop: e.Stop) -> Decision:
    if stop in job.arrived:
        return ()
    return [e.DriverArrived(order=job.terms.order, driver=job.driver, stop=stop)]


def confirm_pickup(state: Zone, command: c.ConfirmPickup, ctx: Context) -> Decision:
    """The driver's swipe (P2)."""
    job = _package(state, command, ctx)
    if isinstance(job, Rejected):
        return job
    return [
        e.PackagePickedUp(
            order=command.order, driver=job.driver, deliver_by=ctx.now + NO_DELIVERY_MS
        )
    ]


def arrive_at_customer(state: Zone, command: c.ArriveAtCustomer, ctx: Context) -> Decision:
    """Once is enough."""
    job = _own_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    return out_of_place(job, command) or _arrived(job, "DROPOFF")


def enter_code(state: Zone, command: c.EnterDeliveryCode, ctx: Context) -> Decision:
    """Right: delivered. Wrong: counted, for ever (C4)."""
    job = _own_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    if job.status == "DRIVER_ASSIGNED":
        return Rejected(NOT_PICKED_UP, "pick the package up first; this was no try")
    if refusal := out_of_place(job, command) or _locked(job, ctx):
        return refusal
    order = job.terms.order
    expected = code_of(ctx.vault, order, job.code_version)
    if compare_digest(expected, command.code):
        return [e.DeliveryCodeAccepted(order=order, driver=job.driver), completed(job)]
    return _wrong(job, ctx)


def _wrong(job: Job, ctx: Context) -> Noted:
    """A refusal that is written down, for a try that left no trace would be free."""
    order, attempt = job.terms.order, job.code_attempts + 1
    events: list[Event] = [e.DeliveryCodeRejected(order=order, driver=job.driver, attempt=attempt)]
    until = ctx.now + LOCK_MS if attempt == LOCK_AT else None
    if attempt in (LOCK_AT, OPS_ONLY_AT):
        events.append(e.CodeLocked(order=order, until=until))
    limit = LOCK_AT if attempt < LOCK_AT else OPS_ONLY_AT
    details = {"tries_left": limit - attempt, "locked_until": until}
    message = "the code is wrong; ask the customer to read it out again"
    return Noted(Rejected(DELIVERY_CODE_INVALID, message, details), events)


def _locked(job: Job, ctx: Context) -> Rejected | None:
    """Five wrong codes: ten minutes. Ten: operators only. A restart gives no new tries (C4)."""
    if job.code_attempts >= OPS_ONLY_AT:
        return Rejected(
            DELIVERY_CODE_LOCKED,
            "too many wrong codes; operators have to complete this delivery",
            {"until": None},
        )
    if ctx.now < job.code_locked_until:
        return Rejected(
            DELIVERY_CODE_LOCKED,
            f"too many wrong codes; try again at {job.code_locked_until}",
            {"until": job.code_locked_until},
        )
    return None


def completed(job: Job) -> e.OrderCompleted:
    """The shop is paid, the driver is free."""
    return e.OrderCompleted(
        order=job.terms.order,
        driver=job.driver,
        driver_zone=job.driver_zone,
        claim=job.driver_claim,
        frees=(job_key(job.driver),),
    )


def show_code(state: Zone, command: c.ShowDeliveryCode, ctx: Context) -> Decision:
    """From the assignment to the end, for the customer alone."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    return not_the_customer(job, ctx) or out_of_place(job, command) or ()


def reissue_code(state: Zone, command: c.ReissueCode, ctx: Context) -> Decision:
    """Three times at most; wrong tries stay counted (C5)."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    if refusal := not_the_customer(job, ctx) or out_of_place(job, command):
        return refusal
    if job.code_version > REISSUES_MAX:
        return Rejected(CODE_REISSUE_LIMIT, f"a code is replaced {REISSUES_MAX} times at most")
    return [e.CodeReissued(order=command.order, version=job.code_version + 1)]


def reveal_code(
    command: c.ShowDeliveryCode | c.ReissueCode, result: Any, _: Actor, vault: Vault
) -> dict[str, Any]:
    """What the customer reads and no log holds (C2)."""
    return {"code": code_of(vault, command.order, result["version"])}
