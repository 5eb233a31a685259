"""The invariants of dispatch 9 that a zone can show, by number."""

from engine.domains.dispatch.state import ENDED, WITH_DRIVER, Driver, Job, Zone
from engine.domains.dispatch.terms import LOCK_AT, REISSUES_MAX

BEFORE_A_DRIVER = ("PENDING_SHOP_APPROVAL", "SEARCHING", "UNASSIGNED")


def check(state: Zone) -> None:
    """Assert all of them."""
    for order, job in state.jobs.items():
        _check_job(state, order, job)
    for name, driver in state.drivers.items():
        _check_driver(state, name, driver)
    for name, order in state.assigned.items():
        assert state.jobs[order].driver == name, "dispatch INV-1: who has the job?"
    for order in state.batch:
        assert state.jobs[order].gathers, "dispatch X1: matched and not waiting"
    _check_agenda(state)


def _check_job(state: Zone, order: str, job: Job) -> None:
    assert job.terms.order == order, "a job under another name"
    has_driver = job.status in WITH_DRIVER
    assert has_driver == (state.assigned.get(job.driver) == order), "dispatch INV-1"
    assert has_driver <= bool(job.driver), "dispatch INV-1: a job without its driver"
    accepted = [name for name in job.offers if state.offers[name].state == "ACCEPTED"]
    assert len(accepted) <= bool(job.driver), "dispatch INV-2: an accepted offer too many"
    open_ = [name for name in job.offers if state.offers[name].state == "OPEN"]
    assert sorted(open_) == sorted(job.open), "dispatch INV-2: which offers are open?"
    assert not open_ or job.status == "SEARCHING", "dispatch D5: open offers, and no search"
    if job.status == "COMPLETED":
        assert job.picked_up_at, "dispatch INV-3: completed, never picked up"
        assert job.proof, "dispatch INV-4: completed without proof"
    paid = {"COMPLETED": "RELEASED", "CANCELLED": "REFUNDED", "RETURNED": "REFUNDED"}
    assert job.money == paid.get(job.status, ""), "dispatch INV-5: the money and the state"
    assert job.code_locked_until == 0 or job.code_attempts >= LOCK_AT, "dispatch C4"
    assert job.code_version <= REISSUES_MAX + 1, "dispatch C5"
    if job.status in BEFORE_A_DRIVER:
        assert not job.picked_up_at, "dispatch INV-3: picked up by nobody"
    if job.claim:
        assert job.status in ("SEARCHING", "UNASSIGNED"), "claiming for a job that is done"


def _check_driver(state: Zone, name: str, driver: Driver) -> None:
    assert (driver.state == "BUSY") == bool(driver.order), "dispatch INV-1: busy with nothing"
    if driver.state == "BUSY" and not driver.order_zone:
        assert state.assigned.get(name) == driver.order, "dispatch INV-1: two jobs"
        assert state.jobs[driver.order].status not in ENDED, "dispatch INV-1: busy for nothing"
    assert bool(driver.order_zone) == bool(driver.claim), "claimed by nobody"
    for offer in driver.open:
        found = state.offers[offer]
        assert (found.driver, found.state) == (name, "OPEN"), "dispatch D5: not open, or not his"
        if not found.zone:
            assert driver.state == "AVAILABLE", "dispatch D6: offers to who cannot take them"


def _check_agenda(state: Zone) -> None:
    heap, moments = state.agenda.heap, state.agenda.moments
    standing = {f"{what} {about}": at for at, what, about in heap}
    for entry in heap:
        if moments.get(f"{entry[1]} {entry[2]}") == entry[0]:
            standing[f"{entry[1]} {entry[2]}"] = entry[0]
    for name, at in moments.items():
        assert standing.get(name) == at, f"the zone will never do {name}"
    assert not heap or moments.get(f"{heap[0][1]} {heap[0][2]}") == heap[0][0], "a stale timer"
