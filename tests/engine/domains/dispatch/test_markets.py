"""Drivers of a zone of another market: letters that find the way there and back (dispatch 1)."""

from typing import Any

import msgspec
import pytest

from engine.contract import Command
from engine.core import Core, Outcome
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.messages import ClaimDriver, ReleaseClaim
from engine.domains.dispatch.state import Zone
from engine.domains.dispatch.terms import PING_MS, Neighbour
from engine.house import DEAD_LETTERS
from engine.kernel.actor import THE_HOUSE, Actor
from engine.kernel.ids import MAIN
from engine.kernel.market import BUILT_IN
from engine.kernel.outcome import Rejected
from engine.ledger.commands import Deposit
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms
from engine.mail import TakeLetter
from engine.registry import build_registry, find_domains
from testkit.house import OPENING
from testkit.world import vault
from tests.engine.domains.dispatch.cast import (
    BEN,
    BOSS,
    CENTRE,
    CUSTOMER,
    HOOK,
    MOD,
    TOTAL,
    assign,
    cancel,
    code,
    create_zone,
    decline,
    free,
    north,
    offline,
    online,
    paid,
    pick_up,
    ping,
    right_code,
    take,
)

EAST = "east"
FAR = north(9_000)


class Markets:
    """The zone z1 of main and the zone z1 of east, which know each other, and the post."""

    def __init__(self) -> None:
        registry = build_registry(find_domains())
        self.cores = {name: Core(registry, dict(BUILT_IN), vault(), name) for name in (MAIN, EAST)}
        self.now = OPENING
        self.log: dict[str, list[Any]] = {MAIN: [], EAST: []}
        self._taken = {MAIN: 0, EAST: 0}
        for name, other, here, there in ((MAIN, EAST, CENTRE, FAR), (EAST, MAIN, FAR, CENTRE)):
            near = Neighbour("z1", there, 6_000, other)
            self.must(name, BOSS, create_zone(centre=here, radius_m=6_000, neighbours=(near,)))

    def ask(self, market: str, actor: Actor, command: Command) -> Outcome | Rejected:
        """Somebody asks in a market; the post is not carried yet."""
        core = self.cores[market]
        outcome = core.step(command, command.room(actor), actor, self.now)
        if isinstance(outcome, Outcome):
            self.log[market] += [applied.record for applied in outcome.applied]
            core.check()
        return outcome

    def must(self, market: str, actor: Actor, command: Command) -> Outcome:
        """The same, and it is not refused."""
        outcome = self.ask(market, actor, command)
        assert isinstance(outcome, Outcome), f"{command}: {outcome}"
        return outcome

    def carry(self) -> None:
        """Until no letter is left."""
        while any(self.carry_from(market) for market in self.cores):
            pass
        for market in self.cores:
            assert DEAD_LETTERS not in self.cores[market].rooms, "a letter was refused"

    def carry_from(self, market: str) -> bool:
        """The letters that a market has written until now, and not what is answered."""
        other = EAST if market == MAIN else MAIN
        sent = [r for r in self.log[market] if r.room == f"outbox:{other}"]
        new = sent[self._taken[market] :]
        for record in new:
            said = msgspec.json.decode(record.event)
            fields = {key: said[key] for key in ("number", "to_room", "message", "is_notice")}
            self.must(other, THE_HOUSE, TakeLetter(id="c", source=market, **fields))
        self._taken[market] += len(new)
        return bool(new)

    def zone(self, market: str) -> Zone:
        """The zone z1 of a market."""
        found = self.cores[market].rooms["zone:z1"].state
        assert isinstance(found, Zone)
        return found

    def order(self, order: str = "o1", market: str = MAIN) -> None:
        """A paid order of a market, at its zone's centre, whose shop has said yes."""
        deposit = Deposit(id="c", user=CUSTOMER.user, amount=TOTAL, currency="NGN", reference=order)
        escrow = f"order.{order}"
        opened = Open(
            id="c",
            escrow=escrow,
            payer=CUSTOMER.user,
            currency="NGN",
            total=TOTAL,
            shares=(ShareTerms("keeper", "seller", TOTAL),),
        )
        self.must(market, BOSS, deposit)
        self.must(market, BOSS, opened)
        self.must(market, CUSTOMER, Fund(id="c", escrow=escrow))
        here = CENTRE if market == MAIN else FAR
        terms = paid(order, pickup=here, dropoff=here, shop_approval="auto")
        self.must(market, HOOK, terms)
        self.carry()

    def heard(self, market: str, user: str, event: str) -> list[dict[str, Any]]:
        """The notices of a kind that a user gets in a market."""
        said = [msgspec.json.decode(r.event) for r in self.log[market] if r.room == f"user:{user}"]
        return [notice for notice in said if notice["event"] == event]


@pytest.fixture
def markets() -> Markets:
    """Ben is online in east, 3 km from a shop in main; both zones have the same id."""
    markets = Markets()
    markets.must(EAST, BEN, online(north(3_000)))
    return markets


def offered(markets: Markets, order: str = "o1") -> str:
    """The offer as ben heard of it, at home."""
    markets.order(order)
    return str(markets.heard(EAST, "ben", "dispatch.offer_made")[-1]["offer"])


def test_a_driver_is_asked_at_home_and_answers_where_the_job_is(markets: Markets) -> None:
    """The notice names zone and offer with their market; all of it ends in both markets."""
    offer = offered(markets)
    assert offer == "1-1.z1@main"
    assert markets.heard(EAST, "ben", "dispatch.offer_made")[0]["zone"] == "z1@main"
    assert not markets.heard(MAIN, "ben", "dispatch.offer_made")
    markets.must(MAIN, BEN, take(offer))
    markets.carry()
    assert markets.zone(MAIN).jobs["o1"].driver_zone == "z1@east"
    assert markets.zone(EAST).drivers["ben"].order_zone == "z1@main"
    assert markets.heard(EAST, "ben", "dispatch.job_assigned")[0]["zone"] == "z1@main"
    markets.must(MAIN, BEN, pick_up())
    markets.must(MAIN, BEN, code(right_code()))
    markets.carry()
    assert markets.zone(EAST).drivers["ben"].state == "AVAILABLE"
    assert markets.heard(EAST, "ben", "dispatch.job_ended")[0]["cause"] == "COMPLETED"


def test_at_home_a_driver_is_told_where_to_answer(markets: Markets) -> None:
    """The command is refused with the market that it is for."""
    refused = markets.ask(EAST, BEN, take(offered(markets)))
    assert isinstance(refused, Rejected)
    assert refused.code.name == "ROOM_NOT_FOUND"
    assert refused.details == {"market": MAIN}


def test_who_leaves_or_gets_busy_at_home_gives_offers_back(markets: Markets) -> None:
    """D6 and X4, over markets."""
    offered(markets)
    markets.must(EAST, BEN, offline())
    markets.carry()
    assert markets.zone(MAIN).jobs["o1"].status == "UNASSIGNED"
    closed = markets.heard(EAST, "ben", "dispatch.offer_closed")
    assert [(notice["offer"], notice["cause"]) for notice in closed] == [("1-1.z1@main", "OFFLINE")]


def test_of_two_markets_that_want_a_driver_one_gets_them(markets: Markets) -> None:
    """Ben says yes to both at once, before any letter is carried: his own zone decides."""
    abroad = offered(markets)
    markets.order("o2", EAST)
    at_home = markets.heard(EAST, "ben", "dispatch.offer_made")[-1]["offer"]
    markets.must(MAIN, BEN, take(abroad))
    markets.must(EAST, BEN, take(at_home))
    markets.carry()
    assert markets.zone(EAST).jobs["o2"].driver == "ben"
    assert markets.zone(MAIN).jobs["o1"].driver == ""
    closed = markets.heard(EAST, "ben", "dispatch.offer_closed")
    assert [(x["offer"], x["cause"]) for x in closed] == [(abroad, "DRIVER_BUSY")]


def test_markets_may_have_orders_of_the_same_name(markets: Markets) -> None:
    """Two of them want ben for an `o1` of their own, each by its first claim: one gets him, and
    that the other gives up does not set him free."""
    asked: Any = markets.must(MAIN, BEN, take(offered(markets))).applied[0].event
    markets.carry()
    east = markets.cores[EAST]
    claim = asked.claim.replace(MAIN, "west")
    for name in (claim, asked.claim):
        other = ClaimDriver(zone="z1@west", order="o1", claim=name, driver="ben")
        outcome = east.step(other, "zone:z1", THE_HOUSE, markets.now)
        assert isinstance(outcome, Outcome)
        answer: Any = outcome.applied[0].event
        assert not answer.granted
    assert claim != asked.claim, "a claim says which market it is of"
    east.step(ReleaseClaim(claim=claim, driver="ben"), "zone:z1", THE_HOUSE, markets.now)
    assert markets.zone(EAST).drivers["ben"].order_zone == "z1@main"


@pytest.mark.parametrize("has_answered", [False, True])
def test_operators_take_a_driver_back_from_a_market_that_is_gone(
    markets: Markets, has_answered: bool
) -> None:
    """Nothing else does. Should the market come back, it looks for somebody else, whether it has
    heard of the driver's yes or not."""
    markets.must(MAIN, BEN, take(offered(markets)))
    if has_answered:
        markets.carry()
    else:
        markets.carry_from(MAIN)
    assert markets.zone(EAST).drivers["ben"].state == "BUSY"
    refused = markets.ask(EAST, MOD, free(BEN, reason=" "))
    assert isinstance(refused, Rejected)
    assert refused.code.name == "REASON_REQUIRED"
    markets.must(EAST, MOD, free(BEN))
    assert markets.zone(EAST).drivers["ben"].state == "AVAILABLE"
    assert markets.heard(EAST, "ben", "dispatch.job_ended")[0]["cause"] == "RELEASED"
    markets.carry()
    assert markets.zone(MAIN).assigned == {}
    assert markets.zone(MAIN).jobs["o1"].driver == ""
    assert markets.zone(EAST).drivers["ben"].state == "AVAILABLE"


def test_a_package_on_its_way_stays_with_its_driver(markets: Markets) -> None:
    """Who has been taken back may have it in their hands: operators hear of it, and the delivery
    ends as any other. It does not end the job that the driver has got since."""
    markets.must(MAIN, BEN, take(offered(markets)))
    markets.carry()
    markets.must(MAIN, BEN, pick_up())
    markets.must(EAST, MOD, free(BEN))
    markets.order("o2", EAST)
    markets.must(EAST, BEN, take(markets.heard(EAST, "ben", "dispatch.offer_made")[-1]["offer"]))
    markets.carry()
    alerts = [r.event for r in markets.log[MAIN] if b'"alert":"DRIVER_GONE"' in r.event]
    assert len(alerts) == 1
    markets.must(MAIN, BEN, code(right_code()))
    markets.carry()
    assert markets.zone(MAIN).jobs["o1"].status == "COMPLETED"
    assert markets.zone(EAST).assigned == {"ben": "o2"}


def test_a_driver_of_the_own_market_is_released_and_not_freed(markets: Markets) -> None:
    """There is a job, whose operators may say so."""
    markets.order("o2", EAST)
    for state in ("AVAILABLE", "BUSY"):
        refused = markets.ask(EAST, MOD, free(BEN))
        assert isinstance(refused, Rejected)
        assert refused.code.name == "INVALID_TRANSITION"
        assert str(refused.details["status"]).startswith(state)
        if state == "AVAILABLE":
            offer = markets.heard(EAST, "ben", "dispatch.offer_made")[-1]["offer"]
            markets.must(EAST, BEN, take(offer))
    refused = markets.ask(EAST, MOD, free(MOD))
    assert isinstance(refused, Rejected)
    assert refused.code.name == "DRIVER_NOT_ELIGIBLE"


def test_who_is_online_in_two_markets_has_one_job_in_each_at_most(markets: Markets) -> None:
    """Ben takes an own offer while he is asked for as a driver of east, whose yes is given back."""
    abroad = offered(markets)
    markets.must(MAIN, BEN, online(CENTRE))
    markets.order("o2")
    [own] = markets.zone(MAIN).jobs["o2"].open
    markets.must(MAIN, BEN, take(abroad))
    markets.must(MAIN, BEN, take(own))
    markets.carry()
    assert markets.zone(MAIN).assigned == {"ben": "o2"}
    assert markets.zone(EAST).drivers["ben"].state == "AVAILABLE"
    markets.must(MAIN, MOD, cancel("o2"))
    assert markets.zone(MAIN).drivers["ben"].state == "AVAILABLE"


def test_a_job_over_the_border_keeps_other_jobs_of_the_market_away(markets: Markets) -> None:
    """Ben has a job of main as a driver of east, and goes online in main, too."""
    markets.must(MAIN, BEN, take(offered(markets)))
    markets.carry()
    markets.must(MAIN, BEN, online(CENTRE))
    markets.order("o2")
    [own] = markets.zone(MAIN).jobs["o2"].open
    refused = markets.ask(MAIN, BEN, take(own))
    assert isinstance(refused, Rejected)
    assert refused.code.name == "DRIVER_BUSY"
    markets.must(MAIN, BEN, decline(own))
    markets.carry()
    refused = markets.ask(MAIN, MOD, assign(BEN, "o2"))
    assert isinstance(refused, Rejected)
    assert refused.code.name == "DRIVER_BUSY"


def test_operators_name_the_market_of_a_driver(markets: Markets) -> None:
    """MANUAL over markets; the own market's name may stand there, too."""
    offer = offered(markets)
    markets.must(MAIN, BEN, decline(offer))
    markets.carry()
    refused = markets.ask(MAIN, MOD, assign(BEN, driver_zone="z1@main"))
    assert isinstance(refused, Rejected)
    assert refused.code.name == "DRIVER_NOT_ELIGIBLE"
    markets.must(MAIN, MOD, assign(BEN, driver_zone="z1@east"))
    markets.carry()
    assert markets.zone(MAIN).jobs["o1"].driver == "ben"


def test_a_position_is_not_shown_to_a_delivery_of_the_same_name(markets: Markets) -> None:
    """Order ids are of a market: `delivery:o1` of east is somebody else's."""
    markets.must(MAIN, BEN, take(offered(markets)))
    markets.carry()
    markets.now += PING_MS
    outcome = markets.must(EAST, BEN, ping(north(3_010)))
    assert {soft.room for soft in outcome.aside if hasattr(soft, "room")} == {"zone:z1"}


def test_a_neighbour_of_the_own_market_is_no_other_market(markets: Markets) -> None:
    """Its name is taken off; the zone itself is no neighbour under any name."""
    near = tuple(Neighbour(zone, CENTRE, 6_000, MAIN) for zone in ("z1", "z2"))
    markets.must(MAIN, BOSS, c.ConfigureZone(id="c", zone="z1", neighbours=near))
    assert [n.address for n in markets.zone(MAIN).settings.neighbours] == ["z2"]
