"""People who try what is not theirs: every command of shipments, with other people's ids and links
that are none. They are refused, and told nothing but that."""

from collections.abc import Callable, Mapping

import pytest

from engine.contract import Command, tag_of
from engine.domains.custody import SHIPMENT
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody.links import PURPOSE
from engine.kernel.actor import CONCIERGE, DEALER, DRIVER, SHOPKEEPER, TRAVELER, USER, Actor
from engine.kernel.outcome import Rejected
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
    SAM,
    TOM,
    at_the_door,
    cancel,
    confirm,
    customs,
    delivered,
    enter,
    give_back,
    handed_on,
    link,
    photos,
    picked_up,
    plan,
    planned,
    problem,
    reissue,
    replan,
    resolve,
    scan,
    show,
    token,
    tracking,
)

PEOPLE = (SAM, TOM, LEA, RITA, EVE, MOD)
STRANGERS = tuple(
    Actor("eve", role, "approved")
    for role in (USER, DEALER, SHOPKEEPER, DRIVER, TRAVELER, CONCIERGE)
)
Made = Callable[[House], House]


def disputed(house: House) -> House:
    return handed_on(house).given((LEA, problem("LOSS")))


STATES: tuple[Made, ...] = (planned, picked_up, handed_on, at_the_door, delivered, disputed)


def commands(opener: str = "") -> Mapping[type[Command], Command]:
    """One of each, which somebody might send in some state."""
    of = {"id": "c", "shipment": "s1"}
    asked: tuple[Command, ...] = (
        *(plan(), replan(*CHAIN), customs(), cancel("why")),
        *(show(3, link=opener), reissue(3, "why", link=opener)),
        *(c.ExpireQr(qr_id="s1.q1", **of), c.IssueLink(**of)),
        *(scan("s1.q1~1~1~secret~signature", 1_700_000_000_000), photos(3, "p1")),
        *(c.RequestUpload(link=opener, **of), c.OpenPhoto(file="p1", link=opener, **of)),
        *(confirm(link=opener), enter("0000"), tracking(), problem("LOSS", link=opener)),
        c.CorrectTracking(number=1, cause="incorrect_data", reason="why", **of),
        *(give_back(), resolve("LOST"), c.RateCarrier(step_seq=1, stars=1, link=opener, **of)),
        *(c.GetCustody(**of), c.Track(link=opener, **of), c.ExportEpcis(link=opener, **of)),
    )
    return {type(command): command for command in asked}


def refusal_of(house: House, actor: Actor, command: Command) -> Rejected | None:
    house.when(actor, command).then_any()
    return house.refusal


def test_every_command_is_tried() -> None:
    """A new one is not forgotten here."""
    assert set(commands()) == set(SHIPMENT.commands())


@pytest.mark.parametrize("actor", STRANGERS, ids=lambda actor: actor.role)
def test_a_stranger_learns_nothing_of_how_a_shipment_stands(actor: Actor) -> None:
    """Each command is refused, in the same words whatever state it is in, and none of its names,
    places or codes is among them."""
    said: dict[str, set[str]] = {}
    for made in STATES:
        with House() as house:
            made(house)
            for type_, command in commands().items():
                refusal = refusal_of(house, actor, command)
                assert refusal is not None, f"{tag_of(type_)} is taken from a stranger"
                assert refusal.code.name in ("FORBIDDEN", "QR_INVALID"), refusal
                said.setdefault(tag_of(type_), set()).add(repr(refusal))
    for tag, words in said.items():
        assert len(words) == 1, f"{tag} tells how it stands: {words}"
        (text,) = words
        for name in ("sam", "tom", "lea", "rita", "Rita", "lagos", "london", "door"):
            assert f"'{name}'" not in text, f"{tag}: {text}"


def forged() -> list[str]:
    """Links of another shipment, of another version, of another purpose, altered, and noise."""
    claims = {"shipment": "s1", "version": 1}
    return [
        *("", "x", link()[:-1], link() + "x", link(2), link(0), link(shipment="s2")),
        KEYS.seal("document-link", claims),
        KEYS.seal(PURPOSE, claims | {"admin": True}),
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzaGlwbWVudCI6InMxIiwidmVyc2lvbiI6MX0.",
    ]


def test_a_forged_link_opens_nothing() -> None:
    """UNAUTHENTICATED for a guest, in the same words whatever state the shipment is in; and a party
    who shows one is not taken for the recipient."""
    said: dict[str, set[str]] = {}
    for made in STATES:
        with House() as house:
            made(house)
            for opener in forged():
                for type_, command in commands(opener).items():
                    refusal = refusal_of(house, GUEST, command)
                    assert refusal is not None, f"{tag_of(type_)} is taken with {opener!r}"
                    assert refusal.code.name in ("UNAUTHENTICATED", "FORBIDDEN"), refusal
                    said.setdefault(f"{tag_of(type_)} {opener}", set()).add(repr(refusal))
    assert all(len(words) == 1 for words in said.values())
    with House() as house:
        at_the_door(house)
        for opener in forged()[1:]:
            house.when(TOM, confirm(link=opener)).then_rejected("UNAUTHENTICATED")


ON_THE_WAY: Mapping[str, str] = {
    "custody.add_photos": "",
    "custody.cancel_shipment": "",
    "custody.confirm_receipt": "",
    "custody.correct_tracking": "mod",
    "custody.declare_customs": "",
    "custody.enter_delivery_code": "",
    "custody.expire_qr": "",
    "custody.export_epcis": "lea mod rita sam tom",
    "custody.get_custody": "lea mod rita sam tom",
    "custody.issue_link": "mod",
    "custody.open_photo": "lea mod sam tom",
    "custody.plan_handoffs": "",
    "custody.rate_carrier": "",
    "custody.record_tracking": "lea",
    "custody.reissue_qr": "mod rita",
    "custody.replan": "",
    "custody.report_problem": "lea mod rita sam",
    "custody.request_upload": "rita",
    "custody.resolve_custody": "",
    "custody.scan_handoff": "",
    "custody.show_qr": "rita",
    "custody.start_return": "mod",
    "custody.track": "rita",
}
"""Lea has it, and step 3 to Rita is open: from whom each command is taken, with what `commands`
says in it. The plan, the code and the token are wrong ones."""


@pytest.mark.parametrize("tag", sorted(ON_THE_WAY))
def test_each_party_does_only_what_is_theirs(tag: str) -> None:
    """Also against one another: a party is a stranger to what is another's."""
    (command,) = [made for type_, made in commands().items() if tag_of(type_) == tag]
    taken = []
    for actor in PEOPLE:
        with House() as house:
            handed_on(house)
            if refusal_of(house, actor, command) is None:
                taken.append(actor.user)
    assert " ".join(sorted(taken)) == ON_THE_WAY[tag]


def test_the_last_carrier_is_not_the_recipient_by_their_link() -> None:
    """Q5: SELF_HANDOFF for showing and for the recipient's word; for anybody else the link is good,
    as for the sender, to whom it may have been forwarded."""
    with House() as house:
        handed_on(house).when(LEA, show(3, link=link())).then_rejected("SELF_HANDOFF")
        house.when(SAM, show(3, link=link())).then_nothing_happened()
        house.given((LEA, scan(token(house, 3), house.now)))
        house.when(LEA, confirm(link=link())).then_rejected("SELF_HANDOFF")
        house.when(SAM, confirm(link=link())).then(e.ShipmentDelivered)


def test_the_link_of_one_shipment_is_none_for_another() -> None:
    """Nor do staff, whose word is needed for much, get codes or files by it."""
    with House() as house:
        handed_on(house)
        for actor in (EVE, MOD, BOSS):
            for command in (show(3, link=link(shipment="s2")), show(3, link="x")):
                house.when(actor, command).then_rejected("UNAUTHENTICATED")
        house.when(MOD, show(3)).then_rejected("FORBIDDEN")
        house.when(MOD, c.Track(id="c", shipment="s1")).then_rejected("FORBIDDEN")
