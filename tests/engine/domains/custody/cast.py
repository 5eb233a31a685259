"""The people of these tests, the parcel that they hand on, and the commands that they send."""

from typing import Any

from engine.contract import Command, Vault
from engine.domains.custody import commands as c
from engine.domains.custody import qr
from engine.domains.custody.events import ScanRejected
from engine.domains.custody.links import link_for
from engine.domains.custody.state import Shipment
from engine.domains.custody.terms import (
    Declaration,
    Device,
    Package,
    Position,
    Recipient,
    StepTerms,
    shipment_room,
    slot_of,
)
from engine.kernel.actor import ADMIN, ANYONE, MANAGER, SYSTEM, TRAVELER, USER, Actor
from engine.kernel.outside import StoredFile
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms, escrow_room
from testkit.house import House
from testkit.world import vault

SAM = Actor("sam", USER, "approved")
TOM = Actor("tom", TRAVELER, "approved")
LEA = Actor("lea", USER, "approved")
RITA = Actor("rita", USER, "none")
EVE = Actor("eve", USER, "approved")
MOD = Actor("mod", MANAGER, "approved")
BOSS = Actor("boss", ADMIN, "approved")
BOOKINGS = Actor("bookings", SYSTEM)
GUEST = ANYONE

ROOM = shipment_room("s1")
ESCROW = escrow_room("shipment", "s1")
FEE = 90_00
HERE = Position(lat_e7=65_244_000, lng_e7=33_792_000)
FAR = Position(lat_e7=65_344_000, lng_e7=33_792_000)
"""1,112 m north."""

KEYS: Vault = vault()


def step(giver: str, receiver: str, place: str, **changes: Any) -> StepTerms:
    """`TRAVELER:tom` to `LOCAL_COURIER:lea`, at a place."""
    from_type, _, from_id = giver.partition(":")
    to_type, _, to_id = receiver.partition(":")
    fields: dict[str, Any] = {
        "from_party_type": from_type,
        "from_id": from_id,
        "to_party_type": to_type,
        "to_id": to_id,
        "place_id": place,
    }
    return StepTerms(**(fields | changes))


CHAIN = (
    step("SENDER:sam", "TRAVELER:tom", "lagos", place_pos=HERE),
    step("TRAVELER:tom", "LOCAL_COURIER:lea", "london"),
    step("LOCAL_COURIER:lea", "RECIPIENT:rita", "door"),
)
RECIPIENT = Recipient(
    name="Rita", email="rita@example.org", phone="+441234567890", address="1 High Street"
)
PICTURES = {
    "tom": ("p1", "p2", "p3", "p4", "p5", "p6", "p7"),
    "lea": ("l1", "l2", "l3"),
    "sam": ("s1", "s2"),
    "rita": ("r1",),
    "eve": ("e1",),
    ROOM: ("g1", "g2"),
}
"""Whose files they are; a guest's are the room's."""
PARCEL = Package(type="books", weight_grams=2_000, declared_value=50_00, contents="Things")


def plan(**changes: Any) -> c.PlanHandoffs:
    fields: dict[str, Any] = {
        "shipment": "s1",
        "sender": "sam",
        "recipient": RECIPIENT,
        "packages": (PARCEL,),
        "steps": CHAIN,
    }
    return c.PlanHandoffs(id="c", **(fields | changes))


def scan(token: str, now: int, **changes: Any) -> c.ScanHandoff:
    """Made just now, at a place, unless it says otherwise."""
    fields: dict[str, Any] = {"scan_location_id": "there", "device_at": now, "shipment": "s1"}
    return c.ScanHandoff(id="c", qr_token=token, **(fields | changes))


def show(seq: int, **changes: Any) -> c.ShowQr:
    return c.ShowQr(id="c", shipment="s1", step_seq=seq, **changes)


def reissue(seq: int, reason: str = "", **changes: Any) -> c.ReissueQr:
    return c.ReissueQr(id="c", shipment="s1", step_seq=seq, reason=reason, **changes)


def photos(seq: int, *names: str, hashes: tuple[str, ...] | None = None) -> c.AddPhotos:
    found = tuple(f"sha-{name}" for name in names) if hashes is None else hashes
    return c.AddPhotos(id="c", shipment="s1", step_seq=seq, photo_file_ids=names, sha256=found)


def confirm(**changes: Any) -> c.ConfirmReceipt:
    fields: dict[str, Any] = {"receiver_name": "Rita"}
    return c.ConfirmReceipt(id="c", shipment="s1", **(fields | changes))


def enter(code: str) -> c.EnterDeliveryCode:
    return c.EnterDeliveryCode(id="c", shipment="s1", code=code)


def tracking(kind: Any = "ARRIVED", place: str = "hub", note: str = "") -> c.RecordTracking:
    return c.RecordTracking(id="c", shipment="s1", kind=kind, place_id=place, note=note)


def problem(kind: Any, **changes: Any) -> c.ReportProblem:
    return c.ReportProblem(id="c", shipment="s1", kind=kind, **changes)


def resolve(outcome: Any, reason: str = "we looked", **changes: Any) -> c.ResolveCustody:
    return c.ResolveCustody(id="c", shipment="s1", outcome=outcome, reason=reason, **changes)


def give_back(reason: str = "unwanted", **changes: Any) -> c.StartReturn:
    return c.StartReturn(id="c", shipment="s1", reason=reason, **changes)


def replan(*steps: StepTerms, reason: str = "a strike") -> c.Replan:
    return c.Replan(id="c", shipment="s1", steps=steps, reason=reason)


def cancel(reason: str = "") -> c.CancelShipment:
    return c.CancelShipment(id="c", shipment="s1", reason=reason)


def customs() -> c.DeclareCustoms:
    declaration = Declaration(origin="NG", destination="GB", contents="books")
    return c.DeclareCustoms(id="c", shipment="s1", declaration=declaration)


def device(counter: int, previous: str = "", key: str = "phone") -> Device:
    return Device(key_id=key, counter=counter, previous=previous)


def link(version: int = 1, shipment: str = "s1") -> str:
    """What the recipient was sent."""
    return link_for(KEYS, shipment, version)


def held(house: House) -> House:
    """Sam has paid for the carriage of s1, and everybody has photos of everything."""
    for owner, names in PICTURES.items():
        for name in names:
            house.world.files[name] = StoredFile(f"sha-{name}", 1_000, "image/jpeg", owner)
    house.world.files["text"] = StoredFile("sha-text", 10, "text/plain", "tom")
    house.deposit("sam", 1_000_00)
    escrow = Open(
        id="c",
        escrow="shipment.s1",
        payer="sam",
        currency="NGN",
        total=FEE,
        shares=(ShareTerms("tom", "carrier", 60_00), ShareTerms("lea", "carrier", 30_00)),
    )
    return house.given((BOOKINGS, escrow), (SAM, Fund(id="c", escrow="shipment.s1")))


def planned(house: House, **changes: Any) -> House:
    """The plan of s1 stands: sam, tom, lea, rita."""
    return held(house).given((BOOKINGS, plan(**changes)))


def state_of(house: House) -> Shipment:
    found = house.state(ROOM)
    assert isinstance(found, Shipment)
    return found


def token(house: House, seq: int, at: int | None = None) -> str:
    """The code of a step as it is shown now, or was at that time."""
    found = next(step for step in state_of(house).steps if step.seq == seq)
    code = state_of(house).codes[found.qr_id]
    return qr.token_for(KEYS, code.qr_id, code.version, slot_of(house.now if at is None else at))


def code_of(house: House) -> str:
    """The recipient's four digits."""
    code = state_of(house).codes[state_of(house).steps[-1].qr_id]
    return qr.delivery_code(KEYS, code.qr_id, code.version)


def wrong_code(house: House) -> str:
    return f"{(int(code_of(house)) + 1) % 10_000:04d}"


def picked_up(house: House, **changes: Any) -> House:
    """Tom has it, with a photo."""
    planned(house, **changes)
    return house.given((TOM, scan(token(house, 1), house.now)), (TOM, photos(1, "p1")))


def handed_on(house: House, **changes: Any) -> House:
    """Lea has it."""
    picked_up(house, **changes)
    return house.given((LEA, scan(token(house, 2), house.now)))


def at_the_door(house: House) -> House:
    """Lea has scanned Rita's code; the proof is missing."""
    handed_on(house)
    return house.given((LEA, scan(token(house, 3), house.now)))


def delivered(house: House) -> House:
    return at_the_door(house).given((LEA, photos(3, "l2")))


def refused_scan(house: House, code: str, **details: Any) -> House:
    """The latest scan changed nothing, was written down, and was answered with this code."""
    house.then_noted(ScanRejected, code, **details)
    (rejected,) = house.happened(ScanRejected)
    assert rejected.code == code
    return house


def tried(house: House, *asked: tuple[Actor, Command]) -> House:
    """Given what was tried before, in vain."""
    for actor, command in asked:
        house.when(actor, command).then_any()
        assert house.refusal is not None, f"{command} is not refused"
    return house
