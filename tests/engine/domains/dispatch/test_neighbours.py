"""Drivers of a neighbour zone, by messages only (dispatch 1, Home; invariant 1 over all zones)."""

from random import Random
from typing import get_args

import pytest

from engine.core import Outcome
from engine.domains.dispatch import events as e
from engine.domains.dispatch import messages as m
from engine.domains.dispatch import notices as n
from engine.domains.dispatch.commands import ConfigureZone
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.terms import (
    BATCH_MS,
    CLAIM_WAIT_MS,
    NEIGHBOUR_WAIT_MS,
    PING_MS,
    Mode,
    Neighbour,
)
from engine.kernel.actor import DRIVER, Actor
from engine.kernel.outcome import Rejected
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    BOSS,
    CAT,
    CUSTOMER,
    KEEPER,
    MOD,
    accept_order,
    asked,
    assign,
    cancel,
    code,
    create_zone,
    decline,
    fail,
    job_of,
    north,
    offer_to,
    offline,
    online,
    ordered,
    override,
    pick_up,
    ping,
    rate,
    release,
    retry,
    returned,
    right_code,
    searching,
    take,
    zone_of,
)
from tests.engine.domains.dispatch.shards import ZONES, Shards

OTHER = "zone:z2"


@pytest.fixture
def border(house: House) -> House:
    """Zones z1 and z2 know each other; ben is online in z2, 3 km from the shop in z1."""
    centre = north(9_000)
    house.given((BOSS, create_zone("z2", centre=centre, radius_m=6_000)))
    neighbours = (Neighbour("z2", centre, 6_000),)
    house.given((BOSS, ConfigureZone(id="c", zone="z1", neighbours=neighbours)))
    return house.given((BEN, online(north(3_000), "z2")))


def test_a_neighbours_driver_is_asked_and_claimed(border: House) -> None:
    """In one shard all of it happens in one step: asked, claimed, assigned, and freed at last."""
    searching(border, CAT).when(BEN, take(offer_to(border, BEN)))
    border.then(e.ClaimAsked, driver="ben", driver_zone="z2")
    assert border.result["status"] == "claiming"
    border.then(e.ClaimAnswered, granted=True).then(e.DriverAssigned, driver="ben")
    border.then(n.JobAssigned, order="o1", zone="z1")
    assert zone_of(border, OTHER).drivers["ben"].state == "BUSY"
    assert job_of(border).driver_zone == "z2"
    border.when(CAT, take(offer_to(border, CAT))).then_rejected("ORDER_TAKEN")
    border.given((BEN, pick_up()), (BEN, code(right_code())))
    assert zone_of(border, OTHER).drivers["ben"].state == "AVAILABLE"
    assert zone_of(border).drivers["ben"].deliveries == 1


def test_the_nearest_of_both_zones_are_asked(border: House) -> None:
    """D2 over the border: by distance, whoever's driver it is; excluded there too."""
    border.given((ANN, online(north(4_000))), (CAT, online(north(3_500), "z2")))
    ordered(border).when(KEEPER, accept_order()).then(e.SearchOpened, asked=("z2",))
    (sent,) = border.happened(e.OffersSent)
    assert [offer.driver for offer in sent.offers] == ["ben", "cat", "ann"]
    border.given((BEN, decline(offer_to(border, BEN))))
    for who in (CAT, ANN):
        border.when(who, decline(offer_to(border, who))).then(e.OfferDeclined)
    border.then(e.NoDriverFound)


def test_a_job_with_a_neighbours_driver_can_end_in_every_way(border: House) -> None:
    """Released, cancelled, failed and returned: the driver's own zone gets them back."""
    ends = {
        "o1": ((BEN, release("o1")),),
        "o2": ((MOD, cancel("o2")),),
        "o3": (
            (BEN, pick_up("o3")),
            (MOD, fail(order="o3")),
            (KEEPER, returned("o3")),
        ),
    }
    for order, commands in ends.items():
        searching(border, order=order).given((BEN, take(offer_to(border, BEN, order))))
        assert zone_of(border, OTHER).drivers["ben"].state == "BUSY"
        border.given(*commands)
        assert zone_of(border, OTHER).drivers["ben"].state == "AVAILABLE"
        assert not zone_of(border).assigned


def test_the_customer_sees_a_neighbours_driver(border: House) -> None:
    """T2, T4: the driver's own zone tells of the position, from the assignment until the return,
    and of the rating."""
    border.given((BOSS, rate(BEN, 480, "z2")))
    searching(border).given((BEN, take(offer_to(border, BEN)))).advance(PING_MS)
    assert border.view(CUSTOMER, "delivery:o1")["driver"]["rating"] == 480
    border.when(BEN, ping(north(2_990))).then_accepted()
    assert {told.room for told in border.soft()} == {OTHER, "delivery:o1"}
    border.given((BEN, pick_up()), (MOD, fail())).advance(PING_MS)
    border.when(BEN, ping(north(2_980))).then_accepted()
    assert {told.room for told in border.soft()} == {OTHER}


def test_who_gets_busy_or_leaves_ends_offers_of_neighbours(border: House) -> None:
    """D6 and X4 over the border."""
    searching(border, CAT)
    border.when(BEN, offline()).then(e.OffersReturned, cause="OFFLINE")
    assert asked(border) == {"cat"}
    border.given((BEN, online(north(3_000), "z2")))
    ordered(border, "o2").given((KEEPER, accept_order("o2")))
    at_home = ordered(border, "o3", zone="z2", pickup=north(9_000))
    at_home.given((KEEPER, accept_order("o3")))
    border.when(BEN, take(offer_to(border, BEN, "o3", OTHER)))
    border.then(e.DriverAssigned, order="o3").then(e.OffersReturned, order="o2", cause="BUSY")
    assert asked(border, "o2") == {"cat"}


def test_who_is_claimed_gives_offers_at_home_back(border: House) -> None:
    """D6: a job of the neighbour ends the driver's offers in their own zone."""
    at_home = ordered(border, "o3", zone="z2", pickup=north(9_000))
    at_home.given((KEEPER, accept_order("o3")))
    assert asked(border, "o3", OTHER) == {"ben"}
    searching(border).when(BEN, take(offer_to(border, BEN)))
    border.then(e.ClaimAnswered, granted=True).then(e.OffersReturned, order="o3", cause="BUSY")


def test_operators_assign_a_neighbours_driver(border: House) -> None:
    """MANUAL over the border, with the reason; DRIVER_NOT_ELIGIBLE when nobody knows the driver."""
    searching(border)
    border.given((BEN, decline(offer_to(border, BEN))))
    border.when(MOD, assign(CAT)).then_rejected("DRIVER_NOT_ELIGIBLE")
    border.when(MOD, assign(BEN, reason="by phone"))
    border.then(e.DriverAssigned, cause="MANUAL", driver_zone="z2", reason="by phone")


def test_batches_take_neighbours_in(border: House) -> None:
    """X1: whom a neighbour has found by the end of the window is matched like everybody."""
    ordered(border, mode="batched", shop_approval="auto").advance(BATCH_MS)
    border.then(e.BatchMatched, matched=1)
    assert asked(border) == {"ben"}


def test_a_neighbours_driver_has_one_offer_of_a_batch_at_a_time(border: House) -> None:
    """Two jobs, one driver over the border: the other job waits for the answer, and after two noes
    nobody is left to wait for."""
    for order in ("o1", "o2"):
        ordered(border, order, mode="batched", shop_approval="auto")
    border.advance(BATCH_MS).then(e.BatchMatched, orders=("o1", "o2"), matched=1)
    assert (asked(border), asked(border, "o2")) == ({"ben"}, set())
    border.given((BEN, decline(offer_to(border, BEN)))).advance(BATCH_MS)
    assert (asked(border), asked(border, "o2")) == (set(), {"ben"})
    border.given((BEN, decline(offer_to(border, BEN, "o2")))).advance(4 * BATCH_MS)
    assert {job_of(border, order).status for order in ("o1", "o2")} == {"UNASSIGNED"}


# Two shards.


@pytest.fixture(params=[False, True], ids=["one_market", "two_markets"])
def shards(request: pytest.FixtureRequest) -> Shards:
    """Zones z1 and z2; ben is online in z2, 3 km from a shop in z1."""
    shards = Shards(Random(1), apart=request.param)
    shards.must("z2", BEN, online(north(3_000), "z2"))
    return shards


def offer_of(shards: Shards, zone: str, order: str, driver: Actor) -> str:
    state = shards.zone(zone)
    mine = [x for x in state.jobs[order].open if state.offers[x].driver == driver.user]
    assert mine, f"{driver.user} has no offer of {order}"
    return mine[0]


def test_a_yes_is_awaited(shards: Shards) -> None:
    """Nobody is assigned before the driver's own zone says yes; others are told ORDER_TAKEN."""
    shards.must("z1", CAT, online(north(100)))
    shards.order("z1", "o1", north(0))
    shards.deliver_all()
    shards.must("z1", BEN, take(offer_of(shards, "z1", "o1", BEN)))
    assert shards.zone("z1").jobs["o1"].status == "SEARCHING"
    late = shards.ask("z1", CAT, take(offer_of(shards, "z1", "o1", CAT)))
    assert isinstance(late, Rejected)
    assert late.code.name == "ORDER_TAKEN"
    shards.deliver_all()
    assert shards.zone("z1").jobs["o1"].driver == "ben"
    shards.check_at_rest()


def test_a_no_opens_the_offers_again(shards: Shards) -> None:
    """DRIVER_BUSY: the driver took another job meanwhile. Who is still asked is told so."""
    shards.must("z1", CAT, online(north(100)))
    shards.order("z1", "o1", north(0))
    shards.order("z2", "o2", north(9_000))
    shards.deliver_all()
    shards.must("z1", BEN, take(offer_of(shards, "z1", "o1", BEN)))
    shards.must("z2", BEN, take(offer_of(shards, "z2", "o2", BEN)))
    shards.deliver_all()
    told = [x for x in shards.log["z1"] if isinstance(x, n.OfferClosed)]
    assert [x.cause for x in told] == ["DRIVER_BUSY"]
    assert any(isinstance(x, n.OfferOpenAgain) for x in shards.log["z1"])
    shards.must("z1", CAT, take(offer_of(shards, "z1", "o1", CAT)))
    shards.deliver_all()
    shards.check_at_rest()


def test_who_has_left_meanwhile_is_not_claimed(shards: Shards) -> None:
    """DRIVER_NOT_ELIGIBLE: they said yes and went offline before their zone was asked."""
    shards.order("z1", "o1", north(0))
    shards.deliver_all()
    shards.must("z1", BEN, take(offer_of(shards, "z1", "o1", BEN)))
    shards.must("z2", BEN, offline())
    shards.deliver_all()
    [failed] = [x for x in shards.log["z1"] if isinstance(x, e.ClaimFailed)]
    assert failed.cause == "DRIVER_NOT_ELIGIBLE"
    told = [x for x in shards.log["z1"] if isinstance(x, n.OfferClosed)]
    assert [x.cause for x in told] == ["CLAIM_REFUSED"]
    shards.check_at_rest()


def test_when_the_only_one_is_not_to_be_had_the_search_moves_on(shards: Shards) -> None:
    """A no, and nobody else has an offer. Of a driver whom operators wanted, they decide."""
    shards.order("z1", "o1", north(0))
    shards.order("z2", "o2", north(9_000))
    shards.deliver_all()
    shards.must("z1", BEN, take(offer_of(shards, "z1", "o1", BEN)))
    shards.must("z2", BEN, take(offer_of(shards, "z2", "o2", BEN)))
    shards.deliver_all()
    assert shards.zone("z1").jobs["o1"].status == "UNASSIGNED"
    found = sum(isinstance(x, e.NoDriverFound) for x in shards.log["z1"])
    shards.must("z1", MOD, assign(BEN, driver_zone=shards.address("z2", "z1")))
    shards.deliver_all()
    failed = [x for x in shards.log["z1"] if isinstance(x, e.ClaimFailed)]
    assert [x.cause for x in failed] == ["DRIVER_BUSY", "DRIVER_BUSY"]
    assert shards.zone("z1").jobs["o1"].status == "UNASSIGNED"
    assert sum(isinstance(x, e.NoDriverFound) for x in shards.log["z1"]) == found
    shards.check_at_rest()


def test_a_silent_neighbour_is_not_waited_for(shards: Shards) -> None:
    """A wave begins without it; a claim is given up, and a late yes is given back."""
    shards.must("z1", CAT, online(north(100)))
    shards.order("z1", "o1", north(0))
    shards.advance(NEIGHBOUR_WAIT_MS)
    assert offer_of(shards, "z1", "o1", CAT)
    shards.deliver_all()
    shards.must("z1", CAT, decline(offer_of(shards, "z1", "o1", CAT)))
    shards.deliver_all()
    shards.must("z1", BEN, take(offer_of(shards, "z1", "o1", BEN)))
    shards.advance(CLAIM_WAIT_MS)
    assert any(isinstance(x, e.ClaimFailed) and x.cause == "TIMEOUT" for x in shards.log["z1"])
    # The question arrives after it was given up.
    shards.pipe.sort(key=lambda send: isinstance(send.message, m.ClaimDriver))
    shards.deliver_all()
    assert shards.zone("z2").drivers["ben"].state == "AVAILABLE"
    shards.check_at_rest()


def test_while_a_driver_is_asked_for_nobody_else_is(shards: Shards) -> None:
    """Operators who wait for a neighbour's answer cannot search or ask for another one."""
    shards.order("z1", "o1", north(0))
    shards.deliver_all()
    shards.must("z1", BEN, decline(offer_of(shards, "z1", "o1", BEN)))
    shards.deliver_all()
    assert shards.zone("z1").jobs["o1"].status == "UNASSIGNED"
    zone = shards.address("z2", "z1")
    shards.must("z1", MOD, assign(BEN, driver_zone=zone))
    for command in (assign(CAT, driver_zone=zone), retry(ask_again=True)):
        assert isinstance(shards.ask("z1", MOD, command), Rejected)
    shards.deliver_all()
    assert shards.zone("z1").jobs["o1"].driver == "ben"
    shards.check_at_rest()


def test_messages_may_come_twice(shards: Shards) -> None:
    """Each of them, at once and at the end of everything."""
    shards.order("z1", "o1", north(0))
    said = []
    for _ in range(2):
        while shards.pipe:
            said.append(shards.pipe[0])
            shards.deliver(again=True)
            shards.deliver()
        if shards.zone("z1").jobs["o1"].open:
            shards.must("z1", BEN, take(offer_of(shards, "z1", "o1", BEN)))
    assert shards.zone("z1").jobs["o1"].driver == "ben"
    assert shards.zone("z2").drivers["ben"].state == "BUSY"
    shards.must("z1", MOD, cancel())
    shards.deliver_all()
    shards.pipe += said
    shards.deliver_all()
    assert shards.zone("z2").drivers["ben"].state == "AVAILABLE"
    shards.check_at_rest()


@pytest.mark.parametrize("apart", [False, True], ids=["one_market", "two_markets"])
@pytest.mark.parametrize("seed", range(30))
def test_no_driver_is_claimed_twice(seed: int, apart: bool) -> None:
    """A random town: offers over the border in every mode, messages late, mixed up and repeated."""
    dice = Random(seed)
    shards = Shards(dice, apart=apart)
    town = Town(shards, dice)
    for number in range(200):
        town.act(number)
        for _ in range(dice.randrange(8)):
            if shards.pipe:
                again = dice.random() < 0.1
                shards.deliver(dice.randrange(len(shards.pipe)), again=again)
        shards.advance(dice.choice((0, 0, 0, 50, 200, 800, 2_000, 6_000, 15_000)))
    shards.deliver_all()
    shards.check_at_rest()
    assert town.assigned, "a run in which nobody is assigned proves nothing"


class Town:
    """Drivers on both sides of the border, and people who keep them busy."""

    def __init__(self, shards: Shards, dice: Random) -> None:
        self._shards, self._dice = shards, dice
        self._drivers = {
            Actor(f"d{number}", DRIVER, "approved"): ZONES[number % 2] for number in range(4)
        }
        self._places = {driver: self._place() for driver in self._drivers}
        for driver, zone in self._drivers.items():
            shards.must(zone, driver, online(self._places[driver], zone))

    def _place(self) -> Place:
        """Near the border, so that both zones find everybody."""
        return north(self._dice.randrange(3_500, 5_500))

    @property
    def assigned(self) -> int:
        """How often somebody from over the border got a job."""
        return sum(
            isinstance(event, e.DriverAssigned) and bool(event.driver_zone)
            for log in self._shards.log.values()
            for event in log
        )

    def act(self, number: int) -> None:
        """Somebody does something, plausible or not."""
        dice, shards = self._dice, self._shards
        for driver, zone in self._drivers.items():
            shards.ask(zone, driver, ping(self._places[driver], zone=zone))
        zone = dice.choice(ZONES)
        state = shards.zone(zone)
        match dice.randrange(9):
            case 0 | 1:
                mode = dice.choice(get_args(Mode))
                shards.order(zone, f"o{number}", self._place(), mode)
            case 2 | 3 | 4:
                self._answer(zone)
            case 5:
                driver, home = dice.choice(list(self._drivers.items()))
                if isinstance(shards.ask(home, driver, offline(home)), Outcome):
                    home = self._drivers[driver] = dice.choice(ZONES)
                shards.ask(home, driver, online(self._places[driver], home))
            case 6:
                self._help(zone)
            case _:
                if state.assigned:
                    name, order = dice.choice(sorted(state.assigned.items()))
                    self._end(zone, Actor(name, DRIVER, "approved"), order)

    def _help(self, zone: str) -> None:
        """Operators look after jobs that nobody wants."""
        jobs = self._shards.zone(zone).jobs
        lonely = sorted(order for order, job in jobs.items() if job.status == "UNASSIGNED")
        for order in lonely[-2:]:
            driver, home = self._dice.choice(list(self._drivers.items()))
            if self._dice.random() < 0.5:
                self._shards.ask(
                    zone, MOD, assign(driver, order, driver_zone=self._shards.address(home, zone))
                )
            self._shards.ask(zone, MOD, retry(order, ask_again=self._dice.random() < 0.3))

    def _answer(self, zone: str) -> None:
        state = self._shards.zone(zone)
        offers = sorted(name for name, offer in state.offers.items() if offer.state == "OPEN")
        for name in offers[:2]:
            driver = Actor(state.offers[name].driver, DRIVER, "approved")
            answer = take(name) if self._dice.random() < 0.8 else decline(name)
            self._shards.ask(zone, driver, answer)

    def _end(self, zone: str, driver: Actor, order: str) -> None:
        shards = self._shards
        match self._dice.randrange(3):
            case 0:
                shards.ask(zone, driver, release(order))
            case 1:
                shards.ask(zone, MOD, cancel(order))
            case _:
                shards.ask(zone, driver, pick_up(order, zone=zone))
                shards.ask(zone, MOD, override(order=order))
