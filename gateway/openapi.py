"""The OpenAPI 3.1 document of the HTTP door."""

from typing import Any

from msgspec import Struct

from engine.contract import tag_of
from engine.kernel.files import FILE_BYTES_MAX
from engine.kernel.limits import HISTORY_PAGE_MAX
from engine.kernel.money import AMOUNT_MAX
from engine.registry import Registry
from gateway import replies
from gateway.documents import (
    LICENSE,
    SUMMARY,
    TITLE,
    VERSION,
    Json,
    Schemas,
    codes_of,
    commands_by_domain,
    text_of,
)
from gateway.files import Uploaded
from gateway.hooks.providers import PROVIDERS
from gateway.hooks.reading import Ignored
from gateway.hooks.sandbox import SandboxPayment
from gateway.http_calls import Advance, ClockTime
from gateway.limits import HISTORY_PAGE

ERRORS = {
    "400": "the request cannot be read",
    "401": "no token, or a bad one",
    "403": "not for this role, or from a foreign page",
    "404": "no such room or thing",
    "409": "the state does not allow it now, or the id was used for something else",
    "422": "a rule refuses it",
    "429": "too often; see Retry-After",
    "503": "overloaded, or the log cannot be written; `retry` says what to do",
}


def openapi_document(registry: Registry) -> Json:
    """The document, ready to be encoded."""
    schemas = Schemas(registry, extra=(SandboxPayment, Ignored, Advance, ClockTime, Uploaded))
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": f"{TITLE}: HTTP",
            "version": VERSION,
            "description": SUMMARY,
            "license": dict(LICENSE),
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "tags": [
            {"name": domain.name, "description": domain.summary or domain.name}
            for domain in registry.domains.values()
        ],
        "paths": {
            "/v1/commands": {"post": _commands(registry, schemas)},
            "/v1/rooms/{room}": {"get": _room(schemas)},
            "/v1/rooms/{room}/events": {"get": _events(schemas)},
            "/v1/hooks/{provider}": {"post": _hook(schemas)},
            "/v1/files": {"post": _upload(schemas)},
            "/v1/files/{id}": {"get": _open(schemas)},
            "/v1/test/clock": {"post": _clock(schemas)},
            **_plain_pages(),
        },
        "x-codes": codes_of(registry),
    }
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    document["components"] = {
        "securitySchemes": {"token": scheme},
        "schemas": schemas.reachable(document),
    }
    return document


def _commands(registry: Registry, schemas: Schemas) -> Json:
    commands = [c for group in commands_by_domain(registry).values() for c in group]
    content = {
        "schema": {
            "oneOf": [schemas.ref(command) for command in commands],
            "discriminator": {
                "propertyName": "type",
                "mapping": {tag_of(command): schemas.refs[command] for command in commands},
            },
        },
        "examples": {
            tag_of(command): {"summary": text_of(command), "value": schemas.example(command)}
            for command in commands
        },
    }
    return {
        "operationId": "command",
        "summary": "Have a command decided",
        "description": (
            "The same commands and replies as on the websocket. `x-roles` of each command says "
            "who may send it. Repeating a command with the same id is safe."
        ),
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses(schemas, replies.Ok, ERRORS),
    }


def _room(schemas: Schemas) -> Json:
    return {
        "operationId": "room",
        "summary": "A room as you may see it",
        "parameters": [_room_parameter()],
        "responses": _responses(schemas, replies.RoomView, _but("409", "422")),
    }


def _events(schemas: Schemas) -> Json:
    return {
        "operationId": "events",
        "summary": "What happened in a room, oldest first",
        "parameters": [
            _room_parameter(),
            _query("after", "events with a `seq` above this", 0, AMOUNT_MAX, 0),
            _query("limit", "how many at most", 1, HISTORY_PAGE_MAX, HISTORY_PAGE),
        ],
        "responses": _responses(schemas, replies.History, _but("409", "422")),
    }


def _hook(schemas: Schemas) -> Json:
    provider = {
        "name": "provider",
        "in": "path",
        "required": True,
        "schema": {"enum": list(PROVIDERS)},
    }
    signatures = [
        {
            "name": row.header,
            "in": "header",
            "description": f"the signature, if the provider is {name}",
            "schema": {"type": "string"},
        }
        for name, row in PROVIDERS.items()
    ]
    theirs = {"type": "object", "description": "an event as its provider documents it"}
    body = {"schema": {"anyOf": [schemas.ref(SandboxPayment), theirs]}}
    answer = {"schema": {"anyOf": [schemas.ref(replies.Ok), schemas.ref(Ignored)]}}
    responses = _responses(schemas, replies.Ok, _but("403", "429"))
    responses["200"] = {
        "description": "booked, or told before, or an event that moves no money here",
        "content": {"application/json": answer},
    }
    return {
        "operationId": "hook",
        "summary": "A payment provider says what became of a payment",
        "description": (
            "Each payment counts once, however often it is told. Providers without a secret in "
            "the server's settings are not found."
        ),
        "security": [{}],
        "parameters": [provider, *signatures],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": responses,
    }


def _upload(schemas: Schemas) -> Json:
    types = ("image/jpeg", "image/png", "image/webp", "image/heic", "application/pdf")
    responses = _responses(schemas, Uploaded, _but("409", "422"))
    responses["201"] = responses.pop("200")
    for status, text in (
        ("413", f"a file has at most {FILE_BYTES_MAX} bytes"),
        ("415", "it is of no kind that is taken, by its first bytes"),
    ):
        responses[status] = {"description": text, "content": _json(schemas, replies.Error)}
    return {
        "operationId": "upload",
        "summary": "Upload a picture or a document, to name it in a command",
        "security": [{"token": []}, {}],
        "parameters": [_link("a link of the house, for those who have no account")],
        "requestBody": {"required": True, "content": {media: {} for media in types}},
        "responses": responses,
    }


def _open(schemas: Schemas) -> Json:
    id_ = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    link = _link("a link of the house; without one, only the owner's token opens the file")
    responses = _responses(schemas, Uploaded, _but("409", "422"))
    responses["200"] = {
        "description": "the file, as it was uploaded",
        "content": {"application/octet-stream": {}},
    }
    return {
        "operationId": "file",
        "summary": "A file that was uploaded",
        "parameters": [id_, link],
        "responses": responses,
    }


def _link(text: str) -> Json:
    schema = {"type": "string"}
    return {"name": "link", "in": "query", "description": text, "schema": schema}


def _clock(schemas: Schemas) -> Json:
    return {
        "operationId": "clock",
        "summary": "Move the house's time ahead (admin; only with --test-clock)",
        "requestBody": _body(schemas, Advance),
        "responses": _responses(schemas, ClockTime, _but("409", "422")),
    }


def _plain_pages() -> Json:
    pages = {
        "/healthz": ("alive", "application/json"),
        "/readyz": ("recovered, and the log can be written; else 503", "application/json"),
        "/metrics": ("Prometheus", "text/plain"),
        "/asyncapi.json": ("the websocket's document", "application/json"),
        "/openapi.json": ("this document", "application/json"),
        "/docs": ("both documents, to be read", "text/html"),
        "/": ("the front page", "text/html"),
    }
    return {
        path: {
            "get": {
                "operationId": path.strip("/").replace(".", "_") or "front",
                "summary": what,
                "security": [{}],
                "responses": {"200": {"description": what, "content": {media: {}}}},
            }
        }
        for path, (what, media) in pages.items()
    }


def _responses(schemas: Schemas, ok: type[Struct], errors: dict[str, str]) -> Json:
    responses = {"200": {"description": text_of(ok), "content": _json(schemas, ok)}}
    for status, text in errors.items():
        responses[status] = {"description": text, "content": _json(schemas, replies.Error)}
    return responses


def _but(*statuses: str) -> dict[str, str]:
    return {status: text for status, text in ERRORS.items() if status not in statuses}


def _json(schemas: Schemas, type_: type[Struct]) -> Json:
    return {"application/json": {"schema": schemas.ref(type_)}}


def _body(schemas: Schemas, type_: type[Struct]) -> Json:
    return {"required": True, "content": _json(schemas, type_)}


def _room_parameter() -> Json:
    return {
        "name": "room",
        "in": "path",
        "required": True,
        "description": "kind:id, such as auction:a1 or user:u1",
        "schema": {"type": "string"},
    }


def _query(name: str, text: str, least: int, most: int, default: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return {"name": name, "in": "query", "description": text, "schema": schema}
