"""All deliveries of a run as somebody with a notebook would follow them: from the log alone.

One page for each order and each driver, over all zones. It knows nothing of waves, cells and
neighbours: who has which job, what was offered to whom, and where the money was sent.
"""

from collections.abc import Mapping
from typing import Any

from engine.kernel.record import Record
from testkit.violation import expect

Fields = Mapping[str, Any]

ZONE = "zone:"
ESCROW = "escrow:order."
LOCK_AT = 5
"""Wrong codes before the code is locked (dispatch C4)."""
MONEY = {"escrow.released": "RELEASED", "escrow.refunded": "REFUNDED"}
FROM = {
    "dispatch.order_accepted": ("PENDING",),
    "dispatch.driver_assigned": ("OPEN",),
    "dispatch.driver_released": ("ASSIGNED",),
    "dispatch.package_picked_up": ("ASSIGNED",),
    "dispatch.delivery_failed": ("OUT",),
    "dispatch.order_completed": ("OUT",),
    "dispatch.package_returned": ("RETURNING",),
    "dispatch.job_cancelled": ("PENDING", "OPEN", "ASSIGNED"),
}
"""From which state of an order each step is possible (dispatch 3)."""
TO = {
    "dispatch.order_accepted": "OPEN",
    "dispatch.driver_assigned": "ASSIGNED",
    "dispatch.driver_released": "OPEN",
    "dispatch.package_picked_up": "OUT",
    "dispatch.delivery_failed": "RETURNING",
    "dispatch.order_completed": "COMPLETED",
    "dispatch.package_returned": "RETURNED",
    "dispatch.job_cancelled": "CANCELLED",
}
WAY = {"COMPLETED": "RELEASED", "RETURNED": "REFUNDED", "CANCELLED": "REFUNDED"}
"""Where the money goes at each end (invariant 5)."""


class NaiveDispatch:
    """Every zone of a run."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        """Order -> state."""
        self.has: dict[str, str] = {}
        """Driver -> order (invariant 1, over all zones)."""
        self._zones: dict[str, str] = {}
        """Order -> the zone that it is of."""
        self._attempts: dict[str, int] = {}
        self._offers: dict[str, tuple[str, str, int]] = {}
        """Open offer -> order, driver, and when it expires."""
        self._proved: set[str] = set()

    def take(self, record: Record, event: Fields) -> None:
        """The next record of the log."""
        tag: str = event["event"]
        if record.room.startswith(ESCROW) and tag in MONEY:
            self._paid(record.room.removeprefix(ESCROW), event, MONEY[tag])
        if not record.room.startswith(ZONE):
            return
        if tag in FROM:
            self._step(tag, event)
        handler = getattr(self, f"_on_{tag.removeprefix('dispatch.')}", None)
        if handler:
            handler(record, event)

    def _step(self, tag: str, event: Fields) -> None:
        order = event["order"]
        expect(
            self.status.get(order) in FROM[tag],
            f"dispatch 3, INV-3: {tag} of {order}, which is {self.status.get(order)}",
        )
        self.status[order] = TO[tag]

    def _on_job_created(self, record: Record, event: Fields) -> None:
        order = event["order"]["order"]
        expect(order not in self.status, f"dispatch 1: {order} is delivered twice")
        self.status[order], self._zones[order] = "PENDING", record.room

    def _on_offers_sent(self, record: Record, event: Fields) -> None:
        expect(self.status[event["order"]] == "OPEN", f"dispatch D8: {event} is offered too early")
        for offer in event["offers"]:
            expect(
                offer["offer"] not in self._offers,
                f"dispatch INV-8: {offer['offer']} is sent again",
            )
            # A neighbour may learn late that its driver is busy: then it refuses the claim.
            is_free = offer["driver"] not in self.has or offer["zone"]
            expect(is_free, f"dispatch D1: {offer['driver']} is busy")
            expect(offer["distance_m"] <= event["radius_m"], f"dispatch D1, D7: {offer} is too far")
            facts = (event["order"], offer["driver"], event["expires_at"])
            self._offers[offer["offer"]] = facts

    def _on_driver_assigned(self, record: Record, event: Fields) -> None:
        order, driver = event["order"], event["driver"]
        expect(driver not in self.has, f"dispatch INV-1: {driver} has {self.has.get(driver)}")
        expect(order not in self.has.values(), f"dispatch INV-1: {order} has a driver")
        expect(self._zones[order] == record.room, f"dispatch 1: {order} lives elsewhere")
        self.has[driver] = order
        if event["cause"] == "MANUAL":
            return
        expect(event["offer"] in self._offers, f"dispatch D5: {event} was not open")
        asked, whom, expires_at = self._offers.pop(event["offer"])
        expect((asked, whom) == (order, driver), f"dispatch D5: {event} is another's offer")
        is_late = record.at >= expires_at and not event.get("claim")
        expect(not is_late, f"dispatch D5: {event} at {record.at}, too late")

    def _ended(self, record: Record, event: Fields) -> None:
        for offer in event["offers"]:
            self._offers.pop(offer["offer"], None)

    _on_offers_expired = _on_offers_returned = _on_offers_taken = _ended

    def _on_offer_declined(self, _: Record, event: Fields) -> None:
        order, driver, _expires_at = self._offers.pop(event["offer"])
        expect((order, driver) == (event["order"], event["driver"]), f"dispatch D5: {event}")

    def _on_driver_released(self, _: Record, event: Fields) -> None:
        self._frees(event)

    def _on_job_cancelled(self, _: Record, event: Fields) -> None:
        open_ = [name for name, offer in self._offers.items() if offer[0] == event["order"]]
        expect(not open_, f"dispatch INV-2: {open_} are open after {event}")
        if event.get("driver"):
            self._frees(event)

    def _on_package_returned(self, _: Record, event: Fields) -> None:
        self._frees(event)

    def _frees(self, event: Fields) -> None:
        found = self.has.pop(event["driver"], None)
        expect(found == event["order"], f"dispatch INV-1: {event} frees who has {found}")

    def _on_delivery_code_rejected(self, _: Record, event: Fields) -> None:
        attempt = self._attempts.get(event["order"], 0) + 1
        expect(event["attempt"] == attempt, f"dispatch INV-6: {event} is attempt {attempt}")
        self._attempts[event["order"]] = attempt

    def _on_code_locked(self, _: Record, event: Fields) -> None:
        expect(self._attempts[event["order"]] % LOCK_AT == 0, f"dispatch C4: {event} too early")

    def _on_delivery_code_accepted(self, _: Record, event: Fields) -> None:
        self._proved.add(event["order"])

    _on_delivery_overridden = _on_delivery_code_accepted

    def _on_order_completed(self, _: Record, event: Fields) -> None:
        expect(event["order"] in self._proved, f"dispatch INV-4: {event} without proof")
        self._frees(event)

    def _paid(self, order: str, event: Fields, way: str) -> None:
        """What the escrow of a delivered order does, unless people have decided otherwise."""
        if order not in self.status or event.get("cause") != "DELIVERED":
            return
        expected = WAY.get(self.status[order])
        expect(way == expected, f"dispatch INV-5: {order} is {self.status[order]}, and {way}")
