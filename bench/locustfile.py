"""Users by the hundred, on websockets: bidders, hagglers, drivers and those who only watch. They
take their time, hang up and come back, and all bid at once when a lot is about to close.

    make load ARGS="--headless -u 200 -r 20 -t 1m"

Every row is from socket to socket. `bid heard` is from the sending of a bid until somebody else, as
a rule at another gateway, hears of it. A refusal that the rules foresee has a row of its own and is
no failure; anything else that is not as PROTOCOL has it, is one.
"""

import os
import random
import sys
import time
from typing import Any, cast

import gevent
from gevent.queue import Empty, Queue
from locust import User, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner

from bench.client import CommandRefused, Heard
from bench.fair import Fair
from bench.fleet import EVERY_S
from bench.haggling import CURRENCY, LEAST, LIST, OFFERS
from bench.server import EXIT_FAILED, SECRET_VARIABLE, House, ServerError, secret_of
from bench.staff import gateways_of
from bench.stalls import STEP, Lot, Pace
from bench.town import moved

GATEWAYS_VARIABLE = "OUTCRY_GATEWAYS"
DEFAULT_HOST = "http://127.0.0.1:8080"
DEFAULT_DATA = ".outcry"

THINK_S = (1.0, 5.0)
HOT_THINK_S = (0.1, 0.6)
"""While a lot is about to close."""
AWAY_S = (0.5, 3.0)
ABOVE = 3
"""People bid up to so many steps more than they must."""
GIVES_UP = 0.3
"""How many hagglers do."""


class Visitor(User):
    """Somebody at a fair. Subclasses say what they do there."""

    abstract = True
    kind = "visitor"
    role = "user"

    def on_start(self) -> None:
        self.fair = random.choice(fairs_of(self.environment))
        self.haste = self.fair.pace.haste
        self._enter()

    def on_stop(self) -> None:
        self.caller.leave()

    def wait_time(self) -> float:
        """Seconds until the next thing."""
        return random.uniform(*THINK_S) / self.haste

    def heard(self, message: Heard, was_there: bool) -> None:
        """What a feed tells."""

    def arrived(self) -> None:
        """Connected for the first time."""

    def think(self) -> None:
        """Wait as long as people do."""
        gevent.sleep(random.uniform(*THINK_S) / self.haste)

    def _enter(self) -> None:
        self.name = self.fair.new_visitor(self.kind)
        self.caller = self.fair.staff.caller(self.name, self.role, self._report, self.heard)
        self.caller.come()
        self.arrived()

    def _step_out(self) -> None:
        self.caller.step_out(random.uniform(*AWAY_S) / self.haste)

    def _report(self, what: str, ms: float, problem: Exception | None) -> None:
        self.environment.events.request.fire(
            request_type="ws",
            name=what,
            response_time=ms,
            response_length=0,
            exception=problem,
            context={},
        )


class Listener(Visitor):
    """Listens to a lot that is open all day, and to whichever closes next."""

    abstract = True

    def arrived(self) -> None:
        self.day_lot = random.choice(self.fair.lots.day)
        self.closing: Lot | None = None
        self.caller.follow(self.day_lot.room)

    def keep_up(self) -> None:
        """Listen to the lot that closes next, and no more to the one before."""
        closing = self.fair.lots.closing
        if closing is self.closing:
            return
        before, self.closing = self.closing, closing
        if before:
            self.caller.unfollow(before.room)
        if closing:
            self.caller.follow(closing.room)


class Watcher(Listener):
    """Only watches."""

    kind = "watcher"
    # The sum of the weights is a prime: locust deals users to its processes in turn, and in step
    # with them all bidders would sit in one process and all watchers in another.
    weight = 5

    def heard(self, message: Heard, was_there: bool) -> None:
        if message.event != "auction.bid_placed" or not was_there:
            return
        lot = self.fair.lots.by_room.get(message.room or "")
        age_ms = lot.age_ms(message.data["amount"]) if lot else None
        if age_ms is not None:
            self._report("bid heard", age_ms, None)

    @task(10)
    def watch(self) -> None:
        """Look what there is."""
        self.keep_up()

    @task(1)
    def go_away(self) -> None:
        """Put the phone into the pocket."""
        self._step_out()


class Bidder(Listener):
    """Bids now and then, and again and again when a lot is about to close."""

    kind = "bidder"
    weight = 4

    def arrived(self) -> None:
        self._minimum: dict[str, int] = {}
        self.fair.fund(self.name)
        self.caller.follow(f"user:{self.name}")
        super().arrived()

    def wait_time(self) -> float:
        closing = self.fair.lots.closing
        if closing is None or self.fair.lots.is_over(closing):
            return super().wait_time()
        if self.fair.lots.is_hot(closing):
            return random.uniform(*HOT_THINK_S)
        # Nobody sleeps through a close.
        return min(super().wait_time(), self.fair.lots.hot_in_s(closing))

    def heard(self, message: Heard, was_there: bool) -> None:
        if message.type == "snapshot" and "minimum_bid" in message.state:
            self._minimum[message.room or ""] = message.state["minimum_bid"] or 0
        elif message.event == "auction.bid_placed":
            self._minimum[message.room or ""] = message.data["amount"] + STEP

    @task(20)
    def bid(self) -> None:
        """One bid, on what is about to close or on something else."""
        self.keep_up()
        closing = self.closing
        if closing and self.fair.lots.is_hot(closing):
            self._bid_on(closing, "bid at the close")
        elif closing and not self.fair.lots.is_over(closing) and random.random() < 0.5:
            self._bid_on(closing, "bid")
        else:
            self._bid_on(self.day_lot, "bid")

    @task(1)
    def go_away(self) -> None:
        """Lose the connection in a tunnel."""
        self._step_out()

    def _bid_on(self, lot: Lot, what: str) -> None:
        least = self._minimum.get(lot.room, 0)
        amount = lot.claim(least + random.randrange(ABOVE) * STEP)
        bid = {"auction": lot.auction, "amount": amount, "currency": CURRENCY}
        reply = self.caller.ask("auction.place_bid", what, **bid)
        if reply.code == "BID_TOO_LOW":
            self._minimum[lot.room] = max(self._minimum[lot.room], reply.details["minimum"])


class Haggler(Visitor):
    """Haggles over one thing and goes home; then somebody else comes."""

    kind = "haggler"
    weight = 1

    @task
    def haggle(self) -> None:
        """One negotiation, with an answer of the house to every offer."""
        about = {"shop": self.fair.shop.name, "product": self.fair.shop.product()}
        negotiation = f"{self.name}-n"
        reply = self.caller.ask(
            "negotiation.open", "open negotiation", negotiation=negotiation, **about
        )
        if reply.ok:
            self._offer(negotiation)
        self.caller.leave()
        self.think()
        self._enter()

    def _offer(self, negotiation: str) -> None:
        self.caller.follow(f"negotiation:{negotiation}")
        last = random.uniform(LEAST / LIST, 1.0) if random.random() > GIVES_UP else 0.0
        for price in (*OFFERS[:-1], int(last * LIST)):
            self.think()
            if not price:
                self.caller.ask("negotiation.withdraw", "withdraw", negotiation=negotiation)
                return
            offer = {"negotiation": negotiation, "price": price, "currency": CURRENCY}
            reply = self.caller.ask("negotiation.make_offer", "counter", **offer)
            if not reply.ok or reply.result["status"] == "accepted":
                return


class Driver(Visitor):
    """Drives about, says where, and takes jobs."""

    kind = "driver"
    role = "driver"
    weight = 1
    wait_time = constant(0)
    _is_online = False

    def arrived(self) -> None:
        self._offers: Queue[str] = Queue()
        self._place = self.fair.zone.place()
        self._steps = 0
        self.caller.follow(f"user:{self.name}")
        self._go_online()
        self.fair.zone.drivers += 1
        self._is_online = True

    def on_stop(self) -> None:
        self.fair.zone.drivers -= self._is_online
        super().on_stop()

    def heard(self, message: Heard, was_there: bool) -> None:
        if message.event != "dispatch.offer_made":
            return
        age_ms = self.fair.zone.age_ms(message.data["pickup_address"])
        if age_ms is not None and was_there:
            self._report("order -> offer heard", age_ms, None)
        self._offers.put(message.data["offer"])

    @task(20)
    def drive(self) -> None:
        """Until an offer comes, or it is time to say where one is."""
        try:
            offer = self._offers.get(timeout=self._ping_in_s())
        except Empty:
            self._ping()
            return
        reply = self.caller.ask("dispatch.accept_offer", "accept offer", offer=offer)
        if reply.ok:
            self._deliver(reply.result["order"])

    @task(1)
    def go_away(self) -> None:
        """Drive through a tunnel."""
        self._step_out()

    def _deliver(self, order: str) -> None:
        self.think()
        self.caller.ask("dispatch.confirm_pickup", "pick up", order=order)
        self.think()
        code = self.fair.zone.code_of(order)
        self.caller.ask("dispatch.enter_delivery_code", "deliver", order=order, code=code)
        self._ping()

    def _go_online(self) -> None:
        about = {"zone": self.fair.zone.name, "pos": self._place}
        self.caller.ask("dispatch.go_online", "go online", **about)
        self._pinged_s = time.monotonic()

    def _ping_in_s(self) -> float:
        return max(0.0, self._pinged_s + EVERY_S - time.monotonic())

    def _ping(self) -> None:
        """Say where one is, if it is not too soon for that."""
        if self._ping_in_s() > 0:
            return
        self._steps += 1
        pos = moved(self._place, self._steps)
        reply = self.caller.ask("dispatch.update_location", "ping", pos=pos)
        self._pinged_s = time.monotonic()
        if reply.code == "DRIVER_NOT_ELIGIBLE":
            # Whoever was gone for long is not online any more.
            self._go_online()


def fairs_of(environment: Environment) -> list[Fair]:
    """The fairs of this run, one in each market."""
    return cast("list[Fair]", environment.__dict__.setdefault("fairs", []))


@events.init_command_line_parser.add_listener
def add_flags(parser: LocustArgumentParser) -> None:
    """Flags beside locust's own."""
    parser.set_defaults(host=os.environ.get(GATEWAYS_VARIABLE, DEFAULT_HOST))
    parser.add_argument("--data", default=DEFAULT_DATA, help="the house's folder, with its secret")
    parser.add_argument("--token-secret", is_secret=True, help=f"or itself [{SECRET_VARIABLE}]")
    parser.add_argument("--markets", default="main", help="where to be, with commas between them")
    parser.add_argument("--lot-seconds", type=float, default=30.0, help="from close to close")
    parser.add_argument("--haste", type=float, default=1.0, help="people think so much faster")


@events.test_start.add_listener
def open_fairs(environment: Environment, **_: Any) -> None:
    """Before anybody comes."""
    if isinstance(environment.runner, MasterRunner):
        return
    options = environment.parsed_options
    assert options is not None, "locust has parsed them"
    try:
        house = House("", secret_of(options))
        pace = Pace(options.lot_seconds, options.haste)
        for market in options.markets.split(","):
            gateways = gateways_of(environment.host or DEFAULT_HOST, market)
            fairs_of(environment).append(Fair(gateways, house.token, pace))
            fairs_of(environment)[-1].open()
    except (ServerError, OSError, CommandRefused) as problem:
        print(f"load: {problem}", file=sys.stderr)
        close_fairs(environment)
        assert environment.runner is not None, "it is what has begun"
        if options.headless:
            environment.process_exit_code = EXIT_FAILED
            gevent.spawn(environment.runner.quit)
        # Nobody comes. On the page one may try again.
        raise gevent.GreenletExit from None


@events.test_stop.add_listener
def close_fairs(environment: Environment, **_: Any) -> None:
    """When all have gone."""
    for fair in fairs_of(environment):
        fair.close()
    fairs_of(environment).clear()
