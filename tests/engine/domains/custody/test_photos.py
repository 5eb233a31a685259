"""Files of a shipment: who uploads without an account, and who opens which photo (custody 10)."""

import pytest

from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody.terms import PHOTO_LINK_MS, UPLOAD_LINK_MS
from engine.kernel.actor import Actor
from engine.kernel.files import LINK_PURPOSE, UPLOAD_PURPOSE
from engine.kernel.time import DAY
from testkit.house import House
from tests.engine.domains.custody.cast import (
    BOSS,
    CHAIN,
    EVE,
    GUEST,
    KEYS,
    LEA,
    MOD,
    RITA,
    ROOM,
    SAM,
    TOM,
    at_the_door,
    confirm,
    delivered,
    handed_on,
    link,
    photos,
    picked_up,
    planned,
    problem,
    replan,
    scan,
    step,
    token,
)


def look(file: str, opener: str = "") -> c.OpenPhoto:
    return c.OpenPhoto(id="c", shipment="s1", file=file, link=opener)


def ask(opener: str = "") -> c.RequestUpload:
    return c.RequestUpload(id="c", shipment="s1", link=opener)


def openers(house: House, file: str) -> set[str]:
    """Who of everybody may open a file; all others are told the same as of no file at all."""
    found = set()
    for actor in (SAM, TOM, LEA, RITA, EVE, MOD, BOSS):
        house.when(actor, look(file)).then_any()
        if house.refusal is None:
            found.add(actor.user)
        elif actor is EVE:
            assert house.refusal.code.name == "FORBIDDEN"
        else:
            assert house.refusal.code.name == "PHOTO_INVALID"
    return found


def test_a_photo_opens_for_those_who_are_shown_it() -> None:
    """The sender and staff all; carriers those of their steps and of the one before; the recipient
    those of the delivery. A stranger has no part."""
    with House() as house:
        delivered(house)
        assert openers(house, "p1") == {"sam", "tom", "lea", "mod", "boss"}
        assert openers(house, "l2") == {"sam", "lea", "rita", "mod", "boss"}
        assert openers(house, "p2") == set(), "a file of tom's that is not of the shipment"
        assert openers(house, "") == set()


def test_what_opens_is_what_the_snapshot_names() -> None:
    """Also after a plan was changed: nobody is shown a photo that they may not open."""
    with House() as house:
        picked_up(house)
        steps = (
            step("TRAVELER:tom", "LOCAL_COURIER:eve", "york"),
            step("LOCAL_COURIER:eve", "RECIPIENT:rita", "door"),
        )
        house.given((MOD, replan(*steps)))
        for actor in (SAM, TOM, LEA, EVE, MOD):
            named = "p1" in str(house.view(actor, ROOM))
            house.when(actor, look("p1")).then_any()
            assert (house.refusal is None) or not named, actor
        house.when(EVE, look("p1")).then_nothing_happened()


def test_the_link_opens_the_delivery_photos() -> None:
    """For a guest; a link of another shipment or version opens nothing."""
    with House() as house:
        delivered(house).when(GUEST, look("l2", link())).then_nothing_happened()
        house.when(GUEST, look("p1", link())).then_rejected("PHOTO_INVALID", file_id="p1")
        for bad in ("", link(2), link(shipment="s2"), link()[:-2]):
            house.when(GUEST, look("l2", bad)).then_rejected("UNAUTHENTICATED")
        house.advance(7 * DAY + 1)
        house.when(GUEST, look("l2", link())).then_rejected("UNAUTHENTICATED")
        house.when(RITA, look("l2")).then_nothing_happened()


def test_pictures_of_damage_are_for_few() -> None:
    """As their words: the sender, whoever reported it, staff."""
    with House() as house:
        handed_on(house).given((LEA, problem("DAMAGE", photo_file_ids=("l3",))))
        assert openers(house, "l3") == {"sam", "lea", "mod", "boss"}


def test_the_answer_holds_a_link_for_an_hour_and_no_name() -> None:
    """Whose file it is stands neither in the result nor in the link."""
    with House() as house:
        delivered(house).when(SAM, look("l2")).then_nothing_happened()
        assert house.result == {"until": house.now + PHOTO_LINK_MS}
        said = house.revealed(SAM, look("l2"))
        claims = KEYS.unseal(LINK_PURPOSE, said["link"])
        assert claims == {"file": "l2", "reader": "sam", "until": house.now + PHOTO_LINK_MS}


def test_only_own_uploads_are_evidence() -> None:
    """Else a shipment would open the papers of others to its parties. That such a file exists is
    not said."""
    with House() as house:
        planned(house).given((TOM, scan(token(house, 1), house.now)))
        house.when(TOM, photos(1, "nowhere")).then_rejected("PHOTO_INVALID", file_id="nowhere")
        unknown = house.refusal
        assert unknown is not None
        for file in ("e1", "s1", "g1"):
            house.when(TOM, photos(1, file)).then_rejected("PHOTO_INVALID", file_id=file)
            assert house.refusal is not None
            assert house.refusal.message == unknown.message
        house.when(TOM, problem("DAMAGE", photo_file_ids=("e1",))).then_rejected("PHOTO_INVALID")


def test_a_guest_names_what_was_uploaded_by_the_link() -> None:
    """The file is the room's, and nobody else's; a recipient with an account names their own."""
    with House() as house:
        at_the_door(house).when(GUEST, ask(link())).then_nothing_happened()
        until = house.now + UPLOAD_LINK_MS
        assert house.result == {"owner": ROOM, "until": until}
        said = house.revealed(GUEST, ask(link()))
        assert KEYS.unseal(UPLOAD_PURPOSE, said["link"]) == {"owner": ROOM, "until": until}
        house.when(GUEST, confirm(photo_file_ids=("p1",), link=link()))
        house.then_rejected("PHOTO_INVALID")
        house.when(RITA, confirm(photo_file_ids=("g1",))).then_rejected("PHOTO_INVALID")
        house.when(GUEST, confirm(photo_file_ids=("g1",), link=link())).then(e.ShipmentDelivered)
        house.when(GUEST, look("g1", link())).then_nothing_happened()


@pytest.mark.parametrize("actor", [SAM, TOM, LEA, MOD, BOSS])
def test_only_the_recipient_uploads_by_a_link(actor: Actor) -> None:
    """Everybody else has a token."""
    with House() as house:
        handed_on(house).when(actor, ask()).then_rejected("FORBIDDEN")


def test_nothing_is_uploaded_for_a_parcel_that_has_arrived() -> None:
    """INVALID_TRANSITION; without the link, not even that."""
    with House() as house:
        planned(house, steps=CHAIN).when(GUEST, ask()).then_rejected("UNAUTHENTICATED")
        house.when(EVE, ask()).then_rejected("FORBIDDEN")
    with House() as house:
        delivered(house).when(GUEST, ask(link())).then_rejected("INVALID_TRANSITION")
