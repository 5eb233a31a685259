"""Whom to ask: candidates, waves, and what follows when nobody is left (dispatch D1, D2, D7, X1).

These functions make the events of a search. What the same decision has changed before them, and
the state does not show yet, is handed in as `extra`: drivers who are to be left out, and why.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import dist

from msgspec.structs import replace

from engine.contract import Context, Event
from engine.domains.dispatch import events as e
from engine.domains.dispatch.events import Candidate, LeftOut, LeftOutReason
from engine.domains.dispatch.geo import Metres, Place, arc_m, between_m, chord_m, point_at
from engine.domains.dispatch.index import Fix
from engine.domains.dispatch.state import Driver, Job, Zone, positions_of
from engine.domains.dispatch.terms import (
    BEYOND_MAX,
    FRESH_MS,
    LEFT_OUT_MAX,
    NEIGHBOUR_WAIT_MS,
    OFFERS_MAX,
    RULES_VERSION,
    WAVES,
    offer_id,
)
from engine.kernel.time import Millis

Extra = Mapping[str, LeftOutReason]
NOBODY: Extra = {}


def near(
    state: Zone,
    pickup: Place,
    radius_m: int,
    ctx: Context,
    excluded: Extra,
    cap: int = OFFERS_MAX,
    *,
    without_offers: bool = False,
) -> tuple[list[Candidate], list[LeftOut]]:
    """The nearest drivers of this zone who may be asked, and who else was looked at.
    `without_offers`: only who has no other offer."""
    found: list[tuple[Metres, str]] = []
    passed: list[tuple[Metres, str]] = []
    positions, drivers, fresh_at = positions_of(ctx), state.drivers, ctx.now - FRESH_MS
    here, reach = point_at(pickup.lat, pickup.lon), chord_m(radius_m + 0.5)
    for sure_m, cells in positions.rings(pickup, radius_m):
        for cell in cells:
            for name, fix in cell.items():
                chord = dist(here, fix.point or fix.located())
                if chord > reach:
                    continue
                driver = drivers[name]
                if _is_fit(driver, fix, fresh_at, without_offers) and name not in excluded:
                    found.append((chord, name))
                elif driver.state != "OFFLINE":
                    passed.append((chord, name))
        if len(found) >= cap:
            found.sort()
            if found[cap - 1][0] < sure_m - 1:
                break
    chosen = _nearest(drivers, found, cap)
    asked = {candidate.driver for candidate in chosen}
    passed += [line for line in found[: cap + BEYOND_MAX] if line[1] not in asked]
    left_out = [
        LeftOut(
            name,
            excluded.get(name)
            or _why(drivers[name], positions.fixes[name], fresh_at, without_offers),
            arc_m(chord),
        )
        for chord, name in sorted(passed)[:LEFT_OUT_MAX]
    ]
    return chosen, left_out


def _nearest(
    drivers: Mapping[str, Driver], found: list[tuple[Metres, str]], cap: int
) -> list[Candidate]:
    """The nearest of those who were found. More than `cap` are looked at, for many may be equally
    near (D2)."""
    found.sort()
    close = found
    if len(found) > cap:
        close = found[: bisect_right(found, (found[cap - 1][0] + 1, ""))]
    nearest = [Candidate(name, arc_m(chord), drivers[name].rating) for chord, name in close]
    return sorted(nearest, key=lambda x: x.order)[:cap]


def _is_fit(driver: Driver, fix: Fix, fresh_at: Millis, without_offers: bool) -> bool:
    """Dispatch D1, but for the distance."""
    return (
        driver.state == "AVAILABLE" and fix.at >= fresh_at and not (without_offers and driver.open)
    )


def _why(driver: Driver, fix: Fix, fresh_at: Millis, without_offers: bool) -> LeftOutReason:
    """Why a driver who may be asked for this job is not (X3)."""
    if driver.state == "BUSY":
        return "BUSY"
    if fix.at < fresh_at:
        return "STALE"
    return "OFFERED" if without_offers and driver.open else "BEYOND_CAP"


def excluded_from(
    job: Job, extra: Extra = NOBODY, *, ask_again: bool = False
) -> dict[str, LeftOutReason]:
    """Who is not asked for this job, wherever they are (D7, X6); the customer neither, who knows
    the code."""
    excluded: dict[str, LeftOutReason] = {job.terms.customer: "OWN"}
    if not ask_again:
        excluded.update(dict.fromkeys(job.declined, "DECLINED"))
        excluded.update(dict.fromkeys(job.released, "RELEASED"))
    excluded.update(extra)
    return excluded


def with_tried(job: Job, excluded: Extra) -> Extra:
    """Who is not asked, or has been in this wave: one is asked after the other."""
    return {**dict.fromkeys(job.tried, "TRIED"), **excluded}


def waves_from(
    state: Zone,
    job: Job,
    wave: int,
    ctx: Context,
    excluded: Extra,
    batch_at: Millis | None = None,
) -> list[Event]:
    """Begin a wave; one that finds nobody moves on at once (D7)."""
    events: list[Event] = []
    for number in range(wave, len(WAVES) + 1):
        asked = _in_reach(state, job, number)
        if job.mode == "batched" or asked:
            return [*events, _opened(state, job, number, ctx, asked, excluded, batch_at)]
        sent = offers_sent(state, job, number, ctx, excluded, ())
        events.append(sent)
        if sent.offers:
            return events
    return [*events, *nobody(job)]


def same_wave(
    state: Zone,
    job: Job,
    ctx: Context,
    excluded: Extra,
    batch_at: Millis | None = None,
    waits_until: Millis = 0,
) -> list[Event]:
    """The next batch is of the same circle: it is not widened as long as somebody is left in it.
    While the job only waits, what neighbours have answered, or will, still holds."""
    asked = () if waits_until else _in_reach(state, job, job.wave)
    opened = _opened(state, job, job.wave, ctx, asked, excluded, batch_at)
    search = job.search if waits_until else opened.search
    return [replace(opened, search=search, again=True, waits_until=waits_until)]


def nobody(job: Job) -> list[Event]:
    """Operators are alerted, and the shop is told."""
    order = job.terms.order
    return [e.NoDriverFound(order=order), e.OpsAlerted(alert="NO_DRIVER", order=order)]


def _in_reach(state: Zone, job: Job, wave: int) -> tuple[str, ...]:
    """The neighbours that the circle of a wave touches."""
    pickup, radius_m = job.terms.pickup, WAVES[wave - 1]
    return tuple(
        n.address
        for n in state.settings.neighbours
        if between_m(pickup, n.centre) <= radius_m + n.radius_m
    )


def _opened(
    state: Zone,
    job: Job,
    wave: int,
    ctx: Context,
    asked: tuple[str, ...],
    excluded: Extra,
    batch_at: Millis | None,
) -> e.SearchOpened:
    until = ctx.now + NEIGHBOUR_WAIT_MS
    if job.mode == "batched":
        standing = batch_at or state.agenda.at("batch", "")
        until = standing or ctx.now + state.settings.batch_ms
    return e.SearchOpened(
        order=job.terms.order,
        search=job.search + 1,
        wave=wave,
        radius_m=WAVES[wave - 1],
        mode=job.mode,
        until=until,
        asked=asked,
        excluded=tuple(sorted(excluded)),
    )


def offers_sent(
    state: Zone,
    job: Job,
    wave: int,
    ctx: Context,
    excluded: Extra,
    found: Iterable[Candidate],
) -> e.OffersSent:
    """Offers to the nearest, of this zone and of those that neighbours have found (D2)."""
    cap = 1 if job.mode == "cascade" else OFFERS_MAX
    radius_m = WAVES[wave - 1]
    own, left_out = near(state, job.terms.pickup, radius_m, ctx, excluded, cap)
    in_order = together(own, [x for x in found if x.driver not in excluded])
    beyond = [LeftOut(x.driver, "BEYOND_CAP", x.distance_m) for x in in_order[cap:]]
    return sent_to(state, job, wave, ctx, in_order[:cap], [*left_out, *beyond])


def together(own: Iterable[Candidate], found: Iterable[Candidate]) -> list[Candidate]:
    """Nearest first. Who has moved from one zone to another meanwhile may be known to both, and
    is asked once."""
    by_driver = {x.driver: x for x in found}
    by_driver.update({x.driver: x for x in own})
    return sorted(by_driver.values(), key=lambda x: x.order)


def sent_to(
    state: Zone,
    job: Job,
    wave: int,
    ctx: Context,
    chosen: Sequence[Candidate],
    left_out: Sequence[LeftOut],
) -> e.OffersSent:
    """Offers to these drivers, with what they rest on."""
    settings, first = state.settings, len(job.offers) + 1
    life_ms = settings.cascade_ms if job.mode == "cascade" else settings.offer_ms
    offers = tuple(
        e.NewOffer(
            offer_id(job.number, first + index, state.zone),
            candidate.driver,
            candidate.distance_m,
            candidate.zone,
        )
        for index, candidate in enumerate(chosen)
    )
    return e.OffersSent(
        order=job.terms.order,
        wave=wave,
        radius_m=WAVES[wave - 1],
        mode=job.mode,
        rules=RULES_VERSION,
        expires_at=ctx.now + life_ms,
        offers=offers,
        left_out=tuple(left_out[:LEFT_OUT_MAX]),
    )


def gathered(state: Zone, job: Job, ctx: Context, more: Sequence[Candidate] = ()) -> list[Event]:
    """The neighbours have answered, or are waited for no longer."""
    excluded = excluded_from(job)
    sent = offers_sent(state, job, job.wave, ctx, excluded, [*job.found, *more])
    if sent.offers:
        return [sent]
    return [sent, *waves_from(state, job, job.wave + 1, ctx, excluded)]


def move_on(state: Zone, job: Job, ctx: Context, extra: Extra = NOBODY) -> list[Event]:
    """No offer of the job is open any more: ask the next one, or the next wave."""
    excluded = excluded_from(job, extra)
    if job.mode == "batched":
        return same_wave(state, job, ctx, with_tried(job, excluded))
    if job.mode == "cascade":
        tried = with_tried(job, excluded)
        sent = offers_sent(state, job, job.wave, ctx, tried, job.found)
        if sent.offers:
            return [sent]
    return waves_from(state, job, job.wave + 1, ctx, excluded)


def is_left_without(job: Job, offer: str) -> bool:
    """Whether nobody else is asked, and nobody is being claimed."""
    return job.claim is None and all(other == offer for other in job.open)


def withdraw(
    state: Zone, name: str, ctx: Context, cause: e.ReturnCause, but: str = ""
) -> list[Event]:
    """A driver is there no more: their open offers go back, but for one (D6, X4)."""
    driver = state.drivers.get(name)
    if driver is None:
        return []
    why: LeftOutReason = "BUSY" if cause == "BUSY" else "OFFLINE"
    events: list[Event] = []
    for offer in driver.open:
        if offer == but:
            continue
        job = state.jobs[state.offers[offer].order]
        ended = (e.EndedOffer(offer, name),)
        events.append(e.OffersReturned(order=job.terms.order, offers=ended, cause=cause))
        if is_left_without(job, offer):
            events += move_on(state, job, ctx, {name: why})
    return events


def others_of(state: Zone, job: Job, but: str = "") -> tuple[e.EndedOffer, ...]:
    """The open offers of a job, but for one."""
    return tuple(
        e.EndedOffer(offer, state.offers[offer].driver) for offer in job.open if offer != but
    )
