"""The AsyncAPI 3.0 document of the websocket: every command, every frame."""

from typing import Any

from msgspec import Struct

from engine.contract import Command, Event, tag_of
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
    event_texts,
    roles_of,
    session_text,
    text_of,
)
from gateway.session_commands import SESSION_COMMANDS, SessionCommand
from gateway.settings import SUBPROTOCOL, WEBSOCKET_PATH

CHANNEL = "websocket"
CHANNEL_REF = f"#/channels/{CHANNEL}"
MESSAGES = "#/components/messages/"

SERVER_FRAMES: tuple[tuple[str, type[Struct], str], ...] = (
    ("ok", replies.Ok, "reply"),
    ("session_ok", replies.SessionOk, "reply"),
    ("error", replies.Error, "reply"),
    ("welcome", replies.Welcome, "connection"),
    ("snapshot", replies.Snapshot, "feed"),
    ("soft", replies.Soft, "feed"),
    ("goodbye", replies.Goodbye, "connection"),
)
CLOSE_CODES = {
    "4001": "bad token: do not come back as you are",
    "4002": "not the protocol: three frames in a row were no JSON",
    "4003": "foreign origin (the handshake itself is refused with HTTP 403)",
    "4100": "overloaded: come back later",
    "4101": "too many connections: come back later",
    "4200": "too slow: come back now and resume",
    "4201": "restart: come back now and resume",
    "4202": "feed position lost: come back now and resume",
}


def asyncapi_document(registry: Registry) -> Json:
    """The document, ready to be encoded."""
    schemas = Schemas(registry)
    messages = _messages(registry, schemas)
    document: Json = {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": "localhost:8080",
                "protocol": "ws",
                "description": "The server that gave you this document; `wss` behind TLS.",
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {CHANNEL: _channel(messages)},
        "operations": _operations(registry, messages),
        "x-codes": codes_of(registry),
        "x-close-codes": CLOSE_CODES,
    }
    token = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "In the handshake, or as the first command `auth`. Guests need none.",
    }
    components: Json = {"messages": messages, "securitySchemes": {"token": token}}
    components["schemas"] = schemas.reachable(components)
    return document | {"components": components}


def _info() -> Json:
    return {
        "title": f"{TITLE}: the websocket",
        "version": VERSION,
        "description": (
            f"{SUMMARY} Subprotocol `{SUBPROTOCOL}`; text frames, one JSON object each. "
            "Each command is answered by one `ok` or `error` with its `id`. A command that is "
            "sent again with the same id and body is given its first answer again."
        ),
        "license": dict(LICENSE),
    }


def _channel(messages: Json) -> Json:
    return {
        "address": WEBSOCKET_PATH,
        "description": "Commands in; replies and the feeds of rooms out.",
        "messages": {name: {"$ref": MESSAGES + name} for name in messages},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _messages(registry: Registry, schemas: Schemas) -> Json:
    messages: Json = {}
    for domain, commands in commands_by_domain(registry).items():
        for command in commands:
            message = _request(command, schemas, domain, text_of(command))
            messages[tag_of(command)] = message | {"x-roles": roles_of(command)}
    for session in SESSION_COMMANDS:
        messages[tag_of(session)] = _request(session, schemas, "session", session_text(session))
    for name, frame, group in SERVER_FRAMES:
        messages[name] = {
            "name": name,
            "title": name,
            "summary": text_of(frame),
            "tags": [{"name": group}],
            "payload": schemas.ref(frame),
        }
    for tag, (event, text) in event_texts(registry).items():
        messages[tag] = _event(tag, event, text, schemas)
    return messages


def _request(
    command: type[Command] | type[SessionCommand], schemas: Schemas, group: str, text: str
) -> Json:
    return {
        "name": tag_of(command),
        "title": tag_of(command),
        "summary": text,
        "tags": [{"name": group}],
        "correlationId": {"location": "$message.payload#/id"},
        "payload": schemas.ref(command),
        "examples": [{"payload": schemas.example(command)}],
    }


def _event(tag: str, event: type[Event], text: str, schemas: Schemas) -> Json:
    return {
        "name": tag,
        "title": tag,
        "summary": text,
        "description": "A viewer who may know only that something happened finds `data` empty.",
        "tags": [{"name": "event"}],
        "payload": {
            "type": "object",
            "properties": {
                "type": {"const": "event"},
                "room": {"type": "string"},
                "seq": {"type": "integer", "description": "1, 2, 3 … in its room, without gaps"},
                "at": {"type": "integer", "description": "ms since 1970, UTC"},
                "event": {"const": tag},
                "data": schemas.ref(event),
            },
            "required": ["type", "room", "seq", "at", "event", "data"],
        },
    }


def _operations(registry: Registry, messages: Json) -> Json:
    operations: Json = {}
    for commands in commands_by_domain(registry).values():
        for command in commands:
            operation = _operation(tag_of(command), messages, "ok")
            operations[tag_of(command)] = operation | {"x-roles": roles_of(command)}
    for session in SESSION_COMMANDS:
        operations[tag_of(session)] = _operation(tag_of(session), messages, "session_ok")
    pushed = [
        name
        for name in messages
        if name in registry.events or name in ("welcome", "snapshot", "goodbye", "error")
    ]
    operations["push"] = {
        "action": "send",
        "channel": {"$ref": CHANNEL_REF},
        "summary": "What the server says unasked: feeds, and about the connection itself.",
        "messages": _in_channel(pushed),
    }
    return operations


def _operation(tag: str, messages: Json, ok: str) -> Json:
    message: dict[str, Any] = messages[tag]
    return {
        "action": "receive",
        "channel": {"$ref": CHANNEL_REF},
        "summary": message["summary"],
        "tags": message["tags"],
        "messages": _in_channel([tag]),
        "reply": {"channel": {"$ref": CHANNEL_REF}, "messages": _in_channel([ok, "error"])},
    }


def _in_channel(names: list[str]) -> list[Json]:
    return [{"$ref": f"{CHANNEL_REF}/messages/{name}"} for name in names]
