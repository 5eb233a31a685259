"""Files through a running house: uploaded, opened by whoever may, refused in every other way."""

import asyncio
import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from engine.kernel.files import FILE_BYTES_MAX
from runtime.config import Config
from runtime.tokens import vault_of
from testkit.process import Server
from tests.e2e.places import Place

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4_000


def bearer(server: Server, user: str) -> dict[str, str]:
    """Who calls."""
    return {"Authorization": f"Bearer {server.token(user)}"}


def link(server: Server, id_: str, owner: str, until: int, purpose: str = "document-link") -> str:
    """A link as a rule of the house makes one."""
    claims = {"file": id_, "owner": owner, "reader": "boss", "until": until}
    return vault_of(Config(data=str(server.data))).seal(purpose, claims)


async def upload(http: httpx.AsyncClient, server: Server, user: str, body: bytes) -> Any:
    """What came of it."""
    return await http.post("/v1/files", content=body, headers=bearer(server, user))


async def test_a_file_is_kept_and_opened_by_whoever_may(on_sqlite: Place) -> None:
    """Its owner, and whoever holds a link for it, until the link's time; also after a kill."""
    async with (
        on_sqlite.serve() as server,
        httpx.AsyncClient(base_url=server.address) as http,
    ):
        answer = await upload(http, server, "ann", PNG)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        assert told["sha256"] == hashlib.sha256(PNG).hexdigest()
        assert (told["size"], told["media_type"]) == (len(PNG), "image/png")
        again = (await upload(http, server, "ann", PNG)).json()
        other = (await upload(http, server, "bob", PNG)).json()
        assert again == told
        assert other["id"] != told["id"]
        server.process.kill()
        await server.process.ended()
    async with (
        on_sqlite.serve() as server,
        httpx.AsyncClient(base_url=server.address) as http,
    ):
        place = f"/v1/files/{told['id']}"
        mine = await http.get(place, headers=bearer(server, "ann"))
        assert mine.content == PNG
        assert mine.headers["content-type"] == "image/png"
        assert mine.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in mine.headers["content-security-policy"]
        far = 99_999_999_999_999
        good = link(server, told["id"], "ann", far)
        assert (await http.get(place, params={"link": good})).content == PNG
        for refused, status in (
            (await http.get(place, headers=bearer(server, "bob")), 404),
            (await http.get(place), 401),
            (await http.get(place, params={"link": link(server, told["id"], "ann", 1)}), 403),
            (await http.get(place, params={"link": link(server, other["id"], "ann", far)}), 403),
            (await http.get(place, params={"link": link(server, told["id"], "bob", far)}), 404),
            (await http.get(place, params={"link": good + "x"}), 403),
            (await http.get(place, params={"link": ""}), 403),
            (
                await http.get(
                    place, params={"link": link(server, told["id"], "ann", far, "refresh-token")}
                ),
                403,
            ),
        ):
            assert refused.status_code == status, refused.text
            assert refused.json()["code"]


async def test_what_may_not_be_uploaded_is_refused(on_sqlite: Place) -> None:
    """By a guest, of another kind, too large, too often, from a foreign page."""
    async with (
        on_sqlite.serve() as server,
        httpx.AsyncClient(base_url=server.address) as http,
    ):
        assert (await http.post("/v1/files", content=PNG)).status_code == 401
        svg = await upload(http, server, "ann", b"<svg onload=alert(1)>")
        assert (svg.status_code, svg.json()["code"]) == (415, "FILE_TYPE_REFUSED")
        foreign = bearer(server, "ann") | {"Origin": "https://evil.test"}
        assert (await http.post("/v1/files", content=PNG, headers=foreign)).status_code == 403
        assert (await upload(http, server, "ann", PNG[:8] + bytes(FILE_BYTES_MAX - 8))).is_success
        codes = {(await upload(http, server, "carl", PNG[:64])).status_code for _ in range(61)}
        assert codes == {201, 429}
        assert [file.name for file in (on_sqlite.data / "files" / "drafts").iterdir()] == []


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/files/..%2f..%2fvault_secret", "/v1/files/../../vault_secret", "/v1/files/%00"),
        *("/v1/files/..", "/v1/files/%2e%2e", "/v1/files//etc/passwd", "/v1/files/" + "a" * 9_000),
    ],
)
async def test_no_path_leads_out_of_the_folder(on_sqlite: Place, path: str) -> None:
    """Whatever stands in the place of an id."""
    async with on_sqlite.serve() as server:
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        token = bearer(server, "ann")["Authorization"]
        answer = await raw(server, f"{head}Authorization: {token}\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"400", b"404"), answer
        assert (on_sqlite.data / "vault_secret").read_bytes().strip() not in answer


async def test_bodies_that_lie_about_themselves(on_sqlite: Place) -> None:
    """A length that is too great is refused unread; a body without a length is cut off at the
    bound; one shorter than it said is no file; a length that is none is no request."""
    async with on_sqlite.serve() as server:
        token = bearer(server, "ann")["Authorization"]
        head = f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
        huge = f"{head}Content-Length: 999999999999\r\n\r\n".encode()
        assert b" 413 " in (await raw(server, huge + PNG)).splitlines()[0]
        absurd = f"{head}Content-Length: {'9' * 400}\r\n\r\n".encode()
        assert (await raw(server, absurd)).split(b" ")[1] in (b"400", b"413")
        chunk = b"100000\r\n" + PNG[:8] + bytes(0x100000 - 8) + b"\r\n"
        endless = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 12
        assert b" 413 " in (await raw(server, endless)).splitlines()[0]
        short = f"{head}Content-Length: {len(PNG) + 1}\r\n\r\n".encode() + PNG
        assert b" 201 " not in await raw(server, short, hang_up=True)
        for odd in ("-1", "1e3", "0x10", "abc"):
            answer = await raw(server, f"{head}Content-Length: {odd}\r\n\r\n".encode() + PNG)
            assert b" 201 " not in answer
        async with httpx.AsyncClient(base_url=server.address) as http:
            assert (await upload(http, server, "ann", PNG)).status_code == 201
        files = [file for file in (on_sqlite.data / "files").rglob("*") if file.is_file()]
        assert len(files) == 2, "one file and its description"


async def test_a_body_may_come_with_its_head(on_sqlite: Place) -> None:
    """All in one piece, however large: the bound on heads is not one on what follows."""
    async with on_sqlite.serve() as server:
        token = bearer(server, "ann")["Authorization"]
        head = f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
        for cut in (0, 1, 2, 3):
            whole = f"{head}Content-Length: {len(PNG)}\r\n\r\n".encode() + PNG
            end = whole.index(b"\r\n\r\n") + cut
            answer = await raw(server, whole[:end], whole[end:])
            assert b" 201 " in answer.splitlines()[0]


async def test_a_slow_upload_is_waited_for(on_sqlite: Place) -> None:
    """A phone in the country takes longer than a request may, as long as something comes."""
    async with on_sqlite.serve() as server:
        token = bearer(server, "ann")["Authorization"]
        parts = urlsplit(server.address)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
        writer.write(f"{head}Content-Length: 64\r\nConnection: close\r\n\r\n".encode())
        for start in range(0, 64, 16):
            writer.write(PNG[start : start + 16])
            await asyncio.sleep(4)
        answer = await reader.read()
        writer.close()
        assert b" 201 " in answer.splitlines()[0]
        assert json.loads(answer.split(b"\r\n\r\n")[1])["size"] == 64


async def raw(server: Server, *request: bytes, hang_up: bool = False) -> bytes:
    """What a server says to these bytes, until it hangs up, or we do."""
    parts = urlsplit(server.address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    answer = bytearray()
    try:
        async with asyncio.timeout(15):
            for piece in request:
                writer.write(piece)
                await writer.drain()
            if hang_up:
                await writer.drain()
                writer.write_eof()
            while piece := await reader.read(65_536):
                answer += piece
                if b"\r\n\r\n" in answer:
                    break
    except (ConnectionError, TimeoutError):
        pass
    writer.transport.abort()
    return bytes(answer)
