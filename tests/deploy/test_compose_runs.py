"""What docker-compose.yml would start, started as processes of this machine: the same commands and
the same environment, with sockets of this machine where it has names of hosts."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from runtime.tokens import issue_token
from testkit.client import connected
from testkit.process import Process, run, start
from testkit.redis import RedisServer, find_binary
from tests.deploy.files import compose, config_of, filled, instruction, kubernetes, required

pytestmark = pytest.mark.xdist_group("cluster")

ORDER = ("engine1", "engine2", "gateway1", "gateway2")
SECRET = "0123456789abcdef" * 4


class Running(Struct):
    """A service of the file, as a process."""

    process: Process
    environment: dict[str, str]

    @property
    def websocket(self) -> str:
        """Of a gateway."""
        return f"ws://127.0.0.1:{self.environment['OUTCRY_PORT']}/v1/ws"


def environment_of(service: Mapping[str, Any], here: Mapping[str, str]) -> dict[str, str]:
    """The image's, then the service's, then what is different on this machine."""
    image = dict(pair.split("=", 1) for pair in instruction("house", "ENV").split())
    given = dict.fromkeys(required(json.dumps(service)), SECRET)
    environment = {name: filled(text, given) for name, text in service["environment"].items()}
    del image["PATH"]
    changed = {name: value for name, value in here.items() if name in image | environment}
    return image | environment | changed


def free_port() -> int:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
    return number


async def started(service: Mapping[str, Any], environment: dict[str, str]) -> Running:
    """The command of a service in its environment, ready."""
    entrypoint = json.loads(instruction("house", "ENTRYPOINT"))
    assert entrypoint == ["outcry"], "or it is not what `start` starts"
    settings = [f"{name}={value}" for name, value in environment.items()]
    process = await start(*service["command"], under=["env", *settings])
    await process.out.until(r"is ready at")
    return Running(process, environment)


@pytest.fixture
async def services(tmp_path: Path, postgres_url: str) -> AsyncIterator[dict[str, Running]]:
    """Engines and gateways of the file, in the order in which they wait for one another."""
    async with AsyncExitStack() as stack:
        fan = stack.enter_context(RedisServer(find_binary()))
        found: dict[str, Running] = {}
        for name in ORDER:
            here = {
                "OUTCRY_POSTGRES": postgres_url,
                "OUTCRY_REDIS": f"unix://{fan.socket_path}",
                "OUTCRY_DATA": str(tmp_path / "files"),
                "OUTCRY_HOST": "127.0.0.1",
                "OUTCRY_PORT": str(free_port()),
            }
            service = compose()["services"][name]
            found[name] = await started(service, environment_of(service, here))
            stack.push_async_callback(found[name].process.close)
        yield found


async def is_healthy(service: Running) -> bool:
    """What the image's HEALTHCHECK says."""
    command = json.loads(instruction("house", "HEALTHCHECK").partition("CMD ")[2])
    settings = [f"{name}={value}" for name, value in service.environment.items()]
    check = await asyncio.create_subprocess_exec("env", *settings, *command)
    return await check.wait() == 0


def probed(role: str) -> set[str]:
    """The paths that the Kubernetes examples ask engines or gateways for."""
    documents = kubernetes()[f"{role}s.yaml"]
    (workload,) = (d for d in documents if d["kind"] in ("StatefulSet", "Deployment"))
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")]
    assert {probe["port"] for probe in probes} == {container["ports"][0]["name"]}
    return {probe["path"] for probe in probes}


async def test_probes_and_prometheus_are_answered(services: dict[str, Running]) -> None:
    """By each process: its health check, what Kubernetes asks, and its figures."""
    async with httpx.AsyncClient(trust_env=False) as http:
        for name, service in services.items():
            assert await is_healthy(service)
            for path in (*probed(name[:-1]), "/metrics"):
                url = f"http://127.0.0.1:{service.environment['OUTCRY_PORT']}{path}"
                assert (await http.get(url)).status_code == 200, f"{name}: {path}"


async def test_a_bid_over_the_second_gateway(services: dict[str, Running]) -> None:
    """It is heard at the first; all stop in good order within their time, and the log holds."""
    config = config_of(services["gateway1"].environment)
    admin = issue_token(config, "boss", "admin", "approved", "1h")
    ann = issue_token(config, "ann", "user", "approved", "1h")
    async with (
        connected(services["gateway1"].websocket, admin) as boss,
        connected(services["gateway2"].websocket, ann) as bidder,
    ):
        money = {"amount": 10**12, "currency": "NGN"}
        await boss.must("ledger.deposit", user="ann", reference="r1", **money)
        now = time.time_ns() // 1_000_000
        terms = {"kind": "timed", "currency": "NGN", "start_price": 100_000}
        when = {"start_at": now + 500, "end_at": now + 3_600_000}
        who = {"auction": "a1", "vehicle": "v1", "seller": "sel"}
        await boss.must("auction.create", **who, **terms, **when)
        await boss.must("auction.approve", auction="a1")
        await boss.subscribe("auction:a1")
        await boss.hear(event="auction.started")
        await bidder.must("auction.place_bid", auction="a1", amount=100_000, currency="NGN")
        heard = await boss.hear(event="auction.bid_placed")
        assert heard.data["amount"] == 100_000
    for name in reversed(ORDER):
        services[name].process.stop()
        patience_s = int(compose()["services"][name]["stop_grace_period"].removesuffix("s"))
        async with asyncio.timeout(patience_s):
            assert await services[name].process.ended() == 0, services[name].process.err.text
    engine = config_of(services["engine1"].environment)
    settings = ("--postgres", engine.postgres, "--vault-secret", engine.vault_secret)
    verified = await run("verify", *settings)
    assert verified.code == 0, verified.err
