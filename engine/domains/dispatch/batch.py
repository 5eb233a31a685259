"""Jobs of a short window, matched together (dispatch X1)."""

from collections.abc import Sequence

from engine.contract import Context, Decision, Event
from engine.domains.dispatch import events as e
from engine.domains.dispatch.events import Candidate, LeftOut
from engine.domains.dispatch.matching import match
from engine.domains.dispatch.search import (
    Extra,
    excluded_from,
    near,
    same_wave,
    sent_to,
    together,
    waves_from,
    with_tried,
)
from engine.domains.dispatch.state import Job, Zone
from engine.domains.dispatch.terms import BATCH_JOBS_MAX, WAVES
from engine.kernel.time import Millis


def batch_due(state: Zone, _: str, ctx: Context) -> Decision:
    """Match the jobs that have waited longest; those for whom there is no room wait on."""
    orders = state.batch[:BATCH_JOBS_MAX]
    next_at = ctx.now + state.settings.batch_ms
    # With so many of its nearest drivers for each job, no better matching is missed.
    cap = len(orders)
    looks = {order: _look(state, state.jobs[order], ctx, cap) for order in sorted(orders)}
    chosen = match(
        list(looks),
        {order: [(x.driver, x.distance_m) for x in found] for order, (found, _) in looks.items()},
    )
    waves: list[Event] = []
    total_m = 0
    for order, (found, left_out) in looks.items():
        job = state.jobs[order]
        mine = [x for x in found if x.driver == chosen.get(order)]
        total_m += sum(x.distance_m for x in mine)
        if mine:
            waves.append(sent_to(state, job, job.wave, ctx, mine, left_out))
        else:
            waves += _unmatched(state, job, ctx, left_out, next_at, is_short=bool(found))
    rest = len(state.batch) > len(orders)
    matched = e.BatchMatched(
        orders=tuple(orders),
        matched=len(chosen),
        total_m=total_m,
        next_at=next_at if rest else None,
    )
    return [matched, *waves]


def _look(state: Zone, job: Job, ctx: Context, cap: int) -> tuple[list[Candidate], list[LeftOut]]:
    """Who may be matched with a job: its nearest, without those who have an offer already."""
    excluded = with_tried(job, excluded_from(job))
    radius_m = WAVES[job.wave - 1]
    own, left_out = near(state, job.terms.pickup, radius_m, ctx, excluded, cap, without_offers=True)
    others = [x for x in job.found if x.driver not in excluded and not _is_asked(state, x.driver)]
    return together(own, others)[:cap], left_out


def _is_asked(state: Zone, driver: str) -> bool:
    """Whether a neighbour's driver has an offer of ours; of others we do not know."""
    return driver in state.drivers and bool(state.drivers[driver].open)


def _unmatched(
    state: Zone,
    job: Job,
    ctx: Context,
    left_out: Sequence[LeftOut],
    next_at: Millis,
    *,
    is_short: bool,
) -> list[Event]:
    """While somebody in the circle is thinking about another offer the job waits for them, but no
    longer than an offer lives; then the circle is widened. `is_short`: all who were free are needed
    for other jobs of the batch."""
    until = job.waits_until or ctx.now + state.settings.offer_ms
    excluded = with_tried(job, excluded_from(job))
    if ctx.now < until and (is_short or _is_anybody_near(state, job, ctx, excluded)):
        return same_wave(state, job, ctx, excluded, next_at, until)
    sent = sent_to(state, job, job.wave, ctx, (), left_out)
    return [sent, *waves_from(state, job, job.wave + 1, ctx, excluded_from(job), next_at)]


def _is_anybody_near(state: Zone, job: Job, ctx: Context, excluded: Extra) -> bool:
    if any(x.driver not in excluded for x in job.found):
        return True
    found, _ = near(state, job.terms.pickup, WAVES[job.wave - 1], ctx, excluded, 1)
    return bool(found)
