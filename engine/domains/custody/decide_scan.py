"""A scan: from its refusals, in their order, to the new holder (custody Q1 to Q10, H12, X2, X4)."""

from msgspec import Struct

from engine.contract import Context, Decision, Event, Noted
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody import plan, qr
from engine.domains.custody.codes import (
    DEVICE_REVOKED,
    LOCATION_REQUIRED,
    QR_INVALID,
    SCAN_TOO_OLD,
    SELF_HANDOFF,
    WRONG_SCANNER,
)
from engine.domains.custody.decide_qr import expired, not_ready, revoked, used
from engine.domains.custody.guards import disputed, kyc_missing, not_found
from engine.domains.custody.messages import FlagScan
from engine.domains.custody.places import metres_between
from engine.domains.custody.scanner import Scanner
from engine.domains.custody.state import Qr, Shipment, Step, step_of, tried_by
from engine.domains.custody.terms import (
    AHEAD_MS,
    BAD_TOKENS_MAX,
    BAD_TOKENS_MS,
    CARRIERS,
    FAR_M,
    OFFLINE_MS,
    ONLINE_MS,
    SLOTS_GOOD,
    TrackingKind,
    scanner_room,
    slot_of,
)
from engine.kernel.outcome import RATE_LIMITED, Rejected
from engine.kernel.time import HOUR, Millis


class Target(Struct, frozen=True):
    """What a genuine token speaks of."""

    token: qr.Parsed
    code: Qr
    step: Step | None
    """None: the step was replanned."""


def scan_handoff(state: Shipment, command: c.ScanHandoff, ctx: Context) -> Decision:
    """The scan is the transfer of responsibility (Q9). One that fails is written down, too."""
    shipment = ctx.room.partition(":")[2]
    if command.shipment is None and state.status == "ABSENT":
        return _invalid()
    if refusal := not_found(state, shipment):
        return refusal
    if refusal := _too_many(state, command, ctx):
        return refusal
    if refusal := _revoked_device(command, ctx):
        return _noted(state, command, ctx, refusal, None)
    target = _target(state, command, ctx)
    if isinstance(target, Rejected):
        return _noted(state, command, ctx, target, None)
    if refusal := _refusal(state, command, target, ctx):
        return _noted(state, command, ctx, refusal, target)
    assert target.step is not None, "only a step of the plan is scanned"
    return _scanned(state, command, target.step, target.code, ctx)


def _invalid() -> Rejected:
    return Rejected(QR_INVALID, "this is no code of ours")


def _too_many(state: Shipment, command: c.ScanHandoff, ctx: Context) -> Rejected | None:
    """Custody 7: 20 invalid tokens of one device in an hour, at whatever shipments. Of somebody who
    names no device, those at this one."""
    since = ctx.now - BAD_TOKENS_MS
    tries = [state.bad_tokens.get(who, []) for who in tried_by(ctx.actor.user, command.device)]
    scanner = _scanner(command, ctx)
    if scanner and scanner.user == ctx.actor.user:
        tries.append(scanner.invalid_at)
    recent = max(([at for at in times if at > since] for times in tries), key=len)
    if len(recent) < BAD_TOKENS_MAX:
        return None
    wait_ms = recent[-BAD_TOKENS_MAX] + BAD_TOKENS_MS - ctx.now
    return Rejected(
        RATE_LIMITED,
        f"{BAD_TOKENS_MAX} invalid codes in an hour; wait before the next",
        {"retry_after_ms": wait_ms},
    )


def _scanner(command: c.ScanHandoff, ctx: Context) -> Scanner | None:
    """What is known of the device, if it is known in this market."""
    found = ctx.peek(scanner_room(command.device.key_id)) if command.device else None
    return found if isinstance(found, Scanner) else None


def _revoked_device(command: c.ScanHandoff, ctx: Context) -> Rejected | None:
    """At once, for scans that were made before and have waited too: nobody knows who made them, and
    a key that is not its owner's writes any time that it likes (X2)."""
    scanner = _scanner(command, ctx)
    if scanner is None or scanner.revoked_at is None:
        return None
    return Rejected(
        DEVICE_REVOKED,
        "this device was revoked; scan with another one",
        {"revoked_at": scanner.revoked_at},
    )


def _target(state: Shipment, command: c.ScanHandoff, ctx: Context) -> Target | Rejected:
    token = qr.parse(command.qr_token)
    code = state.codes.get(token.qr_id) if token else None
    if token is None or code is None or not qr.is_genuine(ctx.vault, token):
        return _invalid()
    step = step_of(state, code.step_seq)
    return Target(token, code, step if step and step.qr_id == code.qr_id else None)


def _refusal(
    state: Shipment, command: c.ScanHandoff, target: Target, ctx: Context
) -> Rejected | None:
    """Q3 to Q7 and H12, in this order."""
    if state.status == "DISPUTED":
        return disputed()
    code, step = target.code, target.step
    if code.state == "USED" and target.token.version == code.version:
        return used()
    if step is None or code.state == "REVOKED" or target.token.version != code.version:
        return revoked(code)
    if step.state != "READY":
        return not_ready(state, step)
    return (
        _wrong_person(step, ctx)
        or _no_place(command)
        or _wrong_time(command, target.token, code, ctx)
    )


def _wrong_person(step: Step, ctx: Context) -> Rejected | None:
    """Q5, H8."""
    user = ctx.actor.user
    if user != step.scanner:
        if user == step.shower:
            return Rejected(SELF_HANDOFF, "whoever shows the code does not scan it")
        return Rejected(WRONG_SCANNER, "somebody else is planned to scan this code")
    carriers = [id_ for type_, id_ in (step.terms.giver, step.terms.receiver) if type_ in CARRIERS]
    return kyc_missing(ctx.actor.kyc) if user in carriers else None


def _no_place(command: c.ScanHandoff) -> Rejected | None:
    if command.scan_location_id.strip():
        return None
    return Rejected(
        LOCATION_REQUIRED,
        "`scan_location_id` must name the place of the scan",
        {"field": "scan_location_id"},
    )


def moment_of(command: c.ScanHandoff, now: Millis) -> Millis:
    """When the scan was made: now, unless it was kept for want of a network (H12)."""
    return command.device_at if now - command.device_at > ONLINE_MS else now


def _wrong_time(
    command: c.ScanHandoff, token: qr.Parsed, code: Qr, ctx: Context
) -> Rejected | None:
    """H12, Q6, X2: good when it was scanned, and not shown long before that."""
    lateness_ms = ctx.now - command.device_at
    if lateness_ms > OFFLINE_MS:
        return _not_of_today(
            f"`device_at`: a scan is taken up to {OFFLINE_MS // HOUR} hours after it was made; "
            "scan the code that is shown now",
            lateness_ms,
        )
    if lateness_ms < -AHEAD_MS:
        return _not_of_today("`device_at` is ahead; set the device's clock and scan", lateness_ms)
    if code.is_withdrawn:
        return expired(code)
    moment = moment_of(command, ctx.now)
    # A token of the present minute may lie ahead of a device's slow clock.
    age = slot_of(moment) - token.slot
    if not code.active_from - ONLINE_MS <= moment < code.expires_at or not -1 <= age < SLOTS_GOOD:
        return expired(code)
    return None


def _not_of_today(why: str, lateness_ms: Millis) -> Rejected:
    return Rejected(SCAN_TOO_OLD, why, {"lateness_ms": lateness_ms, "limit_ms": OFFLINE_MS})


def _noted(
    state: Shipment,
    command: c.ScanHandoff,
    ctx: Context,
    refusal: Rejected,
    target: Target | None,
) -> Noted:
    """For the audit. Of an invalid token it says nothing but that it came; and whoever has no part
    in the shipment learns no more than the code."""
    rejection = e.ScanRejected(
        code=refusal.code.name,
        scanner=ctx.actor.user,
        step_seq=target.code.step_seq if target else 0,
        qr_id=target.code.qr_id if target else "",
        scan_location_id=command.scan_location_id,
        device_at=command.device_at,
        device=command.device,
        scan_hash=_hash(command),
        rival_of=target.step.scan_id if target and target.step else "",
    )
    if ctx.actor.user not in (state.sender, state.recipient_id, *state.carriers):
        refusal = Rejected(refusal.code, "this code is not for you to scan")
    return Noted(refusal, [rejection])


def _hash(command: c.ScanHandoff) -> str:
    if command.device is None:
        return ""
    return qr.scan_hash(
        command.device, command.qr_token, command.scan_location_id, command.device_at
    )


def _scanned(
    state: Shipment, command: c.ScanHandoff, step: Step, code: Qr, ctx: Context
) -> list[Event]:
    """Scan, custody and tracking in one batch (Q10)."""
    lateness_ms = max(ctx.now - command.device_at, 0)
    scan = e.HandoffScanned(
        step_seq=step.seq,
        scan_id=f"{code.qr_id}.{code.version}",
        qr_id=code.qr_id,
        scanner=ctx.actor.user,
        giver=step.terms.from_id,
        receiver=step.terms.to_id,
        scan_location_id=command.scan_location_id,
        pos=command.pos,
        device_at=command.device_at,
        lateness_ms=lateness_ms,
        flags=_flags(command, step, lateness_ms),
        device=command.device,
        scan_hash=_hash(command),
    )
    moment = moment_of(command, ctx.now)
    return [scan, *after_scan(state, step, scan, moment, ctx)]


def _flags(command: c.ScanHandoff, step: Step, lateness_ms: Millis) -> tuple[e.ScanFlag, ...]:
    """Taken all the same, for staff to look at (Q7, X4)."""
    flags: list[e.ScanFlag] = []
    planned = step.terms.place_pos
    if planned and command.pos and metres_between(planned, command.pos) > FAR_M:
        flags.append("LOCATION_WARN")
    if lateness_ms > ONLINE_MS:
        flags.append("LATE")
    return tuple(flags)


def after_scan(
    state: Shipment, step: Step, scan: e.HandoffScanned, moment: Millis, ctx: Context
) -> list[Event]:
    """What follows: at the delivery the proof is awaited; else there is another holder."""
    ends_return = state.status == "RETURNING" and step.terms.to_party_type == "SENDER"
    kind: TrackingKind = "HANDED_OVER"
    if step.kind == "PICKUP":
        kind = "PICKED_UP"
    elif step.kind == "DELIVERY":
        kind = "AT_RECIPIENT"
    elif ends_return:
        kind = "RETURNED"
    tracked = e.TrackingRecorded(
        number=state.tracked + 1,
        kind=kind,
        place_id=scan.scan_location_id,
        holder=step.terms.from_id if step.kind == "DELIVERY" else step.terms.to_id,
        happened_at=scan.device_at,
    )
    if step.kind == "DELIVERY":
        return [tracked]
    events: list[Event] = [changed(step, scan.scan_location_id, scan.scan_id), tracked]
    if len(step.photos) >= step.photos_min:
        events += confirmed(state, step, moment, ctx)
    return [*events, e.ShipmentReturned(shipment=state.shipment)] if ends_return else events


def changed(step: Step, place_id: str, scan_id: str) -> e.CustodyChanged:
    """The receiver of the step holds it from now on."""
    return e.CustodyChanged(
        step_seq=step.seq,
        from_type=step.terms.from_party_type,
        from_id=step.terms.from_id,
        to_type=step.terms.to_party_type,
        to_id=step.terms.to_id,
        place_id=place_id,
        scan_id=scan_id,
    )


def confirmed(state: Shipment, step: Step, active_from: Millis, ctx: Context) -> list[Event]:
    """The step is done; the next one may happen (Q4, H1)."""
    events: list[Event] = [
        e.StepConfirmed(step_seq=step.seq, giver=step.terms.from_id, receiver=step.terms.to_id)
    ]
    following = step_of(state, step.seq + 1)
    if following:
        code = state.codes[following.qr_id]
        events.append(plan.ready(following, code, active_from, ctx.now))
    return events


def flag(state: Shipment, message: FlagScan, _: Context) -> Decision:
    """The scanner's room has found something odd about a scan that was taken (X2)."""
    assert state.status != "ABSENT", "only a shipment that took a scan hears of it again"
    return [e.ScanFlagged(scan_id=message.scan_id, flags=message.flags, device=message.device)]
