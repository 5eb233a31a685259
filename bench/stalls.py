"""The stalls of a fair: auctions of which one closes every little while, a shop to haggle with, a
delivery zone where orders come in."""

import random
import secrets
import time

import gevent
from msgspec import Struct

from bench import haggling, jobs
from bench.load import CURRENCY, START_PRICE
from bench.market import DRAWING_UP_MS, Sale, draft, room_of
from bench.staff import Staff
from bench.town import CENTRE, RADIUS_M, scattered
from engine.domains.dispatch.geo import Place
from engine.kernel.time import DAY, SECOND, Millis

STEP = 1
"""The increment of the auctions, minor units."""
DAY_LOTS = 5
"""Auctions that are open all the time."""
HOT_MS = 3 * SECOND
"""Before its end everybody wants the lot that closes."""
BETWEEN_S = 1.0
"""From the end of one closing lot to the making of the next."""
LIVE_LATE_S = 0.1
"""After its start by the house's time, a lot is taken for live."""
SENT_MAX = 20_000
"""Bids of a lot of which the time is kept: the latest."""
PRODUCT_LASTS = 200
"""Negotiations over a product, before the shop has another: 500 may run over one."""
JOB_EVERY_S = 20.0
"""Orders come as if each driver could bring one in this time."""
LOOK_S = 0.25
"""How often it is seen whether one is due."""


class Pace(Struct, frozen=True):
    """How fast people are."""

    lot_s: float = 30.0
    """How long a closing lot is open."""
    haste: float = 1.0
    """They think this many times faster."""


class Lot:
    """An auction, and when its bids were sent."""

    def __init__(self, auction: str, end_at: Millis) -> None:
        self.auction = auction
        self.room = room_of(auction)
        self.end_at = end_at
        self._sent_ns: dict[int, int] = {}

    def claim(self, at_least: int) -> int:
        """An amount that nobody here has bid yet, to be sent now. So whoever hears a price knows
        whose bid it was."""
        amount = at_least
        while amount in self._sent_ns:
            amount += STEP
        self._sent_ns[amount] = time.monotonic_ns()
        if len(self._sent_ns) > SENT_MAX:
            del self._sent_ns[next(iter(self._sent_ns))]
        return amount

    def age_ms(self, amount: int) -> float | None:
        """How long ago the bid of this amount was sent; None if nobody here has sent it."""
        sent_ns = self._sent_ns.get(amount)
        return None if sent_ns is None else (time.monotonic_ns() - sent_ns) / 1e6


class Lots:
    """The auctions."""

    def __init__(self, staff: Staff, pace: Pace) -> None:
        self.by_room: dict[str, Lot] = {}
        """Those that are live."""
        self.day: list[Lot] = []
        self.closing: Lot | None = None
        """The one that closes next."""
        self._staff = staff
        self._lot_ms = int(pace.lot_s * 1e3)

    def open(self) -> None:
        """Open those that last all day. Raises CommandRefused."""
        self.day = [self._draw_up(DAY) for _ in range(DAY_LOTS)]
        gevent.sleep(DRAWING_UP_MS / 1e3 + LIVE_LATE_S)
        self.by_room = {lot.room: lot for lot in self.day}

    def run(self) -> None:
        """Have one close, and then another, for ever."""
        while True:
            lot = self._draw_up(self._lot_ms)
            gevent.sleep(DRAWING_UP_MS / 1e3 + LIVE_LATE_S)
            before, self.closing = self.closing, lot
            self.by_room[lot.room] = lot
            if before:
                del self.by_room[before.room]
            gevent.sleep(self._lot_ms / 1e3 + BETWEEN_S)

    def is_hot(self, lot: Lot) -> bool:
        """Whether it closes so soon that everybody bids."""
        return 0 < lot.end_at - self._staff.now_ms() < HOT_MS

    def hot_in_s(self, lot: Lot) -> float:
        """How long until then; 0 if it is already."""
        return max(0, lot.end_at - HOT_MS - self._staff.now_ms()) / 1e3

    def is_over(self, lot: Lot) -> bool:
        """Whether it has closed."""
        return lot.end_at <= self._staff.now_ms()

    def _draw_up(self, lasts_ms: Millis) -> Lot:
        auction = f"{self._staff.name}-{secrets.token_hex(4)}"
        start_at = self._staff.now_ms() + DRAWING_UP_MS
        sale = Sale(auction, CURRENCY, START_PRICE, ((0, STEP),))
        self._staff.must("manager", "auction.create", **draft(sale, start_at, lasts_ms))
        self._staff.must("manager", "auction.approve", auction=auction)
        return Lot(auction, start_at + lasts_ms)


class Shop:
    """A shop that answers offers by itself."""

    def __init__(self, staff: Staff) -> None:
        self.name = staff.called("shop")
        self._staff = staff
        self._openings = 0

    def open(self) -> None:
        """Have it approved. Raises CommandRefused."""
        self._staff.must("shopkeeper", "shop.create", shop=self.name, **haggling.SIGN)
        files = haggling.papers(self.name)
        self._staff.must("shopkeeper", "shop.upload_docs", shop=self.name, files=files)
        self._staff.must("admin", "shop.approve", shop=self.name)

    def product(self) -> str:
        """What to haggle over. Raises CommandRefused."""
        number, is_later = divmod(self._openings, PRODUCT_LASTS)
        product = f"p{number}"
        if not is_later:
            about = {"shop": self.name, "product": product, **haggling.PRICES}
            self._staff.must("shopkeeper", "negotiation.set_terms", **about)
        self._openings += 1
        return product


class Zone:
    """A delivery zone, and its customers."""

    def __init__(self, staff: Staff, pace: Pace) -> None:
        self.name = f"z{staff.name}"
        self.drivers = 0
        """Who are online."""
        self._staff = staff
        self._every_s = JOB_EVERY_S / pace.haste
        self._sent_ns: dict[str, int] = {}

    def open(self) -> None:
        """Make the zone. Raises CommandRefused."""
        circle = {"centre": CENTRE, "radius_m": RADIUS_M}
        self._staff.must("manager", "dispatch.create_zone", zone=self.name, **circle)

    def run(self) -> None:
        """Order now and then, for ever."""
        owed = 0.0
        while True:
            gevent.sleep(LOOK_S)
            owed += self.drivers * LOOK_S / self._every_s
            for _ in range(int(owed)):
                self._order()
            owed %= 1

    def place(self) -> Place:
        """Somewhere in it."""
        return scattered(1, random.randrange(2**31))[0]

    def age_ms(self, order: str) -> float | None:
        """How long ago the zone was told of an order; only the first who asks is told."""
        sent_ns = self._sent_ns.pop(order, None)
        return None if sent_ns is None else (time.monotonic_ns() - sent_ns) / 1e6

    def code_of(self, order: str) -> str:
        """What the customer says at the door. Raises CommandRefused."""
        shown = self._staff.must("user", "dispatch.show_delivery_code", order=order)
        code: str = shown.result["code"]
        return code

    def _order(self) -> None:
        order = jobs.terms(self.place(), self.place())
        # The address is what drivers are told of an order, so that they know which they hear of.
        order |= {
            "zone": self.name,
            "customer": self._staff.called("user"),
            "pickup_address": order["order"],
        }
        for type_, fields in jobs.payment(order):
            self._staff.must("system", type_, **fields)
        self._sent_ns[order["order"]] = time.monotonic_ns()
        self._staff.must("system", "dispatch.order_paid", **order)
