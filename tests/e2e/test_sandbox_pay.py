"""`outcry sandbox-pay` against a served house, as a developer runs it."""

from testkit.process import Finished, run
from tests.e2e.door import door_of
from tests.e2e.places import Place


async def pay(place: Place, url: str, *flags: str) -> Finished:
    """Run it for u1 and NGN 50.00."""
    return await run(
        *("sandbox-pay", "--data", str(place.data), "--url", url, "--delay", "0"),
        *("--user", "u1", "--amount", "5000", "--currency", "NGN", *flags),
    )


async def test_each_scenario_reaches_the_house(on_sqlite: Place) -> None:
    """Printed line by line; the wallet shows what counted."""
    async with on_sqlite.serve() as server, door_of(server) as door:
        for scenario, lines, balance in (
            ("created", ["200 ok"], 0),
            ("failed", ["200 ok"], 0),
            ("captured", ["200 ok"], 50_00),
            ("repeated", ["200 ok", "200 ok (told before)", "200 ok (told before)"], 100_00),
            ("late", ["200 ok", "200 ok"], 150_00),
            ("wrong-amount", ["200 ok"], 199_99),
            ("charged-back", ["200 ok", "200 ok", "200 ok"], 199_99),
        ):
            done = await pay(on_sqlite, server.address, "--scenario", scenario)
            assert (done.code, done.err) == (0, ""), (scenario, done)
            assert [line.partition(" -> ")[2] for line in done.out.splitlines()] == lines, scenario
            money = (await door.room("user:u1", server.token("u1")))["balances"]
            assert money.get("NGN", {"balance": 0})["balance"] == balance, scenario


async def test_a_refusal_is_shown_and_fails(on_sqlite: Place) -> None:
    """With the house's own words; exit code 1."""
    async with on_sqlite.serve() as server:
        flags = ("--webhook-secret", "another", "--attempts", "2")
        done = await pay(on_sqlite, server.address, *flags)
        assert done.code == 1
        assert done.out.count("401 PAYMENT_SIGNATURE_INVALID") == 2
        assert "again in 1 s" in done.out


async def test_a_house_that_is_not_there(on_sqlite: Place) -> None:
    """No stack trace."""
    done = await pay(on_sqlite, "http://127.0.0.1:1", "--attempts", "1")
    assert (done.code, done.err) == (1, "")
    assert "no answer" in done.out
