"""Files at the door: who may upload, who may open, and what is told to all others."""

from collections.abc import AsyncIterable, AsyncIterator
from hashlib import sha256
from typing import Any

import pytest

from engine.kernel.files import FILE_BYTES_MAX, FILES_FULL, LINK_PURPOSE, UPLOAD_PURPOSE
from engine.kernel.outcome import Rejected
from engine.kernel.outside import StoredFile
from gateway.files import Files
from gateway.limits import UPLOADS_PER_USER
from gateway.rates import Rates
from testkit.world import vault
from tests.gateway.open_house import OpenHouse, open_house

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


class Shelf:
    """A file store in memory, which takes everything or nothing."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[StoredFile, bytes]] = {}
        self.refusal: Rejected | None = None

    async def save(
        self, owner: str, chunks: AsyncIterable[bytes]
    ) -> tuple[str, StoredFile] | Rejected:
        """Keep it under its owner's name."""
        content = b"".join([chunk async for chunk in chunks])
        if self.refusal:
            return self.refusal
        file = StoredFile(sha256(content).hexdigest(), len(content), "image/png", owner)
        self.files[f"{owner}-1"] = file, content
        return f"{owner}-1", file

    async def find(self, id_: str) -> StoredFile | None:
        """What it is."""
        return self.files[id_][0] if id_ in self.files else None

    async def read(self, id_: str) -> AsyncIterator[bytes]:
        """In two pieces."""
        content = self.files[id_][1]
        yield content[:10]
        yield content[10:]


def sealed(house: OpenHouse, **claims: Any) -> str:
    """A link to ann's file, good for a minute of the house's time, but for what is given."""
    usual = {"file": "ann-1", "owner": "ann", "reader": "boss", "until": house.sink.now() + 60_000}
    return vault().seal(LINK_PURPOSE, usual | claims)


async def test_the_owner_uploads_and_opens() -> None:
    """The very bytes, told to be harmless, and kept by nobody on the way."""
    shelf = Shelf()
    async with open_house() as house:
        files = Files(house.gateway.desk, shelf, vault())
        async with house.http(house.token("ann"), files=files) as http:
            answer = await http.post("/v1/files", content=PNG)
            assert answer.status_code == 201
            assert answer.headers["location"] == "/v1/files/ann-1"
            assert answer.json() == {
                "id": "ann-1",
                "sha256": sha256(PNG).hexdigest(),
                "size": len(PNG),
                "media_type": "image/png",
            }
            opened = await http.get("/v1/files/ann-1")
    assert opened.content == PNG
    assert opened.headers["content-type"] == "image/png"
    assert opened.headers["cache-control"] == "private, no-store"
    assert opened.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("user", ["bob", ""])
async def test_nobody_else_is_told_that_it_exists(user: str) -> None:
    """A stranger hears the same of a file that is there and of one that is not."""
    shelf = Shelf()
    shelf.files["ann-1"] = StoredFile("0", len(PNG), "image/png", "ann"), PNG
    async with open_house() as house:
        files = Files(house.gateway.desk, shelf, vault())
        async with house.http(house.token(user) if user else "", files=files) as http:
            answers = [await http.get(f"/v1/files/{id_}") for id_ in ("ann-1", "ann-2")]
    assert answers[0].status_code == (404 if user else 401)
    assert answers[0].content == answers[1].content


async def test_a_link_opens_its_file_until_its_time() -> None:
    """By the house's own time; for that file, and only if it is the owner's whom the link names:
    a rule may have been told of a file that is somebody else's."""
    shelf = Shelf()
    shelf.files["ann-1"] = StoredFile("0", len(PNG), "image/png", "ann"), PNG
    async with open_house() as house:
        files = Files(house.gateway.desk, shelf, vault())
        async with house.http(files=files) as http:
            good = sealed(house)
            wrong = {
                sealed(house, file="ann-2"): 403,
                sealed(house, owner="bob"): 404,
                sealed(house, until="soon"): 403,
                vault().seal("refresh-token", {"file": "ann-1", "owner": "ann"}): 403,
                good[:-3]: 403,
                "": 403,
            }
            assert (await http.get("/v1/files/ann-1", params={"link": good})).content == PNG
            for link, status in wrong.items():
                answer = await http.get("/v1/files/ann-1", params={"link": link})
                assert answer.status_code == status, link
            house.sink.advance(60_001)
            late = await http.get("/v1/files/ann-1", params={"link": good})
    assert late.status_code == 403
    assert "good no more" in late.json()["message"]


async def test_a_link_that_names_no_owner_opens_the_file() -> None:
    """Whoever gave it has looked. An owner that is empty is one that nobody is."""
    shelf = Shelf()
    shelf.files["ann-1"] = StoredFile("0", len(PNG), "image/png", "ann"), PNG
    async with open_house() as house:
        files = Files(house.gateway.desk, shelf, vault())
        async with house.http(files=files) as http:
            until = house.sink.now() + 60_000
            plain = vault().seal(LINK_PURPOSE, {"file": "ann-1", "until": until})
            assert (await http.get("/v1/files/ann-1", params={"link": plain})).content == PNG
            empty = sealed(house, owner="")
            refused = await http.get("/v1/files/ann-1", params={"link": empty})
            other = await http.get("/v1/files/ann-2", params={"link": plain})
    assert (refused.status_code, other.status_code) == (404, 403)


async def test_a_guest_uploads_nothing() -> None:
    """Whose would it be."""
    async with open_house() as house:
        files = Files(house.gateway.desk, Shelf(), vault())
        async with house.http(files=files) as http:
            assert (await http.post("/v1/files", content=PNG)).status_code == 401


async def test_a_guest_uploads_by_a_link() -> None:
    """For whom it says and until its time; the link of a file is none. The file is opened by no
    token: no user has a room's name."""
    shelf = Shelf()
    async with open_house(rates=Rates(user=0, guest=0)) as house:
        files = Files(house.gateway.desk, shelf, vault())
        until = house.sink.now() + 60_000
        claims = {"owner": "shipment:s1", "until": until}
        good = vault().seal(UPLOAD_PURPOSE, claims)
        async with house.http(files=files) as http:
            for bad in ("", good[:-3], sealed(house), vault().seal(LINK_PURPOSE, claims)):
                answer = await http.post("/v1/files", content=PNG, params={"link": bad})
                assert answer.status_code == 403, bad
            assert not shelf.files
            answer = await http.post("/v1/files", content=PNG, params={"link": good})
            assert answer.status_code == 201
            assert shelf.files["shipment:s1-1"][0].owner == "shipment:s1"
            foreign = {"Origin": "https://evil.test"}
            answer = await http.post(
                "/v1/files", content=PNG, params={"link": good}, headers=foreign
            )
            assert answer.status_code == 403
            house.sink.advance(60_001)
            late = await http.post("/v1/files", content=PNG, params={"link": good})
            assert late.status_code == 403
        async with house.http(house.token("ann"), files=files) as http:
            assert (await http.get("/v1/files/shipment:s1-1")).status_code == 404


async def test_uploads_by_a_link_have_a_rate_of_their_own() -> None:
    """However many addresses they come from."""
    async with open_house(rates=Rates(user=0, guest=0)) as house:
        files = Files(house.gateway.desk, Shelf(), vault())
        claims = {"owner": "shipment:s1", "until": house.sink.now() + 60_000}
        link = {"link": vault().seal(UPLOAD_PURPOSE, claims)}
        async with house.http(files=files) as http:
            codes = [
                (await http.post("/v1/files", content=PNG, params=link)).status_code
                for _ in range(UPLOADS_PER_USER + 1)
            ]
    assert codes == [201] * UPLOADS_PER_USER + [429]


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    """The refusal comes before the first byte."""
    shelf = Shelf()
    async with open_house() as house:
        files = Files(house.gateway.desk, shelf, vault())
        async with house.http(house.token("ann"), files=files) as http:
            told = {"Content-Length": str(FILE_BYTES_MAX + 1)}
            answer = await http.post("/v1/files", content=PNG, headers=told)
    assert (answer.status_code, answer.json()["code"]) == (413, "FILE_TOO_LARGE")
    assert not shelf.files


async def test_a_full_disk_is_said_clearly() -> None:
    """503, and that it may be tried later."""
    shelf = Shelf()
    shelf.refusal = Rejected(FILES_FULL, "no room")
    async with open_house() as house:
        files = Files(house.gateway.desk, shelf, vault())
        async with house.http(house.token("ann"), files=files) as http:
            answer = await http.post("/v1/files", content=PNG)
    assert answer.status_code == 503
    assert (answer.json()["code"], answer.json()["retry"]) == ("FILES_FULL", "later")


async def test_uploads_have_a_rate_of_their_own() -> None:
    """A file costs more than a command."""
    async with open_house(rates=Rates(user=0, guest=0)) as house:
        files = Files(house.gateway.desk, Shelf(), vault())
        async with house.http(house.token("ann"), files=files) as http:
            codes = [
                (await http.post("/v1/files", content=PNG)).status_code
                for _ in range(UPLOADS_PER_USER + 1)
            ]
    assert codes == [201] * UPLOADS_PER_USER + [429]


async def test_a_foreign_page_uploads_nothing() -> None:
    """It would be in the name of whoever looks at it."""
    async with open_house() as house:
        files = Files(house.gateway.desk, Shelf(), vault())
        async with house.http(house.token("ann"), files=files) as http:
            foreign = {"Origin": "https://evil.test"}
            answer = await http.post("/v1/files", content=PNG, headers=foreign)
    assert answer.status_code == 403
