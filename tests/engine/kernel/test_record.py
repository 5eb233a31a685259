"""Tests of engine/kernel/record.py."""

from hashlib import sha256

import pytest

from engine.kernel.record import CHAIN_START, chain_hash

FIRST = ("auction:a1", 1, 1_732_147_200_000, "ada", b'{"event":"auction.bid_placed","amount":100}')
GOLDEN_1 = "e02cdfdf0fabd19c696276c3a94b765f093477613f4d1702acaa388511af0331"
GOLDEN_2 = "f6cd3319b4817805a15fa6b6b1ed57677bfa40759ee11e67f0743bab369dbe5b"


def test_the_receipts_of_two_events_are_these_for_ever() -> None:
    """Golden values: receipts that clients keep must be found again by every later release."""
    first = chain_hash(CHAIN_START, *FIRST)
    second = chain_hash(first, "auction:a1", 2, 1_732_147_200_001, "bob", b"{}")
    assert first == GOLDEN_1
    assert second == GOLDEN_2


def test_the_receipt_is_the_hash_that_the_documents_describe() -> None:
    """A client can compute it: five lines of text, then the event, through SHA-256."""
    room, seq, at, actor, event = FIRST
    text = b"\n" + f"{room}\n{seq}\n{at}\n{actor}\n".encode() + event
    assert chain_hash(CHAIN_START, *FIRST) == sha256(text).hexdigest()


@pytest.mark.parametrize("field", range(5))
def test_every_field_changes_the_hash(field: int) -> None:
    """Nothing of a record can be altered without its receipt telling."""
    other = ("auction:a2", 2, 1_732_147_200_001, "bob", b"{}")
    changed = (*FIRST[:field], other[field], *FIRST[field + 1 :])
    assert chain_hash(CHAIN_START, *changed) != chain_hash(CHAIN_START, *FIRST)


def test_the_past_changes_the_hash() -> None:
    """Each receipt covers all before it."""
    assert chain_hash("00", *FIRST) != chain_hash(CHAIN_START, *FIRST)
