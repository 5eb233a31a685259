"""Questions that several decisions ask first, and the refusals that answer them."""

from engine.contract import Command, Context, Shop, tag_of
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.codes import (
    DRIVER_NOT_ELIGIBLE,
    LOCATION_INVALID,
    NOT_ASSIGNED_DRIVER,
    ORDER_NOT_FOUND,
    ZONE_MISMATCH,
)
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.state import Driver, Job, JobStatus, Zone
from engine.domains.dispatch.terms import CLOCK_AHEAD_MS, driver_key, order_key
from engine.kernel.ids import split_room
from engine.kernel.outcome import (
    FORBIDDEN,
    INVALID_TRANSITION,
    REASON_REQUIRED,
    ROOM_NOT_FOUND,
    Rejected,
)
from engine.kernel.time import Millis

BEFORE_PICKUP: tuple[JobStatus, ...] = (
    "PENDING_SHOP_APPROVAL",
    "SEARCHING",
    "UNASSIGNED",
    "DRIVER_ASSIGNED",
)

FROM: dict[type[Command], tuple[JobStatus, ...]] = {
    c.ShopAccept: ("PENDING_SHOP_APPROVAL",),
    c.ShopReject: ("PENDING_SHOP_APPROVAL",),
    c.CancelOrder: BEFORE_PICKUP,
    c.ArriveAtShop: ("DRIVER_ASSIGNED",),
    c.ConfirmPickup: ("DRIVER_ASSIGNED",),
    c.ObjectPickup: ("OUT_FOR_DELIVERY",),
    c.ReleaseDriver: ("DRIVER_ASSIGNED",),
    c.ArriveAtCustomer: ("OUT_FOR_DELIVERY",),
    c.EnterDeliveryCode: ("OUT_FOR_DELIVERY",),
    c.ShowDeliveryCode: ("DRIVER_ASSIGNED", "OUT_FOR_DELIVERY"),
    c.ReissueCode: ("DRIVER_ASSIGNED", "OUT_FOR_DELIVERY"),
    c.RetrySearch: ("UNASSIGNED",),
    c.AssignDriver: ("UNASSIGNED",),
    c.OverrideDelivery: ("OUT_FOR_DELIVERY",),
    c.FailDelivery: ("OUT_FOR_DELIVERY",),
    c.ConfirmReturn: ("RETURNING",),
}
"""In which states a command has a row in dispatch 3."""


def no_zone(state: Zone, ctx: Context) -> Rejected | None:
    """Nobody has created this zone."""
    if state.zone:
        return None
    return Rejected(ROOM_NOT_FOUND, f"there is no zone {split_room(ctx.room)[1]!r}")


def find_job(state: Zone, order: str, ctx: Context) -> Job | Rejected:
    """The job of an order: or where it is, or that there is none."""
    job = state.jobs.get(order)
    if job is not None:
        return job
    if elsewhere := other_zone(order_key(order), ctx):
        return zone_mismatch(elsewhere)
    return Rejected(
        ORDER_NOT_FOUND,
        f"there is no order {order!r} on its way; check the field `order`",
        {"order": order},
    )


def other_zone(key: str, ctx: Context) -> str:
    """The zone that holds this claim, if it is another one."""
    room = ctx.claimed_by(key)
    return split_room(room)[1] if room not in (None, ctx.room) else ""


def zone_mismatch(zone: str) -> Rejected:
    return Rejected(ZONE_MISMATCH, f"this is a matter of zone {zone!r}", {"zone": zone})


def out_of_place(job: Job, command: Command) -> Rejected | None:
    """The job is not in a state that knows this command (dispatch 3)."""
    return None if job.status in FROM[type(command)] else no_such_step(job.status, command)


def no_such_step(status: str, command: Command) -> Rejected:
    """A row that is missing in dispatch 3."""
    tag = tag_of(type(command))
    return Rejected(
        INVALID_TRANSITION,
        f"{tag} is not possible: the state is {status}",
        {"status": status, "command": tag},
    )


def forbidden(why: str) -> Rejected:
    """The role might do this, but not this person here."""
    return Rejected(FORBIDDEN, why)


def is_shop_owner(job: Job, ctx: Context) -> bool:
    """Whether the actor owns the job's shop, as the shop itself says."""
    shop = ctx.card(f"shop:{job.terms.shop}")
    return isinstance(shop, Shop) and bool(ctx.actor.user) and shop.owner == ctx.actor.user


def not_the_shop(job: Job, ctx: Context) -> Rejected | None:
    return None if is_shop_owner(job, ctx) else forbidden("this is for the shop of the order")


def not_the_customer(job: Job, ctx: Context) -> Rejected | None:
    if ctx.actor.user == job.terms.customer:
        return None
    return forbidden("this is for the customer of the order")


def is_ops(ctx: Context) -> bool:
    return ctx.actor.has(c.OPS)


def not_the_driver(job: Job, ctx: Context) -> Rejected | None:
    if job.driver and job.driver == ctx.actor.user:
        return None
    return Rejected(NOT_ASSIGNED_DRIVER, "another driver has this job, or nobody has it")


def no_reason(reason: str) -> Rejected | None:
    """Whoever steps in must say why."""
    if reason.strip():
        return None
    return Rejected(
        REASON_REQUIRED, "`reason` must say why; it is kept with the act", {"field": "reason"}
    )


def find_driver(state: Zone, ctx: Context) -> Driver | Rejected:
    """The actor, if they are online in this zone."""
    driver = state.drivers.get(ctx.actor.user)
    if driver is not None and driver.state != "OFFLINE":
        return driver
    if elsewhere := other_zone(driver_key(ctx.actor.user), ctx):
        return zone_mismatch(elsewhere)
    return not_eligible("you are offline; go online first")


def not_approved(ctx: Context) -> Rejected | None:
    """Drivers have been identified (dispatch 4)."""
    if ctx.actor.is_approved:
        return None
    return not_eligible("your documents are not approved yet")


def not_eligible(why: str) -> Rejected:
    return Rejected(DRIVER_NOT_ELIGIBLE, why)


def impossible(
    pos: Place, device_at: Millis | None, ctx: Context, field: str = "pos"
) -> Rejected | None:
    """A position that nobody can be at, or of a moment that has not come. `field`: where it
    stands."""
    if not pos.exists:
        return Rejected(
            LOCATION_INVALID,
            f"`{field}` is not on the earth: `lat` and `lon` are degrees times 10,000,000",
            {"field": field},
        )
    if device_at is not None and device_at > ctx.now + CLOCK_AHEAD_MS:
        return Rejected(
            LOCATION_INVALID,
            "`device_at` lies in the future; set the device's clock",
            {"field": "device_at", "now": ctx.now},
        )
    return None
