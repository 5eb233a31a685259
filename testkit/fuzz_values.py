"""Commands from their own types, and what can be made wrong about them.

What a field may hold is read off the command's struct, so that a new domain is tried as soon as
the registry knows it. JSON is put together as text, for no encoder would write most of this.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, inspect

from engine.contract import Dice, tag_of

WORDS = (
    *("a0", "a1", "a2", "v0", "v1", "g1", "ann", "bob", "dora", "meg", "w1", "w2", "j1", "p1"),
    *("order.e0", "gig.e1", "service.e2", "i1"),
    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    *("USD", "NGN", "EUR", "wallet"),
    *("1234", "123456", "1-1.z1", "ada@example.com", "+2348030000001", "Paper-hat-1", "paper ada"),
    *("auction:a0", "auction:a1", "auction_group:g1", "user:ann", "user:bob", "ledger:USD"),
    *("house:dead_letters", "club:c1", "auction:nowhere"),
    *("", "x", "why not", "😀", "\u202eabc", "'; --", "\x00", "a\nb", "y" * 64, "z" * 600),
)
"""What strings are made of: few, so that commands meet. Each field takes those that fit it."""

NUMBERS = (0, 1, 2, 99, 100, 101, 1_000, 60_000, 3_600_000, 2**31, 2**53 - 1)
"""What whole numbers are made of, beside their bounds."""

UNBOUNDED = (2**53, 2**63, 2**64, 10**400, 10**4_300 - 1)
"""For a field without an upper bound. The last is the largest that Python reads as text."""

NASTY = (
    *("0", "-0", "-1", "1.0", "1.5", "1e3", "1E400", "NaN", "Infinity", "-Infinity", "01", "+1"),
    *(str(2**53), str(2**63), str(2**64), "9" * 400, "9" * 5_000),
    *("true", "null", '""', '" "', "[]", "{}", "[[]]", '{"":""}', "[1,2,3]"),
    *('"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"a\\n"', '"\\x"', '"' + "x" * 65 + '"'),
    *('"😀"', '"\u202e"', '"', "'a'", "undefined", "[" * 2_000, '"' + "é" * 3_000 + '"'),
    "[" * 200 + "]" * 200,
)
"""JSON texts, and texts that are nearly JSON, to stand in place of any value."""

Members = list[tuple[str, str]]
"""An object as it is written: keys and values, the values already JSON."""


def command(dice: Dice, type_: type[Struct], id_: str) -> Members:
    """A command that its decoder takes, whatever its room makes of it."""
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType), "a command is a struct"
    given = [f for f in info.fields if f.required or dice.randrange(0, 3) == 0]
    return [
        ("type", _json(tag_of(type_))),
        ("id", _json(id_)),
        *((f.name, _json(value(dice, f.type))) for f in given if f.name != "id"),
    ]


def value(dice: Dice, info: inspect.Type) -> Any:
    """Something that fits the type."""
    match info:
        case inspect.Metadata():
            return value(dice, info.type)
        case inspect.UnionType():
            return value(dice, dice.choice(info.types))
        case inspect.LiteralType():
            return dice.choice(info.values)
        case inspect.IntType():
            return _number(dice, info)
        case inspect.StrType():
            return _word(dice, info)
        case inspect.BoolType():
            return bool(dice.randrange(0, 2))
        case inspect.NoneType():
            return None
    return _values(dice, info)


def _values(dice: Dice, info: inspect.Type) -> Any:
    """Several things in one."""
    match info:
        case inspect.TupleType():
            return [value(dice, item) for item in info.item_types]
        case inspect.StructType():
            return {field.name: value(dice, field.type) for field in info.fields}
        case inspect.VarTupleType() | inspect.ListType():
            return [value(dice, info.item_type) for _ in range(dice.randrange(1, 4))]
    raise AssertionError(f"say here how to make a {type(info).__name__}")


def _number(dice: Dice, info: inspect.IntType) -> int:
    bounds = [n for n in (info.ge, info.le) if n is not None]
    bounds += [info.gt + 1] if info.gt is not None else []
    bounds += [info.lt - 1] if info.lt is not None else []
    if info.le is None and info.lt is None:
        bounds += UNBOUNDED
    fits = [n for n in (*NUMBERS, *bounds) if _is_within(n, info)]
    return dice.choice(fits)


def _is_within(number: int, info: inspect.IntType) -> bool:
    return not (
        (info.ge is not None and number < info.ge)
        or (info.gt is not None and number <= info.gt)
        or (info.le is not None and number > info.le)
        or (info.lt is not None and number >= info.lt)
    )


def _word(dice: Dice, info: inspect.StrType) -> str:
    fits = [
        word
        for word in WORDS
        if (info.pattern is None or re.search(info.pattern, word))
        and (info.min_length or 0) <= len(word)
        and (info.max_length is None or len(word) <= info.max_length)
    ]
    # A new kind of name, of which there is no example above, is refused and no more.
    return dice.choice(fits or WORDS)


def members_of(sent: Struct) -> Members:
    """A command as it is written."""
    raw = msgspec.json.decode(msgspec.json.encode(sent), type=dict[str, msgspec.Raw])
    return [(key, bytes(json).decode()) for key, json in raw.items()]


def text_of(members: Members) -> bytes:
    """The object as a frame."""
    return ("{" + ",".join(f"{_json(key)}:{json}" for key, json in members) + "}").encode()


def spoiled(dice: Dice, members: Members, tags: Sequence[str]) -> bytes:
    """The command with something wrong about it, now in its structure and now in its letters."""
    if dice.randrange(0, 4):
        return text_of(_restructured(dice, list(members), tags))
    return _scratched(dice, text_of(members))


def _restructured(dice: Dice, members: Members, tags: Sequence[str]) -> Members:
    index = dice.randrange(0, len(members))
    key, json = members[index]
    match dice.choice(
        ("drop", "twice", "unknown", "nasty", "nasty", "nasty", "swap", "type", "key")
    ):
        case "drop":
            del members[index]
        case "twice":
            members.append((key, dice.choice((json, *NASTY))))
        case "unknown":
            members.append((dice.choice(WORDS), dice.choice(NASTY)))
        case "nasty":
            members[index] = (key, dice.choice(NASTY))
        case "swap":
            members[index] = (key, dice.choice(members)[1])
        case "type":
            members = [(k, _json(dice.choice(tags)) if k == "type" else v) for k, v in members]
        case "key":
            members[index] = (dice.choice((key.upper(), key + " ", "", key[:-1])), json)
    return members


def _scratched(dice: Dice, text: bytes) -> bytes:
    """Letters lost, changed or doubled. What is left may be no UTF-8."""
    letters = bytearray(text)
    for _ in range(dice.randrange(1, 4)):
        start = dice.randrange(0, len(letters) + 1)
        end = start + dice.randrange(0, 6)
        put = dice.choice((b"", b"", letters[start:end] * 2, bytes([dice.randrange(0, 256)])))
        letters[start:end] = put
    return bytes(letters)


def junk(dice: Dice) -> bytes:
    """A frame that never was a command."""
    nasty: bytes = dice.choice(NASTY).encode()
    return dice.choice((nasty, b"", b"[" + nasty + b"]", bytes([dice.randrange(0, 256)]) * 3))


def _json(found: Any) -> str:
    return msgspec.json.encode(found).decode()
