"""The sandbox provider: what it tells in each scenario, and how long it insists."""

import msgspec
import pytest

from gateway.hooks.sandbox import SandboxPayment
from gateway.hooks.signatures import timed_fault
from runtime.outside.sandbox_provider import SCENARIOS, Answer, Provider, play, steps_of

EXPECTED = SandboxPayment("p1", "captured", "u1", 500, "NGN")
SECRET = b"a secret"
GOOD, BUSY = Answer(200, "200 ok"), Answer(503, "503 UNAVAILABLE")


class Desk:
    """A house that answers as told, and a clock that is moved by sleeping."""

    def __init__(self, *answers: Answer, now_s: float = 1_000.0) -> None:
        self.heard: list[SandboxPayment] = []
        self.slept: list[float] = []
        self.said: list[str] = []
        self._answers = list(answers)
        self._now_s = now_s

    def provider(self, attempts: int = 5) -> Provider:
        """One who tells this house."""
        return Provider(self._post, attempts, self.said.append, self._sleep, lambda: self._now_s)

    def _post(self, body: bytes, signature: str) -> Answer:
        assert not timed_fault("S", signature, body, (SECRET,), int(self._now_s * 1_000))
        self.heard.append(msgspec.json.decode(body, type=SandboxPayment))
        return self._answers.pop(0) if self._answers else GOOD

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now_s += seconds


@pytest.mark.parametrize(
    ("scenario", "told", "slept"),
    [
        ("captured", [("p1", "captured", 500)], []),
        ("failed", [("p1", "failed", 500)], []),
        ("late", [("p1.failed", "failed", 500), ("p1", "captured", 500)], [7.0]),
        ("repeated", [("p1", "captured", 500)] * 3, [7.0, 7.0]),
        ("wrong-amount", [("p1", "captured", 499)], []),
        ("created", [("p1", "created", 500)], []),
        (
            "charged-back",
            [("p1", "captured", 500), ("p1", "disputed", 500), ("p1", "lost", 500)],
            [7.0, 7.0],
        ),
    ],
)
def test_what_is_told(scenario: str, told: list[tuple[str, str, int]], slept: list[float]) -> None:
    """In this order, with the delay between."""
    desk = Desk()
    assert play(desk.provider(), steps_of(scenario, EXPECTED, 7.0, 3), SECRET)
    assert [(p.payment, p.kind, p.amount) for p in desk.heard] == told
    assert desk.slept == slept
    assert len(desk.said) == len(told)


def test_every_scenario_has_steps() -> None:
    """The help promises no more than is done."""
    assert all(steps_of(scenario, EXPECTED, 0, 1) for scenario in SCENARIOS)


def test_the_least_amount_is_wrong_too() -> None:
    """An amount is never 0."""
    least = msgspec.structs.replace(EXPECTED, amount=1)
    assert steps_of("wrong-amount", least, 0, 1)[0].payment.amount == 2


def test_what_is_not_answered_is_told_again_later_each_time() -> None:
    """Signed anew each time, or the signature would grow too old."""
    desk = Desk(BUSY, Answer(0, "no answer (refused)"), BUSY)
    assert play(desk.provider(), steps_of("captured", EXPECTED, 0, 1), SECRET)
    assert len(desk.heard) == 4
    assert desk.slept == [1.0, 2.0, 4.0]
    assert desk.said[0].endswith("503 UNAVAILABLE; again in 1 s")
    assert desk.said[-1].endswith("-> 200 ok")


def test_it_gives_up_in_the_end_and_says_so() -> None:
    """And goes on with what is still to be told."""
    desk = Desk(BUSY, BUSY)
    assert not play(desk.provider(attempts=2), steps_of("late", EXPECTED, 0, 1), SECRET)
    assert [p.kind for p in desk.heard] == ["failed", "failed", "captured"]


def test_the_pauses_have_a_bound() -> None:
    """A minute, however often it is tried."""
    desk = Desk(*[BUSY] * 9)
    play(desk.provider(attempts=9), steps_of("captured", EXPECTED, 0, 1), SECRET)
    assert max(desk.slept) == 60.0
