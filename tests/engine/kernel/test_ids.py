"""Tests of engine/kernel/ids.py."""

import json

import msgspec
import pytest

from engine.kernel.ids import CommandId, Id, RoomName, room_name, split_room, user_room


def _fits(value: str, type_: type) -> bool:
    try:
        msgspec.json.decode(json.dumps(value).encode(), type=type_)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("good", ["a", "A1", "0", "a.b-c_d", "x" * 64])
def test_an_id_is_letters_digits_and_a_few_signs(good: str) -> None:
    """What a marketplace would call its users and auctions is accepted."""
    assert _fits(good, Id)


@pytest.mark.parametrize("bad", ["", "-a", ".a", "a b", "a:b", "ä", "x" * 65, "a\n", "\na", "a\0"])
def test_an_id_is_nothing_else(bad: str) -> None:
    """Colons part a room's name, line feeds part the fields of the hash: neither is in an id."""
    assert not _fits(bad, Id)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("auction:a1", True),
        ("auction_group:g.1", True),
        ("auction", False),
        ("auction:", False),
        (":a1", False),
        ("Auction:a1", False),
        ("auction:a1:b", False),
        ("auction:a1\n", False),
    ],
)
def test_a_room_is_called_kind_and_id(name: str, fits: bool) -> None:
    """A room's name has one colon, a kind before it and an id behind."""
    assert _fits(name, RoomName) is fits


@pytest.mark.parametrize(
    ("id_", "fits"),
    [("1", True), ("ä b/c:d", True), ("x" * 64, True), ("", False), ("x" * 65, False)],
)
def test_a_command_id_is_any_short_text(id_: str, fits: bool) -> None:
    """Clients may number their commands as they like."""
    assert _fits(id_, CommandId) is fits


@pytest.mark.parametrize("bad", ["a\0", "a\nb", "a\n", "\x7f", "\x1b[2J"])
def test_a_command_id_has_no_control_characters(bad: str) -> None:
    """It is stored as text, which in Postgres cannot hold NUL: one would stop the log."""
    assert not _fits(bad, CommandId)


def test_names_of_rooms_are_put_together_and_taken_apart() -> None:
    """`room_name` and `split_room` are each other's reverse; no colon means no id."""
    assert split_room(room_name("auction", "a1")) == ("auction", "a1")
    assert split_room("nonsense") == ("nonsense", "")
    assert user_room("ada") == "user:ada"
