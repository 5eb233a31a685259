"""What both documents are made of: schemas and examples, derived from the registry.

Nothing here knows a domain. What a command, an event or a refusal is called, what it holds and
who may send it is read off the registry; a new domain is documented as soon as it is there.
"""

import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import Struct

from engine.contract import INTERNAL_FIELDS, Command, Event, tag_of
from engine.kernel.actor import ROLES
from engine.kernel.files import FILE_CODES
from engine.kernel.outcome import GENERAL_CODES, Code
from engine.registry import Registry
from gateway import replies
from gateway.hooks.codes import HOOK_CODES
from gateway.http_replies import HTTP_CODES
from gateway.session_commands import SESSION_COMMANDS, SessionCommand

Json = dict[str, Any]

VERSION = "1.0.0"
TITLE = "Open Outcry"
LICENSE: Mapping[str, str] = {
    "name": "Apache-2.0",
    "url": "https://www.apache.org/licenses/LICENSE-2.0",
}
SUMMARY = (
    "A real-time marketplace. One writer decides; nothing leaves before it is in the log. "
    "Money is counted in integer minor units, time in milliseconds since 1970, UTC."
)
REPLIES: tuple[type[Struct], ...] = (
    replies.Ok,
    replies.SessionOk,
    replies.Error,
    replies.Welcome,
    replies.Snapshot,
    replies.Soft,
    replies.Goodbye,
    replies.Identified,
    replies.Recovery,
    replies.Pong,
    replies.RoomView,
    replies.History,
)
SCHEMAS = "#/components/schemas/"

# Candidates for a string that must match a pattern; the first that fits is the example.
_SAMPLES = ("NGN", "auction:a1", "user:u1", "a1")
_MOMENT = 1_800_000_000_000
_MINUTE_MS = 60_000
_PRICE = 1_250_000


class Schemas:
    """The JSON schemas of all that is on the wire, by the names that documents refer to."""

    def __init__(self, registry: Registry, extra: Iterable[type[Struct]] = ()) -> None:
        types = (*registry.commands.values(), *SESSION_COMMANDS, *REPLIES, *extra)
        events = tuple(registry.events.values())
        refs, components = msgspec.json.schema_components(
            [*types, *events], ref_template=SCHEMAS + "{name}"
        )
        self.refs = {type_: ref["$ref"] for type_, ref in zip((*types, *events), refs, strict=True)}
        self.components: Json = {name: _clean(schema) for name, schema in components.items()}
        for event in events:
            _make_data(self.of(event), tag_of(event))
        for command in registry.commands.values():
            self.of(command)["x-roles"] = roles_of(command)
        for request in (*registry.commands.values(), *SESSION_COMMANDS):
            self.of(request)["examples"] = [self.example(request)]

    def of(self, type_: type[Struct]) -> Json:
        """The schema of a struct."""
        schema: Json = self.components[self.refs[type_].removeprefix(SCHEMAS)]
        return schema

    def ref(self, type_: type[Struct]) -> Json:
        """A reference to the schema of a struct."""
        return {"$ref": self.refs[type_]}

    def example(self, type_: type[Struct]) -> Json:
        """The least that a valid object holds: its required fields."""
        schema = self.of(type_)
        required = schema["required"]
        # The type is what one reads first, then the id.
        ordered = sorted(required, key=lambda name: (name != "type", name != "id"))
        return {name: self._example(schema["properties"][name], name) for name in ordered}

    def reachable(self, document: Json) -> Json:
        """Those components that the document refers to, directly or indirectly."""
        wanted: dict[str, None] = {}
        queue = [document]
        while queue:
            for ref in _refs(queue.pop()):
                name = ref.removeprefix(SCHEMAS)
                if ref.startswith(SCHEMAS) and name not in wanted:
                    wanted[name] = None
                    queue.append(self.components[name])
        return {name: self.components[name] for name in sorted(wanted)}

    def _example(self, schema: Json, field: str) -> Any:
        if "examples" in schema:
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self._example(schema["anyOf"][0], field)
        if "$ref" in schema:
            named = self.components[schema["$ref"].removeprefix(SCHEMAS)]
            return self._example(named, field)
        match schema.get("type"):
            case "string":
                return _text(schema, field)
            case "integer":
                return _number(schema, field)
            case "boolean":
                return False
            case "array":
                return self._list(schema, field)
            case "object":
                properties = schema.get("properties", {})
                required = schema.get("required", ())
                return {name: self._example(properties[name], name) for name in required}
        raise AssertionError(f"no example of {field}: give its type Meta(examples=[…])")

    def _list(self, schema: Json, field: str) -> list[Any]:
        if "prefixItems" in schema:
            return [self._example(item, field) for item in schema["prefixItems"]]
        items = schema.get("items", {})
        return [self._example(items, field) for _ in range(schema.get("minItems", 0))]


def commands_by_domain(registry: Registry) -> dict[str, list[type[Command]]]:
    """Every command, under the domain that decides it; domains without any are left out."""
    grouped = {
        name: sorted(domain.commands(), key=tag_of) for name, domain in registry.domains.items()
    }
    return {name: commands for name, commands in grouped.items() if commands}


def roles_of(command: type[Command]) -> list[str]:
    """Who may send it, in the order of the roles."""
    return [role for role in ROLES if role in command.ROLES]


def text_of(type_: type) -> str:
    """What a struct's docstring says, on one line."""
    return " ".join(cleandoc(type_.__doc__ or "").split())


def codes_of(registry: Registry) -> list[Json]:
    """Every refusal: its name, what a retry can do, its HTTP status, whose it is."""
    own = {code: domain.name for domain in registry.domains.values() for code in domain.codes}
    general = dict.fromkeys((*GENERAL_CODES, *HTTP_CODES, *HOOK_CODES, *FILE_CODES), "general")
    owners: dict[Code, str] = own | general
    return [
        {"code": code.name, "retry": code.retry, "status": code.status, "of": owner}
        for code, owner in sorted(owners.items(), key=lambda item: (item[1], item[0].name))
    ]


def session_text(command: type[SessionCommand]) -> str:
    """What a session command does, and what its `ok` holds."""
    result = {
        "auth": "user, role, kyc, expires_at",
        "subscribe": "recovered, seq, epoch",
        "ping": "server_time",
    }.get(tag_of(command), "nothing")
    return f"{text_of(command)} Result: {result}."


def _clean(schema: Json) -> Json:
    """Descriptions on one line, as they come from docstrings."""
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    return schema


def _make_data(schema: Json, tag: str) -> None:
    """Turn an event as it is stored into an event's `data` as it is shown."""
    for name in (*INTERNAL_FIELDS, "event"):
        schema["properties"].pop(name, None)
    # A viewer may be shown less, and other forms of the same (an alias instead of a user id).
    schema.pop("required", None)
    schema["title"] = f"{tag} data"


def _refs(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("$ref", "x-schema"):
                yield inner
            elif key == "mapping":
                yield from inner.values()
            else:
                yield from _refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refs(inner)


def _text(schema: Json, field: str) -> str:
    pattern = schema.get("pattern")
    candidates = (f"{field}1", *_SAMPLES) if pattern else (f"a {field}"[: schema.get("maxLength")],)
    for candidate in candidates:
        if re.search(pattern or "", candidate):
            return candidate
    raise AssertionError(f"no example of {field}: give its type Meta(examples=[…])")


def _number(schema: Json, field: str) -> int:
    wanted = _PRICE
    if field.endswith("_at"):
        wanted = _MOMENT
    elif field.endswith("_ms"):
        wanted = _MINUTE_MS
    least = schema.get("minimum", schema.get("exclusiveMinimum", wanted - 1) + 1)
    return int(min(max(wanted, least), schema.get("maximum", wanted)))


def event_texts(registry: Registry) -> dict[str, tuple[type[Event], str]]:
    """Every event: its type and what it means."""
    return {tag: (event, text_of(event)) for tag, event in sorted(registry.events.items())}
