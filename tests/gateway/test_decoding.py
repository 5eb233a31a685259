"""One pass from bytes to a command, and good words for what is none."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ledger.commands import Deposit
from gateway.decoding import Decoder, Unreadable, blame, not_text
from gateway.limits import ECHO_CHARACTERS_MAX
from gateway.session_commands import Auth, Ping, Subscribe, Unsubscribe
from tests.gateway.open_house import club_registry

DEPOSIT: dict[str, Any] = {
    "type": "ledger.deposit",
    "id": "1",
    "user": "u1",
    "amount": 5,
    "currency": "NGN",
    "reference": "r",
}


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder(club_registry())


def refused(decoder: Decoder, text: bytes) -> Unreadable:
    answer = decoder.decode(text)
    assert isinstance(answer, Unreadable), answer
    return answer


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (b'{"type":"ping","id":"1"}', Ping(id="1")),
        (b'{"type":"auth","id":"1","token":"a:b:c"}', Auth(id="1", token="a:b:c")),
        (b'{"id":"1","room":"club:c1","type":"subscribe"}', Subscribe(id="1", room="club:c1")),
        (
            b' {"type":"subscribe","id":"1","room":"club:c1","after":3,"epoch":null} ',
            Subscribe(id="1", room="club:c1", after=3),
        ),
        (b'{"type":"unsubscribe","id":"1","room":"club:c1"}', Unsubscribe(id="1", room="club:c1")),
        (
            msgspec.json.encode(DEPOSIT),
            Deposit(id="1", user="u1", amount=5, currency="NGN", reference="r"),
        ),
    ],
)
def test_commands_are_known(decoder: Decoder, text: bytes, command: object) -> None:
    """Of the engine and of the session, in any order of keys."""
    assert decoder.decode(text) == command


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"amount": 0}, "amount", "expected int >= 1"),
        ({"amount": 1.5}, "amount", "expected int, got float"),
        ({"amount": "5"}, "amount", "expected int, got str"),
        ({"amount": 2**53}, "amount", "expected int <= 9007199254740991"),
        ({"currency": "naira"}, "currency", "expected str matching regex"),
        ({"extra": 1}, "extra", "no such field"),
        ({"reference": msgspec.UNSET}, "reference", "is required"),
        ({"id": ""}, "id", "expected str of length >= 1"),
    ],
)
def test_a_bad_field_is_named_with_the_rule(
    decoder: Decoder, changes: dict[str, Any], field: str, rule: str
) -> None:
    """In the details for programs, in the message for people."""
    members = {k: v for k, v in (DEPOSIT | changes).items() if v is not msgspec.UNSET}
    answer = refused(decoder, msgspec.json.encode(members))
    assert answer.rejected.code.name == "MALFORMED"
    assert answer.rejected.details["field"] == field
    assert answer.rejected.details["rule"].startswith(rule)
    assert field in answer.rejected.message
    assert "ledger.deposit" in answer.rejected.message
    assert answer.is_json


def test_an_unknown_command_is_named(decoder: Decoder) -> None:
    """The details hold the type that nobody knows, clipped."""
    answer = refused(decoder, b'{"id":"1","type":"club.fly"}')
    assert answer.rejected.code.name == "UNKNOWN_COMMAND"
    assert answer.rejected.details == {"field": "type", "type": "club.fly"}
    long = refused(decoder, b'{"id":"1","type":"%s"}' % (b"x" * 60_000))
    assert len(long.rejected.details["type"]) == ECHO_CHARACTERS_MAX + 1
    assert len(long.rejected.message) < 200


def test_a_key_given_twice_is_refused(decoder: Decoder) -> None:
    """Which of the two was meant nobody can tell."""
    text = msgspec.json.encode(DEPOSIT)[:-1] + b',"amount":6}'
    answer = refused(decoder, text)
    assert (answer.id, answer.is_json) == ("1", True)
    assert answer.rejected.details == {"field": "amount", "rule": "is given twice"}


def test_a_key_given_twice_is_found_however_it_is_written(decoder: Decoder) -> None:
    """Escapes stand for colons and for letters of keys; a value may hold a colon of its own."""
    without = {name: value for name, value in DEPOSIT.items() if name != "reference"}
    plain = msgspec.json.encode(without)[:-1]
    for more in (
        b',"reference":"a:b","amount":6}',
        b',"reference":"\\u003a","amount":6}',
        b',"reference":"a","\\u0061mount":6}',
    ):
        answer = refused(decoder, plain + more)
        assert answer.rejected.details == {"field": "amount", "rule": "is given twice"}


def test_colons_in_values_are_no_keys(decoder: Decoder) -> None:
    """They only cost a second look."""
    text = msgspec.json.encode(DEPOSIT | {"reference": "a:b:c::d"})
    assert isinstance(decoder.decode(text), Deposit)


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        (b'{"id":"7","type":"ping","x":1}', "7"),
        (b'{"id":7,"type":"ping"}', None),
        (b'{"id":"","type":"ping"}', None),
        (b'{"id":"%s","type":"ping"}' % (b"x" * 65), None),
        (b'{"type":"nothing"}', None),
        (b'["id"]', None),
        (b"7", None),
        (b"{", None),
    ],
)
def test_the_id_is_told_where_there_is_one(decoder: Decoder, text: bytes, id_: str | None) -> None:
    """A reply can be paired even if the rest could not be read."""
    assert refused(decoder, text).id == id_


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"hello", b'{"id":"1"} x', b"\xef\xbb\xbf{}", b"[" * 60_000, b'{"a":' * 10_000],
    ids=["empty", "open", "word", "tail", "mark", "brackets", "braces"],
)
def test_what_is_no_json(decoder: Decoder, text: bytes) -> None:
    """Also when it is too deep to be read."""
    answer = refused(decoder, text)
    assert not answer.is_json
    assert answer.rejected.details == {"rule": "json"}


def test_a_binary_frame_counts_as_broken() -> None:
    """It has no id that could be told."""
    assert not not_text().is_json
    assert not_text().id is None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("Expected `int` >= 1 - at `$.amount`", ("amount", "expected int >= 1")),
        ("Expected `int`, got `str` - at `$.rows[0][1]`", ("rows[0][1]", "expected int, got str")),
        ("Object contains unknown field `x` - at `$.a`", ("a.x", "no such field")),
        ("Object missing required field `x`", ("x", "is required")),
        ("Expected `object`, got `array`", ("", "expected object, got array")),
        ("Object contains unknown field `a\nb`", ("", "Object contains unknown field a\nb")),
    ],
)
def test_the_codecs_words_as_field_and_rule(fault: str, expected: tuple[str, str]) -> None:
    """In the form that the protocol has."""
    assert blame(fault) == expected


@given(st.binary(max_size=200))
def test_no_bytes_are_a_surprise(text: bytes) -> None:
    """Whatever comes is a command or a refusal."""
    decoder = Decoder(club_registry())
    assert decoder.decode(text) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "room", "token", "x"]), inner, max_size=5)
    ),
    max_leaves=10,
)


@given(JSON)
def test_no_json_is_a_surprise(decoder: Decoder, value: object) -> None:
    """And all of it is known to be JSON."""
    answer = decoder.decode(msgspec.json.encode(value))
    assert not isinstance(answer, Unreadable) or answer.is_json
