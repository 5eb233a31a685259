"""A maker of commands of shipments, plausible and not, for simulation and load.

Where the house's keys are lent out, people scan the codes that they are shown. Where they are not,
no code is genuine, and parcels are delivered by the word of staff.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from msgspec import Struct

from engine.contract import Command, Dice, Stage
from engine.domains.custody import commands as c
from engine.domains.custody.qr import delivery_code, qr_id_of, token_for
from engine.domains.custody.terms import (
    Declaration,
    Outcome,
    Package,
    ProblemKind,
    Recipient,
    StepTerms,
    shipment_room,
    slot_of,
)
from engine.kernel.actor import ADMIN, SYSTEM, USER, Actor
from engine.kernel.time import HOUR
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms, escrow_room

HOUSE = Actor("webhook.sandbox", SYSTEM)
FEE = 1_500
PARCELS = 2
"""For each thing of the moment."""


class Parcel(Struct, frozen=True):
    """One of the shipments of the moment, and who has to do with it."""

    shipment: str
    status: str
    sender: str
    carriers: tuple[str, str]
    recipient: str
    step: Mapping[str, Any] | None = None
    """The one that is next, as staff see it."""


Asked = tuple[Actor, Command]
Maker = Callable[[Dice, Stage, Parcel], Asked]


def workload(dice: Dice, stage: Stage) -> Asked:
    """Who asks what next: mostly what suits the shipment's state, now and then anything."""
    number = dice.choice(stage.things) * PARCELS + dice.randrange(0, PARCELS)
    parcel = _parcel(number, stage)
    suitable = _SUITABLE.get(parcel.status, _ANYTHING)
    return dice.choice(suitable if dice.randrange(0, 16) else _ANYTHING)(dice, stage, parcel)


def _parcel(number: int, stage: Stage) -> Parcel:
    users = stage.people[USER]
    shipment = f"p{number}"
    shown: Mapping[str, Any] | None = stage.look(shipment_room(shipment))
    paid: Mapping[str, Any] | None = stage.look(escrow_room("shipment", shipment))
    status = shown["status"] if shown else f"escrow {paid['status'] if paid else 'absent'}"
    people = [users[(number + turn) % len(users)] for turn in range(4)]
    steps = [step for step in (shown or {"steps": []})["steps"] if step["state"] in _AHEAD]
    step = steps[0] if steps else None
    return Parcel(shipment, status, people[0], (people[1], people[2]), people[3], step)


def _open(_: Dice, stage: Stage, parcel: Parcel) -> Asked:
    share = ShareTerms(parcel.carriers[0], "carrier", FEE)
    command = Open(
        id=stage.id,
        escrow=f"shipment.{parcel.shipment}",
        payer=parcel.sender,
        currency=stage.currency,
        total=FEE,
        shares=(share,),
    )
    return HOUSE, command


def _fund(_: Dice, stage: Stage, parcel: Parcel) -> Asked:
    return _user(parcel.sender), Fund(id=stage.id, escrow=f"shipment.{parcel.shipment}")


def _steps(parcel: Parcel, stage: Stage) -> tuple[StepTerms, ...]:
    first, second = parcel.carriers
    chain = (
        ("SENDER", parcel.sender, "TRAVELER", first),
        ("TRAVELER", first, "LOCAL_COURIER", second),
        ("LOCAL_COURIER", second, "RECIPIENT", parcel.recipient),
    )
    return tuple(
        StepTerms(
            from_party_type=giver_type,  # type: ignore[arg-type]
            from_id=giver,
            to_party_type=receiver_type,  # type: ignore[arg-type]
            to_id=receiver,
            place_id=f"place{number}",
            planned_at=stage.now + number * HOUR,
        )
        for number, (giver_type, giver, receiver_type, receiver) in enumerate(chain)
    )


def _plan(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    command = c.PlanHandoffs(
        id=stage.id,
        shipment=parcel.shipment,
        sender=parcel.sender,
        recipient=Recipient(name="Rita", email="rita@example.org"),
        packages=(Package(type="books", weight_grams=dice.randrange(1, 20_000)),),
        steps=_steps(parcel, stage),
        is_international=dice.choice((False, False, True)),
    )
    return HOUSE, command


def _replan(_: Dice, stage: Stage, parcel: Parcel) -> Asked:
    command = c.Replan(
        id=stage.id, shipment=parcel.shipment, steps=_steps(parcel, stage), reason="a strike"
    )
    return _staff(stage), command


def _customs(_: Dice, stage: Stage, parcel: Parcel) -> Asked:
    declaration = Declaration(origin="NG", destination="GB", contents="books")
    command = c.DeclareCustoms(id=stage.id, shipment=parcel.shipment, declaration=declaration)
    return _user(parcel.sender), command


def _show(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    step = dice.randrange(1, 5)
    command = c.ShowQr(id=stage.id, shipment=parcel.shipment, step_seq=step)
    return _party(dice, parcel), command


def _reissue(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    command = c.ReissueQr(
        id=stage.id, shipment=parcel.shipment, step_seq=dice.randrange(1, 4), reason="lost"
    )
    return dice.choice((_party(dice, parcel), _staff(stage))), command


def _expire(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    qr_id = qr_id_of(parcel.shipment, dice.randrange(1, 5))
    return _staff(stage), c.ExpireQr(id=stage.id, shipment=parcel.shipment, qr_id=qr_id)


def _scan(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    """What the next step is waiting for; a forgery, where nobody has the keys."""
    step, keys = parcel.step, stage.keys
    if step is None or keys is None or "qr" not in step:
        return _forge(dice, stage, parcel)
    if step["state"] == "PENDING":
        return _customs(dice, stage, parcel)
    if step["state"] == "SCANNED":
        return _photograph(dice, stage, parcel)
    giver, receiver = step["from"]["party_id"], step["to"]["party_id"]
    is_delivery = step["kind"] == "DELIVERY"
    if is_delivery and not dice.randrange(0, 4):
        return _code(dice, stage, parcel)
    code = step["qr"]
    command = c.ScanHandoff(
        id=stage.id,
        shipment=parcel.shipment,
        qr_token=token_for(keys, code["qr_id"], code["version"], slot_of(stage.now)),
        scan_location_id="place0",
        device_at=stage.now,
    )
    return _user(giver if is_delivery else receiver), command


def _scan_again(_: Dice, stage: Stage, parcel: Parcel) -> Asked:
    """The first code of all, which mostly was used."""
    qr_id = qr_id_of(parcel.shipment, 1)
    command = c.ScanHandoff(
        id=stage.id,
        shipment=parcel.shipment,
        qr_token=token_for(stage.keys, qr_id, 1, slot_of(stage.now)) if stage.keys else qr_id,
        scan_location_id="place0",
        device_at=stage.now,
    )
    return _user(parcel.carriers[0]), command


def _code(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    """What the recipient says, as often as not misheard."""
    code, step = f"{dice.randrange(0, 10_000):04d}", parcel.step
    if step and stage.keys and dice.randrange(0, 2):
        code = delivery_code(stage.keys, step["qr"]["qr_id"], step["qr"]["version"])
    command = c.EnterDeliveryCode(id=stage.id, shipment=parcel.shipment, code=code)
    return _user(parcel.carriers[1]), command


def _photograph(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    """A picture, which the testkit's world knows by its name."""
    step = parcel.step or {"seq": 1, "from": {"party_id": parcel.sender}}
    who = step["from"]["party_id"]
    photo = f"paper-{who}-{dice.randrange(0, 1_000)}"
    command = c.AddPhotos(
        id=stage.id,
        shipment=parcel.shipment,
        step_seq=step["seq"],
        photo_file_ids=(photo,),
        sha256=(sha256(photo.encode()).hexdigest(),),
    )
    return _user(who), command


def _receive(_: Dice, stage: Stage, parcel: Parcel) -> Asked:
    command = c.ConfirmReceipt(id=stage.id, shipment=parcel.shipment, receiver_name="Rita")
    return _user(parcel.recipient), command


def _rate(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    command = c.RateCarrier(
        id=stage.id,
        shipment=parcel.shipment,
        step_seq=dice.randrange(1, 4),
        stars=dice.randrange(1, 6),
    )
    return _party(dice, parcel), command


def _send_back(_: Dice, stage: Stage, parcel: Parcel) -> Asked:
    return _staff(stage), c.StartReturn(id=stage.id, shipment=parcel.shipment, reason="unwanted")


def _forge(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    qr_id = qr_id_of(parcel.shipment, dice.randrange(1, 5))
    command = c.ScanHandoff(
        id=stage.id,
        shipment=parcel.shipment,
        qr_token=f"{qr_id}~1~1~secret~signature",
        scan_location_id="place0",
        device_at=stage.now,
    )
    return _party(dice, parcel), command


def _report(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    kinds: tuple[ProblemKind, ...] = (
        *("LOSS", "LOSS", "MISMATCH", "REFUSED", "NO_SHOW", "DAMAGE"),
    )
    command = c.ReportProblem(id=stage.id, shipment=parcel.shipment, kind=dice.choice(kinds))
    return dice.choice((_party(dice, parcel), _staff(stage))), command


def _resolve(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    outcomes: tuple[Outcome, ...] = ("IN_CUSTODY", "IN_CUSTODY", "DELIVERED", "LOST", "RETURNING")
    command = c.ResolveCustody(
        id=stage.id,
        shipment=parcel.shipment,
        outcome=dice.choice(outcomes),
        reason=dice.choice(("seen", "")),
    )
    return _staff(stage), command


def _cancel(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    command = c.CancelShipment(id=stage.id, shipment=parcel.shipment, reason="no need")
    return dice.choice((_user(parcel.sender), _staff(stage))), command


def _interfere(dice: Dice, stage: Stage, parcel: Parcel) -> Asked:
    id_, shipment = stage.id, parcel.shipment
    asked: tuple[c.CustodyCommand, ...] = (
        c.StartReturn(id=id_, shipment=shipment, reason="unwanted"),
        c.IssueLink(id=id_, shipment=shipment),
        c.RecordTracking(id=id_, shipment=shipment, kind="ARRIVED", place_id="hub"),
        c.EnterDeliveryCode(id=id_, shipment=shipment, code=f"{dice.randrange(0, 10_000):04d}"),
        c.ConfirmReceipt(id=id_, shipment=shipment, receiver_name="Rita"),
        c.Track(id=id_, shipment=shipment),
        c.GetCustody(id=id_, shipment=shipment),
        c.ExportEpcis(id=id_, shipment=shipment),
    )
    return dice.choice((_staff(stage), _party(dice, parcel))), dice.choice(asked)


def _party(dice: Dice, parcel: Parcel) -> Actor:
    return _user(dice.choice((parcel.sender, *parcel.carriers, parcel.recipient)))


def _user(user: str) -> Actor:
    return Actor(user, USER, "approved")


def _staff(stage: Stage) -> Actor:
    return Actor(stage.people[ADMIN][0], ADMIN, "approved")


_ANYTHING: tuple[Maker, ...] = (
    _open,
    _plan,
    _replan,
    _customs,
    _show,
    _reissue,
    _expire,
    _scan,
    _scan_again,
    _forge,
    _report,
    _resolve,
    _cancel,
    _interfere,
)

_SUITABLE: Mapping[str, tuple[Maker, ...]] = {
    "escrow absent": (_open,),
    "escrow funding": (_fund, _fund, _plan),
    "escrow held": (_plan,),
    "AWAITING_PICKUP": (*(_scan,) * 9, _show, _replan, _customs, _reissue, _cancel),
    "IN_CUSTODY": (
        *(_scan,) * 16,
        *(_photograph, _scan_again, _show, *(_send_back,) * 2, *(_report,) * 3),
        *(_reissue, _expire, _replan, _interfere),
    ),
    "DELIVERY_PENDING_PROOF": (_photograph, _receive, _receive, _report),
    "DELIVERED": (*(_rate,) * 3, *_ANYTHING),
    "RETURNED": (_rate, *_ANYTHING),
    "RETURNING": (*(_scan,) * 9, _scan_again, _report),
    "DISPUTED": (_resolve, _resolve, _scan),
}
"""By the shipment's state, or its escrow's before it is planned."""
_AHEAD = ("PENDING", "READY", "SCANNED")
"""States of a step that is not over."""
