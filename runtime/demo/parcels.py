"""Parcels that go from hand to hand: codes are shown and scanned, photos taken, receipts given."""

import asyncio
import hashlib
from contextlib import AsyncExitStack

import msgspec
from msgspec import Struct

from runtime.demo.client import Client, Message, Refused
from runtime.demo.stage import CURRENCY, NAIRA, Stage
from runtime.outside.http_out import HttpOut

FARES = (6_000 * NAIRA, 3_000 * NAIRA)
"""Of the traveller and of the courier."""
GOODS = ("books", "a phone", "school shoes", "medicine", "spices", "a violin")
CITIES = ("Lagos", "Abuja", "Accra", "London", "Nairobi", "Houston")
CAST = (
    ("Sam", "Tom", "Lea", "Rita"),
    ("Simi", "Teju", "Liam", "Remi"),
    ("Seun", "Tola", "Leo", "Rose"),
)
"""Senders, travellers, couriers, recipients."""
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(16)
HTTP_S_MAX = 10.0
SHOWN_AFTER_S = 5.0
VISITOR = "you"
"""Whoever joins the demo; a parcel is on its way to them."""


class Lane(Struct, frozen=True):
    """Four people between whom parcels travel, and those who help them."""

    sender: Client
    traveller: Client
    courier: Client
    recipient: Client
    staff: Client
    http: HttpOut


async def parcels(stage: Stage) -> None:
    """Keep a parcel of each sender travelling, until cancelled."""
    http = HttpOut()
    try:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            staff = await stack.enter_async_context(stage.enter("demo-admin", "admin"))
            for names in CAST:
                sender, traveller, courier, recipient = [
                    await stack.enter_async_context(stage.enter(name.lower())) for name in names
                ]
                lane = Lane(sender, traveller, courier, recipient, staff, http)
                group.create_task(_parcel_after_parcel(stage, lane))
                if names == CAST[0]:
                    group.create_task(_one_for_the_visitor(stage, lane))
            await asyncio.Event().wait()
    finally:
        http.close()


async def _parcel_after_parcel(stage: Stage, lane: Lane) -> None:
    while True:
        shipment = stage.new_id()
        room = f"shipment:{shipment}"
        what, start, end = stage.random.choice(GOODS), *stage.random.sample(CITIES, 2)
        await _plan(stage, lane, shipment, lane.recipient.user, what, (start, end))
        stage.playing[room] = f"{what}, {start} to {end}"
        await _travel(stage, lane, shipment, start, end)
        await _arrive(stage, lane, shipment)
        await asyncio.sleep(SHOWN_AFTER_S)
        del stage.playing[room]


async def _one_for_the_visitor(stage: Stage, lane: Lane) -> None:
    """It comes as far as the courier, who waits for the code."""
    shipment = visitors_parcel(stage)
    await _plan(stage, lane, shipment, VISITOR, "a present", ("Lagos", "London"))
    await _travel(stage, lane, shipment, "Lagos", "London")


def visitors_parcel(stage: Stage) -> str:
    """The shipment for whoever joins."""
    return f"yours-{stage.run}"


async def _plan(
    stage: Stage, lane: Lane, shipment: str, to: str, what: str, cities: tuple[str, str]
) -> None:
    """Pay for the carriage, and draw the chain up."""
    sender, traveller, courier = (p.user for p in (lane.sender, lane.traveller, lane.courier))
    await stage.fund(lane.staff, sender, sum(FARES))
    shares = [
        {"payee": payee, "kind": "carrier", "gross": fare}
        for payee, fare in zip((traveller, courier), FARES, strict=True)
    ]
    escrow, total = f"shipment.{shipment}", {"currency": CURRENCY, "total": sum(FARES)}
    await lane.staff.must("escrow.open", escrow=escrow, payer=sender, shares=shares, **total)
    await lane.sender.must("escrow.fund", escrow=escrow)
    await stage.pause(0.5, 2)
    steps = [
        _leg("SENDER", sender, "TRAVELER", traveller, cities[0]),
        _leg("TRAVELER", traveller, "LOCAL_COURIER", courier, cities[1]),
        _leg("LOCAL_COURIER", courier, "RECIPIENT", to, f"a door in {cities[1]}"),
    ]
    await lane.staff.must(
        "custody.plan_handoffs",
        shipment=shipment,
        sender=sender,
        recipient={"name": to.capitalize(), "email": f"{to}@example.com"},
        packages=[{"type": what, "weight_grams": stage.random.randrange(200, 5_000)}],
        steps=steps,
    )


def _leg(giver: str, from_id: str, receiver: str, to_id: str, place: str) -> Message:
    return {
        "from_party_type": giver,
        "from_id": from_id,
        "to_party_type": receiver,
        "to_id": to_id,
        "place_id": place,
    }


async def _travel(stage: Stage, lane: Lane, shipment: str, start: str, end: str) -> None:
    """From the sender by the traveller to the courier."""
    await stage.pause(1, 4)
    await _hand_on(stage, shipment, 1, lane.sender, lane.traveller, start)
    await _photograph(stage, lane, shipment, 1, lane.traveller)
    for kind, place in (("DEPARTED", start), ("ARRIVED", end)):
        await stage.pause(2, 6)
        moved = {"kind": kind, "place_id": place}
        await lane.traveller.must("custody.record_tracking", shipment=shipment, **moved)
    await stage.pause(1, 3)
    await _hand_on(stage, shipment, 2, lane.traveller, lane.courier, end)


async def _arrive(stage: Stage, lane: Lane, shipment: str) -> None:
    """The recipient shows the code for a scan, or says it; either way it is proved."""
    await stage.pause(3, 8)
    shown = await lane.recipient.must("custody.show_qr", shipment=shipment, step_seq=3)
    if stage.random.random() < 1 / 2:
        code = {"shipment": shipment, "code": shown["delivery_code"]}
        await lane.courier.must("custody.enter_delivery_code", **code)
    else:
        await _scan(stage, lane.courier, shown["token"], "the door")
    await stage.pause(0.5, 2)
    name = lane.recipient.user.capitalize()
    await lane.recipient.must("custody.confirm_receipt", shipment=shipment, receiver_name=name)


async def _hand_on(
    stage: Stage, shipment: str, step: int, giver: Client, receiver: Client, place: str
) -> None:
    """The one shows, the other scans."""
    shown = await giver.must("custody.show_qr", shipment=shipment, step_seq=step)
    await stage.pause(0.5, 1.5)
    await _scan(stage, receiver, shown["token"], place)


async def _scan(stage: Stage, receiver: Client, token: str, place: str) -> None:
    scanned = {"scan_location_id": place, "device_at": stage.now()}
    await receiver.must("custody.scan_handoff", qr_token=token, **scanned)


async def _photograph(stage: Stage, lane: Lane, shipment: str, step: int, who: Client) -> None:
    content = JPEG + f"{shipment} {step}".encode()
    headers = {
        "Authorization": f"Bearer {stage.token(who.user, 'user')}",
        "Content-Type": "image/jpeg",
    }
    address = f"{stage.address}/v1/files"
    answer = await lane.http.call("POST", address, content, headers, timeout_s=HTTP_S_MAX)
    if not answer.is_good:
        raise Refused(f"{who.user}: an upload: {answer.status} {answer.body!r}")
    await who.must(
        "custody.add_photos",
        shipment=shipment,
        step_seq=step,
        photo_file_ids=[msgspec.json.decode(answer.body)["id"]],
        sha256=[hashlib.sha256(content).hexdigest()],
    )
