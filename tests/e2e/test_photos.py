"""Photos of a parcel through running houses: uploaded by one, opened by those who may, and nobody
else; by a house in one process, and by a gateway whose writer is in another."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from typing_extensions import override

from engine.domains.custody.links import link_for
from engine.kernel.time import Millis
from runtime.config import Config
from runtime.tokens import vault_of
from testkit.cluster import Cluster, cluster
from testkit.process import Server
from tests.e2e.custody_walk import (
    COURIER,
    JPEG,
    RECIPIENT,
    SENDER,
    TRAVELLER,
    hand_on,
    photograph,
    planned,
)
from tests.e2e.door import door_of
from tests.e2e.places import Place
from tests.e2e.walk import BOSS, GUEST, Walk, walking

ROOM = "shipment:s1"
TINY = b"\xff\xd8\xff\xe0"
"""Four bytes, and a JPEG by all that they tell."""


class InEarnest(Walk):
    """A walk by the world's clock: a gateway has none to move."""

    @override
    async def advance(self, ms: Millis) -> Millis:
        assert not ms, "nobody moves the world's clock"
        return int(time.time() * 1_000)


@pytest.fixture
async def town() -> AsyncIterator[Cluster]:
    """A writer, and a gateway elsewhere."""
    async with cluster(engines=1, gateways=1) as made:
        yield made


async def fetch(walk: Walk, file: str, **params: str) -> httpx.Response:
    """`GET /v1/files/{id}`, by a link or by nothing."""
    async with httpx.AsyncClient(base_url=walk.server.address, trust_env=False) as http:
        return await http.get(f"/v1/files/{file}", params=params)


async def opened(walk: Walk, who: str, file: str, **link: str) -> bytes:
    """The photo, by the link that somebody is given."""
    reply = await walk.must(who, "custody.open_photo", shipment="s1", file=file, **link)
    answer = await fetch(walk, file, link=reply.result["link"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    return answer.content


async def refused(walk: Walk, code: str, who: str, file: str, **link: str) -> None:
    """They are given none, with this code."""
    reply = await walk.ask(who, "custody.open_photo", shipment="s1", file=file, **link)
    assert reply.code == code, reply


async def from_hand_to_hand(walk: Walk) -> None:
    """One picture by a carrier, one by a recipient without an account."""
    link = link_for(vault_of(Config(data=str(walk.server.data))), "s1", 1)
    await walk.fund(SENDER)
    await planned(walk, "s1")
    ear = await walk.client(SENDER)
    await ear.subscribe(ROOM)
    await hand_on(walk, "s1", 1, SENDER, TRAVELLER)
    await photograph(walk, "s1", 1, TRAVELLER)
    heard = await ear.hear(event="custody.photos_added")
    file = heard.data["photos"][0]["file_id"]
    taken = JPEG + b"s1 1"
    for who in (SENDER, TRAVELLER, COURIER, BOSS):
        assert await opened(walk, who, file) == taken
    await refused(walk, "PHOTO_INVALID", RECIPIENT, file)
    await refused(walk, "PHOTO_INVALID", GUEST, file, link=link)
    await refused(walk, "FORBIDDEN", "eve", file)
    await refused(walk, "UNAUTHENTICATED", GUEST, file)
    await only_the_link_opens_it(walk, file)
    await hand_on(walk, "s1", 2, TRAVELLER, COURIER)
    await hand_on(walk, "s1", 3, RECIPIENT, COURIER)
    await received_by_link(walk, link)


async def only_the_link_opens_it(walk: Walk, file: str) -> None:
    """Not a party's token, not nothing, and not a link for an upload or for another file."""
    bearer = {"Authorization": f"Bearer {walk.token(SENDER)}"}
    async with httpx.AsyncClient(base_url=walk.server.address, trust_env=False) as http:
        assert (await http.get(f"/v1/files/{file}", headers=bearer)).status_code == 404
    assert (await fetch(walk, file)).status_code == 401
    asked = {"shipment": "s1", "file": file}
    reply = await walk.must(SENDER, "custody.open_photo", **asked)
    assert (await fetch(walk, "f" * 40, link=reply.result["link"])).status_code == 403
    upload = await walk.must(RECIPIENT, "custody.request_upload", shipment="s1")
    assert (await fetch(walk, file, link=upload.result["link"])).status_code == 403


async def received_by_link(walk: Walk, link: str) -> None:
    """The recipient's own picture is proof, and opens for those of the delivery."""
    held = await walk.must(GUEST, "custody.request_upload", shipment="s1", link=link)
    async with httpx.AsyncClient(base_url=walk.server.address, trust_env=False) as http:
        unasked = await http.post("/v1/files", content=TINY)
        foreign = await http.post("/v1/files", content=TINY, params={"link": link})
        answer = await http.post("/v1/files", content=TINY, params={"link": held.result["link"]})
    assert (unasked.status_code, foreign.status_code) == (401, 403)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    received = {"shipment": "s1", "receiver_name": "Rita", "link": link}
    stranger = await walk.ask(
        COURIER,
        "custody.add_photos",
        shipment="s1",
        step_seq=3,
        photo_file_ids=[told["id"]],
        sha256=[told["sha256"]],
    )
    assert stranger.code == "PHOTO_INVALID", "the courier has not taken it"
    photos = {"photo_file_ids": [told["id"]], "sha256": [told["sha256"]]}
    done = await walk.must(GUEST, "custody.confirm_receipt", **received, **photos)
    assert done.result["status"] == "DELIVERED"
    for who in (SENDER, COURIER, RECIPIENT, BOSS):
        assert await opened(walk, who, told["id"]) == TINY
    assert await opened(walk, GUEST, told["id"], link=link) == TINY
    await refused(walk, "PHOTO_INVALID", TRAVELLER, told["id"])


async def test_in_one_process(on_sqlite: Place) -> None:
    """`outcry serve`; and no link is in the log."""
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await from_hand_to_hand(walk)
    for record in await on_sqlite.records(ROOM):
        assert b'"link"' not in record.event + record.result


@pytest.mark.xdist_group("cluster")
async def test_where_the_writer_is_elsewhere(town: Cluster) -> None:
    """`outcry gateway`: it knows nothing of the parcel, and needs to know nothing."""
    (gateway,) = town.gateways
    server = Server(gateway.process, gateway.address, town.data)
    async with door_of(server) as door, AsyncExitStack() as stack:
        await from_hand_to_hand(InEarnest(server, door, stack))
