"""The demo as a whole: nobody fails unseen."""

from pathlib import Path

import pytest

from runtime.config import Config
from runtime.demo import run
from runtime.demo.client import Refused
from runtime.demo.stage import Stage


async def test_a_failure_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member of the cast is refused: the demo ends with it, and says who was refused what."""

    async def stumble(stage: Stage) -> None:
        async with stage.enter("ann") as ann:
            await ann.must("auction.approve", auction="a1")

    monkeypatch.setattr(run, "CASTS", (stumble,))
    with pytest.raises(ExceptionGroup) as seen:
        await run.demo(Config(data=str(tmp_path), port=0), seconds=10)
    assert seen.group_contains(Refused, match=r"ann: auction\.approve .*: FORBIDDEN")
