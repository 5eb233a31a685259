"""A month of the log goes to files and comes back, under a server and its clients."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from engine.kernel.limits import TAIL_RECORDS
from engine.kernel.time import DAY
from testkit.client import PATIENCE_S, Client, Heard, connected
from testkit.process import Server, run
from tests.e2e.door import door_of
from tests.e2e.places import Place

ROOM = "user:ann"
FIRST = "the first deposit"
DEPOSITS = TAIL_RECORDS + 50
"""More than a room keeps in memory, so that the log is asked for the first of them."""


async def test_a_month_is_archived_under_a_server(place: Place, tmp_path: Path) -> None:
    """Who was away that long is given the room as it is; what is asked of that month is refused as
    ARCHIVED; nothing is lost, and all of it can be put back."""
    folder = tmp_path / "archive"
    epoch = await a_month_passes(place, folder)
    async with place.serve("--test-clock") as server:
        await drop(place, folder)
        await what_is_archived_is_told(server, epoch)
        server.process.stop()
        assert await server.process.ended() == 0
    place.bury()
    async with place.serve("--test-clock") as server:
        seq = await the_room_goes_on(server, epoch)
    place.bury()
    await the_history_is_whole(place, folder, seq)
    restored = await run("restore", *place.flags, "--from", str(folder))
    assert restored.code == 0, restored.err
    assert restored.out.endswith("every invariant holds\n")
    await verifies(place)
    async with place.serve("--test-clock") as server, door_of(server) as door:
        history = await door.history(ROOM, server.token("ann"))
        assert [frame["seq"] for frame in history] == list(range(1, seq + 1))


async def a_month_passes(place: Place, folder: Path) -> str:
    """Deposits in one month and two in the next; returns the epoch of the feed.

    Postgres ends the period behind the last record that there is when somebody looks, which stays
    until there is another."""
    async with place.serve("--test-clock") as server, door_of(server) as door:
        boss = server.token("boss", "admin")
        async with connected(server.websocket, boss) as client:
            await deposit(client, FIRST)
            told = [await deposit_soon(client, f"{n} of a month") for n in range(DEPOSITS)]
            assert all([(await reply).ok for reply in told])
            epoch = (await client.subscribe(ROOM)).result["epoch"]
            await door.advance(boss, 40 * DAY)
            await deposit(client, "the next month")
            await archive(place, folder)
            await deposit(client, "later")
        server.process.stop()
        assert await server.process.ended() == 0
    place.bury()
    return str(epoch)


async def deposit_soon(client: Client, id_: str) -> Any:
    money = {"user": "ann", "amount": 1_00, "currency": "USD", "reference": id_}
    return await client.send("ledger.deposit", id_, **money)


async def deposit(client: Client, id_: str) -> Heard:
    reply: Heard = await (await deposit_soon(client, id_))
    return reply


async def archive(place: Place, folder: Path, *flags: str) -> str:
    """Beside the server, which goes on; what was said."""
    said = await run("archive", *place.flags, "--to", str(folder), *flags)
    assert said.code == 0, said.err
    return said.out


async def drop(place: Place, folder: Path) -> None:
    """It may be a second after the start until all letters are known to be done."""
    async with asyncio.timeout(PATIENCE_S):
        while "stay" in (said := await archive(place, folder, "--drop", "--remember", "0")):
            assert "letters" in said, said
    assert "main: archived to position" in said
    assert "main: the log begins with position" in said


async def what_is_archived_is_told(server: Server, epoch: str) -> None:
    boss, ann = server.token("boss", "admin"), server.token("ann")
    async with connected(server.websocket, boss) as client:
        again = await deposit(client, FIRST)
        assert (again.code, again.retry) == ("ARCHIVED", "never")
        assert (await deposit(client, "later")).duplicate
    await a_late_one_is_given_the_room(server, epoch)
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as http:
        bearer = {"Authorization": f"Bearer {ann}"}
        gone = await http.get(f"/v1/rooms/{ROOM}/events?after=0", headers=bearer)
        assert gone.status_code == 410
        refused = gone.json()
        assert refused["code"] == "ARCHIVED"
        after = refused["details"]["first_seq"] - 1
        page = await http.get(f"/v1/rooms/{ROOM}/events?after={after}", headers=bearer)
        assert page.json()["events"][0]["seq"] == after + 1


async def a_late_one_is_given_the_room(server: Server, epoch: str) -> None:
    async with connected(server.websocket, server.token("ann")) as client:
        await client.subscribe(ROOM, after=1, epoch=epoch)
        seen = await client.hear("snapshot", room=ROOM)
        assert seen.state["balances"]["USD"]["balance"] >= (DEPOSITS + 2) * 1_00


async def the_room_goes_on(server: Server, epoch: str) -> int:
    """After a start, which finds nothing of that month either. Returns the last seq."""
    await a_late_one_is_given_the_room(server, epoch)
    async with (
        connected(server.websocket, server.token("boss", "admin")) as client,
        connected(server.websocket, server.token("ann")) as ann,
    ):
        await ann.subscribe(ROOM)
        seq = (await ann.hear("snapshot", room=ROOM)).seq
        assert (await deposit(client, "a new one")).ok
        assert (await ann.hear("event", room=ROOM)).seq == seq + 1
        return seq + 1


async def the_history_is_whole(place: Place, folder: Path, seq: int) -> None:
    """With the files, and only with them."""
    alone = await place.verify()
    assert alone.code == 1
    assert "--archive" in alone.err
    await verifies(place, "--archive", str(folder))
    exported = await run("export", *place.flags, "--archive", str(folder), "--room", ROOM)
    assert exported.code == 0, exported.err
    lines = [json.loads(line) for line in exported.out.splitlines()]
    assert [line["seq"] for line in lines] == [*range(1, seq + 1), seq]
    assert lines[-1]["hash"] == lines[-2]["hash"]


async def verifies(place: Place, *flags: str) -> None:
    verified = await place.verify(*flags)
    assert verified.code == 0, verified.err
    assert verified.out.endswith("every invariant holds\n")
