"""What the demo says first: how to join in, with an example for each part of the house."""

from collections.abc import Callable
from typing import Any

import msgspec

from runtime.demo import streets
from runtime.demo.haggling import PRODUCTS
from runtime.demo.parcels import VISITOR, visitors_parcel
from runtime.demo.stage import CURRENCY, Stage

DRIVER = "you-driving"
STAND = (8, 4)
"""Where the visitor's car is: at the middle bridge."""


def introduction(stage: Stage, data: str, beside: Callable[[str], str]) -> str:
    """The text. `beside` says how to type a command of this environment."""
    fan = PRODUCTS[0]
    haggling = {"negotiation": "mine"}
    offer = {"price": fan.list_price * 3 // 4, "currency": CURRENCY}
    person = {"email": "you@example.com", "phone": "+2348030000000", "password": "Paper-hat-1"}
    where = {"zone": stage.zone, "pos": streets.wire(streets.place_at(STAND))}
    enter = "auth", {"token": stage.token(VISITOR, "user")}
    opening = haggling | {"shop": stage.shop, "product": fan.product}
    lines = (
        f"Open Outcry is live at {stage.address} (documents: {stage.address}/docs)",
        "Join it, in another terminal:",
        f"  {beside('websockets')} {stage.websocket}",
        _line(1, *enter),
        "follow an auction, and bid;",
        _line(2, "subscribe", {"room": "auction:<id in the table>"}),
        "haggle for a fan;",
        _line(3, "negotiation.open", opening),
        _line(4, "negotiation.make_offer", haggling | offer),
        "look where your parcel is;",
        _line(5, "custody.track", {"shipment": visitors_parcel(stage)}),
        f"get an account (the codes for identity.verify_otp are in {stage.letters});",
        _line(6, "identity.register", person),
        "or come in as a driver, and be offered orders.",
        _line(1, "auth", {"token": stage.token(DRIVER, "driver")}),
        _line(2, "subscribe", {"room": f"user:{DRIVER}"}),
        _line(3, "dispatch.go_online", where),
        "Money for you, and more tokens:",
        f"  {beside('outcry')} token --data {data} --user boss --role admin",
        "",
    )
    return "\n".join(lines)


def _line(number: int, type_: str, fields: dict[str, Any]) -> str:
    command = {"id": str(number), "type": type_} | fields
    return f"  {msgspec.json.encode(command).decode()}"
