"""The simulator finds what it is there to find: faults planted into the house by small patches."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from engine.domains.auction import bidding
from engine.domains.custody import decide_scan
from engine.domains.custody.codes import QR_ALREADY_USED
from engine.domains.dispatch import decide_offer
from engine.domains.dispatch.events import DeliveryCodeRejected
from engine.domains.dispatch.messages import ClaimDriver
from engine.domains.dispatch.terms import job_key
from engine.domains.identity import tokens
from engine.domains.identity.commands import Refresh
from engine.domains.negotiation import decide_offer as haggling
from engine.kernel.outcome import Rejected
from engine.kernel.posting import Release
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.ledger.escrow.events import EscrowReleased
from engine.registry import Registry, build_registry, find_domains
from engine.room import StepContext
from engine.sequencer import Recall, Remembered, Sequencer
from persistence.memory import MemoryLog
from runtime.outside import refunds
from runtime.outside.errands import MARK, ErrandRunner
from runtime.writer import writer
from runtime.writer.lease import Lease
from runtime.writer.recovery import Recovered, recover
from runtime.writer.writer import Writer
from testkit.sim_options import Options
from testkit.simulator import simulate

SEEDS_MAX = 40

Plant = Callable[[pytest.MonkeyPatch], None]


def reply_before_commit(patch: pytest.MonkeyPatch) -> None:
    """Answers leave as soon as they are decided."""
    patch.setattr(Sequencer, "_gate", lambda self, output: self._ready.append(output))


def frames_before_commit(patch: pytest.MonkeyPatch) -> None:
    """Listeners hear an event as soon as it is decided."""
    render = Sequencer._render

    def render_and_release(self: Sequencer, applied: Any, batch: Any) -> None:
        before = len(batch.outputs)
        render(self, applied, batch)
        self._ready += batch.outputs[before:]
        del batch.outputs[before:]

    patch.setattr(Sequencer, "_render", render_and_release)


def timers_in_reverse(patch: pytest.MonkeyPatch) -> None:
    """What is due is fired latest first."""
    tick = Sequencer.tick

    def tick_reversed(self: Sequencer, now: Millis) -> Millis:
        due = sorted((at, room) for at, room in self._timers if at <= now)
        for _, room in reversed(due):
            other = [timer for timer in self._timers if timer[1] != room]
            self._timers = [timer for timer in self._timers if timer[1] == room]
            tick(self, now)
            self._timers = sorted(other + self._timers)
        return tick(self, now)

    patch.setattr(Sequencer, "tick", tick_reversed)


def timers_after_commands(patch: pytest.MonkeyPatch) -> None:
    """A command is decided before what fell due earlier."""
    submit, tick = Sequencer.submit, Sequencer.tick

    def submit_first(self: Sequencer, *arguments: Any) -> None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Sequencer, "tick", lambda self, now: max(now, self.core.now))
            submit(self, *arguments)
        tick(self, self.core.now)

    patch.setattr(Sequencer, "submit", submit_first)


def lost_release(patch: pytest.MonkeyPatch) -> None:
    """Who is outbid keeps the hold."""
    holds = bidding.holds
    patch.setattr(
        bidding,
        "holds",
        lambda *given: tuple(p for p in holds(*given) if not isinstance(p, Release)),
    )


def no_extension(patch: pytest.MonkeyPatch) -> None:
    """A bid in the last moments moves no end."""
    patch.setattr(bidding, "extension", lambda state, now: [])


def dedupe_without_user(patch: pytest.MonkeyPatch) -> None:
    """A command id counts once in all, and not once for each user."""
    find, add = Remembered.find, Remembered.add
    patch.setattr(Remembered, "find", lambda self, user, id_, body: find(self, "all", id_, body))
    patch.setattr(
        Remembered,
        "add",
        lambda self, record: add(self, msgspec.structs.replace(record, actor="all")),
    )


def dedupe_without_body(patch: pytest.MonkeyPatch) -> None:
    """Another command with a known id gets the answer of the first."""

    def again(command: Any, actor: Any, to: Any, _: str, found: tuple[str, int]) -> Recall:
        return Recall(to, command.id, command.room(actor), found[1])

    patch.setattr("engine.sequencer._again", again)


def forgotten_answers(patch: pytest.MonkeyPatch) -> None:
    """A restart forgets which commands were answered."""

    async def recover_without_answers(*arguments: Any) -> Recovered:
        recovered = await recover(*arguments)
        return msgspec.structs.replace(recovered, remembered=Remembered())

    patch.setattr(writer, "recover", recover_without_answers)


def dropped_append(patch: pytest.MonkeyPatch) -> None:
    """The log says yes, and now and then writes nothing."""
    append = MemoryLog.append

    async def append_or_drop(
        self: MemoryLog, records: Sequence[Record], cursor: int | None = None
    ) -> None:
        if records[-1].position % 10:
            await append(self, records, cursor)
        else:
            self._head = records[-1].position

    patch.setattr(MemoryLog, "append", append_or_drop)


def listeners_left_behind(patch: pytest.MonkeyPatch) -> None:
    """What was written, but not released as the log failed, is never told."""

    async def nothing(*_: Any) -> None:
        pass

    patch.setattr(writer, "catch_up", nothing)


def snapshot_of_the_undurable(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is kept at once, and may hold what is never written."""
    patch.setattr(Writer, "_when_durable", lambda self, _, work, refuse=None: self._spawn(work()))


def lease_from_an_append(patch: pytest.MonkeyPatch) -> None:
    """A process takes an append for a renewal, and goes on when another has taken over."""
    served = Lease.served

    def served_and_granted(self: Lease) -> None:
        served(self)
        self.granted(self._clock.steady_ns())

    patch.setattr(Lease, "served", served_and_granted)


def service_from_a_renewal(patch: pytest.MonkeyPatch) -> None:
    """A process that has the lease and answers nobody yet says that it serves."""
    patch.setattr(Lease, "is_serving", property(lambda _: True, lambda _, __: None), raising=False)


def forgotten_errands(patch: pytest.MonkeyPatch) -> None:
    """The mark passes errands that are begun and not done."""

    async def save_too_much(self: ErrandRunner) -> None:
        if self._read_to is not None and self._read_to > self._saved:
            self._saved = self._read_to
            await self._log.save_mark(MARK, self._saved)

    patch.setattr(ErrandRunner, "_save_mark", save_too_much)


def money_back_by_another_key(patch: pytest.MonkeyPatch) -> None:
    """What a provider tells a repeat by is shared by two refunds."""
    patch.setattr(refunds, "key_of", lambda job, wanted: wanted.provider)


def _domain(name: str, patch: pytest.MonkeyPatch, part: str, key: type, rule: Any) -> Any:
    """Put a rule in the place of another. Returns the other."""
    rules = getattr(build_registry(find_domains()).domains[name], part)
    before = rules[key]
    patch.setitem(rules, key, rule)
    return before


def job_for_two(patch: pytest.MonkeyPatch) -> None:
    """Whoever accepts an offer gets the job, though another was first."""
    patch.setattr(decide_offer, "_too_late", lambda *_: None)


def two_jobs_for_one(patch: pytest.MonkeyPatch) -> None:
    """No zone looks whether a driver has a job of another one; the engine's claims remain."""
    real = StepContext.claimed_by

    def claimed_by(self: StepContext, key: str) -> str | None:
        return None if key.startswith(job_key("")) else real(self, key)

    def claim(state: Any, message: ClaimDriver, ctx: Any) -> Any:
        driver = state.drivers.get(message.driver)
        if driver and driver.state == "BUSY":
            asked = {"claim": message.claim, "order_zone": message.zone}
            driver = msgspec.structs.replace(driver, **asked)
            drivers = {**state.drivers, message.driver: driver}
            state = msgspec.structs.replace(state, drivers=drivers)
        return real_claim(state, message, ctx)

    patch.setattr(StepContext, "claimed_by", claimed_by)
    real_claim = _domain("zone", patch, "decide", ClaimDriver, claim)


def forgotten_release(patch: pytest.MonkeyPatch) -> None:
    """An escrow does not know that a share has gone out, and lets it go again."""
    _domain("escrow", patch, "evolve", EscrowReleased, lambda *_: None)


def below_the_minimum(patch: pytest.MonkeyPatch) -> None:
    """The house takes an offer that the shop has said it will not take."""
    patch.setattr(haggling, "lowest", lambda min_price, ask: min(min_price * 2 // 3 + 1, ask))


def forgotten_tries(patch: pytest.MonkeyPatch) -> None:
    """A wrong delivery code is written down, and whoever reads the log does not count it."""
    _domain("zone", patch, "evolve", DeliveryCodeRejected, lambda *_: None)


def two_holders(patch: pytest.MonkeyPatch) -> None:
    """Whoever has a parcel keeps it, and somebody else is said to have given it."""
    changed = decide_scan.changed

    def from_another(step: Any, place: str, scan: str) -> Any:
        event = changed(step, place, scan)
        return msgspec.structs.replace(event, from_type=event.to_type, from_id=event.to_id)

    patch.setattr(decide_scan, "changed", from_another)


def code_scanned_again(patch: pytest.MonkeyPatch) -> None:
    """A used code is as good as a new one."""
    refusal = decide_scan._refusal

    def only_others(*given: Any) -> Rejected | None:
        found = refusal(*given)
        return None if found and found.code == QR_ALREADY_USED else found

    patch.setattr(decide_scan, "_refusal", only_others)


def token_used_again(patch: pytest.MonkeyPatch) -> None:
    """A refresh token is good however often it was used."""

    def as_if_new(state: Any, command: Refresh, ctx: Any) -> Any:
        said = tokens.read(command.refresh_token, ctx.vault)
        session = state.sessions.get(said.session) if said else None
        if said and session:
            newest = tokens.make(state.user, said.session, session.counter, ctx.vault)
            command = msgspec.structs.replace(command, refresh_token=newest)
        return real(state, command, ctx)

    real = _domain("identity", patch, "decide", Refresh, as_if_new)


DUEL = Options(
    hosts=2,
    freeze_every=8_000,
    crash_every=30_000,
    downtime_ms=15_000,
    gap_ms=300,
    commands=120,
    things=8,
    latency_us=300_000,
    batch_max=3,
    span_ms=20_000,
    window_ms=20_000,
)
"""Two machines that take the log from each other."""

SLOW_TIMERS = Options(lag_us=300_000, gap_ms=60, span_ms=4_000, things=20, commands=200)

QUIET = Options(
    commands=250,
    gap_ms=1_000,
    drivers=3,
    things=2,
    things_at_once=1,
    ledger_share=20,
    crash_every=40_000,
    downtime_ms=3_000,
)
"""One thing after another, and now and then a crash."""

DELIVERIES = msgspec.structs.replace(QUIET, theme="dispatch")
FEW_DRIVERS = msgspec.structs.replace(DELIVERIES, drivers=2, things=6, things_at_once=4)
PARCELS = msgspec.structs.replace(QUIET, theme="parcels")
HAGGLING = msgspec.structs.replace(QUIET, theme="haggling")
LOGINS = msgspec.structs.replace(QUIET, theme="identity")
DEAF_WORLD = msgspec.structs.replace(LOGINS, lost=200, crash_every=15_000)

FAULTS: list[tuple[Plant, str]] = [
    (reply_before_commit, "ENG-1"),
    (frames_before_commit, "ENG-1"),
    (timers_in_reverse, "fires before"),
    (timers_after_commands, "before the timers|auction B2"),
    (lost_release, "auction INV-2"),
    (no_extension, "owes"),
    (dedupe_without_user, "ENG-2|is another command's"),
    (dedupe_without_body, "ENG-2"),
    (forgotten_answers, "ENG-2|ENG-5"),
    (dropped_append, "ENG-1"),
    (listeners_left_behind, "feeds|liveness"),
    (snapshot_of_the_undurable, "durable|ENG-9"),
    (lease_from_an_append, "ENG-11"),
    (service_from_a_renewal, "auction 6"),
    (forgotten_errands, "liveness: waiting for .*errand-"),
    (money_back_by_another_key, "accounts P9"),
    (job_for_two, "dispatch INV-1|dispatch D5|dispatch 3"),
    (two_jobs_for_one, "dispatch INV-1|is claimed twice"),
    (forgotten_release, "accounts INV|goes out twice|has nothing here"),
    (below_the_minimum, "negotiation"),
    (forgotten_tries, "dispatch INV-6"),
    (two_holders, "INV-1"),
    (code_scanned_again, "custody|Q3|Q6"),
    (token_used_again, "identity J5"),
]

OPTIONS: dict[Plant, Options] = {
    timers_after_commands: SLOW_TIMERS,
    lease_from_an_append: DUEL,
    service_from_a_renewal: DUEL,
    forgotten_errands: DEAF_WORLD,
    job_for_two: DELIVERIES,
    two_jobs_for_one: FEW_DRIVERS,
    forgotten_release: PARCELS,
    below_the_minimum: HAGGLING,
    forgotten_tries: DELIVERIES,
    two_holders: PARCELS,
    code_scanned_again: PARCELS,
    token_used_again: LOGINS,
}
"""Where chance alone would take long, the weather is chosen."""


@pytest.mark.parametrize(
    ("plant", "promise"), FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_planted_fault_is_found(
    plant: Plant,
    promise: str,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Within so many seeds, and as the promise that it breaks."""
    plant(monkeypatch)
    options = OPTIONS.get(plant)
    for seed in range(SEEDS_MAX):
        report = simulate(seed, registry, options)
        if report.problem:
            assert re.search(promise, report.problem), report.problem
            return
    pytest.fail(f"{SEEDS_MAX} seeds have not found it")
