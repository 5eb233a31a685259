"""The generated documents: whole, in step with the registry, and true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec import Meta, Struct

from engine.contract import Command, tag_of
from engine.registry import build_registry, find_domains
from gateway import replies
from gateway.asyncapi import asyncapi_document
from gateway.decoding import Decoder
from gateway.documents import Schemas, codes_of, roles_of
from gateway.openapi import openapi_document
from gateway.session_commands import SESSION_COMMANDS
from tests.gateway.open_house import club_registry, open_house

OPENAPI_SCHEMA = Path(__file__).parent / "schemas" / "openapi-3.1.json"
"""The specification's own, of 2022-10-07 (Apache-2.0)."""


def on_the_wire(document: Any) -> Any:
    """The document as a client reads it."""
    return msgspec.json.decode(msgspec.json.encode(document))


REGISTRY = build_registry(find_domains())
ASYNCAPI = on_the_wire(asyncapi_document(REGISTRY))
OPENAPI = on_the_wire(openapi_document(REGISTRY))


def refs(value: Any) -> Iterator[str]:
    """Every reference in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            elif key == "mapping":
                yield from inner.values()
            else:
                yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def resolve(document: Any, ref: str) -> Any:
    """What a local reference points to."""
    assert ref.startswith("#/"), ref
    found = document
    for step in ref[2:].split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def checker(document: Any, schema: Any) -> Draft202012Validator:
    """A validator for one schema of a document."""
    return Draft202012Validator({**schema, "components": document["components"]})


@pytest.mark.parametrize("document", [ASYNCAPI, OPENAPI], ids=["asyncapi", "openapi"])
def test_every_reference_leads_somewhere(document: Any) -> None:
    """And every schema is one, and every one is used."""
    used = set(refs(document))
    for ref in used:
        assert resolve(document, ref) is not None
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert f"#/components/schemas/{name}" in used, f"{name} is described for nobody"


def test_the_openapi_document_is_one() -> None:
    """By the specification's own schema."""
    schema = msgspec.json.decode(OPENAPI_SCHEMA.read_bytes())
    Draft202012Validator(schema).validate(OPENAPI)


def test_the_asyncapi_document_has_the_parts_that_tools_need() -> None:
    """Version, info, one channel, and operations that name it and messages of it."""
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert ASYNCAPI["info"].keys() >= {"title", "version"}
    (channel,) = ASYNCAPI["channels"].values()
    assert channel["address"] == "/v1/ws"
    for name, operation in ASYNCAPI["operations"].items():
        assert operation["action"] == ("send" if name == "push" else "receive")
        assert operation["channel"] == {"$ref": "#/channels/websocket"}
        for ref in (*operation["messages"], *operation.get("reply", {}).get("messages", ())):
            # A message of an operation must be one of its channel's (AsyncAPI 3.0).
            assert ref["$ref"].startswith("#/channels/websocket/messages/")
    for message in ASYNCAPI["components"]["messages"].values():
        assert message.keys() >= {"name", "summary", "payload"}
        assert message["summary"], message["name"]


@pytest.mark.parametrize("command", [*REGISTRY.commands.values(), *SESSION_COMMANDS], ids=tag_of)
def test_every_command_is_described_with_an_example_that_works(command: type[Any]) -> None:
    """The server itself reads the example, and so does the schema."""
    tag = tag_of(command)
    message = ASYNCAPI["components"]["messages"][tag]
    assert tag in ASYNCAPI["operations"]
    (example,) = message["examples"]
    text = msgspec.json.encode(example["payload"])
    assert type(Decoder(REGISTRY).decode(text)) is command
    checker(ASYNCAPI, message["payload"]).validate(example["payload"])


@pytest.mark.parametrize("command", REGISTRY.commands.values(), ids=tag_of)
def test_every_command_says_who_may_send_it(command: type[Command]) -> None:
    """In both documents, as the registry has it."""
    tag = tag_of(command)
    assert ASYNCAPI["operations"][tag]["x-roles"] == roles_of(command)
    post = OPENAPI["paths"]["/v1/commands"]["post"]
    content = post["requestBody"]["content"]["application/json"]
    schema = resolve(OPENAPI, content["schema"]["discriminator"]["mapping"][tag])
    assert schema["x-roles"] == roles_of(command)
    checker(OPENAPI, content["schema"]).validate(content["examples"][tag]["value"])


def test_a_schema_refuses_what_the_server_refuses() -> None:
    """An unknown field and a wrong type, as two of many."""
    schema = ASYNCAPI["components"]["messages"]["ledger.deposit"]["payload"]
    validator = checker(ASYNCAPI, schema)
    good = ASYNCAPI["components"]["messages"]["ledger.deposit"]["examples"][0]["payload"]
    assert validator.is_valid(good)
    for change in ({"x": 1}, {"amount": 0}, {"amount": "1"}, {"user": "u 1"}, {"user": "u1\n"}):
        assert not validator.is_valid(good | change), change


def test_every_event_is_described() -> None:
    """By its name, as a frame of a feed; what is only in the log is left out."""
    messages = ASYNCAPI["components"]["messages"]
    for tag in REGISTRY.events:
        frame = messages[tag]["payload"]["properties"]
        assert frame["event"] == {"const": tag}
        data = resolve(ASYNCAPI, frame["data"]["$ref"])
        assert not data["properties"].keys() & {"postings", "claims", "frees", "event"}


def test_every_code_is_listed_once() -> None:
    """With what a retry can do; the names are unique."""
    codes = codes_of(REGISTRY)
    names = [code["code"] for code in codes]
    assert len(names) == len(set(names))
    assert set(names) >= {code.name for code in REGISTRY.codes}
    assert {code["retry"] for code in codes} <= {"never", "later", "refresh", "same_id"}
    assert ASYNCAPI["x-codes"] == OPENAPI["x-codes"] == codes


async def test_what_the_server_says_fits_the_document() -> None:
    """Real frames of a real conversation, each against its schema."""
    async with open_house() as house:
        document = asyncapi_document(house.gateway.desk.registry)

        def fits(name: str, frame: Any) -> None:
            payload = document["components"]["messages"][name]["payload"]
            checker(document, payload).validate(frame)

        async with house.client(house.token("u1")) as client:
            fits("welcome", client.welcome)
            fits("session_ok", await client.ask("auth", token=house.token("u1")))
            fits("session_ok", await client.ask("ping"))
            fits("ok", await client.ask("club.join", club="c1"))
            fits("session_ok", await client.ask("subscribe", room="club:c1"))
            fits("snapshot", await client.hear())
            fits("error", await client.ask("club.say", club="c2", text="x"))
            await client.ask("club.say", club="c1", text="x")
            fits("club.said", await client.hear())
            house.shut_down()
            fits("goodbye", await client.hear())


async def test_the_documents_are_served() -> None:
    """As they are generated, and as pages that need nothing from elsewhere."""
    async with open_house(REGISTRY) as house, house.http() as http:
        assert (await http.get("/asyncapi.json")).json() == ASYNCAPI
        assert (await http.get("/openapi.json")).json() == OPENAPI
        for path in ("/", "/docs"):
            page = await http.get(path)
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert "http://" not in page.text
            assert "https://" not in page.text
            assert "<script" not in page.text


async def test_the_page_names_everything() -> None:
    """Commands, their fields and roles, events, codes, close codes and addresses."""
    async with open_house(REGISTRY) as house, house.http() as http:
        page = (await http.get("/docs")).text
    wanted = [*REGISTRY.commands, *REGISTRY.events, *(tag_of(c) for c in SESSION_COMMANDS)]
    wanted += [code.name for code in REGISTRY.codes]
    wanted += ["4201", "POST /v1/commands", "GET /v1/rooms/{room}", "For admin, system"]
    assert [name for name in wanted if name not in page] == []


class Shapes(Struct, tag_field="type", tag="shapes"):
    """All kinds of fields that an example must be found for."""

    at: int
    rows: Annotated[list[tuple[int, str]], Meta(min_length=1)]
    flag: bool
    choice: replies.Pong
    maybe: Annotated[int, Meta(le=5)] | None
    colour: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$", examples=["#ffcc00"])]


def test_examples_of_nested_fields() -> None:
    """Lists, tuples, structs, options, and a pattern that only its own example fits."""
    example = Schemas(club_registry(), extra=(Shapes,)).example(Shapes)
    assert isinstance(msgspec.convert(example, Shapes), Shapes)
    assert example["colour"] == "#ffcc00"


def test_a_pattern_without_an_example_is_a_fault_at_the_start() -> None:
    """It says what is to be added."""

    class Odd(Struct, tag_field="type", tag="odd"):
        colour: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")]

    with pytest.raises(AssertionError, match="Meta\\(examples"):
        Schemas(club_registry(), extra=(Odd,)).example(Odd)
