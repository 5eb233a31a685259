"""The addresses of the HTTP door, and what becomes of a request that has none."""

import asyncio
import socket

import httpx
import pytest
import uvicorn

from gateway.uvicorn_protocol import uvicorn_protocol
from tests.gateway.harness import PATIENCE_S
from tests.gateway.open_house import open_house


async def test_health_and_readiness() -> None:
    """Alive always; ready while the log can be written."""
    async with open_house() as house, house.http() as http:
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        assert (await http.get("/readyz")).json() == {"status": "ready"}
        house.sink.fail()
        assert (await http.get("/healthz")).status_code == 200
        response = await http.get("/readyz")
        assert (response.status_code, response.json()["code"]) == (503, "UNAVAILABLE")


async def test_metrics_are_whatever_the_runtime_says() -> None:
    """In the form that Prometheus reads."""
    async with open_house() as house, house.http() as http:
        response = await http.get("/metrics")
        assert response.text == "metrics 1\n"
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("GET", "/v1/ws", 404, "NOT_FOUND"),
        ("DELETE", "/v1/commands", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/commands", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/rooms/club:c1", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/healthz", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_unknown_addresses_and_methods(
    method: str, path: str, status: int, code: str
) -> None:
    """JSON like any other refusal; 405 says what is allowed."""
    async with open_house() as house, house.http() as http:
        response = await http.request(method, path)
        reply = response.json()
        assert (response.status_code, reply["code"]) == (status, code)
        assert (reply["type"], reply["id"], reply["retry"]) == ("error", None, "never")
        assert ("allow" in response.headers) == (status == 405)


async def test_a_fault_of_ours_shows_nothing_of_the_inside() -> None:
    """500 in the usual form, without a trace."""

    def broken() -> bytes:
        raise ValueError("inside")

    async with open_house() as house, house.http(metrics=broken) as http:
        response = await http.get("/metrics")
        assert (response.status_code, response.json()["code"]) == (500, "UNKNOWN")
        assert "inside" not in response.text


async def test_one_port_for_both_doors() -> None:
    """Under uvicorn, as in earnest: a command over HTTP is heard on the websocket."""
    async with open_house() as house:
        config = uvicorn.Config(
            house.app(), ws=uvicorn_protocol(house.listener), lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as sock:
            running = asyncio.create_task(server.serve(sockets=[sock]))
            house.port = sock.getsockname()[1]
            headers = {"Authorization": f"Bearer {house.token('u1')}"}
            url = f"http://127.0.0.1:{house.port}"
            try:
                async with (
                    house.client(house.token("u1")) as client,
                    httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
                ):
                    body = {"id": "1", "type": "club.join", "club": "c1"}
                    assert (await http.post("/v1/commands", json=body)).status_code == 200
                    await client.ask("subscribe", room="club:c1")
                    assert (await client.hear("snapshot"))["state"]["member"] is True
                    body = {"id": "2", "type": "club.say", "club": "c1", "text": "hello"}
                    assert (await http.post("/v1/commands", json=body)).status_code == 200
                    assert (await client.hear("event"))["data"]["text"] == "hello"
                    server.should_exit = True
                    assert (await client.hear("goodbye"))["code"] == "RESTART"
                    assert (await client.closed())[0] == 4201
            finally:
                server.should_exit = True
                await asyncio.wait_for(running, PATIENCE_S)
