"""Tests of engine/kernel/actor.py."""

import pytest

from engine.kernel.actor import ADMIN, ANYONE, KYC_STATES, MANAGER, ROLES, SIGNED_IN, Actor


@pytest.mark.parametrize("role", ROLES)
def test_staff_are_managers_and_admins(role: str) -> None:
    """Nobody else counts as staff, a concierge and the house itself least of all."""
    assert Actor("x", role).is_staff is (role in (MANAGER, ADMIN))


@pytest.mark.parametrize("kyc", KYC_STATES)
def test_only_an_approved_kyc_counts(kyc: str) -> None:
    """Papers that are pending or rejected let nobody bid or withdraw (auction B1)."""
    assert Actor("x", "user", kyc).is_approved is (kyc == "approved")


def test_a_guest_is_nobody() -> None:
    """Whoever sends no token has no user id, no KYC and no signed-in role."""
    assert not ANYONE.user
    assert not ANYONE.is_approved
    assert ANYONE.role not in SIGNED_IN
