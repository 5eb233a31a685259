"""Parcels over the wire: from the payment to the proof, back again, offline, and across a kill."""

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.domains.custody.codes import CODES
from engine.domains.custody.links import link_for
from engine.kernel.time import HOUR, MINUTE
from runtime.config import Config
from runtime.tokens import vault_of
from tests.e2e.custody_walk import (
    COURIER,
    RECIPIENT,
    SENDER,
    TRAVELLER,
    at_the_door,
    codes_of_custody,
    hand_on,
    photograph,
    picked_up,
    planned,
    scan,
    shown,
    status,
    with_courier,
)
from tests.e2e.places import Place
from tests.e2e.walk import BOSS, GUEST, Walk, walking

ROOM = "shipment:s1"


async def link_in(data: Path) -> str:
    """The link in the recipient's letter; it is sent when the plan is durable."""
    letters = data / "letters.jsonl"
    async with asyncio.timeout(20):
        while True:
            lines = letters.read_text().splitlines() if letters.exists() else []
            for line in lines:
                text: str = json.loads(line)["text"]
                if "with this link: " in text:
                    return text.rpartition("with this link: ")[2].strip()
            await asyncio.sleep(0.05)


async def assert_paid(walk: Walk, user: str, amount: int) -> None:
    """What the house owes a carrier."""
    room = await walk.door.room(f"user:{user}", walk.token(BOSS))
    assert room["payables"] == {"USD": {"carrier": amount}}


async def test_from_the_payment_to_the_proof(place: Place) -> None:
    """Two carriers, a guest with a link, every feed without a gap, and the money at the end."""
    async with (
        place.serve("--test-clock", "--notifier", "file") as server,
        walking(server) as walk,
    ):
        await walk.fund(SENDER)
        await planned(walk, "s1")
        for user in (SENDER, TRAVELLER, COURIER):
            await (await walk.client(user)).subscribe(ROOM)
        await picked_up(walk, "s1")
        moved = {"kind": "ARRIVED", "place_id": "london", "note": "gate 7"}
        await walk.must(TRAVELLER, "custody.record_tracking", shipment="s1", **moved)
        await hand_on(walk, "s1", 2, TRAVELLER, COURIER)
        link = await link_in(place.data)
        seen = (await walk.must(GUEST, "custody.track", shipment="s1", link=link)).result
        assert seen["status"] == "IN_CUSTODY"
        assert seen["holder"]["name"] == "Carrier 2"
        token = (await shown(walk, "s1", 3, GUEST, link=link))["token"]
        assert (await scan(walk, COURIER, token)).result["scanned_step_seq"] == 3
        assert await status(walk, "s1") == "DELIVERY_PENDING_PROOF"
        received = {"shipment": "s1", "receiver_name": "Rita", "link": link}
        await walk.must(GUEST, "custody.confirm_receipt", **received)
        assert await status(walk, "s1") == "DELIVERED"
        await assert_paid(walk, TRAVELLER, 60_00)
        await assert_paid(walk, COURIER, 30_00)
        await rated(walk, link)
        await feeds_tell_each_what_is_theirs(walk, link)
        await the_log_proves_itself(place, seen["delivery_code"], link, token)


async def rated(walk: Walk, link: str) -> None:
    """By both ends; anybody may look, and the carrier does not learn who said what."""
    of = {"shipment": "s1", "step_seq": 2}
    await walk.must(SENDER, "custody.rate_carrier", stars=5, **of)
    await walk.must(GUEST, "custody.rate_carrier", stars=4, link=link, **of)
    again = await walk.ask(GUEST, "custody.rate_carrier", stars=1, link=link, **of)
    assert again.code == "INVALID_TRANSITION"
    assert (await walk.ask(COURIER, "custody.rate_carrier", stars=5, **of)).code == "FORBIDDEN"
    assert await walk.door.room(f"carrier:{COURIER}") == {"rating": 450, "ratings": 2}
    told = await walk.door.history(ROOM, walk.token(COURIER))
    assert [x["data"] for x in told if x["event"] == "custody.carrier_rated"] == [{}, {}]


async def feeds_tell_each_what_is_theirs(walk: Walk, link: str) -> None:
    """Gapless for everybody; what is not theirs is empty."""
    last = (await walk.must(SENDER, "custody.get_custody", shipment="s1")).seq
    for user in (SENDER, TRAVELLER, COURIER):
        ear = await walk.client(user)
        await ear.hear(event="custody.shipment_delivered")
        seqs = ear.seqs(ROOM)
        assert seqs == list(range(seqs[0], last + 1))
    heard = [m for m in (await walk.client(COURIER)).unasked if m.event]
    moves = [m.data for m in heard if m.event == "custody.custody_changed"]
    assert moves[0] == {}, "the courier has no part in the first hand-over"
    assert moves[1]["to"]["party_id"] == COURIER
    asked = {"shipment": "s1", "link": link}
    document = (await walk.must(GUEST, "custody.export_epcis", **asked)).result["document"]
    assert document["type"] == "EPCISDocument"
    assert document["epcisBody"]["eventList"][-1]["bizStep"] == "unpacking"


async def the_log_proves_itself(place: Place, *secrets: str) -> None:
    """`outcry verify --room`, and no secret in any record."""
    for record in await place.records(ROOM):
        text = (record.event + record.result).decode()
        assert not any(f'"{secret}"' in text for secret in secrets)
    proved = await place.verify("--room", ROOM)
    assert proved.code == 0, proved.err
    assert "every receipt follows from the one before" in proved.out
    assert (await place.records(ROOM))[-1].hash in proved.out
    whole = await place.verify()
    assert whole.code == 0, whole.err


async def test_a_kill_in_between_loses_nothing(place: Place) -> None:
    """`kill -9` after the pick-up: the scan sent again gets its first answer, the way goes on; and
    wrong codes are still counted."""
    async with place.serve("--test-clock") as server, walking(server) as walk:
        await walk.fund(SENDER)
        await planned(walk, "s1")
        token = (await shown(walk, "s1", 1, SENDER))["token"]
        made: dict[str, Any] = {
            "qr_token": token,
            "scan_location_id": "lagos",
            "device_at": await walk.advance(0),
        }
        tom = await walk.client(TRAVELLER)
        first = await tom.must("custody.scan_handoff", "the-scan", **made)
        server.process.kill()
        assert await server.process.ended() == -9
    place.bury()
    async with place.serve("--test-clock") as server, walking(server) as walk:
        tom = await walk.client(TRAVELLER)
        again = await tom.must("custody.scan_handoff", "the-scan", **made)
        assert again.duplicate
        assert again.result == first.result
        used = await tom.ask("custody.scan_handoff", **made)
        assert used.code == "QR_ALREADY_USED"
        await photograph(walk, "s1", 1, TRAVELLER)
        await hand_on(walk, "s1", 2, TRAVELLER, COURIER)
        await wrong_codes(walk, 5)
        server.process.kill()
        assert await server.process.ended() == -9
    place.bury()
    async with place.serve("--test-clock") as server, walking(server) as walk:
        locked = await walk.ask(COURIER, "custody.enter_delivery_code", shipment="s1", code="0000")
        assert locked.code == "DELIVERY_CODE_LOCKED"
        await hand_on(walk, "s1", 3, RECIPIENT, COURIER)
        await photograph(walk, "s1", 3, COURIER)
        assert await status(walk, "s1") == "DELIVERED"
        await assert_paid(walk, COURIER, 30_00)


async def wrong_codes(walk: Walk, count: int) -> None:
    code = (await shown(walk, "s1", 3, RECIPIENT))["delivery_code"]
    wrong = f"{(int(code) + 1) % 10_000:04d}"
    for _ in range(count):
        asked = {"shipment": "s1", "code": wrong}
        reply = await walk.ask(COURIER, "custody.enter_delivery_code", **asked)
        assert reply.code == "DELIVERY_CODE_INVALID"


async def test_an_offline_scan_comes_hours_later(on_sqlite: Place) -> None:
    """Kept with its token and device time; taken, marked late, and a rival's is refused."""
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await walk.fund(SENDER)
        await planned(walk, "s1")
        token = (await shown(walk, "s1", 1, SENDER))["token"]
        scanned_at = await walk.advance(MINUTE)
        await walk.advance(5 * HOUR)
        device = {"key_id": "phone", "counter": 3}
        reply = await scan(walk, TRAVELLER, token, device_at=scanned_at, device=device)
        assert reply.result["lateness_ms"] == reply.at - scanned_at > 5 * HOUR - MINUTE
        assert len(reply.result["scan_hash"]) == 64
        rival = await scan(walk, TRAVELLER, token, device_at=scanned_at)
        assert rival.code == "QR_ALREADY_USED"
        staff = await walk.door.room(ROOM, walk.token(BOSS))
        assert staff["flagged_scans"] == {reply.result["scan_id"]: ["COUNTER_GAP"]}
        assert staff["rejected_scans"][0]["event"]["rival_of"] == reply.result["scan_id"]
        phone = await walk.door.room("scanner:phone", walk.token(TRAVELLER))
        assert (phone["highest"], phone["hash"]) == (3, reply.result["scan_hash"])


async def test_a_device_signs_its_scans(on_sqlite: Place) -> None:
    """With a key of its own, which the house has never seen the secret half of. Its scan is not
    flagged; one that it has not signed is."""
    key = Ed25519PrivateKey.generate()
    public = text_of(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await walk.fund(SENDER)
        await planned(walk, "s1")
        enrolled = {"key_id": "phone", "public_key": public}
        await walk.must(TRAVELLER, "custody.register_device", **enrolled)
        stolen = await walk.ask(COURIER, "custody.register_device", **enrolled)
        assert stolen.code == "FORBIDDEN"
        token = (await shown(walk, "s1", 1, SENDER))["token"]
        made: dict[str, Any] = {"scan_location_id": "lagos", "device_at": await walk.advance(0)}
        lines = ("", "phone", "1", token, made["scan_location_id"], str(made["device_at"]))
        hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        signature = text_of(key.sign(hashed.encode()))
        device = {"key_id": "phone", "counter": 1, "signature": signature}
        reply = await scan(walk, TRAVELLER, token, device=device, **made)
        assert reply.result["scan_hash"] == hashed
        await photograph(walk, "s1", 1, TRAVELLER)
        unsigned = {"key_id": "phone", "counter": 2, "previous": hashed}
        last = await hand_on(walk, "s1", 2, TRAVELLER, COURIER, device=unsigned)
        staff = await walk.door.room(ROOM, walk.token(BOSS))
        flags = ["FOREIGN_DEVICE", "SIGNATURE_INVALID"]
        assert staff["flagged_scans"] == {last["scan_id"]: flags}
        phone = await walk.door.room("scanner:phone", walk.token(TRAVELLER))
        shown_key = {"public_key": public, "revoked_at": None}
        assert phone == {"highest": 1, "hash": hashed} | shown_key


def text_of(raw: bytes) -> str:
    """Base64url, without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


async def test_a_parcel_comes_back_and_the_money_is_frozen(on_sqlite: Place) -> None:
    """A return by the way that it came; accounts decide what it costs."""
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await walk.fund(SENDER)
        await planned(walk, "s1")
        await with_courier(walk, "s1")
        await walk.must("meg", "custody.start_return", shipment="s1", reason="unwanted")
        await hand_on(walk, "s1", 3, COURIER, TRAVELLER)
        await hand_on(walk, "s1", 4, TRAVELLER, SENDER)
        assert await status(walk, "s1") == "RETURNED"
        escrow = await walk.door.room("escrow:shipment.s1", walk.token(BOSS))
        assert escrow["status"] == "disputed"


async def test_a_dispute_stops_everything_until_staff_decide(on_sqlite: Place) -> None:
    """Nobody proves the delivery in a day; staff believe the carrier."""
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await walk.fund(SENDER)
        await planned(walk, "s1")
        await at_the_door(walk, "s1")
        await walk.advance(24 * HOUR)
        assert await status(walk, "s1") == "DISPUTED"
        reply = await walk.ask(
            RECIPIENT, "custody.confirm_receipt", shipment="s1", receiver_name="Rita"
        )
        assert reply.code == "CUSTODY_DISPUTED"
        decided = {"outcome": "DELIVERED", "reason": "Rita called"}
        await walk.must("meg", "custody.resolve_custody", shipment="s1", **decided)
        assert await status(walk, "s1") == "DELIVERED"
        await assert_paid(walk, TRAVELLER, 60_00)


async def test_every_code_of_custody_is_said(on_sqlite: Place) -> None:
    """Over the wire, each by somebody who meets it."""
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        heard: set[str] = set()
        await codes_of_custody(walk, heard)
        assert heard == {code.name for code in CODES} | {"KYC_REQUIRED"}


async def test_a_stranger_is_told_the_same_of_every_parcel(on_sqlite: Place) -> None:
    """With a token and without one, with another parcel's link, over websocket and HTTP: neither
    whether it has arrived nor who has it."""
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await walk.fund(SENDER)
        for parcel in ("old", "new"):
            await planned(walk, parcel)
        await at_the_door(walk, "old")
        await photograph(walk, "old", 3, COURIER)
        assert await status(walk, "old") == "DELIVERED"
        vault = vault_of(Config(data=str(on_sqlite.data)))
        for who, link in (("eve", ""), (GUEST, ""), (GUEST, link_for(vault, "other", 1))):
            told = [await refusals(walk, who, parcel, link) for parcel in ("old", "new")]
            assert told[0] == told[1]
            assert {code for code, *_ in told[0]} == {"FORBIDDEN" if who else "UNAUTHENTICATED"}
        for room in ("shipment:old", "shipment:new"):
            answer = await walk.door.get(f"/v1/rooms/{room}")
            assert answer.status_code == 401
            assert "DELIVERED" not in answer.text


async def refusals(walk: Walk, who: str, parcel: str, link: str) -> list[tuple[Any, ...]]:
    """What somebody is told who tries what a party may do."""
    of = {"shipment": parcel, "link": link}
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("show_qr", {"step_seq": 3}),
        ("reissue_qr", {"step_seq": 3}),
        ("request_upload", {}),
        ("open_photo", {"file": "f"}),
        ("confirm_receipt", {"receiver_name": "Eve"}),
        ("report_problem", {"kind": "LOSS"}),
        ("rate_carrier", {"step_seq": 1, "stars": 1}),
        ("track", {}),
        ("export_epcis", {}),
    )
    told = []
    for verb, fields in asked:
        reply = await walk.ask(who, f"custody.{verb}", **fields, **of)
        assert not reply.ok, f"{verb} is taken from {who!r}"
        told.append((reply.code, reply.message, str(reply.details)))
    return told
