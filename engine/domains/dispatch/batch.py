"""Jobs of a short window, matched together (dispatch X1)."""

from collections.abc import Sequence

from engine.contract import Context, Decision, Event
from engine.domains.dispatch import events as e
from engine.domains.dispatch.events import Candidate, LeftOut
from engine.domains.dispatch.matching import match
from engine.domains.dispatch.search import excluded_from, near, sent_to, together, waves_from
from engine.domains.dispatch.state import Job, Zone
from engine.domains.dispatch.terms import BATCH_JOBS_MAX, WAVES


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
        waves += _result(state, job, ctx, mine, left_out, next_at)
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
    excluded = excluded_from(job)
    radius_m = WAVES[job.wave - 1]
    own, left_out = near(state, job.terms.pickup, radius_m, ctx, excluded, cap, without_offers=True)
    others = [x for x in job.found if x.driver not in excluded and not _is_asked(state, x.driver)]
    return together(own, others)[:cap], left_out


def _is_asked(state: Zone, driver: str) -> bool:
    """Whether a neighbour's driver has an offer of ours; of others we do not know."""
    return driver in state.drivers and bool(state.drivers[driver].open)


def _result(
    state: Zone,
    job: Job,
    ctx: Context,
    mine: Sequence[Candidate],
    left_out: Sequence[LeftOut],
    next_at: int,
) -> list[Event]:
    sent = sent_to(state, job, job.wave, ctx, mine, left_out)
    if mine:
        return [sent]
    return [sent, *waves_from(state, job, job.wave + 1, ctx, excluded_from(job), next_at)]
