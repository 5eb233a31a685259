"""Which command is possible in which state: the table of negotiation 3, command by command."""

from collections.abc import Callable, Mapping

import pytest

from engine.contract import Command
from engine.domains.negotiation import messages as m
from engine.domains.negotiation.figures import OFFERS_MAX
from engine.kernel.actor import Actor
from engine.kernel.time import DAY
from testkit.house import House
from tests.engine.domains.negotiation.cast import (
    ANN,
    KATE,
    ROBOT,
    ROOM,
    accept,
    agreed,
    bind,
    by_hand,
    cart,
    counter,
    failed,
    fair,
    get,
    offer,
    open_,
    paid,
    reject,
    say,
    take,
    terms,
    withdraw,
)

Asked = tuple[Actor, Command]


def opened(house: House) -> House:
    return house.given((ANN, open_()))


def awaiting(house: House) -> House:
    return opened(house).given((KATE, by_hand()), (ANN, offer(100_00)), (KATE, terms()))


def countered(house: House) -> House:
    return opened(house).given((ANN, offer(100_00)))


def bound(house: House) -> House:
    agreed(house)
    return house.given((ROBOT, bind(house)))


def rejected(house: House) -> House:
    return opened(house).given(*((ANN, offer(price)) for price in range(1, OFFERS_MAX + 1)))


def expired(house: House) -> House:
    return agreed(house).advance(DAY)


def cancelled(house: House) -> House:
    return opened(house).given((ANN, withdraw()))


def redeemed(house: House) -> House:
    return bound(house).given((ROBOT, paid()))


STATES: Mapping[str, Callable[[House], House]] = {
    "open": opened,
    "awaiting_shop": awaiting,
    "countered": countered,
    "accepted": agreed,
    "bound": bound,
    "rejected": rejected,
    "expired": expired,
    "cancelled": cancelled,
    "redeemed": redeemed,
}
HAGGLING = "open awaiting_shop countered"

TABLE: tuple[tuple[Asked, str], ...] = (
    ((ANN, offer(120_00)), "open countered"),
    ((ANN, take(1)), "countered"),
    ((ANN, withdraw()), HAGGLING),
    ((KATE, accept(1)), "awaiting_shop"),
    ((KATE, counter(140_00)), "awaiting_shop"),
    ((KATE, reject()), HAGGLING),
    ((ANN, say()), f"{HAGGLING} accepted bound"),
    ((KATE, say()), f"{HAGGLING} accepted bound"),
    ((ANN, get()), " ".join(STATES)),
    ((ROBOT, paid()), "bound redeemed"),
    ((ROBOT, failed()), "bound"),
)
"""Who asks what, and when it is the moment for it. The same payment may be told twice."""

CARTS: Mapping[str, str] = {
    **dict.fromkeys(HAGGLING.split(), "NEGOTIATION_NOT_ACCEPTED"),
    **dict.fromkeys(("rejected", "cancelled"), "NEGOTIATION_NOT_ACCEPTED"),
    **dict.fromkeys(("bound", "redeemed"), "PRICE_ALREADY_USED"),
    "accepted": "PRICE_TOKEN_INVALID",
    "expired": "PRICE_LOCK_EXPIRED",
}
"""Why a cart or another order does not get the price, with a token that is none (L1, L5, L6)."""


@pytest.mark.parametrize("status", STATES)
def test_each_command_has_its_moment(status: str) -> None:
    """INVALID_TRANSITION in all other states, and nothing happens; at its moment, if at all, it is
    refused for another reason."""
    with House() as house:
        assert STATES[status](fair(house)).state(ROOM).status == status
        for (actor, command), moments in TABLE:
            if status not in moments.split():
                house.when(actor, command).then_rejected("INVALID_TRANSITION")
        house.when(ANN, cart("x")).then_rejected(CARTS[status])
        house.when(ROBOT, bind(house, "o9", token_jti="x")).then_rejected(CARTS[status])
        calls_off = status in HAGGLING.split()
        house.when_told(ROOM, m.CallOff(cause="PRODUCT")).then_any()
        assert house.state(ROOM).status == ("cancelled" if calls_off else status)
    for (actor, command), moments in TABLE:
        if status in moments.split():
            with House() as house:
                STATES[status](fair(house)).when(actor, command).then_any()
                code = house.refusal.code.name if house.refusal else ""
                assert code != "INVALID_TRANSITION", command
