"""Which command is possible in which state: the table of custody 3, command by command."""

from collections.abc import Callable, Mapping

import pytest

from engine.contract import Command
from engine.domains.custody import commands as c
from engine.kernel.actor import Actor
from testkit.house import House
from tests.engine.domains.custody.cast import (
    BOOKINGS,
    CHAIN,
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
    photos,
    plan,
    planned,
    problem,
    reissue,
    replan,
    resolve,
    scan,
    show,
    state_of,
    token,
    tracking,
)

Asked = tuple[Actor, Command]


def disputed(house: House) -> House:
    return handed_on(house).given((LEA, problem("LOSS")))


def returning(house: House) -> House:
    return handed_on(house).given((MOD, give_back()))


def returned(house: House) -> House:
    returning(house).given((TOM, scan(token(house, 3), house.now)))
    return house.given((SAM, scan(token(house, 4), house.now)))


def cancelled(house: House) -> House:
    return planned(house).given((SAM, cancel()))


def lost(house: House) -> House:
    return disputed(house).given((MOD, resolve("LOST")))


STATES: Mapping[str, Callable[[House], House]] = {
    "AWAITING_PICKUP": planned,
    "IN_CUSTODY": handed_on,
    "DELIVERY_PENDING_PROOF": at_the_door,
    "DISPUTED": disputed,
    "RETURNING": returning,
    "DELIVERED": delivered,
    "RETURNED": returned,
    "CANCELLED": cancelled,
    "LOST": lost,
}
OPEN = "AWAITING_PICKUP IN_CUSTODY DELIVERY_PENDING_PROOF RETURNING"
ALWAYS = " ".join(STATES)

TABLE: tuple[tuple[Asked, str], ...] = (
    ((BOOKINGS, plan()), ""),
    ((MOD, replan(*CHAIN)), "AWAITING_PICKUP IN_CUSTODY"),
    ((SAM, customs()), "AWAITING_PICKUP"),
    ((SAM, cancel()), "AWAITING_PICKUP"),
    ((SAM, show(1)), OPEN),
    ((SAM, reissue(1)), OPEN),
    ((MOD, c.ExpireQr(id="c", shipment="s1", qr_id="s1.q3")), OPEN),
    ((RITA, c.RequestUpload(id="c", shipment="s1")), OPEN),
    ((TOM, photos(1, "p2")), "IN_CUSTODY DELIVERY_PENDING_PROOF RETURNING"),
    ((LEA, tracking()), "IN_CUSTODY RETURNING"),
    ((RITA, confirm()), "DELIVERY_PENDING_PROOF"),
    ((LEA, enter("0000")), "IN_CUSTODY"),
    ((SAM, problem("NO_SHOW")), OPEN),
    ((MOD, give_back()), "IN_CUSTODY"),
    ((MOD, resolve("LOST")), "DISPUTED"),
    ((SAM, c.RateCarrier(id="c", shipment="s1", step_seq=1, stars=3)), "DELIVERED RETURNED"),
    ((MOD, c.IssueLink(id="c", shipment="s1")), ALWAYS),
    ((SAM, c.OpenPhoto(id="c", shipment="s1", file="p1")), ALWAYS),
    ((SAM, c.GetCustody(id="c", shipment="s1")), ALWAYS),
    ((RITA, c.Track(id="c", shipment="s1")), ALWAYS),
    ((SAM, c.ExportEpcis(id="c", shipment="s1")), ALWAYS),
)
"""Who asks what, and when it is the moment for it."""


@pytest.mark.parametrize("status", STATES)
def test_each_command_has_its_moment(status: str) -> None:
    """Refused as out of place in all other states, by the state's own code; at its moment, if at
    all, for another reason."""
    with House() as house:
        assert state_of(STATES[status](house)).status == status
        for (actor, command), moments in TABLE:
            if status not in moments.split():
                code = "CUSTODY_DISPUTED" if status == "DISPUTED" else "INVALID_TRANSITION"
                house.when(actor, command).then_rejected(code)
                assert state_of(house).status == status
    for (actor, command), moments in TABLE:
        if status in moments.split():
            with House() as house:
                STATES[status](house).when(actor, command).then_any()
                said = house.refusal.message if house.refusal else ""
                assert "while the shipment is" not in said, f"{command}: {said}"
                assert "disputed" not in said, f"{command}: {said}"
