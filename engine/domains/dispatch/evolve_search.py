"""How events change searches, offers and claims."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from engine.contract import Event
from engine.domains.dispatch import events as e
from engine.domains.dispatch.evolve_drivers import driver_of
from engine.domains.dispatch.state import Claim, Job, Offer, Zone
from engine.kernel.time import Millis

End = Literal["CLAIMING", "ACCEPTED", "DECLINED", "EXPIRED", "RETURNED", "TAKEN"]


def end_offer(state: Zone, name: str, end: End) -> None:
    """The offer can be accepted no more."""
    offer = state.offers[name]
    job = state.jobs[offer.order]
    if name in job.open:
        job.open.remove(name)
        state.drivers[offer.driver].open.remove(name)
    offer.state = end


def _end_all(state: Zone, ended: Iterable[e.EndedOffer], end: End) -> None:
    for line in ended:
        assert state.offers[line.offer].state == "OPEN", "an offer ends once"
        end_offer(state, line.offer, end)


def stop_search(state: Zone, job: Job) -> None:
    """The job waits for nobody any more."""
    order = job.terms.order
    if order in state.batch:
        state.batch.remove(order)
        if not state.batch:
            state.agenda.drop("batch", "")
    state.agenda.drop("search", order)
    state.agenda.drop("claim", order)
    job.gathers, job.asked, job.found, job.claim = False, [], [], None


def on_opened(state: Zone, event: e.SearchOpened, _: Millis) -> None:
    job = state.jobs[event.order]
    job.status = "SEARCHING"
    job.wave, job.search = event.wave, event.search
    job.gathers, job.waits_until = True, event.waits_until
    if not event.waits_until:
        job.asked, job.found = list(event.asked), []
    if not event.again:
        job.tried = []
    if event.mode == "batched":
        state.batch.append(event.order)
        state.agenda.drop("search", event.order)
        state.agenda.put("batch", "", event.until)
    else:
        state.agenda.put("search", event.order, event.until)


def on_received(state: Zone, event: e.CandidatesReceived, _: Millis) -> None:
    job = state.jobs[event.order]
    job.asked.remove(event.zone)
    job.found += event.found


def on_neighbour(_state: Zone, _event: e.NeighbourAnswered, _: Millis) -> None:
    """It is the neighbour's search; here nothing changes."""


def on_sent(state: Zone, event: e.OffersSent, _: Millis) -> None:
    job = state.jobs[event.order]
    assert job.claim is None, "dispatch INV-1: offered while somebody is being claimed"
    if event.wave != job.wave:
        job.tried, job.found = [], []
    job.status, job.wave, job.gathers, job.asked = "SEARCHING", event.wave, False, []
    for line in event.offers:
        assert line.offer not in state.offers, "an offer is made once"
        state.offers[line.offer] = Offer(
            event.order, line.driver, line.distance_m, event.expires_at, line.zone
        )
        job.offers.append(line.offer)
        job.open.append(line.offer)
        job.tried.append(line.driver)
        driver_of(state, line.driver).open.append(line.offer)
    if event.offers:
        state.agenda.put("search", event.order, event.expires_at)
    else:
        state.agenda.drop("search", event.order)


def on_batch(state: Zone, event: e.BatchMatched, _: Millis) -> None:
    done = set(event.orders)
    state.batch = [order for order in state.batch if order not in done]
    if event.next_at is None:
        state.agenda.drop("batch", "")
    else:
        state.agenda.put("batch", "", event.next_at)


def on_declined(state: Zone, event: e.OfferDeclined, _: Millis) -> None:
    end_offer(state, event.offer, "DECLINED")
    state.jobs[event.order].declined.append(event.driver)
    state.drivers[event.driver].declines += 1


def on_expired(state: Zone, event: e.OffersExpired, _: Millis) -> None:
    _end_all(state, event.offers, "EXPIRED")
    state.agenda.drop("search", event.order)


def on_returned(state: Zone, event: e.OffersReturned, _: Millis) -> None:
    _end_all(state, event.offers, "RETURNED")


def on_taken(state: Zone, event: e.OffersTaken, _: Millis) -> None:
    _end_all(state, event.offers, "TAKEN")


def on_nobody(state: Zone, event: e.NoDriverFound, _: Millis) -> None:
    job = state.jobs[event.order]
    stop_search(state, job)
    job.status = "UNASSIGNED"


def on_retried(state: Zone, event: e.SearchRetried, _: Millis) -> None:
    job = state.jobs[event.order]
    job.status, job.wave = "SEARCHING", 0
    if event.ask_again:
        job.declined, job.released = [], []


def on_claim_asked(state: Zone, event: e.ClaimAsked, _: Millis) -> None:
    job = state.jobs[event.order]
    assert job.claim is None, "dispatch INV-1: two are being claimed"
    job.claims += 1
    job.claim = Claim(
        event.claim, event.driver, event.driver_zone, event.cause, event.offer, event.reason
    )
    if event.offer:
        end_offer(state, event.offer, "CLAIMING")
    state.agenda.put("claim", event.order, event.until)


def on_claim_failed(state: Zone, event: e.ClaimFailed, _: Millis) -> None:
    job = state.jobs[event.order]
    assert job.claim is not None, "nobody was being claimed"
    assert job.claim.id == event.claim, "another was being claimed"
    job.claim = None
    if event.offer:
        end_offer(state, event.offer, "RETURNED")
    state.agenda.drop("claim", event.order)


def on_claim_returned(state: Zone, event: e.ClaimReturned, _: Millis) -> None:
    if event.offer:
        end_offer(state, event.offer, "RETURNED")


EVOLVE: Mapping[type[Event], Callable[[Zone, Any, Millis], None]] = {
    e.SearchOpened: on_opened,
    e.CandidatesReceived: on_received,
    e.NeighbourAnswered: on_neighbour,
    e.OffersSent: on_sent,
    e.BatchMatched: on_batch,
    e.OfferDeclined: on_declined,
    e.OffersExpired: on_expired,
    e.OffersReturned: on_returned,
    e.OffersTaken: on_taken,
    e.NoDriverFound: on_nobody,
    e.SearchRetried: on_retried,
    e.ClaimAsked: on_claim_asked,
    e.ClaimFailed: on_claim_failed,
    e.ClaimReturned: on_claim_returned,
}
