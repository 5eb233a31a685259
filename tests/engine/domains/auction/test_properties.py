"""Invariants over random runs of everything (auction 9, accounts 10), and secrecy in them."""

from random import Random

import msgspec
import pytest

from engine.contract import Command
from engine.domains.auction import events as e
from engine.domains.auction.terms import auction_room
from engine.domains.auction.workload import Glance, Scene, next_command
from engine.kernel.actor import ADMIN, ANYONE, DEALER, GUEST, USER, Actor
from engine.kernel.ids import PLATFORM
from engine.kernel.time import HOUR, MINUTE
from testkit.house import House

SCENE = Scene(
    sellers=("s1", "s2"),
    bidders=("b1", "b2", "b3", "b4"),
    staff=("m1",),
    auctions=tuple(f"a{number}" for number in range(30)),
    vehicles=tuple(f"v{number}" for number in range(30)),
)


def _look(house: House, auction: str) -> Glance:
    room = house.core.rooms.get(auction_room(auction))
    return Glance(room.state.status, room.state.minimum_bid) if room else Glance()


def _run(house: House, dice: Random, steps: int) -> list[str]:
    """Random commands, time, absences and outages; what came of the commands."""
    for user in SCENE.bidders:
        house.deposit(user, 5_000_000, "USD")
    answers = []
    for number in range(steps):
        actor, command = next_command(
            dice, SCENE, number, house.now, lambda auction: _look(house, auction)
        )
        house.when(actor, command).then_any()
        answers.append(house.refusal.code.name if house.refusal else "ok")
        _pass(house, dice)
    return answers


def _pass(house: House, dice: Random) -> None:
    kind = dice.randrange(300)
    if kind < 100:
        house.advance(dice.randrange(MINUTE))
    elif kind < 103:
        house.outage(house.now, house.now + dice.randrange(10 * MINUTE))
    elif kind == 103:
        house.advance(30 * HOUR)
    elif kind < 130:
        house.presence(dice.choice(SCENE.bidders), online=dice.random() < 0.5)


@pytest.mark.parametrize("seed", range(12))
def test_invariants_hold_over_random_runs(seed: int) -> None:
    """Every step is checked by the house; here the log is audited as a whole."""
    with House() as house:
        answers = _run(house, Random(seed), 400)
        assert answers.count("ok") > 60, "a run in which nothing happens proves nothing"
        for auction in SCENE.auctions:
            _audit(house, auction_room(auction))
            _look_at(house, auction_room(auction))
        house.core.check()


def _look_at(house: House, room: str) -> None:
    """All classes can be shown all of it, and a guest learns no name of a bidder."""
    if room not in house.core.rooms:
        return
    for role in (GUEST, USER, DEALER, ADMIN):
        viewer = ANYONE if role == GUEST else Actor(f"looker-{role}", role, "approved")
        seen = msgspec.json.encode([house.view(viewer, room), house.history(viewer, room)])
        for user in SCENE.bidders:
            assert f'"{user}"'.encode() not in seen or role == ADMIN


def _audit(house: House, room: str) -> None:
    """Invariants 1, 4, 6 and 7, read off the log alone."""
    found = house.core.rooms.get(room)
    if found is None:
        return
    reserve = found.state.terms.reserve_price
    price = end_at = 0
    last_was_platform = False
    for applied in house.log:
        event = applied.event
        if applied.room is not found:
            continue
        if isinstance(event, e.AuctionCreated):
            end_at = event.terms.end_at
        elif isinstance(event, e.AuctionExtended):
            assert event.end_at > end_at, "auction INV-5"
            end_at = event.end_at
        elif isinstance(event, e.BidPlaced):
            assert event.amount >= price, "auction INV-1"
            assert found.state.terms.start_at <= applied.record.at < end_at, "auction INV-4"
            assert not (event.is_platform and last_was_platform), "auction INV-6"
            assert not event.is_platform or event.bid * 100 <= reserve * 95, "auction INV-6"
            price, last_was_platform = event.amount, event.is_platform
        elif isinstance(event, e.WinnerDeclared):
            assert event.winner != PLATFORM, "auction INV-7"


@pytest.mark.parametrize("seed", range(6))
def test_each_leader_has_one_hold(seed: int) -> None:
    """INV-2, accounts INV-10: holds are exactly those of leading humans in live auctions."""
    with House() as house:
        _run(house, Random(100 + seed), 120)
        expected: dict[str, dict[str, int]] = {}
        for auction in SCENE.auctions:
            room = house.core.rooms.get(auction_room(auction))
            if room and room.state.status == "live" and room.state.leader not in ("", PLATFORM):
                amount = room.state.terms.deposit_on(room.state.leader_max)
                if amount:
                    expected.setdefault(room.state.leader, {})[room.name] = amount
        holds = {u: dict(house.core.book.holds_of(u, "USD")) for u in SCENE.bidders}
        assert {user: held for user, held in holds.items() if held} == expected


@pytest.mark.parametrize("seed", range(6))
def test_secrets_stay_secret_over_random_runs(seed: int) -> None:
    """No maximum or reserve in what a guest or a rival is shown, whatever happened."""
    reserve, secret = 7_654_321, 6_543_210
    with House() as house:
        dice = Random(200 + seed)
        for user in ("b1", "b2"):
            house.deposit(user, 50_000_000, "USD")
        seller, staff = Actor("s1", "dealer", "approved"), Actor("m1", "admin", "approved")
        create = {
            "type": "auction.create",
            "id": "c",
            "auction": "a1",
            "vehicle": "v1",
            "kind": "reserve",
            "currency": "USD",
            "start_price": 1_000,
            "reserve_price": reserve,
            "start_at": house.now + 1,
            "end_at": house.now + HOUR,
        }
        approve = {"type": "auction.approve", "id": "c", "auction": "a1"}
        house.given((seller, _command(house, create)), (staff, _command(house, approve)))
        house.advance(1)
        owner, rival = Actor("b1", USER, "approved"), Actor("b2", USER, "approved")
        house.given((owner, _maximum(house, secret)))
        for _ in range(20):
            house.when(rival, _maximum(house, dice.randrange(1, secret // 2))).then_any()
            house.advance(dice.randrange(MINUTE))
        for viewer in (ANYONE, rival):
            shown = [house.view(viewer, "auction:a1"), house.history(viewer, "auction:a1")]
            text = msgspec.json.encode(shown).decode()
            assert str(reserve) not in text
            assert str(secret) not in text
        text = msgspec.json.encode(house.history(staff, "auction:a1")).decode()
        assert str(secret) not in text


def _command(house: House, fields: dict[str, object]) -> Command:
    return msgspec.convert(fields, house.core.registry.commands[str(fields["type"])])


def _maximum(house: House, amount: int) -> Command:
    fields: dict[str, object] = {
        "type": "auction.set_max_bid",
        "id": "c",
        "auction": "a1",
        "max_amount": amount,
        "currency": "USD",
    }
    return _command(house, fields)


def test_the_same_chance_gives_the_same_commands() -> None:
    """A workload can be repeated from its seed."""
    runs = []
    for _ in range(2):
        with House() as house:
            runs.append((_run(house, Random(7), 60), house.core.position))
    assert runs[0] == runs[1]
