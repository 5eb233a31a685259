"""`outcry reconcile` beside a served house: what differs is printed, and becomes an incident."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testkit.process import Finished, run
from tests.e2e.places import Place
from tests.e2e.walk import BOSS, Walk, walking


async def compared(place: Place, url: str, day: str, lines: list[Any], *flags: str) -> Finished:
    """The command, with a statement of these lines."""
    path = Path(place.data) / "statement.json"
    path.write_text(json.dumps(lines))
    asked = ("--provider", "sandbox", "--currency", "USD", "--day", day, "--url", url)
    return await run("reconcile", *place.flags, *asked, "--statement", str(path), *flags)


async def incidents(walk: Walk) -> list[Any]:
    """As a manager sees them."""
    found: dict[str, Any] = await walk.door.room("ledger:USD", walk.token("meg"))
    return list(found["incidents"].values())


async def test_a_statement_that_differs_opens_incidents_once(place: Place) -> None:
    """The house goes on meanwhile, and no balance changes."""
    async with place.serve() as server, walking(server) as walk:
        now = (await walk.capture("ann", 700, "wallet", payment="p1")).at
        await walk.capture("ann", 5, "wallet", payment="p2")
        day = datetime.fromtimestamp(now / 1_000, UTC).date().isoformat()
        line = {"what": "capture", "currency": "USD", "at": now}
        good = [line | {"payment": "p1", "amount": 700}, line | {"payment": "p2", "amount": 5}]
        done = await compared(place, server.address, day, good)
        assert (done.code, await incidents(walk)) == (0, []), done
        bad = [line | {"payment": "p1", "amount": 701}, line | {"payment": "p3", "amount": 9}]
        for opened in (3, 0):
            done = await compared(place, server.address, day, bad)
            assert done.code == 1, done
            assert "MISSING_THERE  capture    p2: booked 5, reported 0" in done.out
            assert f"incidents opened: {opened}; told before: {3 - opened}" in done.out
        found = {one["payment"]: (one["cause"], one["amount"]) for one in await incidents(walk)}
        assert found == {
            "p1": ("AMOUNT_DIFFERS", 701),
            "p2": ("MISSING_THERE", 0),
            "p3": ("MISSING_HERE", 9),
        }
        books = await walk.door.room("ledger:USD", walk.token(BOSS))
        assert books["accounts"]["WALLET:ann"] == 705


async def test_who_cannot_be_asked_is_named(on_sqlite: Place) -> None:
    """Without a key, without a log, without a house; none of it a stack trace."""
    asked = ("--provider", "stripe", "--currency", "USD", "--day", "2026-11-20")
    keyless = await run("reconcile", *on_sqlite.flags, *asked)
    assert (keyless.code, "no key of stripe" in keyless.err) == (2, True)
    away = ("--stripe-secret-key", "sk", "--stripe-api", "http://127.0.0.1:1")
    silent = await run("reconcile", *on_sqlite.flags, *asked, *away)
    assert (silent.code, "nobody answers" in silent.err) == (1, True)
    nowhere = await compared(on_sqlite, "http://127.0.0.1:1", "2026-11-20", [])
    assert (nowhere.code, "there is no log" in nowhere.err) == (1, True)
