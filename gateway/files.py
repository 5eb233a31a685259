"""Files over HTTP: an upload by somebody who is signed in, and a look by whoever may.

A file is opened by its owner, or by a link: a token of the vault that names the file and perhaps
its owner, and says until when. A room gives it to whoever may see the file there, so that nothing
has to be asked of the room here. So is an upload of somebody without an account let in: the file
is the room's. What is answered to an upload is on the disk.
"""

from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engine.contract import Vault
from engine.kernel.files import (
    FILE_BYTES_MAX,
    FILE_NOT_FOUND,
    FILE_TOO_LARGE,
    LINK_PURPOSE,
    UPLOAD_PURPOSE,
)
from engine.kernel.outcome import FORBIDDEN, UNAUTHENTICATED, Rejected
from engine.ports import FileStore
from gateway.addresses import client_address
from gateway.desk import Desk
from gateway.http_replies import JsonResponse, refusal
from gateway.limits import UPLOADS_PER_USER
from gateway.origin import origin_allowed
from gateway.rates import SlidingWindow, too_often
from gateway.tokens import NOBODY, Caller

DRAINED_BYTES_MAX = 2 * FILE_BYTES_MAX
HARMLESS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""What a person uploaded is shown, never run."""


class Uploaded(Struct, frozen=True):
    """The answer to an upload."""

    id: str
    sha256: str
    size: int
    media_type: str


class Link(Struct, frozen=True):
    """What a link says."""

    file: str
    until: int
    """Engine time, ms."""
    owner: str | None = None
    """Whose the file must be; None: whoever gave the link has looked at the file itself."""


class UploadLink(Struct, frozen=True):
    """What a link for an upload says."""

    owner: str
    """Whose the file is to be: the name of a room, which no user can have."""
    until: int


AnyLink = TypeVar("AnyLink", Link, UploadLink)


class Files:
    """The endpoints."""

    def __init__(self, desk: Desk, store: FileStore, vault: Vault) -> None:
        self._desk = desk
        self._store = store
        self._vault = vault
        self._uploads = SlidingWindow(UPLOADS_PER_USER)

    async def upload(self, request: Request) -> Response:
        """`POST /v1/files`: the body is the file. 201 when it is durable."""
        link = request.query_params.get("link")
        caller = self._admit(request, is_open=link is not None)
        if isinstance(caller, Rejected):
            return self._refuse(request, caller)
        owner = caller.actor.user if link is None else self._uploader(link)
        if isinstance(owner, Rejected):
            return self._refuse(request, owner)
        if refused := self._too_much(request, owner):
            return self._refuse(request, refused)
        saved = await self._store.save(owner, request.stream())
        if isinstance(saved, Rejected):
            return self._refuse(request, saved)
        id_, file = saved
        answer = Uploaded(id_, file.sha256, file.size, file.media_type)
        return JsonResponse(msgspec.json.encode(answer), 201, {"Location": f"/v1/files/{id_}"})

    async def open(self, request: Request) -> Response:
        """`GET /v1/files/{id}`: by the owner's token, or by `?link=`."""
        id_: str = request.path_params["id"]
        link = request.query_params.get("link")
        caller = self._admit(request, is_open=link is not None)
        if isinstance(caller, Rejected):
            return self._refuse(request, caller)
        owner = caller.actor.user if link is None else self._named(link, id_)
        if isinstance(owner, Rejected):
            return self._refuse(request, owner)
        file = await self._store.find(id_)
        if file is None or owner not in (None, file.owner):
            # Whose it is, and whether it is there, nobody else is told.
            return self._refuse(request, Rejected(FILE_NOT_FOUND, "you have no such file"))
        headers = HARMLESS | {"Content-Length": str(file.size)}
        return StreamingResponse(self._content(id_), 200, headers, file.media_type)

    async def _content(self, id_: str) -> AsyncIterator[bytes]:
        async for piece in self._store.read(id_):
            yield piece

    def _named(self, token: str, id_: str) -> str | Rejected | None:
        """The owner whom a link names, if it is ours, for this file, and still good."""
        link = self._read(token, LINK_PURPOSE, Link)
        if isinstance(link, Link) and link.file != id_:
            return Rejected(FORBIDDEN, "this link is for another file", {"rule": "link"})
        return link if isinstance(link, Rejected) else link.owner

    def _uploader(self, token: str) -> str | Rejected:
        """For whom a link lets somebody upload, if it is ours and still good."""
        link = self._read(token, UPLOAD_PURPOSE, UploadLink)
        return link if isinstance(link, Rejected) else link.owner

    def _read(self, token: str, purpose: str, kind: type[AnyLink]) -> AnyLink | Rejected:
        said = self._vault.unseal(purpose, token)
        try:
            link = msgspec.convert(said, kind)
        except msgspec.ValidationError:
            return Rejected(FORBIDDEN, "this link is none of ours", {"rule": "link"})
        if link.until < self._desk.sink.now():
            return Rejected(FORBIDDEN, "this link is good no more; ask for a new one")
        return link

    def _too_much(self, request: Request, owner: str) -> Rejected | None:
        """The refusal of an upload before a byte of it is read."""
        if _length(request) > FILE_BYTES_MAX:
            what = f"a file has at most {FILE_BYTES_MAX} bytes"
            return Rejected(FILE_TOO_LARGE, what, {"limit": FILE_BYTES_MAX})
        wait_ms = self._uploads.charge(owner, int(self._desk.monotonic_s() * 1_000))
        return too_often(wait_ms) if wait_ms else None

    def _admit(self, request: Request, *, is_open: bool = False) -> Caller | Rejected:
        """Who calls; somebody who is signed in, unless `is_open`."""
        desk = self._desk
        desk.counts.http_requests += 1
        caller = desk.identify(request.headers.getlist("authorization"))
        known = NOBODY if isinstance(caller, Rejected) else caller
        limited = desk.charge(known.actor, self._address(request))
        if limited or isinstance(caller, Rejected):
            return limited or caller
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        if request.method == "POST" and not origin_allowed(origin, host, desk.settings.origins):
            return Rejected(FORBIDDEN, "the Origin of this request is not on the allow-list")
        if is_open:
            return caller
        if not caller.actor.user:
            return Rejected(UNAUTHENTICATED, "this needs a token: an Authorization header")
        actor = desk.admit(caller)
        return actor if isinstance(actor, Rejected) else Caller(actor, caller.expires_at)

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        forwarded = request.headers.getlist("x-forwarded-for")
        return client_address(peer, forwarded, self._desk.settings.proxies)

    def _refuse(self, request: Request, rejected: Rejected) -> Response:
        self._desk.counts.refuse(rejected)
        response = refusal(None, rejected)
        # Whoever is still sending hears a refusal only if the rest is read, and thrown away: so
        # it is, unless there is no end to it.
        if not 0 <= _length(request) <= DRAINED_BYTES_MAX:
            response.headers["Connection"] = "close"
        return response


def _length(request: Request) -> int:
    """How many bytes the body has, as its sender says; -1 if they do not say it, or not so that
    one could believe it."""
    told = request.headers.get("content-length", "")
    if not told and "transfer-encoding" not in request.headers:
        return 0
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= 16 else -1
