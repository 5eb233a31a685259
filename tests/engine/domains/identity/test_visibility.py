"""Who may see what of a person (identity 11)."""

from typing import Any

import pytest

from engine.domains.identity import commands as c
from engine.domains.identity.desk import DESK
from engine.domains.identity.profile import profile_room
from engine.domains.identity.terms import INDEX, person_room
from testkit.house import House
from tests.engine.domains.identity.cast import (
    ADA,
    BOSS,
    CON,
    GUEST,
    MEG,
    OUTSIDER,
    PHONE,
    account,
    active,
    approved,
    dealer,
    login,
    me,
    user_of,
)


def dealer_ada(house: House) -> str:
    """Ada's room: she is a dealer, and an admin has opened a document of hers."""
    approved(house, dealer())
    user = user_of(house)
    house.given((BOSS, c.OpenDocument(id="c", user=user, file="f-cac")))
    house.given((GUEST, login(device_type="ios", device_fingerprint="f-1")))
    return person_room(user)


def seen(house: House, viewer: Any, room: str) -> str:
    """All that a viewer is shown, now and of the past."""
    return str(house.view(viewer, room)) + str(house.history(viewer, room))


def test_addresses_are_for_owner_and_staff(house: House) -> None:
    """Identity 11, first row."""
    room = dealer_ada(house)
    for viewer in (me(house), CON, MEG, BOSS):
        assert ADA in seen(house, viewer, room)
        assert PHONE in seen(house, viewer, room)
    for viewer in (GUEST, OUTSIDER):
        assert house.audience(viewer, room) == ""


def test_documents_are_for_owner_and_admins(house: House) -> None:
    """Identity 11, third row: managers and concierges see how an application stands."""
    room = dealer_ada(house)
    for viewer in (me(house), BOSS):
        assert "f-cac" in seen(house, viewer, room)
        assert "RC 123" in seen(house, viewer, room)
    for viewer in (MEG, CON):
        assert "f-cac" not in seen(house, viewer, room)
        assert "RC 123" not in seen(house, viewer, room)
        assert house.view(viewer, room)["applications"][0]["state"] == "approved"


def test_sessions_are_for_the_owner_and_listed_to_managers(house: House) -> None:
    """Identity 11, fourth row."""
    room = dealer_ada(house)
    for viewer in (me(house), MEG, BOSS):
        assert len(house.view(viewer, room)["sessions"]) == 2
        assert "f-1" in seen(house, viewer, room)
    assert "sessions" not in house.view(CON, room)
    assert "f-1" not in seen(house, CON, room)


def test_nobody_sees_a_password_hash(house: House) -> None:
    """Identity 11, last row; in the index neither."""
    room = dealer_ada(house)
    hash_ = account(house).password_hash
    for viewer in (me(house), CON, MEG, BOSS):
        assert hash_ not in seen(house, viewer, room)
    assert hash_ not in seen(house, BOSS, INDEX)


def test_the_owner_does_not_see_which_of_the_staff_acted(house: House) -> None:
    """R2: who acted is for staff, why is for everybody concerned."""
    room = dealer_ada(house)
    assert "meg" not in seen(house, me(house), room)
    assert "meg" in seen(house, BOSS, room)


def test_others_see_a_profile(house: House) -> None:
    """Identity 11, second row: the name, in a room that tells nothing else."""
    active(house, display_name="Ada")
    room = profile_room(user_of(house))
    shown = {"display_name": "Ada", "is_active": True, "since": house.now}
    assert house.view(GUEST, room) == shown
    house.given((me(house), c.SetProfile(id="c", display_name=" Lady Ada ")))
    assert house.view(OUTSIDER, room)["display_name"] == "Lady Ada"
    house.given((me(house), c.SetProfile(id="c", display_name="Lady Ada")))
    assert len(house.history(GUEST, room)) == 2
    house.given((MEG, c.Suspend(id="c", user=user_of(house), reason="fraud")))
    assert house.view(GUEST, room)["is_active"] is False


def test_the_index_is_for_admins(house: House) -> None:
    """How many there are and who came last; to nobody else does it exist."""
    active(house)
    assert house.view(BOSS, INDEX) == {"accounts": 1, "latest": [user_of(house)], "admins": []}
    for viewer in (MEG, CON, OUTSIDER, GUEST, me(house)):
        assert house.audience(viewer, INDEX) == ""


@pytest.mark.parametrize("viewer", [CON, OUTSIDER, GUEST])
def test_the_desk_is_for_staff(house: House, viewer: Any) -> None:
    """K3, K7: reviews and suspended sellers."""
    approved(house)
    assert house.audience(viewer, DESK) == ""
    assert house.audience(MEG, DESK) == "staff"
    assert len(house.history(MEG, DESK)) == 2
