"""The permission matrix at the door: every command with every role."""

import msgspec
import pytest

from engine.contract import Command, tag_of
from engine.kernel.actor import GUEST, ROLES
from engine.registry import build_registry, find_domains
from gateway.documents import Schemas
from tests.gateway.open_house import OpenHouse, open_house

REGISTRY = build_registry(find_domains())
SCHEMAS = Schemas(REGISTRY)
REFUSED = {"UNAUTHENTICATED", "FORBIDDEN"}


async def answers(house: OpenHouse, role: str) -> dict[str, str]:
    """What a role is answered to each command, over HTTP: `ok`, or the code of the refusal."""
    token = "" if role == GUEST else house.token(f"a-{role}", role)
    found = {}
    async with house.http(token) as http:
        for tag, command in REGISTRY.commands.items():
            body = SCHEMAS.example(command) | {"id": f"{role}:{tag}"}
            reply = (await http.post("/v1/commands", json=body)).json()
            found[tag] = reply.get("code", "ok")
    return found


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_send_its_own_commands_and_no_others(role: str) -> None:
    """Others are refused at the door, before any room hears of them."""
    async with open_house(REGISTRY) as house:
        found = await answers(house, role)
        for tag, command in REGISTRY.commands.items():
            if role not in command.ROLES:
                assert found[tag] == ("UNAUTHENTICATED" if role == GUEST else "FORBIDDEN"), tag
            else:
                assert found[tag] not in {"UNAUTHENTICATED", "MALFORMED", "UNKNOWN_COMMAND"}, tag
        refused = sum(role not in command.ROLES for command in REGISTRY.commands.values())
        assert refused == 0 or house.counts.refused[found_code(role)] >= refused


def found_code(role: str) -> str:
    return "UNAUTHENTICATED" if role == GUEST else "FORBIDDEN"


@pytest.mark.parametrize(
    "command", [c for c in REGISTRY.commands.values() if GUEST not in c.ROLES], ids=tag_of
)
async def test_what_is_not_for_guests_is_refused(command: type[Command]) -> None:
    """On the websocket too."""
    async with open_house(REGISTRY) as house, house.client() as guest:
        text = msgspec.json.encode(SCHEMAS.example(command)).decode()
        await guest.say(text)
        assert (await guest.hear("error"))["code"] == "UNAUTHENTICATED"
        assert not house.sink.log
