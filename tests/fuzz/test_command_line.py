"""`python -m testkit.fuzz`: by the clock for hours, and by a seed for a fault that it found."""

import pytest

from testkit import fuzz


def test_a_round_of_a_seed_is_run_and_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    """The seed stands first, so that any run can be repeated."""
    assert fuzz.main(["--rounds", "1", "--seed", "5"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("seed 5\n1 rounds without a fault\n200 streams: ")
    assert "304 commands: " in out
    assert not err


def test_it_runs_for_as_long_as_it_is_told() -> None:
    """No second, no round."""
    assert fuzz.main(["--seconds", "0", "--seed", "5"]) == 0


def test_a_fault_is_told_with_the_seed_that_finds_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends the run with an exit code."""

    def faulty(dice: object) -> int:
        raise AssertionError("planted")

    monkeypatch.setattr(fuzz, "try_frames", faulty)
    assert fuzz.main(["--seconds", "60", "--seed", "9"]) == 1
    err = capsys.readouterr().err
    assert "AssertionError: planted" in err
    assert "reproduce: python -m testkit.fuzz --rounds 1 --seed 9" in err
