"""The command line: what it prints, where, with which exit code, and what it says when it fails."""

import asyncio
import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runtime.config import Config, env_name
from runtime.log_choice import SQLITE_NAME
from testkit.process import ROOT, run
from tests.e2e.door import door_of
from tests.e2e.places import Place

FAILED, USAGE = 1, 2


async def test_every_command_helps() -> None:
    """`--help` goes to stdout, exits with 0, and names every flag of PROTOCOL."""
    commands = ("", "serve", "demo", "token", "sandbox-pay", "shards", "verify", "bench")
    commands += ("reconcile", "sandbox-refunds")
    helped = await asyncio.gather(*(run(*c.split(), "--help") for c in commands))
    assert [h.code for h in helped] == [0] * len(commands)
    assert not "".join(h.err for h in helped)
    said = dict(zip(commands, (h.out for h in helped), strict=True))
    assert all(command in said[""] for command in commands)
    for name in Config.__struct_fields__:
        assert f"--{name.replace('_', '-')} " in said["serve"] or name == "test_clock"
        assert env_name(name) in said["serve"]
    assert "--test-clock" in said["serve"]
    assert "--seconds" in said["demo"]
    assert all(flag in said["token"] for flag in ("--user", "--role", "--kyc", "--ttl", "--data"))
    assert all(f"--{flag}" in said["sandbox-pay"] for flag in ("scenario", "amount", "url", "data"))
    assert all(f"--{flag}" in said["shards"] for flag in ("postgres", "add", "drain", "json"))
    assert all(flag in said["verify"] for flag in ("--data", "--postgres", "--markets"))


async def test_print_config(tmp_path: Path) -> None:
    """What is in force, as JSON, without secrets; nothing is served and no folder is made."""
    data = tmp_path / "data"
    flags = ("--data", str(data), "--rate-user", "7", "--jwt-secret", "hush-hush")
    printed = await run("serve", "--print-config", *flags)
    assert printed.code == 0
    config = json.loads(printed.out)
    assert (config["rate_user"], config["jwt_secret"], config["port"]) == (7, "(set)", 8080)
    assert set(config) == set(Config.__struct_fields__)
    assert "hush" not in printed.out + printed.err
    assert not data.exists()


async def test_a_port_in_use(tmp_path: Path) -> None:
    """The line names address and remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = await run("serve", "--data", str(tmp_path), "--port", str(port))
    assert refused.code == USAGE
    assert refused.err.startswith(f"outcry: cannot listen on 127.0.0.1:{port}: ")
    assert "choose another --port" in refused.err


PAY = ["sandbox-pay", "--user", "u1", "--amount", "5", "--currency", "NGN"]
CANNOT_BE_USED: list[tuple[list[str], str]] = [
    (["serve", "--data", str(ROOT / "pyproject.toml")], "cannot"),
    (["serve", "--markets", "no-such.json"], "markets file no-such.json: "),
    (["serve", "--port", "70000"], "`$.port`"),
    (["serve", "--rate-user", "many"], "`$.rate_user`"),
    (["serve", "--log-level", "loud"], "`$.log_level`"),
    (["serve", "--jwt-algorithm", "RS256"], "needs a --jwks file"),
    (["token", "--user", "a b"], "user id"),
    (["token", "--user", "ann", "--ttl", "1y"], "90s, 15m, 1h or 7d"),
    (["token", "--user", "ann", "--role", "king"], "invalid choice: 'king'"),
    (["token"], "required: --user"),
    (["sandbox-pay", "--user", "u1"], "required: --amount, --currency"),
    ([*PAY, "--currency", "ngn"], "`$.currency`"),
    ([*PAY, "--times", "0"], "'0' is no number from 1 to 1000"),
    ([*PAY, "--delay", "nan"], "'nan' is no number of seconds"),
    ([*PAY, "--url", "localhost:8080"], "is no address such as"),
    ([*PAY, "--url", "http://house:port"], "is no address such as"),
    (["fly"], "invalid choice: 'fly'"),
    ([], "required: COMMAND"),
]


async def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Exit code 2, nothing on stdout, no stack trace: a line that names the setting."""
    for arguments, named in CANNOT_BE_USED:
        data = [] if "--data" in arguments or len(arguments) < 2 else ["--data", str(tmp_path)]
        refused = await run(*arguments, *data)
        assert refused.code == USAGE, (arguments, refused)
        assert not refused.out, arguments
        assert named in refused.err, (arguments, refused.err)
        assert "Traceback" not in refused.err, arguments


async def test_a_markets_file_is_used(on_sqlite: Place) -> None:
    """A market of one's own gives its figures; a field that no market has is refused."""
    good, bad = on_sqlite.data / "good.json", on_sqlite.data / "bad.json"
    good.write_text('[{"currency": "KES", "increments": [[0, 7]]}]')
    bad.write_text('[{"currency": "KES", "increment": 7}]')
    refused = await on_sqlite.serve_to_the_end("--markets", str(bad))
    assert refused.code == USAGE
    assert "`increment`" in refused.err
    async with on_sqlite.serve("--markets", str(good)) as server, door_of(server) as door:
        await door.say(
            server.token("dora", "dealer"),
            "auction.create",
            auction="a1",
            vehicle="v1",
            kind="timed",
            currency="KES",
            start_price=100,
            start_at=1,
            end_at=2,
        )
        assert (await door.room("auction:a1"))["increments"] == [[0, 7]]


async def test_it_does_not_run_without_its_assertions() -> None:
    """Under `python -O` nothing would guard the money."""
    refused = await run("verify", optimised=True)
    assert refused.code == USAGE
    assert "python -O" in refused.err


async def test_verify_where_there_is_no_log(tmp_path: Path, postgres_url: str) -> None:
    """Exit code 1 and the place that was looked at; nothing is made there."""
    data = tmp_path / "nowhere"
    missing = await run("verify", "--data", str(data))
    assert missing.code == FAILED
    assert str(data / SQLITE_NAME) in missing.err
    assert not data.exists()
    keyless = await run("verify", "--postgres", postgres_url, "--data", str(data))
    assert keyless.code == USAGE
    assert "--vault-secret" in keyless.err
    assert not data.exists()
    secret = "the root secret of no house at all"
    empty = await run("verify", "--postgres", postgres_url, "--vault-secret", secret)
    assert empty.code == FAILED
    assert postgres_url.partition("@")[2] in empty.err
    assert "Traceback" not in missing.err + empty.err


async def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    """The line says which one, and keeps the password to itself."""
    url = "postgresql://ann:hush-hush@127.0.0.1:1/market"
    refused = await run("serve", "--port", "0", "--data", str(tmp_path), "--postgres", url)
    assert refused.code == FAILED
    assert refused.err.startswith("outcry: postgresql://127.0.0.1:1/market: ")
    assert "Connection refused" in refused.err
    assert "hush" not in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE events SET event = replace(event, '4200', '9200') WHERE position = 3", "3: "),
        ("UPDATE events SET at = at + 1 WHERE position = 2", "2: "),
        ("UPDATE events SET actor = 'someone' WHERE position = 1", "1: "),
        ("DELETE FROM events WHERE position = 2", "gap"),
    ],
    ids=["amount", "time", "actor", "missing"],
)
async def test_verify_finds_what_was_changed(on_sqlite: Place, damage: str, said: str) -> None:
    """One byte of an event, its time, its author or its absence: the position is named."""
    async with on_sqlite.serve() as server, door_of(server) as door:
        for number in (1, 2):
            await door.say(
                server.token("boss", "admin"),
                "ledger.deposit",
                user="ann",
                amount=4200,
                currency="USD",
                reference=f"r{number}",
            )
    good = await on_sqlite.verify()
    assert good.code == 0, good.err
    with closing(sqlite3.connect(on_sqlite.data / SQLITE_NAME)) as foreign, foreign:
        assert foreign.execute(damage).rowcount == 1
    bad = await on_sqlite.verify()
    assert bad.code == FAILED
    assert "every invariant holds" not in bad.out
    assert said in bad.err
    assert "Traceback" not in bad.err
