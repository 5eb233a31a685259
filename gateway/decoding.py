"""From a frame's bytes to a command, in one pass; and what to say of a frame that is none."""

import json
import re
from typing import Any

import msgspec
from msgspec import Struct

from engine.contract import Command, tag_of
from engine.kernel.outcome import MALFORMED, UNKNOWN_COMMAND, Rejected
from engine.registry import Registry, union_of
from gateway.limits import ECHO_CHARACTERS_MAX
from gateway.session_commands import SESSION_COMMANDS, SessionCommand

Request = Command | SessionCommand

_FIELD = re.compile(r"^Object (?P<rule>contains unknown|missing required) field `(?P<field>.*)`$")
_PATH = re.compile(r"^(?P<rule>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_FIELD_RULES = {"contains unknown": "no such field", "missing required": "is required"}

READING_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a text that it cannot read. Bodies, unlike frames, may be no UTF-8."""


class Unreadable(Struct, frozen=True):
    """A frame that is no command."""

    id: str | None
    """The client's id, if the frame has one that can be told."""
    rejected: Rejected
    is_json: bool


class Decoder:
    """Knows every command of the registry and of the session."""

    __slots__ = ("_decode", "_fields_least")

    def __init__(self, registry: Registry) -> None:
        commands = (*registry.commands.values(), *SESSION_COMMANDS)
        self._decode = msgspec.json.Decoder(union_of(commands)).decode
        # The keys that a valid frame has at the least: what is required, and the type.
        self._fields_least = {c: 1 + _required(c) for c in commands}

    def decode(self, text: bytes) -> Request | Unreadable:
        """The command in this text."""
        try:
            request: Request = self._decode(text)
        except READING_FAULTS as fault:
            return _unreadable(text, str(fault))
        # msgspec takes the last of two equal keys. Only a frame with more colons than it needs
        # can have any: the second pass is rare.
        if text.count(b":") > self._fields_least[type(request)] and (twice := _twice(text)):
            return _malformed(request.id, twice, "is given twice", tag_of(type(request)))
        return request


def not_text() -> Unreadable:
    """What is said of a binary frame."""
    return Unreadable(None, Rejected(MALFORMED, "frames are text: send JSON"), is_json=False)


def clip(text: str) -> str:
    """As much of what a client sent as may be quoted back to it."""
    return text if len(text) <= ECHO_CHARACTERS_MAX else text[:ECHO_CHARACTERS_MAX] + "…"


def blame(fault: str) -> tuple[str, str]:
    """msgspec's message as field and rule: `Expected `int` >= 1 - at `$.amount`` is the field
    `amount` and the rule `expected int >= 1`. The field is empty if it is the whole that fails."""
    found = _PATH.match(fault)
    assert found, "the pattern matches anything"
    rule, path = found["rule"], found["path"] or ""
    if by_name := _FIELD.match(rule):
        rule = _FIELD_RULES[by_name["rule"]]
        path = f"{path}.{by_name['field']}" if path else by_name["field"]
    return clip(path), clip(rule.replace("`", "").replace("Expected", "expected"))


def _required(struct: type[Struct]) -> int:
    """How many keys an object of this type has at the least, with those of objects in it."""
    fields = [field for field in msgspec.structs.fields(struct) if field.required]
    inner = [field.type for field in fields if isinstance(field.type, type)]
    return len(fields) + sum(_required(type_) for type_ in inner if issubclass(type_, Struct))


def _unreadable(text: bytes, fault: str) -> Unreadable:
    try:
        value = msgspec.json.decode(text)
    except READING_FAULTS:
        refusal = Rejected(MALFORMED, "this is no JSON: send one object", {"rule": "json"})
        return Unreadable(None, refusal, is_json=False)
    members = value if isinstance(value, dict) else {}
    id_, type_ = members.get("id"), members.get("type")
    if not isinstance(id_, str) or not 1 <= len(id_) <= 64:
        id_ = None
    field, rule = blame(fault)
    if field == "type" and isinstance(type_, str):
        return _unknown(id_, clip(type_))
    return _malformed(id_, field, rule, clip(type_) if isinstance(type_, str) else "")


def _unknown(id_: str | None, type_: str) -> Unreadable:
    refusal = Rejected(
        UNKNOWN_COMMAND,
        f"there is no command {type_!r}; /docs lists them",
        {"field": "type", "type": type_},
    )
    return Unreadable(id_, refusal, is_json=True)


def _malformed(id_: str | None, field: str, rule: str, type_: str) -> Unreadable:
    what = f"`{field}`: {rule}" if field else rule
    where = f" in {type_}" if type_ else ""
    refusal = Rejected(
        MALFORMED,
        f"{what}{where}; /docs lists the fields of every command",
        {"field": field, "rule": rule},
    )
    return Unreadable(id_, refusal, is_json=True)


def _colons(value: Any) -> int:
    match value:
        case dict():
            return sum(1 + key.count(":") + _colons(part) for key, part in value.items())
        case list():
            return sum(map(_colons, value))
        case str():
            return value.count(":")
    return 0


def _twice(text: bytes) -> str | None:
    """A key that an object of this text, which is JSON, holds twice."""
    # Every colon that is left stands behind a key or in a text, unless it was written as `\u003a`.
    if b"\\" not in text and _colons(msgspec.json.decode(text)) == text.count(b":"):
        return None
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found.append(key)
            seen.add(key)

    json.loads(text, object_pairs_hook=note, parse_int=str, parse_float=str)
    return clip(found[0]) if found else None
