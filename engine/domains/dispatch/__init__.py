"""Delivery zones: the rules in code; in prose they stand in README.md."""

from engine.contract import Domain, Presence, Wake
from engine.domains.dispatch import commands as c
from engine.domains.dispatch import decide_delivery as delivery
from engine.domains.dispatch import decide_driver as driver
from engine.domains.dispatch import decide_offer as offer
from engine.domains.dispatch import decide_order as order
from engine.domains.dispatch import decide_staff as staff
from engine.domains.dispatch import decide_zone as zone
from engine.domains.dispatch import messages as m
from engine.domains.dispatch import neighbours, pings, timers, views
from engine.domains.dispatch.codes import CODES
from engine.domains.dispatch.evolve import EVOLVE
from engine.domains.dispatch.index import Positions
from engine.domains.dispatch.invariants import check
from engine.domains.dispatch.notices import NOTICES
from engine.domains.dispatch.reactions import react
from engine.domains.dispatch.state import Zone
from engine.domains.dispatch.terms import ZONE_DOMAIN
from engine.domains.dispatch.tracking import DELIVERY
from engine.domains.dispatch.workload import workload
from engine.ledger.escrow.codes import ESCROW_NOT_HELD

ZONE = Domain(
    name=ZONE_DOMAIN,
    summary="A delivery zone: its drivers, offers and jobs in one order.",
    initial=Zone,
    decide={
        c.CreateZone: zone.create,
        c.ConfigureZone: zone.configure,
        c.RateDriver: zone.rate,
        c.GoOnline: driver.go_online,
        c.GoOffline: driver.go_offline,
        c.UpdateLocation: driver.update_location,
        c.OrderPaid: order.order_paid,
        c.ShopAccept: order.shop_accept,
        c.ShopReject: order.shop_reject,
        c.CancelOrder: order.cancel,
        c.ObjectPickup: order.object_pickup,
        c.AcceptOffer: offer.accept,
        c.DeclineOffer: offer.decline,
        c.ArriveAtShop: delivery.arrive_at_shop,
        c.ConfirmPickup: delivery.confirm_pickup,
        c.ArriveAtCustomer: delivery.arrive_at_customer,
        c.EnterDeliveryCode: delivery.enter_code,
        c.ShowDeliveryCode: delivery.show_code,
        c.ReissueCode: delivery.reissue_code,
        c.RetrySearch: staff.retry,
        c.AssignDriver: staff.assign,
        c.ReleaseDriver: staff.release,
        c.FreeDriver: staff.free_driver,
        c.OverrideDelivery: staff.override,
        c.FailDelivery: staff.fail,
        c.ConfirmReturn: staff.confirm_return,
        m.FindDrivers: neighbours.find_drivers,
        m.DriversFound: neighbours.drivers_found,
        m.OffersMade: neighbours.offers_made,
        m.OffersEnded: neighbours.offers_ended,
        m.ClaimDriver: neighbours.claim_driver,
        m.DriverClaimed: neighbours.driver_claimed,
        m.ClaimRefused: neighbours.claim_refused,
        m.ConfirmClaim: neighbours.confirm_claim,
        m.ReleaseClaim: neighbours.release_claim,
        m.RevokeClaim: neighbours.revoke_claim,
        Wake: timers.wake,
        Presence: driver.presence,
    },
    evolve=EVOLVE,
    audience=views.audience,
    show=views.show,
    view=views.view,
    result=views.result,
    react=react,
    due=timers.due,
    check=check,
    notices=NOTICES,
    codes=(*CODES, ESCROW_NOT_HELD),
    reveal={
        c.ShowDeliveryCode: delivery.reveal_code,
        c.ReissueCode: delivery.reveal_code,
    },
    soft=Positions,
    touch={
        c.GoOnline: pings.came_online,
        c.GoOffline: pings.went_offline,
        c.UpdateLocation: pings.moved,
    },
    workload=workload,
)

DOMAINS: tuple[Domain, ...] = (ZONE, DELIVERY)
