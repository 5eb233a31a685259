"""Orders come, are accepted, rejected, forgotten or called off (dispatch 3)."""

import pytest

from engine.contract import Person
from engine.domains.dispatch import events as e
from engine.domains.dispatch import notices as n
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.terms import FORGET_MS, SHOP_MS
from engine.kernel.actor import DRIVER, Actor
from engine.kernel.time import HOUR
from engine.ledger.accounts import payable
from engine.ledger.escrow.events import EscrowRefunded, EscrowReleased, PayeeNamed
from engine.room import StepContext
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    BOSS,
    CUSTOMER,
    ESCROW,
    HOOK,
    KEEPER,
    MOD,
    RIVAL,
    STRANGER,
    TOTAL,
    accept_order,
    assign,
    assigned,
    cancel,
    convert,
    create_zone,
    held,
    job_of,
    north,
    offer_to,
    online,
    ordered,
    out_for_delivery,
    override,
    paid,
    pick_up,
    reject_order,
    release,
    searching,
    take,
    zone_of,
)


def test_a_job_needs_money_in_escrow(house: House) -> None:
    """Row OrderPaid: escrow HELD."""
    house.when(HOOK, paid()).then_rejected("ESCROW_NOT_HELD", order="o1")
    held(house).when(HOOK, paid()).then(e.JobCreated, shop_due_at=house.now + SHOP_MS)


@pytest.mark.parametrize("end", ["pickup", "dropoff"])
def test_both_ends_of_a_delivery_are_on_the_earth(house: House, end: str) -> None:
    """LOCATION_INVALID."""
    nowhere = {end: Place(900_000_001, 0)}
    held(house).when(HOOK, paid(**nowhere)).then_rejected("LOCATION_INVALID", field=end)


def test_an_order_is_delivered_once(house: House) -> None:
    """The same order again is no second job, not even when the first has ended."""
    ordered(house).when(HOOK, paid()).then_rejected("INVALID_TRANSITION")
    house.given((KEEPER, reject_order())).advance(2 * HOUR)
    house.when(HOOK, paid()).then_rejected("INVALID_TRANSITION")


def test_a_job_lives_where_it_is_picked_up(house: House) -> None:
    """Home: a pick-up outside the circle is another zone's; it is named if a neighbour has it. What
    lies on the circle is inside."""
    held(house, "o2").when(HOOK, paid("o2", pickup=north(20_000))).then(e.JobCreated)
    held(house).when(HOOK, paid(pickup=north(20_100))).then_rejected("ZONE_MISMATCH", zone="")
    neighbour = {"zone": "z2", "centre": north(30_000), "radius_m": 12_000}
    configure = {"type": "dispatch.configure_zone", "zone": "z1", "neighbours": [neighbour]}
    house.given((BOSS, convert(house, configure)))
    house.when(HOOK, paid(pickup=north(20_100))).then_rejected("ZONE_MISMATCH", zone="z2")


def test_an_order_is_found_in_its_zone(house: House) -> None:
    """ZONE_MISMATCH names the zone; without a zone the house finds it."""
    house.given((BOSS, create_zone("z2")))
    ordered(house)
    wrong = accept_order(zone="z2")
    house.when(KEEPER, wrong).then_rejected("ZONE_MISMATCH", zone="z1")
    house.when(HOOK, paid(zone="z2")).then_rejected("ZONE_MISMATCH", zone="z1")
    house.when(KEEPER, accept_order("o9")).then_rejected("ORDER_NOT_FOUND", order="o9")
    house.when(KEEPER, accept_order(zone="z1")).then(e.OrderAccepted)


def test_a_zone_must_exist(house: House) -> None:
    """An order or a driver for a zone that nobody has created."""
    held(house).when(HOOK, paid(zone="z9")).then_rejected("ROOM_NOT_FOUND")
    house.when(BOSS, create_zone()).then_rejected("INVALID_TRANSITION")


@pytest.mark.parametrize("who", [RIVAL, STRANGER, MOD], ids=lambda who: who.user)
def test_only_the_shop_accepts(house: House, who: Actor) -> None:
    """The owner, as the shop's own card says."""
    ordered(house).when(who, accept_order()).then_rejected("FORBIDDEN")
    house.when(KEEPER, accept_order()).then(e.OrderAccepted)
    house.when(KEEPER, accept_order()).then_rejected("INVALID_TRANSITION")


def test_the_house_accepts_for_the_shop(house: House) -> None:
    """shop_approval=auto: in the same step as the payment; or later by the house."""
    held(house).when(HOOK, paid(shop_approval="auto"))
    house.then(e.JobCreated).then(e.OrderAccepted).then(e.OffersSent, wave=1)
    assert not house.happened(n.ApprovalRequested)
    ordered(house, "o2").when(HOOK, accept_order("o2")).then(e.OrderAccepted)


def _shop(house: House, shop: str, *, auto: bool) -> House:
    """A shop of KEEPER that may sell, and perhaps takes all orders at once."""
    address = {"name": "Corner", "address": "1 Broad Street", "category": "grocery"}
    papers = [{"kind": "ID_PROOF", "file": "f1"}, {"kind": "LICENCE", "file": "f2"}]
    create = {"type": "shop.create", "shop": shop, "auto_accept": auto, **address}
    upload = {"type": "shop.upload_docs", "shop": shop, "files": papers}
    return house.given(
        (KEEPER, convert(house, create)),
        (KEEPER, convert(house, upload)),
        (BOSS, convert(house, {"type": "shop.approve", "shop": shop})),
    )


@pytest.mark.parametrize("auto", [False, True])
def test_a_shop_may_take_all_orders_at_once(house: House, auto: bool) -> None:
    """FUL-10: as the shop has set, unless the order says otherwise."""
    held(_shop(house, "s2", auto=auto)).when(HOOK, paid(shop="s2")).then(e.JobCreated)
    assert bool(house.happened(e.OrderAccepted)) is auto
    says = "required" if auto else "auto"
    held(house, "o2").when(HOOK, paid("o2", shop="s2", shop_approval=says)).then(e.JobCreated)
    assert bool(house.happened(e.OrderAccepted)) is not auto


def test_a_shop_of_somebody_suspended_takes_no_order_by_itself(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Identity K7: nobody would be there to pack it."""
    held(_shop(house, "s2", auto=True))
    known = StepContext.card

    def card(ctx: StepContext, room: str) -> object:
        barred = Person("Keeper", is_active=False)
        return barred if room == f"identity:{KEEPER.user}" else known(ctx, room)

    monkeypatch.setattr(StepContext, "card", card)
    house.when(HOOK, paid(shop="s2")).then(e.JobCreated)
    assert not house.happened(e.OrderAccepted)


def test_a_suspended_shop_takes_no_order_by_itself(house: House) -> None:
    """Somebody must look first."""
    suspend = {"type": "shop.suspend", "shop": "s2", "reason": "complaints"}
    held(_shop(house, "s2", auto=True)).given((BOSS, convert(house, suspend)))
    house.when(HOOK, paid(shop="s2")).then(e.JobCreated)
    assert not house.happened(e.OrderAccepted)


def test_a_rejected_order_is_refunded(house: House) -> None:
    """PENDING_SHOP_APPROVAL -> CANCELLED, and the money goes back once (invariant 5)."""
    ordered(house).when(RIVAL, reject_order()).then_rejected("FORBIDDEN")
    house.when(KEEPER, reject_order()).then(e.JobCancelled, cause="SHOP_REJECTED")
    house.then(EscrowRefunded, amount=TOTAL, reason="sold out")
    assert house.available(CUSTOMER.user) == TOTAL
    house.when(KEEPER, reject_order()).then_rejected("INVALID_TRANSITION")


def test_a_silent_shop_loses_the_order(house: House) -> None:
    """ShopDue: ten minutes after JobCreated, to the millisecond."""
    due_at = ordered(house).now + SHOP_MS
    house.at(due_at - 1)
    assert job_of(house).status == "PENDING_SHOP_APPROVAL"
    house.at(due_at).then(e.JobCancelled, cause="SHOP_SILENT")
    house.then(EscrowRefunded, reason="SHOP_SILENT")


def test_who_may_cancel(house: House) -> None:
    """The customer before the shop's yes, the shop, operators with a reason."""
    ordered(house).when(STRANGER, cancel()).then_rejected("FORBIDDEN")
    house.when(MOD, cancel(reason=" ")).then_rejected("REASON_REQUIRED", field="reason")
    house.when(CUSTOMER, cancel()).then(e.JobCancelled, cause="CUSTOMER").then(EscrowRefunded)
    searching(house, ANN, order="o2").when(CUSTOMER, cancel("o2"))
    house.then_rejected("INVALID_TRANSITION", status="SEARCHING")
    house.when(KEEPER, cancel("o2", "")).then(e.OffersReturned, cause="CANCELLED")
    house.then(e.JobCancelled, cause="SHOP")
    house.when(ANN, take(offer_to(house, ANN, "o2"))).then_rejected("OFFER_EXPIRED")


def test_a_cancelled_job_frees_its_driver(house: House) -> None:
    """Any state before the pick-up; the driver hears of it and may work again."""
    assigned(house).when(MOD, cancel()).then(e.JobCancelled, cause="OPS", driver="ann")
    house.then(EscrowRefunded).then(n.JobEnded, cause="CANCELLED")
    assert zone_of(house).drivers["ann"].state == "AVAILABLE"
    out_for_delivery(house, BEN, "o2")
    house.when(MOD, cancel("o2")).then_rejected("INVALID_TRANSITION", status="OUT_FOR_DELIVERY")


def test_money_goes_one_way_once(house: House) -> None:
    """Invariant 5: after the completion nothing is paid or refunded again."""
    out_for_delivery(house).when(MOD, override()).then(EscrowReleased)
    for actor, command in ((MOD, override()), (MOD, cancel()), (KEEPER, reject_order())):
        house.when(actor, command).then_rejected("INVALID_TRANSITION")
    assert house.state(ESCROW).status == "released"


def test_jobs_that_ended_are_forgotten(house: House) -> None:
    """A zone stays small: an hour after its end a job leaves with its offers; the delivery's
    room stays."""
    out_for_delivery(house).given((MOD, override())).advance(FORGET_MS)
    ordered(house, "o2")
    assert "o1" not in zone_of(house).jobs
    assert not zone_of(house).offers
    house.when(MOD, cancel()).then_rejected("ORDER_NOT_FOUND")
    assert house.view(CUSTOMER, "delivery:o1")["status"] == "COMPLETED"


def test_the_driver_who_brings_it_has_the_carriers_share(house: House) -> None:
    """A share of the escrow that is nobody's yet is that of whoever is assigned at last."""
    held(house, fee=500).given((ANN, online()), (HOOK, paid(shop_approval="auto")))
    house.when(ANN, take(offer_to(house, ANN))).then(PayeeNamed, payee="ann", instead_of="")
    house.given((BEN, online()), (ANN, release()))
    house.when(BEN, take(offer_to(house, BEN))).then(PayeeNamed, payee="ben", instead_of="ann")
    house.given((BEN, pick_up()), (MOD, override()))
    assert house.balance(payable("carrier", "ben")) == 500
    assert house.balance(payable("carrier", "ann")) == 0


def test_a_carriers_share_that_is_somebodys_stays_theirs(house: House) -> None:
    """Of a carrier who was named when the escrow was opened."""
    held(house, fee=500, carrier="cat").given((ANN, online()), (HOOK, paid(shop_approval="auto")))
    house.when(ANN, take(offer_to(house, ANN))).then(e.DriverAssigned)
    assert not house.happened(PayeeNamed)


def test_nobody_brings_their_own_order(house: House) -> None:
    """The customer knows the code: as a driver they are not asked for it."""
    house.given((Actor("ann", DRIVER, "approved"), online()))
    ordered(house, customer="ann").when(KEEPER, accept_order()).then(e.NoDriverFound)
    house.when(MOD, assign(ANN)).then_rejected("DRIVER_NOT_ELIGIBLE")
