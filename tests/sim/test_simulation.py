"""Fixed seeds of the whole-house simulation: faults of every kind, and every promise kept."""

import subprocess
import sys

import pytest

from engine.registry import Registry
from testkit.sim_options import Options
from testkit.simulator import Report, main, simulate

pytestmark = pytest.mark.xdist_group("simulation")
"""All of them look at the same runs, which are made once."""
SEEDS = range(40)


@pytest.fixture(scope="module")
def reports(registry: Registry) -> list[Report]:
    """One run of each seed."""
    return [simulate(seed, registry) for seed in SEEDS]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_is_kept(reports: list[Report], seed: int) -> None:
    """No checker has found anything, and everything came to rest."""
    report = reports[seed]
    assert not report.problem, "\n".join([*report.latest, report.problem])


def test_the_seeds_meet_everything_that_can_go_wrong(reports: list[Report]) -> None:
    """A fault that never strikes proves nothing."""
    struck = {kind for report in reports for kind in report.counts}
    assert struck >= {
        *("crash", "freeze", "cut", "dark", "forget", "leave", "stop"),
        *("refused", "torn", "swallowed", "UNKNOWN", "UNAVAILABLE", "OVERLOADED"),
        *("accepted", "duplicate", "CMD_ID_REUSED", "BID_TOO_LOW", "AUCTION_ENDED"),
    }


def test_the_seeds_come_to_the_ends_of_all_domains(reports: list[Report]) -> None:
    """What never happens is never checked, whatever goes wrong besides."""
    happened = {kind for report in reports for kind in report.events}
    assert happened >= {
        *(f"negotiation.{kind}" for kind in ("opened", "accepted", "rejected", "expired")),
        *("negotiation.price_bound", "negotiation.price_redeemed"),
        *("dispatch.offers_expired", "dispatch.driver_assigned", "dispatch.driver_released"),
        *("dispatch.package_picked_up", "dispatch.order_completed", "dispatch.claim_confirmed"),
        *("dispatch.delivery_code_rejected", "dispatch.delivery_code_accepted"),
        *("escrow.released", "escrow.released DELIVERED", "escrow.refunded"),
        *("custody.handoff_scanned", "custody.scan_rejected", "custody.custody_changed"),
        *(f"custody.{kind}" for kind in ("shipment_delivered", "shipment_returned")),
        *("custody.custody_disputed", "custody.custody_resolved"),
        *(f"identity.user_{kind}" for kind in ("activated", "suspended")),
        *("identity.session_opened", "identity.session_refreshed"),
        *("identity.session_ended LOGOUT", "identity.session_ended REUSE_DETECTED"),
    }


def test_a_seed_is_one_run(registry: Registry, reports: list[Report]) -> None:
    """Twice the same seed, twice the same run, to the last step."""
    for seed in SEEDS[:3]:
        again = simulate(seed, registry)
        assert (again.digest, again.steps) == (reports[seed].digest, reports[seed].steps)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_is_the_same_run_in_every_process(reports: list[Report], hash_seed: str) -> None:
    """Nothing depends on the order of a set, or on an address."""
    done = subprocess.run(
        [sys.executable, "-m", "testkit.simulator", "--seed", "3"],
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"digest   {reports[3].digest}" in done.stdout


def test_a_calm_run_needs_no_second_try(registry: Registry) -> None:
    """Without faults nobody is told to ask again, and each command is asked once."""
    patient = Options(again=0, other_body=0, twice=0, impatient=0)
    report = simulate(0, registry, patient)
    assert not report.problem
    assert not report.counts.keys() & {"UNKNOWN", "UNAVAILABLE", "OVERLOADED", "duplicate"}
    answered = sum(n for kind, n in report.counts.items() if kind.isupper())
    assert report.counts["ask"] == report.counts["accepted"] + answered


def test_a_broken_promise_is_reported(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seed, step, the last actions, and how to see it again; the exit code says so, too."""
    monkeypatch.setattr(
        "engine.sequencer.Sequencer._gate", lambda self, out: self._ready.append(out)
    )
    assert main(["--seed", "0"]) == 1
    printed = capsys.readouterr().out
    assert "seed 0 broke a promise at step" in printed
    assert "ENG-1" in printed
    assert "reproduce: python -m testkit.simulator --seed 0" in printed
    assert " ask " in printed
