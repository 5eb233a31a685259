"""Parcels that go from hand to hand: each is shown, scanned and photographed, tracked, handed on,
and received. Four people pass one parcel after another on."""

import secrets
from contextlib import AsyncExitStack
from functools import partial
from itertools import pairwise
from typing import Any

import httpx
import uvloop
from msgspec import Struct

from bench.client import Client, connected
from bench.market import IN_FLIGHT, in_lanes
from bench.server import House
from bench.steady import Steady, Tally, together

CURRENCY = "USD"
FEE = 90_00
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(64)
LOOKS = ("custody.show_qr",)
"""Commands that only look: nothing of them is written."""


class Parcels(Struct, frozen=True):
    """What is asked."""

    chains: int = 25
    """Of four people each."""
    each: int = 16
    """Parcels that four people pass on, one after another; each is ten commands."""


class Chain(Struct, frozen=True):
    """Four people, and the picture that the first carrier takes."""

    name: str
    sender: Client
    traveller: Client
    courier: Client
    recipient: Client
    photo: dict[str, Any]


def run(house: House, plan: Parcels) -> Steady:
    """As `measure`, in a loop of its own."""
    return uvloop.run(measure(house, plan))


async def measure(house: House, plan: Parcels) -> Steady:
    """One round, with people of its own. Raises CommandRefused, ConnectionEnded and
    httpx.HTTPError."""
    name = secrets.token_hex(4)
    async with AsyncExitStack() as stack:
        chains = [await _meet(stack, house, f"{name}-{number}") for number in range(plan.chains)]
        planning = connected(house.url, house.token("bench-house", "system"))
        system = await stack.enter_async_context(planning)
        parcels = [(chain, f"{chain.name}-{n}") for chain in chains for n in range(plan.each)]
        await in_lanes(IN_FLIGHT, parcels, lambda one: _plan(system, *one))
        return await together(house.pid, [partial(_pass_all_on, plan.each, one) for one in chains])


async def _meet(stack: AsyncExitStack, house: House, name: str) -> Chain:
    people = {}
    for who in ("sender", "traveller", "courier", "recipient"):
        coming = connected(house.url, house.token(f"{name}-{who}"))
        people[who] = await stack.enter_async_context(coming)
    return Chain(name, **people, photo=await _upload(house, f"{name}-traveller"))


async def _upload(house: House, user: str) -> dict[str, Any]:
    """A picture, over HTTP; what a command says of it."""
    address = house.url.replace("ws", "http", 1).removesuffix("/v1/ws") + "/v1/files"
    headers = {"Authorization": f"Bearer {house.token(user)}", "Content-Type": "image/jpeg"}
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(address, content=JPEG + user.encode(), headers=headers)
        answer.raise_for_status()
    file = answer.json()
    return {"photo_file_ids": [file["id"]], "sha256": [file["sha256"]]}


def _step(giver: str, receiver: str, name: str) -> dict[str, str]:
    """`TRAVELER traveller` to `LOCAL_COURIER courier`."""
    from_type, _, from_id = giver.partition(" ")
    to_type, _, to_id = receiver.partition(" ")
    return {
        "from_party_type": from_type,
        "from_id": f"{name}-{from_id}",
        "to_party_type": to_type,
        "to_id": f"{name}-{to_id}",
        "place_id": "here",
    }


STOPS = ("SENDER sender", "TRAVELER traveller", "LOCAL_COURIER courier", "RECIPIENT recipient")


async def _plan(system: Client, chain: Chain, parcel: str) -> None:
    """Paid for, and planned. Raises CommandRefused."""
    escrow, sender = f"shipment.{parcel}", f"{chain.name}-sender"
    share = {"payee": f"{chain.name}-courier", "kind": "carrier", "gross": FEE}
    money = {"payer": sender, "currency": CURRENCY, "total": FEE, "shares": [share]}
    await system.must("escrow.open", escrow=escrow, **money)
    paid = {"user": sender, "amount": FEE, "currency": CURRENCY, "purpose": f"escrow:{escrow}"}
    payment = {"provider": "bench", "payment": parcel, "kind": "captured"}
    await system.must("ledger.provider_event", **payment, **paid)
    await system.must(
        "custody.plan_handoffs",
        shipment=parcel,
        sender=sender,
        recipient={"name": "Rita", "email": "rita@example.org", "phone": "+441234567890"},
        packages=[{"type": "books", "weight_grams": 2_000, "declared_value": 50_00}],
        steps=[_step(*pair, chain.name) for pair in pairwise(STOPS)],
    )


async def _pass_all_on(parcels: int, chain: Chain, tally: Tally) -> None:
    for number in range(parcels):
        await pass_on(tally, chain, f"{chain.name}-{number}")


async def pass_on(tally: Tally, chain: Chain, parcel: str) -> None:
    """One parcel from the sender to the recipient."""
    of = {"shipment": parcel}
    carriers = (chain.traveller, chain.courier)
    await _hand_over(tally, chain.sender, chain.traveller, parcel, 1)
    photo = {"step_seq": 1, **chain.photo}
    await tally.must(chain.traveller, "custody.add_photos", **photo, **of)
    await tally.must(chain.traveller, "custody.record_tracking", **_moved("DEPARTED"), **of)
    await _hand_over(tally, *carriers, parcel, 2)
    await tally.must(chain.courier, "custody.record_tracking", **_moved("ARRIVED"), **of)
    await _hand_over(tally, chain.recipient, chain.courier, parcel, 3)
    await tally.must(chain.recipient, "custody.confirm_receipt", receiver_name="Rita", **of)


def _moved(kind: str) -> dict[str, str]:
    return {"kind": kind, "place_id": "here"}


async def _hand_over(tally: Tally, shows: Client, scans: Client, parcel: str, step: int) -> None:
    """The one shows the code, the other scans it."""
    shown = await tally.must(shows, "custody.show_qr", shipment=parcel, step_seq=step)
    scanned = {"qr_token": shown.result["token"], "scan_location_id": "here"}
    now = scans.house_now_ms()
    await tally.must(scans, "custody.scan_handoff", device_at=now, **scanned)
