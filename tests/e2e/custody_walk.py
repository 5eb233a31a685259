"""Parcels that people hand on over the wire: codes shown and scanned, photos, every kind of end."""

from base64 import urlsafe_b64encode
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.kernel.time import DAY, HOUR, MINUTE
from testkit.client import Heard
from tests.e2e.walk import BOSS, POOR, Walk

SENDER, TRAVELLER, COURIER, RECIPIENT = "sam", "tom", "lea", "rita"
FEE = 90_00
FIRST_KEY, NEXT_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(64)
HERE = {"lat_e7": 65_244_000, "lng_e7": 33_792_000}
PARCELS = ("whole", "back", "off", "stuck", "lost", "given")
"""What the walk plans."""
PEOPLE = (SENDER, TRAVELLER, COURIER)


def leg(giver: str, receiver: str, place: str, **changes: Any) -> dict[str, Any]:
    """`TRAVELER:tom` to `LOCAL_COURIER:lea`, at a place."""
    from_type, _, from_id = giver.partition(":")
    to_type, _, to_id = receiver.partition(":")
    ends = {"from_party_type": from_type, "from_id": from_id}
    return ends | {"to_party_type": to_type, "to_id": to_id, "place_id": place} | changes


PICKUP = leg(f"SENDER:{SENDER}", f"TRAVELER:{TRAVELLER}", "lagos", place_pos=HERE)
TRANSFER = leg(f"TRAVELER:{TRAVELLER}", f"LOCAL_COURIER:{COURIER}", "london")
DELIVERY = leg(f"LOCAL_COURIER:{COURIER}", f"RECIPIENT:{RECIPIENT}", "door")


async def paid(walk: Walk, shipment: str) -> None:
    """Sam pays for the carriage; both carriers are to have a part."""
    shares = [
        {"payee": TRAVELLER, "kind": "carrier", "gross": 60_00},
        {"payee": COURIER, "kind": "carrier", "gross": 30_00},
    ]
    terms = {"payer": SENDER, "currency": "USD", "total": FEE, "shares": shares}
    escrow = f"shipment.{shipment}"
    await walk.must("robot", "escrow.open", escrow=escrow, **terms)
    await walk.must(SENDER, "escrow.fund", escrow=escrow)


def plan(shipment: str, **changes: Any) -> dict[str, Any]:
    """The fields of a plan by two carriers."""
    recipient = {"name": "Rita", "email": "rita@example.org", "phone": "+441234567890"}
    package = {"type": "books", "weight_grams": 2_000, "declared_value": 50_00}
    parts = {"sender": SENDER, "recipient": recipient, "packages": [package]}
    return {"shipment": shipment, **parts, "steps": [PICKUP, TRANSFER, DELIVERY]} | changes


async def planned(walk: Walk, shipment: str, **changes: Any) -> None:
    """Paid, and planned by the bookings."""
    await paid(walk, shipment)
    await walk.must("robot", "custody.plan_handoffs", **plan(shipment, **changes))


async def shown(walk: Walk, shipment: str, step: int, who: str, **link: str) -> Any:
    """What somebody is shown of a code: `token`, and at the end `delivery_code`."""
    asked = {"shipment": shipment, "step_seq": step, **link}
    return (await walk.must(who, "custody.show_qr", **asked)).result


async def scan(walk: Walk, who: str, token: str, **changes: Any) -> Heard:
    """Somebody scans a token, just now."""
    scanned = {"scan_location_id": "there", "device_at": await walk.advance(0)}
    return await walk.ask(who, "custody.scan_handoff", qr_token=token, **scanned | changes)


async def hand_on(
    walk: Walk, shipment: str, step: int, giver: str, receiver: str, **changes: Any
) -> Any:
    """The one shows, the other scans, and the parcel is theirs."""
    token = (await shown(walk, shipment, step, giver))["token"]
    reply = await scan(walk, receiver, token, **changes)
    assert reply.ok, reply
    return reply.result


async def upload(walk: Walk, who: str, content: bytes = JPEG) -> dict[str, Any]:
    """A picture, over HTTP."""
    headers = {"Authorization": f"Bearer {walk.token(who)}", "Content-Type": "image/jpeg"}
    address = f"{walk.server.address}/v1/files"
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        answer = await http.post(address, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def photograph(walk: Walk, shipment: str, step: int, who: str) -> Heard:
    """A photo of this step."""
    content = JPEG + f"{shipment} {step}".encode()
    file = await upload(walk, who, content)
    photos = {"photo_file_ids": [file["id"]], "sha256": [file["sha256"]]}
    return await walk.must(who, "custody.add_photos", shipment=shipment, step_seq=step, **photos)


async def picked_up(walk: Walk, shipment: str, **changes: Any) -> None:
    """Tom has it, with a photo."""
    await hand_on(walk, shipment, 1, SENDER, TRAVELLER, **changes)
    await photograph(walk, shipment, 1, TRAVELLER)


async def with_courier(walk: Walk, shipment: str) -> None:
    """Lea has it."""
    await picked_up(walk, shipment)
    await hand_on(walk, shipment, 2, TRAVELLER, COURIER)


async def at_the_door(walk: Walk, shipment: str) -> None:
    """Lea has scanned Rita's code."""
    await with_courier(walk, shipment)
    await hand_on(walk, shipment, 3, RECIPIENT, COURIER)


async def status(walk: Walk, shipment: str) -> str:
    """How it stands, as staff see it."""
    found: str = (await walk.door.room(f"shipment:{shipment}", walk.token(BOSS)))["status"]
    return found


async def shipments(walk: Walk) -> None:
    """Every event of custody, on six parcels."""
    await walk.fund(SENDER, amount=10_000_00)
    await a_whole_way(walk)
    await a_way_back(walk)
    await called_off(walk)
    await one_that_is_stuck(walk)
    await one_that_is_lost(walk)
    await one_by_the_word_of_staff(walk)


async def a_whole_way(walk: Walk) -> None:
    """With an odd device, a correction, wrong codes, and in the end the right one."""
    of = {"shipment": "whole"}
    await planned(walk, "whole")
    await walk.must(SENDER, "custody.reissue_qr", step_seq=1, reason="it was seen", **of)
    await scan(walk, TRAVELLER, "forged", shipment="whole")
    await a_device(walk, "tablet")
    await picked_up(walk, "whole", device={"key_id": "phone", "counter": 7})
    moved = {"kind": "DEPARTED", "place_id": "lagos"}
    await walk.must(TRAVELLER, "custody.record_tracking", **moved, **of)
    wrong = {"number": 2, "cause": "did_not_occur", "reason": "the flight was late"}
    await walk.must("meg", "custody.correct_tracking", **wrong, **of)
    await hand_on(walk, "whole", 2, TRAVELLER, COURIER)
    code = (await shown(walk, "whole", 3, RECIPIENT))["delivery_code"]
    bad = f"{(int(code) + 1) % 10_000:04d}"
    for _ in range(5):
        await walk.ask(COURIER, "custody.enter_delivery_code", code=bad, **of)
    await walk.advance(10 * MINUTE)
    await walk.must(COURIER, "custody.enter_delivery_code", code=code, **of)
    await walk.must(RECIPIENT, "custody.confirm_receipt", receiver_name="Rita", **of)
    await walk.must(SENDER, "custody.rate_carrier", step_seq=1, stars=5, **of)


async def a_device(walk: Walk, key_id: str) -> None:
    """One of Tom's, with a key, then with another, then with none that is good."""
    first, second = (base64url(k.public_key().public_bytes_raw()) for k in (FIRST_KEY, NEXT_KEY))
    await walk.must(TRAVELLER, "custody.register_device", key_id=key_id, public_key=first)
    said = f"replace\n{key_id}\n{second}".encode()
    new = {"public_key": second, "signature": base64url(FIRST_KEY.sign(said))}
    await walk.must(TRAVELLER, "custody.replace_device_key", key_id=key_id, **new)
    await walk.must("meg", "custody.revoke_device", key_id=key_id, reason="it was lost")


def base64url(raw: bytes) -> str:
    """Without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


async def a_way_back(walk: Walk) -> None:
    """Declared, planned anew, picked up without a photo, sent back."""
    of = {"shipment": "back"}
    await planned(walk, "back", is_international=True)
    declaration = {"origin": "NG", "destination": "GB", "contents": "books"}
    await walk.must(SENDER, "custody.declare_customs", declaration=declaration, **of)
    steps = [PICKUP, TRANSFER, DELIVERY]
    await walk.must("meg", "custody.replan", steps=steps, reason="a strike", **of)
    await hand_on(walk, "back", 1, SENDER, TRAVELLER)
    await walk.must("meg", "custody.start_return", reason="unwanted", **of)
    await hand_on(walk, "back", 2, TRAVELLER, SENDER)


async def called_off(walk: Walk) -> None:
    """Before anybody took it; a new link was sent before that."""
    await planned(walk, "off")
    await walk.must("meg", "custody.issue_link", shipment="off")
    await walk.must("meg", "custody.expire_qr", shipment="off", qr_id="off.q1")
    await walk.must(SENDER, "custody.cancel_shipment", shipment="off")


async def one_that_is_stuck(walk: Walk) -> None:
    """Late, still, with a code that expires; then lost in a dispute, delivered without proof."""
    of = {"shipment": "stuck"}
    first = PICKUP | {"planned_at": await walk.advance(0)}
    await planned(walk, "stuck", steps=[first, TRANSFER, DELIVERY])
    await walk.advance(2 * HOUR)
    await picked_up(walk, "stuck")
    await walk.advance(3 * DAY)
    await walk.must(TRAVELLER, "custody.reissue_qr", step_seq=2, **of)
    await hand_on(walk, "stuck", 2, TRAVELLER, COURIER)
    await hand_on(walk, "stuck", 3, RECIPIENT, COURIER)
    await walk.advance(DAY)
    decided = {"outcome": "IN_CUSTODY", "reason": "try again"}
    await walk.must("meg", "custody.resolve_custody", **decided, **of)
    await hand_on(walk, "stuck", 4, RECIPIENT, COURIER)
    await photograph(walk, "stuck", 4, COURIER)


async def one_that_is_lost(walk: Walk) -> None:
    """Damaged, sent back, and lost on the way."""
    of = {"shipment": "lost"}
    await planned(walk, "lost")
    await with_courier(walk, "lost")
    file = await upload(walk, COURIER, JPEG + b"a dent")
    damage = {"kind": "DAMAGE", "note": "a dent", "photo_file_ids": [file["id"]]}
    await walk.must(COURIER, "custody.report_problem", **damage, **of)
    decided = {"outcome": "RETURNING", "reason": "it is broken"}
    await walk.must("meg", "custody.resolve_custody", **decided, **of)
    await walk.must(COURIER, "custody.report_problem", kind="LOSS", **of)
    decided = {"outcome": "LOST", "reason": "nobody has it"}
    await walk.must("meg", "custody.resolve_custody", **decided, **of)


async def one_by_the_word_of_staff(walk: Walk) -> None:
    """It weighs too much, and was delivered all the same."""
    of = {"shipment": "given"}
    await planned(walk, "given")
    mismatch = {"kind": "MISMATCH", "weight_grams": 9_000}
    await walk.must(TRAVELLER, "custody.report_problem", **mismatch, **of)
    decided = {"outcome": "DELIVERED", "reason": "Rita says so"}
    await walk.must("meg", "custody.resolve_custody", **decided, **of)


class Custodian:
    """Hears codes of custody."""

    def __init__(self, walk: Walk, heard: set[str]) -> None:
        self._walk = walk
        self._heard = heard

    async def no(self, code: str, user: str, type_: str, /, **fields: Any) -> Any:
        """Somebody asks, and is told this code; what they are told beside it."""
        reply = await self._walk.ask(user, type_, **fields)
        assert reply.code == code, f"{type_} {fields}: {reply}"
        self._heard.add(code)
        return reply.details

    async def no_scan(self, code: str, user: str, token: str, **changes: Any) -> Any:
        """Somebody scans, and is told this code."""
        scanned = {"scan_location_id": "there", "device_at": await self._walk.advance(0)}
        fields = {"qr_token": token} | scanned | changes
        return await self.no(code, user, "custody.scan_handoff", **fields)


async def codes_of_custody(walk: Walk, heard: set[str]) -> None:
    """Every code of custody 7 that is its own."""
    no = Custodian(walk, heard)
    await walk.fund(SENDER, amount=10_000_00)
    await codes_of_plans(walk, no)
    await codes_of_scans(walk, no)
    await codes_of_the_door(walk, no)


async def codes_of_plans(walk: Walk, no: Custodian) -> None:
    planning = "custody.plan_handoffs"
    await no.no("SHIPMENT_NOT_FOUND", SENDER, "custody.get_custody", shipment="nowhere")
    await no.no("ESCROW_NOT_HELD", "robot", planning, **plan("c1"))
    await paid(walk, "c1")
    await no.no("CHAIN_BROKEN", "robot", planning, **plan("c1", steps=[PICKUP, DELIVERY]))
    itself = leg(f"SENDER:{SENDER}", f"TRAVELER:{SENDER}", "lagos")
    last = leg(f"TRAVELER:{SENDER}", f"RECIPIENT:{RECIPIENT}", "door")
    await no.no("SELF_HANDOFF", "robot", planning, **plan("c1", steps=[itself, last]))
    await walk.must("robot", planning, **plan("c1", is_international=True))
    await no.no("CUSTOMS_MISSING", SENDER, "custody.show_qr", shipment="c1", step_seq=1)
    poor = [leg(f"SENDER:{SENDER}", f"TRAVELER:{POOR}", "lagos")]
    poor.append(leg(f"TRAVELER:{POOR}", f"RECIPIENT:{RECIPIENT}", "door"))
    await planned(walk, "c2", steps=poor)
    token = (await shown(walk, "c2", 1, SENDER))["token"]
    await no.no_scan("KYC_REQUIRED", POOR, token)


async def codes_of_scans(walk: Walk, no: Custodian) -> None:
    of = {"shipment": "c3"}
    await planned(walk, "c3")
    start = await walk.advance(0)
    first = (await shown(walk, "c3", 1, SENDER))["token"]
    await no.no_scan("QR_INVALID", TRAVELLER, f"{first}x", **of)
    await no.no_scan("WRONG_SCANNER", COURIER, first)
    await a_device(walk, "c3-phone")
    revoked = {"key_id": "c3-phone", "counter": 1}
    await no.no_scan("DEVICE_REVOKED", TRAVELLER, first, device=revoked)
    await no.no_scan("LOCATION_REQUIRED", TRAVELLER, first, scan_location_id="")
    for _ in range(5):
        await walk.must(SENDER, "custody.reissue_qr", step_seq=1, **of)
    await no.no("REISSUE_LIMIT", SENDER, "custody.reissue_qr", step_seq=1, **of)
    await no.no_scan("QR_REVOKED", TRAVELLER, first)
    token = (await shown(walk, "c3", 1, SENDER))["token"]
    await walk.advance(DAY + MINUTE)
    await no.no_scan("SCAN_TOO_OLD", TRAVELLER, token, device_at=start)
    await no.no_scan("QR_EXPIRED", TRAVELLER, token)
    await no.no("STEP_OUT_OF_ORDER", TRAVELLER, "custody.show_qr", step_seq=2, **of)
    token = (await shown(walk, "c3", 1, SENDER))["token"]
    assert (await scan(walk, TRAVELLER, token)).ok
    await no.no_scan("QR_ALREADY_USED", TRAVELLER, token)
    await no.no("PHOTO_REQUIRED", TRAVELLER, "custody.show_qr", step_seq=2, **of)
    bad = {"photo_file_ids": ["nowhere"], "sha256": ["0" * 64]}
    await no.no("PHOTO_INVALID", TRAVELLER, "custody.add_photos", step_seq=1, **bad, **of)
    await walk.must(TRAVELLER, "custody.report_problem", kind="LOSS", **of)
    await no.no("CUSTODY_DISPUTED", TRAVELLER, "custody.show_qr", step_seq=2, **of)


async def codes_of_the_door(walk: Walk, no: Custodian) -> None:
    await planned(walk, "c4")
    await with_courier(walk, "c4")
    code = (await shown(walk, "c4", 3, RECIPIENT))["delivery_code"]
    entering = {"shipment": "c4", "code": f"{(int(code) + 1) % 10_000:04d}"}
    for left in (4, 3, 2, 1, 0):
        said = await no.no(
            "DELIVERY_CODE_INVALID", COURIER, "custody.enter_delivery_code", **entering
        )
        assert said["tries_left"] == left
    await no.no("DELIVERY_CODE_LOCKED", COURIER, "custody.enter_delivery_code", **entering)
