"""Messages between shards: two cores, and letters that are carried between them by hand."""

from itertools import pairwise
from random import Random
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest

from engine import snapshot
from engine.core import Core, Outcome
from engine.house import DEAD_LETTERS, HOUSE
from engine.kernel.actor import SYSTEM, THE_HOUSE, Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.outcome import FORBIDDEN, ROOM_NOT_FOUND, Rejected
from engine.kernel.record import Record
from engine.ledger.journal import JOURNAL
from engine.ledger.user import USER as USER_ROOMS
from engine.mail import INBOX, OUT_OF_ORDER, OUTBOX, RenewInbox, TakeLetter
from engine.registry import Registry, build_registry
from tests.engine.toys import ADA, START, TOY, Play

CARRIER = THE_HOUSE
BOSS = Actor("boss", "admin", "approved")
FAR = "toy:far@far"


def registry() -> Registry:
    """The toy, and the rooms that a house of several shards has."""
    return build_registry([TOY, HOUSE, JOURNAL, USER_ROOMS, INBOX, OUTBOX])


class Shard:
    """A core and what it has written."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.core = Core(registry(), dict(BUILT_IN), None, home)
        self.log: list[Record] = []

    def do(self, command: Any, actor: Actor = ADA) -> Outcome | Rejected:
        """Decide a command and keep its records."""
        done = self.core.step(command, command.room(actor), actor, START)
        if isinstance(done, Outcome):
            self.log += [applied.record for applied in done.applied]
        return done

    def crash(self) -> None:
        """Memory goes; the log is replayed."""
        self.core = Core(registry(), dict(BUILT_IN), None, self.home)
        for record in self.log:
            self.core.replay(record)

    def texts(self, room: str) -> list[str]:
        """What a toy has heard and done."""
        found = self.core.rooms.get(room)
        return list(found.state.texts) if found else []

    def letters(self, outbox: str) -> list[TakeLetter]:
        """All letters for a shard, as the other side is to take them."""
        records = [r for r in self.log if r.room == f"outbox:{outbox}"]
        sent = [msgspec.json.decode(r.event) for r in records]
        receipts = ["", *(r.hash for r in records)]
        return [
            TakeLetter(
                id=f"near.{receipt}",
                source="near",
                number=said["number"],
                to_room=said["to_room"],
                message=said["message"],
                is_notice=said["is_notice"],
                receipt=receipt,
                before=before,
            )
            for said, (before, receipt) in zip(sent, pairwise(receipts), strict=True)
        ]


@pytest.fixture
def near() -> Shard:
    """The shard that letters come from."""
    return Shard("near")


@pytest.fixture
def far() -> Shard:
    """The shard that owns `toy:far` and Bob."""
    return Shard("far")


def test_a_message_abroad_is_a_letter_and_is_decided_by_its_room(near: Shard, far: Shard) -> None:
    """Nothing of it happens here; there it is decided in the step that takes the letter."""
    near.do(Play(id="c1", text="hello", tell=(FAR,)))
    assert "toy:far" not in near.core.rooms
    [letter] = near.letters("far")
    done = far.do(letter, CARRIER)
    assert isinstance(done, Outcome)
    assert [applied.room.name for applied in done.applied] == ["inbox:near", "toy:far"]
    assert far.texts("toy:far")


def test_a_notice_abroad_is_written_to_the_private_room_there(near: Shard, far: Shard) -> None:
    """A user hears of it in the shard that has their private room."""
    near.do(Play(id="c1", text="psst", notify=("bob@far",)))
    assert "user:bob" not in near.core.rooms
    far.do(near.letters("far")[0], CARRIER)
    assert far.core.rooms["user:bob"].seq == 1


def test_a_letter_that_comes_again_does_nothing(near: Shard, far: Shard) -> None:
    """Delivered twice is decided once, also after a crash in between."""
    near.do(Play(id="c1", text="hello", tell=(FAR,)))
    [letter] = near.letters("far")
    far.do(letter, CARRIER)
    before = far.texts("toy:far")
    far.crash()
    done = far.do(letter, CARRIER)
    assert isinstance(done, Outcome)
    assert not done.applied
    assert far.texts("toy:far") == before


def test_a_letter_too_early_is_refused_with_the_number_expected(near: Shard, far: Shard) -> None:
    """The order between two shards is kept."""
    for text in ("one", "two"):
        near.do(Play(id=text, text=text, tell=(FAR,)))
    refused = far.do(near.letters("far")[1], CARRIER)
    assert isinstance(refused, Rejected)
    assert refused.code is OUT_OF_ORDER
    assert refused.details == {"expected": 1}


def test_letters_of_a_log_that_was_put_back_are_not_taken_for_the_same(
    near: Shard, far: Shard
) -> None:
    """Whatever comes first, a letter under a number that was taken, or behind it: it is refused
    until somebody says from where on letters are new, and then each is taken once."""
    for text in ("one", "two", "three"):
        near.do(Play(id=text, text=text, tell=(FAR,)))
    first, *lost = near.letters("far")
    for letter in (first, *lost):
        far.do(letter, CARRIER)
    near.log = [r for r in near.log if r.seq == 1]
    near.crash()
    for text in ("deux", "trois", "quatre"):
        near.do(Play(id=text, text=text, tell=(FAR,)))
    _, *anew = near.letters("far")
    refused = [far.do(letter, CARRIER) for letter in anew]
    assert [done.code.name for done in refused if isinstance(done, Rejected)] == [
        "OUT_OF_ORDER",
        "OTHER_HISTORY",
        "OTHER_HISTORY",
    ]
    assert refused[0] == Rejected(OUT_OF_ORDER, ANY, {"expected": 3})
    too_late = far.do(RenewInbox(id="r", source="near", number=3), BOSS)
    assert isinstance(too_late, Rejected)
    far.do(RenewInbox(id="r", source="near", number=1), BOSS)
    far.crash()
    for letter in (*anew, anew[-1]):
        assert isinstance(far.do(letter, CARRIER), Outcome)
    assert far.texts("toy:far") == ["one", "two", "three", "deux", "trois", "quatre"]


def test_a_refused_message_is_a_dead_letter_and_counts_as_taken(near: Shard, far: Shard) -> None:
    """The letters behind it need not wait."""
    for text in ("no", "two"):
        near.do(Play(id=text, text=text, tell=(FAR,)))
    for letter in near.letters("far"):
        far.do(letter, CARRIER)
    assert far.core.rooms[DEAD_LETTERS].state.count == 1
    assert far.core.rooms["inbox:near"].state.number == 2
    assert far.texts("toy:far")


@pytest.mark.parametrize(
    ("to_room", "message"),
    [("toy:far", "{"), ("toy:far", '{"type":"toy.unheard_of"}'), ("toy:near@near", "the same")],
)
def test_a_letter_nobody_can_use_is_a_dead_letter(
    near: Shard, far: Shard, to_room: str, message: str
) -> None:
    """Unreadable, of an unknown kind, or for a room that is not of this shard."""
    near.do(Play(id="c1", text="hello", tell=(FAR,)))
    [letter] = near.letters("far")
    said = letter.message if message == "the same" else message
    far.do(msgspec.structs.replace(letter, to_room=to_room, message=said), CARRIER)
    assert far.core.rooms[DEAD_LETTERS].state.count == 1
    assert far.core.rooms["inbox:near"].state.number == 1


def test_a_letter_is_taken_from_nobody_but_the_house(near: Shard, far: Shard) -> None:
    """Whoever could forge one could say anything to any room."""
    near.do(Play(id="c1", text="hello", tell=(FAR,)))
    refused = far.do(near.letters("far")[0], Actor("webhook.pay", SYSTEM))
    assert isinstance(refused, Rejected)
    assert refused.code is FORBIDDEN
    assert not far.log


def test_what_is_named_with_its_own_market_stays_at_home(near: Shard) -> None:
    """The market's name is taken off, for messages, notices and commands."""
    near.do(Play(id="c1", text="hello", tell=("toy:t2@near",), notify=("bob@near",)))
    assert {record.room for record in near.log} == {"toy:t1", "toy:t2", "user:bob"}
    outcome = near.core.step(Play(id="c2"), "toy:t2@near", ADA, START)
    assert isinstance(outcome, Outcome)
    assert outcome.room == "toy:t2"


def test_a_command_for_another_market_is_told_where_to_go(near: Shard) -> None:
    """Nothing happens here; the refusal names the market."""
    refused = near.core.step(Play(id="c1"), FAR, ADA, START)
    assert isinstance(refused, Rejected)
    assert refused.code is ROOM_NOT_FOUND
    assert refused.details == {"market": "far"}


def test_letters_of_each_market_are_numbered_apart(near: Shard) -> None:
    """One slow market does not hold up another."""
    near.do(Play(id="c1", text="hello", tell=(FAR, "toy:t1@west", FAR)))
    numbers = {name: near.core.rooms[f"outbox:{name}"].state.number for name in ("far", "west")}
    assert numbers == {"far": 2, "west": 1}


def test_a_snapshot_holds_how_far_letters_have_come(near: Shard, far: Shard) -> None:
    """After it numbers go on, and what was taken is not taken again."""
    near.do(Play(id="c1", text="hello", tell=(FAR,)))
    [letter] = near.letters("far")
    far.do(letter, CARRIER)
    for shard in (near, far):
        restored = snapshot.restore(snapshot.take(shard.core), registry(), dict(BUILT_IN))
        assert restored is not None
        restored.home = shard.home
        shard.core = restored
    repeated = far.do(letter, CARRIER)
    assert isinstance(repeated, Outcome)
    assert not repeated.applied
    near.do(Play(id="c2", text="again", tell=(FAR,)))
    assert [letter.number for letter in near.letters("far")] == [1, 2]


@pytest.mark.parametrize("seed", range(30))
def test_letters_come_once_and_in_order(near: Shard, far: Shard, seed: int) -> None:
    """With repeats, letters out of turn and crashes of either side, from a seed."""
    dice = Random(seed)
    sent: list[str] = []
    while far.core.rooms.get("inbox:near") is None or len(sent) < 40:
        match dice.randrange(4):
            case 0:
                sent.append(f"m{len(sent)}")
                near.do(Play(id=sent[-1], text=sent[-1], tell=(FAR,)))
            case 1 if letters := near.letters("far"):
                far.do(dice.choice(letters), CARRIER)
            case 2:
                near.crash()
            case _:
                far.crash()
    for letter in near.letters("far"):
        far.do(letter, CARRIER)
    direct = Core(registry(), dict(BUILT_IN))
    for text in sent:
        direct.step(Play(id=text, text=text, tell=("toy:far",)), "toy:t1", ADA, START)
    assert far.texts("toy:far") == list(direct.rooms["toy:far"].state.texts)
    assert THE_HOUSE.user in {r.actor for r in far.log if r.room == "toy:far"}
