"""Chains of hand-overs: whether one holds together, and the events that put it in place."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec.structs import replace

from engine.contract import Context, Event, Person
from engine.domains.custody import events as e
from engine.domains.custody import qr
from engine.domains.custody.codes import CHAIN_BROKEN, SELF_HANDOFF
from engine.domains.custody.guards import kyc_missing
from engine.domains.custody.state import Qr, Shipment, Step, carriers_of
from engine.domains.custody.terms import (
    CARRIERS,
    QR_LIFE_MS,
    PartyType,
    StepKind,
    StepTerms,
    kind_of,
    shown_by,
)
from engine.kernel.ids import room_name
from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis

Party = tuple[PartyType, str]
Chain = tuple[StepTerms, ...]


def chained(steps: Chain, start: Party, end: Party, least: int) -> Chain | Rejected:
    """The steps with their kinds, if they lead from one party to the other without a gap."""
    if len(steps) < least:
        return _broken(f"at least {least} steps are needed", len(steps))
    kinds = [_kind(index, len(steps), start, end) for index in range(len(steps))]
    made = []
    before = start
    for number, (step, kind) in enumerate(zip(steps, kinds, strict=True), start=1):
        if step.giver != before:
            return _broken(f"step {number} is not from {before[0]} {before[1]}", number)
        if number < len(steps) and step.to_party_type not in CARRIERS:
            return _broken(f"step {number} must lead to a carrier", number)
        if step.kind not in (None, kind):
            return _broken(f"step {number} is a {kind}", number)
        if step.from_id == step.to_id:
            return Rejected(
                SELF_HANDOFF, f"step {number} has the same account on both sides", {"step": number}
            )
        before = step.receiver
        made.append(replace(step, kind=kind))
    if before != end:
        return _broken(f"the last step must lead to {end[0]} {end[1]}", len(steps))
    return tuple(made)


def _kind(index: int, count: int, start: Party, end: Party) -> StepKind:
    """Only the first step from the sender is a pick-up, only the recipient's is a delivery."""
    kind = kind_of(index, count)
    if (kind == "DELIVERY" and end[0] != "RECIPIENT") or (
        kind == "PICKUP" and start[0] != "SENDER"
    ):
        return "TRANSFER"
    return kind


def _broken(why: str, step: int) -> Rejected:
    return Rejected(CHAIN_BROKEN, f"the chain does not hold: {why}", {"step": step})


def names_of(steps: Chain, ctx: Context) -> dict[str, str] | Rejected:
    """First names of the carriers whom the house knows, and of the sender if they are the first to
    give; refused if a carrier is not identified (H8)."""
    carriers = carriers_of(steps)
    names = {}
    for user in dict.fromkeys((*carriers, *(step.from_id for step in steps[:1]))):
        person = ctx.card(room_name("identity", user))
        if not isinstance(person, Person):
            continue
        if user in carriers and (refusal := kyc_missing(person.kyc)):
            return refusal
        names[user] = (person.display_name.split() or [user])[0]
    return names


def issue(state: Shipment, steps: Chain, first: int, ctx: Context) -> list[Event]:
    """A code for each new step (Q1)."""
    number = len(state.codes)
    issued: list[Event] = []
    for index, step in enumerate(steps):
        assert step.kind is not None, "the chain has been looked at"
        qr_id = qr.qr_id_of(ctx.room.partition(":")[2], number + index + 1)
        issued.append(issued_as(ctx, qr_id, first + index, 1, shown_by(step, step.kind)))
    return issued


def issued_as(
    ctx: Context, qr_id: str, seq: int, version: int, shower: str, reason: str = ""
) -> e.QrIssued:
    """A version of a code: the log has the hash of its secret (Q2)."""
    return e.QrIssued(
        qr_id=qr_id,
        step_seq=seq,
        version=version,
        token_hash=qr.hash_of(qr.secret_of(ctx.vault, qr_id, version)),
        shown_by=shower,
        reason=reason,
    )


def ready_first(issued: Sequence[Event], steps: Chain, now: Millis) -> e.StepReady:
    """The first of these new steps may happen."""
    code = issued[0]
    assert isinstance(code, e.QrIssued), "a step has a code"
    return e.StepReady(
        step_seq=code.step_seq,
        qr_id=code.qr_id,
        version=code.version,
        active_from=now,
        expires_at=now + QR_LIFE_MS,
        giver=steps[0].from_id,
        receiver=steps[0].to_id,
        is_delivery=steps[0].kind == "DELIVERY",
    )


def ready(step: Step, code: Qr, active_from: Millis, now: Millis) -> e.StepReady:
    """The next step may happen (Q4, Q6)."""
    return e.StepReady(
        step_seq=step.seq,
        qr_id=code.qr_id,
        version=code.version,
        active_from=active_from,
        expires_at=now + QR_LIFE_MS,
        giver=step.terms.from_id,
        receiver=step.terms.to_id,
        is_delivery=step.kind == "DELIVERY",
    )


def revoked(state: Shipment, cause: e.RevokeCause) -> list[Event]:
    """Every code that was not used dies."""
    return [
        e.QrRevoked(qr_id=code.qr_id, step_seq=code.step_seq, version=code.version, cause=cause)
        for code in state.codes.values()
        if code.state in ("ISSUED", "ACTIVE", "EXPIRED")
    ]


def way_back(state: Shipment) -> Chain:
    """From the holder to the sender by the carriers that it came by; detours are left out."""
    path: list[tuple[Party, str]] = []
    for held in state.holders:
        party: Party = (held.party_type, held.party_id)
        known = [index for index, (before, _) in enumerate(path) if before == party]
        path = path[: known[0]] if known else path
        path.append((party, held.place_id))
    backwards = path[::-1]
    return tuple(
        StepTerms(
            from_party_type=giver[0],
            from_id=giver[1],
            to_party_type=receiver[0],
            to_id=receiver[1],
            place_id=place,
        )
        for (giver, place), (receiver, _) in pairwise(backwards)
    )
