"""The HTTP door of a running server, as a script would use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from testkit.process import Server

Reply = dict[str, Any]
HISTORY_PAGE = 1_000


class Door:
    """Who calls is named by a token; without one it is a guest."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._said = 0

    async def say(self, token: str, type_: str, **fields: Any) -> Reply:
        """Send a command that must succeed; return the reply."""
        self._said += 1
        command = {"id": f"door-{self._said}", "type": type_} | fields
        answer = await self._http.post("/v1/commands", json=command, headers=_bearer(token))
        assert answer.status_code == 200, f"{command}: {answer.text}"
        return _json(answer)

    async def room(self, name: str, token: str = "") -> Reply:
        """The state of a room as this viewer may see it."""
        answer = await self._http.get(f"/v1/rooms/{name}", headers=_bearer(token))
        assert answer.status_code == 200, answer.text
        state: Reply = _json(answer)["state"]
        return state

    async def history(self, name: str, token: str = "") -> list[Reply]:
        """Every event frame of a room, page by page."""
        frames: list[Reply] = []
        while True:
            answer = await self._http.get(
                f"/v1/rooms/{name}/events",
                params={"after": len(frames), "limit": HISTORY_PAGE},
                headers=_bearer(token),
            )
            assert answer.status_code == 200, answer.text
            page = _json(answer)["events"]
            if not page:
                return frames
            frames += page

    async def advance(self, token: str, ms: int) -> int:
        """Move the test clock; return the house's time."""
        answer = await self._http.post(
            "/v1/test/clock", json={"advance_ms": ms}, headers=_bearer(token)
        )
        assert answer.status_code == 200, answer.text
        now: int = _json(answer)["now"]
        return now

    async def get(self, path: str) -> httpx.Response:
        """Anything else."""
        return await self._http.get(path)

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Anything else."""
        return await self._http.post(path, content=body, headers=headers)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _json(answer: httpx.Response) -> Reply:
    found: Reply = answer.json()
    return found


@asynccontextmanager
async def door_of(server: Server) -> AsyncIterator[Door]:
    """The door, until the block ends."""
    async with httpx.AsyncClient(base_url=server.address, timeout=30, trust_env=False) as http:
        yield Door(http)
