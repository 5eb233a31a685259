"""Commands of one turn are decided together; of very many, so many in each turn."""

import asyncio
from typing import Any

from engine.contract import Command
from engine.kernel.actor import ANYONE
from runtime.writer.intake import TOGETHER_MAX, TURN_MAX, Asked, Intake


def asked(number: int) -> Asked:
    return Command(id=str(number)), ANYONE, print, None


def ids(decided: list[list[Asked]]) -> list[list[str]]:
    return [[command.id for command, *_ in turn] for turn in decided]


def numbers(start: int, end: int) -> list[str]:
    return [str(number) for number in range(start, end)]


async def turns(intake: Intake, decided: list[Any], count: int) -> None:
    """Let the loop turn until so many turns were decided."""
    async with asyncio.timeout(10):
        while len(decided) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_what_comes_in_one_turn_is_decided_together() -> None:
    """In its order, at the turn's end."""
    decided: list[list[Asked]] = []
    intake = Intake(decided.append)
    for number in range(3):
        intake.add(asked(number))
    assert decided == []
    await turns(intake, decided, 1)
    assert ids(decided) == [numbers(0, 3)]


async def test_a_turn_decides_so_many_and_the_next_goes_on() -> None:
    """What comes between them is decided behind what came before."""
    decided: list[list[Asked]] = []
    intake = Intake(decided.append)
    for number in range(TURN_MAX + 1):
        intake.add(asked(number))
    await turns(intake, decided, 1)
    intake.add(asked(TURN_MAX + 1))
    await turns(intake, decided, 2)
    assert ids(decided) == [numbers(0, TURN_MAX), numbers(TURN_MAX, TURN_MAX + 2)]
    intake.add(asked(TURN_MAX + 2))
    await turns(intake, decided, 3)
    assert ids(decided[2:]) == [numbers(TURN_MAX + 2, TURN_MAX + 3)]


async def test_who_wants_to_see_has_everything_decided() -> None:
    """However much it is; the turns that were to come find nothing."""
    decided: list[list[Asked]] = []
    intake = Intake(decided.append)
    for number in range(TURN_MAX + 5):
        intake.add(asked(number))
    intake.flush()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ids(decided) == [numbers(0, TURN_MAX + 5)]


async def test_what_waits_is_bounded() -> None:
    """Beyond it, it is decided at once."""
    decided: list[list[Asked]] = []
    intake = Intake(decided.append)
    for number in range(TOGETHER_MAX):
        intake.add(asked(number))
    assert ids(decided) == [numbers(0, TOGETHER_MAX)]
