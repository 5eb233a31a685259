"""The invariants of identity 10 that a state can show, by number. That an address has one account
(2) is a matter of claims, and that codes and sessions work once (5, 6) of the rules."""

from engine.domains.identity.state import Account
from engine.domains.identity.terms import (
    DEVICES_REMEMBERED,
    OTP_TRIES_MAX,
    SESSIONS_REMEMBERED,
)
from engine.kernel.actor import DEALER


def check(state: Account) -> None:
    """Assert all of them."""
    assert len(state.admins) == len(set(state.admins)), "identity INV-8: an admin counts twice"
    if state.status == "absent":
        assert not state.user, "identity INV-9: an account that is not there"
        return
    assert state.user, "identity 2: an account has an id"
    if state.status in ("active", "suspended"):
        assert state.is_verified, "identity INV-1: active without what is required"
        assert state.email, "identity 2: an account has an address"
    if state.status != "active":
        assert not state.sessions, f"identity INV-5: a session of an account that is {state.status}"
    if DEALER in state.roles:
        assert state.kyc == "approved", "identity INV-3: a dealer without approved KYC"
    kinds = [found.device.device_type for found in state.sessions.values()]
    assert len(kinds) == len(set(kinds)), "identity INV-4: two sessions on one type of device"
    assert len(state.roles) == len(set(state.roles)), "identity 6: a role twice"
    for challenge in state.codes.values():
        assert challenge.tries <= OTP_TRIES_MAX, "identity I7: more tries than there are"
        assert challenge.serial <= state.codes_sent, "identity INV-6: a code that was not sent"
    for found in state.applications.values():
        reviewed = found.state in ("approved", "rejected")
        assert not reviewed or found.reviewer not in ("", state.user), "identity INV-7: own review"
        assert found.state != "rejected" or found.reason, "identity 3: rejected without a reason"
        waits = found.state == "pending" and not found.lapsed
        assert waits == (found.due_at is not None), "identity K3: who waits is looked at in time"
    assert set(state.approvals) <= set(state.applications), "identity K1: approved for nothing"
    assert (state.status == "suspended") == bool(state.suspension), "identity K7: a reason is said"
    if state.status in ("closed", "expired"):
        assert state.email + state.phone == "", "identity INV-9: a closed account has no address"
    assert len(state.ended) <= SESSIONS_REMEMBERED, "identity 1: too many sessions remembered"
    assert len(state.devices) <= DEVICES_REMEMBERED, "identity 1: too many devices remembered"
