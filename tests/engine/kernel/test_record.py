"""Tests of engine/kernel/record.py."""

import hmac

import pytest

from engine.kernel.record import CHAIN_START, chain_hash, hmac_key

SECRET = b"the key of a room, thirty-two b."
KEY = hmac_key(SECRET)
FIRST = ("auction:a1", 1, 1_732_147_200_000, "ada", b'{"event":"auction.bid_placed","amount":100}')
GOLDEN_1 = "3d36a90bf2091f8d9985c3738947928dce2126ffa247faa56386f50293b3ee5c"
GOLDEN_2 = "65ca64654f910642d692ae3fa693e7b57b7bbdad9b5eab2f23f68044e27e8c54"


def test_the_receipts_of_two_events_are_these_for_ever() -> None:
    """Golden values: receipts that clients keep must be found again by every later release."""
    first = chain_hash(KEY, CHAIN_START, *FIRST)
    second = chain_hash(KEY, first, "auction:a1", 2, 1_732_147_200_001, "bob", b"{}")
    assert first == GOLDEN_1
    assert second == GOLDEN_2


def test_the_receipt_is_the_hash_that_the_documents_describe() -> None:
    """Whoever has the room's key can compute it: five lines of text, then the event, through
    HMAC-SHA-256."""
    room, seq, at, actor, event = FIRST
    text = b"\n" + f"{room}\n{seq}\n{at}\n{actor}\n".encode() + event
    assert chain_hash(KEY, CHAIN_START, *FIRST) == hmac.new(SECRET, text, "sha256").hexdigest()


@pytest.mark.parametrize("field", range(5))
def test_every_field_changes_the_hash(field: int) -> None:
    """Nothing of a record can be altered without its receipt telling."""
    other = ("auction:a2", 2, 1_732_147_200_001, "bob", b"{}")
    changed = (*FIRST[:field], other[field], *FIRST[field + 1 :])
    assert chain_hash(KEY, CHAIN_START, *changed) != chain_hash(KEY, CHAIN_START, *FIRST)


def test_the_past_changes_the_hash() -> None:
    """Each receipt covers all before it."""
    assert chain_hash(KEY, "00", *FIRST) != chain_hash(KEY, CHAIN_START, *FIRST)


def test_without_the_key_nobody_can_try_what_an_event_hid() -> None:
    """A receipt is handed to people who may not see the whole event, such as a reserve price."""
    hidden = b'{"event":"auction.created","reserve_price":%d}'
    room, seq, at, actor, _ = FIRST
    receipt = chain_hash(KEY, CHAIN_START, room, seq, at, actor, hidden % 700)
    for guess in range(1_000):
        tried = chain_hash(hmac_key(b""), CHAIN_START, room, seq, at, actor, hidden % guess)
        assert tried != receipt
