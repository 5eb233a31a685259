"""Errands are done at least once, whatever fails: carriers, the log, the process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from engine.contract import Context, Event
from engine.house import DEAD_LETTERS, HOUSE
from engine.kernel.market import BUILT_IN
from engine.kernel.outside import Errand, Letter
from engine.kernel.record import Record
from engine.ledger.events import Deposited
from engine.ledger.journal import JOURNAL
from engine.ledger.user import USER
from engine.registry import Registry, build_registry
from persistence.errors import LogUnavailable
from persistence.memory import MemoryLog, MemoryStore
from runtime.clock import Clock
from runtime.outside.carrying import Job, NotNow, Undeliverable
from runtime.outside.errands import MARK, RETRY_S, ErrandRunner
from runtime.writer.writer import Writer
from testkit.world import PaperWorld, vault
from tests.runtime.writer.writing import ADMIN, Listener, answer, ask, deposit, until

LIFE_MS = 600_000


def letters_for_money(_: Any, event: Event, ctx: Context) -> Iterable[Errand]:
    """A letter for each deposit."""
    if isinstance(event, Deposited):
        fields = {"reference": event.reference, "code": "493817"}
        yield Letter("email", "ann@example.org", "otp", fields, ctx.now + LIFE_MS)


class Post:
    """A carrier in the hands of a test."""

    def __init__(self) -> None:
        self.carried: list[str] = []
        self.attempts = 0
        self.problems: list[Exception] = []
        """Raised one by one, before anything works again."""
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def carry(self, job: Job) -> None:
        """Carry it, or fail as told."""
        self.attempts += 1
        await self.is_open.wait()
        if self.problems:
            raise self.problems.pop(0)
        assert isinstance(job.errand, Letter)
        self.carried.append(job.errand.fields["reference"])


class Waits:
    """Instead of time: it is noted, and passes when the test says so, or at once."""

    def __init__(self) -> None:
        self.noted: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """A second is that of the mark, and passes quickly."""
        self.noted.append(seconds)
        await asyncio.sleep(0.002)


class RunnersWorld(PaperWorld):
    """The writer's world: a runner and nothing else."""

    def __init__(self, runner: ErrandRunner) -> None:
        super().__init__()
        self.recovered = runner.recovered  # type: ignore[method-assign]
        self.send_out = runner.send_out  # type: ignore[method-assign]


class Forgetful(MemoryLog):
    """It writes, and the answer gets lost."""

    lose_answers = 0

    async def append(self, records: Sequence[Record], cursor: int | None = None) -> None:
        await super().append(records, cursor)
        if self.lose_answers:
            self.lose_answers -= 1
            raise LogUnavailable("the answer got lost")


@pytest.fixture
def registry() -> Registry:
    """Money and the house; deposits call for letters."""
    return build_registry(
        [msgspec.structs.replace(JOURNAL, errands=letters_for_money), USER, HOUSE]
    )


@pytest.fixture
def store() -> MemoryStore:
    """What outlives a process."""
    return MemoryStore(lambda: time.time_ns() // 1_000_000)


class Life:
    """One process: a writer with its runner."""

    def __init__(self, store: MemoryStore, registry: Registry, post: Post, **bounds: int) -> None:
        self.log = Forgetful(store)
        self.waits = Waits()
        self.runner = ErrandRunner(self.log, registry, post, self._now, pause=self.waits, **bounds)
        world = RunnersWorld(self.runner)
        self.writer = Writer(
            self.log, registry, dict(BUILT_IN), Listener(), Clock(), vault(), world
        )

    def _now(self) -> int:
        return self.writer.now()

    async def failed(self) -> list[dict[str, Any]]:
        """What operators see."""
        sight = await answer(lambda to: self.writer.see(DEAD_LETTERS, ADMIN, to))
        found: list[dict[str, Any]] = msgspec.json.decode(sight.state)["errands_latest"]
        return found


@pytest.fixture
def live(store: MemoryStore, registry: Registry) -> Callable[..., Any]:
    """Begins a process. It ends as a clean one does, or by a crash, which keeps no mark."""

    @asynccontextmanager
    async def begin(post: Post, *, crash: bool = False, **bounds: int) -> AsyncIterator[Life]:
        life = Life(store, registry, post, **bounds)
        if crash:
            life.log.save_mark = _keep_nothing  # type: ignore[method-assign]
        life.runner.start(life.writer)
        await life.writer.start("test")
        running = asyncio.create_task(life.writer.run())
        try:
            yield life
        finally:
            if crash:
                for job in life.runner._jobs:
                    job.cancel()
            await life.runner.stop()
            await life.writer.stop()
            await running

    return begin


async def _keep_nothing(name: str, position: int) -> None:
    """A crash leaves the mark where it was."""


async def test_an_errand_is_done_when_its_event_is_durable(live: Callable[..., Any]) -> None:
    """One event, one letter, and the mark follows."""
    post = Post()
    async with live(post) as life:
        await ask(life.writer, deposit("d1"))
        await until(lambda: post.carried == ["d1"])
    assert await life.log.load_mark(MARK) >= 1
    assert life.runner.counts.done == 1


async def test_what_a_crash_left_undone_is_done_by_the_next(live: Callable[..., Any]) -> None:
    """The letters of durable events still come, in the order of the log; those that were sent
    and marked do not come again."""
    post = Post()
    async with live(post) as life:
        await ask(life.writer, deposit("d1"))
        await until(lambda: post.carried == ["d1"])
    post.is_open.clear()
    async with live(post, crash=True) as life:
        await ask(life.writer, deposit("d2"))
        await ask(life.writer, deposit("d3"))
        await until(lambda: post.attempts == 3)
    post.is_open.set()
    async with live(post):
        await until(lambda: len(post.carried) == 3)
    assert post.carried == ["d1", "d2", "d3"]


async def test_the_mark_waits_for_the_slowest(live: Callable[..., Any]) -> None:
    """Of two letters the second is done first: after a crash the first must come all the same."""
    post = Post()
    post.problems = [Undeliverable("no such address")]
    async with live(post) as life:
        await ask(life.writer, deposit("d1"))
        await until(lambda: life.runner.counts.failed == 1)
        await ask(life.writer, deposit("d2"))
        await until(lambda: post.carried == ["d2"])
        (failed,) = await life.failed()
        post.is_open.clear()
        await ask(life.writer, deposit("d3"))
        await until(lambda: post.attempts == 3)
        await ask(life.writer, deposit("d4"))
        await until(lambda: life.log._head == life.runner._known)
        saved = await life.log.load_mark(MARK)
        assert failed["position"] <= saved < life.runner._known
        post.is_open.set()
        await until(lambda: len(post.carried) == 3)


async def test_what_the_log_wrote_while_failing_is_found(live: Callable[..., Any]) -> None:
    """The answer of an append got lost: its events are durable, and nobody was sent out."""
    post = Post()
    async with live(post) as life:
        await ask(life.writer, deposit("d0"))
        life.log.lose_answers = 1
        refused = await ask(life.writer, deposit("d1"))
        assert refused.rejected.code.name == "UNKNOWN"
        await until(lambda: post.carried == ["d0", "d1"])


async def test_an_attempt_that_fails_is_repeated_later_each_time(live: Callable[..., Any]) -> None:
    """After 5 s, 30 s, 2 min and 10 min (notifications NOT-7); then it works."""
    post = Post()
    post.problems = [NotNow("busy")] * len(RETRY_S)
    async with live(post) as life:
        await ask(life.writer, deposit("d1"))
        await until(lambda: post.carried == ["d1"])
        assert [s for s in life.waits.noted if s in RETRY_S] == list(RETRY_S)
        assert await life.failed() == []


@pytest.mark.parametrize(
    ("problems", "attempts", "told"),
    [
        ([NotNow("busy")] * 5, 5, "busy"),
        ([Undeliverable("no such address")], 1, "no such address"),
        ([KeyError("493817")] * 5, 5, "internal error: KeyError"),
    ],
    ids=["too_often", "never", "bug"],
)
async def test_a_failure_for_good_is_told_to_operators(
    live: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    problems: list[Exception],
    attempts: int,
    told: str,
) -> None:
    """Template, channel and a few words; never the address, never the code, in no log line
    either."""
    post = Post()
    post.problems = problems
    async with live(post) as life:
        await ask(life.writer, deposit("d1"))
        await until(lambda: life.runner.counts.waiting == 0 and life.runner.counts.failed == 1)
        (failed,) = await life.failed()
    assert (failed["channel"], failed["template"]) == ("email", "otp")
    assert (failed["attempts"], failed["problem"]) == (attempts, told)
    assert failed["source"].startswith("ledger:")
    assert post.attempts == attempts
    for record in await life.log.read(0, 100):
        assert b"493817" not in record.event
        assert b"ann@example.org" not in record.event
    assert "493817" not in caplog.text
    assert "ann@example.org" not in caplog.text


async def test_a_failure_is_told_once(live: Callable[..., Any]) -> None:
    """After a crash it is tried and fails again: operators see one of them."""
    post = Post()
    post.problems = [Undeliverable("x"), Undeliverable("y")]
    async with live(post, crash=True) as life:
        await ask(life.writer, deposit("d1"))
        await until(lambda: life.runner.counts.waiting == 0 and life.runner.counts.failed == 1)
    async with live(post) as life:
        await until(lambda: life.runner.counts.waiting == 0 and life.runner.counts.failed == 1)
        assert [failed["problem"] for failed in await life.failed()] == ["x"]


async def test_old_news_is_dropped(live: Callable[..., Any]) -> None:
    """A code that is good no more is not sent, and nobody is troubled (notifications NOT-6)."""
    post = Post()
    post.is_open.clear()
    async with live(post, crash=True) as life:
        await ask(life.writer, deposit("d1"))
        await until(lambda: post.attempts == 1)
    post.is_open.set()
    async with live(post) as life:
        life.writer.clock.advance(LIFE_MS + 60_000)
        await ask(life.writer, deposit("d2"))
        await until(lambda: post.carried[-1:] == ["d2"] and life.runner.counts.waiting == 0)
    assert life.runner.counts.expired + post.carried.count("d1") == 1


async def test_what_waits_in_memory_is_bounded(live: Callable[..., Any]) -> None:
    """Beyond the bound errands wait in the log, and are done when there is room."""
    post = Post()
    post.is_open.clear()
    async with live(post, waiting_max=3) as life:
        for number in range(20):
            await ask(life.writer, deposit(f"d{number}"))
        assert life.runner.counts.waiting == 3
        post.is_open.set()
        await until(lambda: len(post.carried) == 20)
    assert sorted(post.carried) == sorted(f"d{number}" for number in range(20))


async def test_the_mark_follows_a_quiet_log(
    live: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records without errands are not read again at each start."""
    monkeypatch.setattr("runtime.outside.errands.QUIET_EVERY_S", 1.0)
    post = Post()
    async with live(post) as life:
        refusal = await ask(life.writer, deposit("d1", amount=1))
        assert refusal.seq
        await until(lambda: life.runner._saved == life.writer._sequencer.core.position)
