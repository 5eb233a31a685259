"""Tests of engine/core.py: the one place where decide meets evolve."""

from itertools import count, pairwise
from typing import Any

import msgspec
import pytest

from engine.contract import Notify, Outage, Presence, Wake, presence_key
from engine.core import Core, Outcome
from engine.house import DEAD_LETTERS, DeadLetter
from engine.kernel.actor import ADMIN, THE_HOUSE, Actor
from engine.kernel.limits import REACTIONS_MAX, TAIL_RECORDS
from engine.kernel.outcome import Rejected
from engine.kernel.posting import Hold, Release, Transfer
from engine.kernel.record import CHAIN_START, chain_hash
from engine.ledger.accounts import external, wallet
from engine.ledger.commands import Deposit
from engine.ledger.events import EntryPosted
from engine.ledger.user import USER
from engine.registry import build_registry
from engine.snapshot import digest
from tests.engine.toys import ADA, START, TOY, Notice, Play, Told, toy_core

ids = count(1)


def _play(core: Core, actor: Actor = ADA, now: int | None = None, **fields: Any) -> Any:
    command = Play(id=str(next(ids)), **fields)
    at = core.now if now is None else now
    return core.step(command, command.room(actor), actor, at, lambda _: "body")


def _texts(core: Core, room: str) -> list[str]:
    texts: list[str] = core.rooms[room].state.texts
    return texts


def _where(outcome: Outcome) -> list[tuple[str, int, str]]:
    return [(a.record.room, a.record.seq, type(a.event).__name__) for a in outcome.applied]


# One room.


def test_a_decision_is_applied_and_recorded() -> None:
    """The record has everything: place, time, actor, event, receipt, and the stored answer."""
    core = toy_core()
    outcome = _play(core, now=START, text="hello")
    (applied,) = outcome.applied
    record = applied.record
    assert _texts(core, "toy:t1") == ["hello"]
    assert (record.position, record.room, record.seq) == (1, "toy:t1", 1)
    assert (record.at, record.actor, record.command_hash) == (START, "ada", "body")
    assert core.registry.event_decoder.decode(record.event) == applied.event
    assert outcome.result == record.result
    assert (outcome.room, outcome.seq) == ("toy:t1", 1)


def test_events_of_a_room_are_chained_by_their_receipts() -> None:
    """Each hash covers the one before, from the empty start (auction X8)."""
    core = toy_core()
    _play(core, times=2)
    _play(core, text="third")
    tail = core.rooms["toy:t1"].tail
    previous = CHAIN_START
    for r in tail:
        previous = chain_hash(
            core.rooms[r.room].key, previous, r.room, r.seq, r.at, r.actor, r.event
        )
        assert r.hash == previous
    assert core.rooms["toy:t1"].hash == previous


def test_positions_and_seqs_have_no_gaps() -> None:
    """One count for the log, one for each room."""
    core = toy_core()
    applied = [
        a.record
        for toy in ("t1", "t2", "t1", "t1", "t2")
        for a in _play(core, toy=toy, times=2).applied
    ]
    assert [r.position for r in applied] == list(range(1, 11))
    for room in ("toy:t1", "toy:t2"):
        seqs = [r.seq for r in applied if r.room == room]
        assert seqs == list(range(1, len(seqs) + 1))


def test_a_reply_carries_the_result_and_the_last_receipt() -> None:
    """The receipt is that of the last event, whatever the domain's own result is (X8)."""
    core = toy_core()
    outcome = _play(core, times=2)
    receipt = core.rooms["toy:t1"].hash
    assert msgspec.json.decode(outcome.result) == {"count": 2, "receipt": receipt}
    outcome = _play(core, text="mute")
    assert msgspec.json.decode(outcome.result) == {"receipt": core.rooms["toy:t1"].hash}


def test_only_the_last_record_of_a_command_carries_its_answer() -> None:
    """A repeated command is answered from one record, in the room that it was sent to."""
    core = toy_core()
    outcome = _play(core, times=3, text="hi", tell=("toy:t2",), notify=("bob",))
    answered = [a.record for a in outcome.applied if a.record.command_id]
    assert [(r.room, r.seq) for r in answered] == [("toy:t1", 3)]
    others = [a.record for a in outcome.applied if not a.record.command_id]
    assert not any(r.command_hash or r.result for r in others)


def test_a_command_may_do_nothing() -> None:
    """It is answered, writes nothing, and makes no room."""
    core = toy_core()
    outcome = _play(core, times=0)
    assert outcome.applied == []
    assert msgspec.json.decode(outcome.result) == {"count": 0}
    assert core.position == 0
    assert core.rooms == {}


def test_memory_keeps_the_latest_records_only() -> None:
    """The tail is bounded."""
    core = toy_core()
    _play(core, times=TAIL_RECORDS + 2)
    tail = core.rooms["toy:t1"].tail
    assert (tail[0].seq, tail[-1].seq, len(tail)) == (3, TAIL_RECORDS + 2, TAIL_RECORDS)


# Refusals.


@pytest.mark.parametrize("begun", [False, True], ids=["new room", "old room"])
def test_a_refusal_leaves_no_trace(begun: bool) -> None:
    """State, log position and digest are as before; a room that had no event does not exist."""
    core = toy_core()
    if begun:
        _play(core)
    before, rooms = digest(core), set(core.rooms)
    refusal = _play(core, now=core.now + 1000, no=True, text="why")
    assert refusal.code.name == "TOY_NO"
    assert refusal.details == {"text": "why"}
    assert digest(core) == before
    assert set(core.rooms) == rooms


def test_a_room_of_no_domain_is_not_found() -> None:
    """Also if its name is no name at all."""
    core = toy_core()
    for room in ("nobody:1", "nobody", ""):
        refusal = core.step(Play(id="1"), room, ADA, START)
        assert isinstance(refusal, Rejected)
        assert refusal.code.name == "ROOM_NOT_FOUND"


def test_a_room_refuses_what_its_domain_does_not_know() -> None:
    """A wake for a person's room, a toy's command for the ledger."""
    core = toy_core()
    for room, message in (("user:ada", Wake()), ("ledger:NGN", Play(id="1"))):
        refusal = core.step(message, room, THE_HOUSE, START)
        assert isinstance(refusal, Rejected)
        assert refusal.code.name == "UNKNOWN_COMMAND"


def test_time_never_goes_back() -> None:
    """A step before the last one is a bug of the caller."""
    core = toy_core()
    _play(core, now=START)
    with pytest.raises(AssertionError, match="time went back"):
        _play(core, now=START - 1)


# Closure: what a step causes elsewhere belongs to it.


def test_reactions_are_applied_in_the_same_step() -> None:
    """Architecture rule 4: all or nothing, one after another in the order of their causes."""
    core = toy_core()
    outcome = _play(core, text="hi", tell=("toy:t2", "toy:t3"), notify=("bob",))
    assert _where(outcome) == [
        ("toy:t1", 1, "Played"),
        ("toy:t2", 1, "Heard"),
        ("toy:t3", 1, "Heard"),
        ("user:bob", 1, "Notice"),
    ]
    assert _texts(core, "toy:t3") == ["hi"]
    assert (outcome.room, outcome.seq) == ("toy:t1", 1)


def test_reactions_may_react() -> None:
    """Two rooms answer each other until one has nothing to say."""
    core = toy_core()
    outcome = _play(core, text="ping", tell=("toy:t2",), hops=3)
    assert [room for room, _, _ in _where(outcome)] == [
        "toy:t1",
        "toy:t2",
        "toy:t1",
        "toy:t2",
        "toy:t1",
    ]
    positions = [a.record.position for a in outcome.applied]
    assert positions == [1, 2, 3, 4, 5]


def test_a_room_may_tell_itself() -> None:
    """Its own reaction follows its own event."""
    core = toy_core()
    outcome = _play(core, text="echo", tell=("toy:t1",))
    assert [(seq, kind) for _, seq, kind in _where(outcome)] == [(1, "Played"), (2, "Heard")]


def test_what_the_house_does_bears_its_name() -> None:
    """The command's own events are the user's; reactions and notices are the house's."""
    core = toy_core()
    outcome = _play(core, text="hi", tell=("toy:t2",), notify=("bob",))
    assert [a.record.actor for a in outcome.applied] == ["ada", "house", "house"]


def test_a_reaction_may_be_of_no_effect() -> None:
    """No event, no letter, no room."""
    core = toy_core()
    assert len(_play(core, text="", tell=("toy:t2",)).applied) == 1
    assert "toy:t2" not in core.rooms


@pytest.mark.parametrize(
    ("to", "code"),
    [("toy:t2", "TOY_NO"), ("nobody:1", "ROOM_NOT_FOUND"), ("user:bob", "UNKNOWN_COMMAND")],
)
def test_a_refused_reaction_is_a_dead_letter(to: str, code: str) -> None:
    """Operators see what, to whom, from where and why; its cause stands (architecture rule 4)."""
    core = toy_core()
    outcome = _play(core, text="no", tell=(to, "toy:t1"))
    assert _where(outcome)[0] == ("toy:t1", 1, "Played")
    letters = [a.event for a in outcome.applied if a.record.room == DEAD_LETTERS]
    letter = letters[0]
    assert isinstance(letter, DeadLetter)
    assert (letter.to_room, letter.code) == (to, code)
    assert (letter.from_room, letter.from_seq) == ("toy:t1", 1)
    message = msgspec.json.decode(letter.message, type=Told)
    assert message == Told(text="no", back="toy:t1", hops=0)
    assert core.rooms[DEAD_LETTERS].state.count == len(letters) == 2


def test_a_dead_letter_names_the_event_that_caused_it() -> None:
    """Of several events of one command, each answers for its own messages."""
    core = toy_core()
    outcome = _play(core, text="x", tell=("nobody:1",), times=3)
    letters = [a.event for a in outcome.applied if isinstance(a.event, DeadLetter)]
    assert [letter.from_seq for letter in letters] == [1, 2, 3]


def test_a_storm_of_reactions_stops_the_writer() -> None:
    """Beyond the bound it is a bug: the step is not applied by halves, the process ends."""
    with pytest.raises(AssertionError, match="too many reactions"):
        _play(toy_core(), text="for ever", tell=("toy:t2",), hops=REACTIONS_MAX + 1)


def test_a_notice_is_a_private_event() -> None:
    """It lies in the user's room, in order, with a seq of its own."""
    core = toy_core()
    _play(core, text="one", notify=("bob",))
    outcome = _play(core, text="two", notify=("bob", "ada"))
    assert _where(outcome)[1:] == [("user:bob", 2, "Notice"), ("user:ada", 1, "Notice")]
    assert outcome.applied[1].event == Notice(text="two")


# Money.


def test_postings_move_with_their_event_and_owners_are_told() -> None:
    """Both owners of a transfer get a notice; a hold is none, for nothing moved."""
    core = toy_core()
    give = Transfer(wallet("ada"), wallet("bob"), 30, "NGN", "refund", "r")
    deposit = Deposit(id="d", user="ada", amount=100, currency="NGN", reference="r")
    core.step(deposit, "ledger:NGN", Actor("admina", ADMIN), START)
    outcome = _play(core, moves=(give, Hold("bob", 10, "NGN", "toy:t1")))
    notices = {a.record.room: a.event for a in outcome.applied if type(a.event) is EntryPosted}
    assert set(notices) == {"user:ada", "user:bob"}
    assert notices["user:ada"] == EntryPosted(
        kind="refund",
        amount=-30,
        currency="NGN",
        balance_after=70,
        reference="r",
        source="toy:t1",
        source_seq=1,
        entry_at=START,
    )
    assert (core.book.balance(wallet("bob"), "NGN"), core.book.available("bob", "NGN")) == (30, 20)


def test_a_posting_that_the_book_forbids_stops_the_writer() -> None:
    """Rules ask the ledger first; one that does not is a bug."""
    move = Transfer(wallet("ada"), external("p"), 1, "NGN", "withdrawal", "r")
    with pytest.raises(AssertionError, match="accounts INV-3"):
        _play(toy_core(), moves=(move,))


# Claims.


def test_a_claim_is_held_by_one_room_until_it_is_freed() -> None:
    """Auction A1 rests on it: one vehicle, one auction."""
    core = toy_core()
    _play(core, toy="t1", keys=("vehicle:v1",))
    assert core.context("toy:t2", ADA).claimed_by("vehicle:v1") == "toy:t1"
    with pytest.raises(AssertionError, match="claimed twice"):
        _play(core, toy="t2", keys=("vehicle:v1",))


def test_a_freed_claim_can_be_taken_by_another() -> None:
    """Also in one event, by the room that held it."""
    core = toy_core()
    _play(core, toy="t1", keys=("vehicle:v1",))
    _play(core, toy="t1", keys=("vehicle:v1",), freed=("vehicle:v1",))
    _play(core, toy="t1", freed=("vehicle:v1",))
    assert core.claims == {}
    _play(core, toy="t2", keys=("vehicle:v1",))
    assert core.claims == {"vehicle:v1": "toy:t2"}


@pytest.mark.parametrize("holder", [None, "t2"])
def test_only_the_holder_frees_a_claim(holder: str | None) -> None:
    """To free what is another's, or nobody's, is a bug."""
    core = toy_core()
    if holder:
        _play(core, toy=holder, keys=("vehicle:v1",))
    with pytest.raises(AssertionError, match="frees vehicle:v1"):
        _play(core, toy="t1", freed=("vehicle:v1",))


def test_presence_claims_say_which_rooms_watch_whom() -> None:
    """Auction X10: several rooms may watch one user, each by a claim of its own."""
    core = toy_core()
    for toy in ("t1", "t2"):
        _play(core, toy=toy, keys=(presence_key("bob", f"toy:{toy}"),))
    assert core.watchers == {"bob": {"toy:t1", "toy:t2"}}
    for toy in ("t1", "t2"):
        _play(core, toy=toy, freed=(presence_key("bob", f"toy:{toy}"),))
    assert core.watchers == {}


# Replay.


def test_replay_makes_the_same_state() -> None:
    """Architecture rule 7: same digest, claims, watchers, tails, and nothing decided again."""
    core, twin = toy_core(), toy_core()
    records = [
        a.record
        for outcome in (
            _play(core, now=START, text="a", tell=("toy:t2", "nobody:1"), hops=1),
            _play(core, now=START + 5, keys=(presence_key("bob", "toy:t1"), "vehicle:v1")),
            _play(core, now=START + 9, freed=("vehicle:v1",), notify=("bob",), secret="s"),
        )
        for a in outcome.applied
    ]
    for record in records:
        assert twin.replay(record).name == record.room
    assert digest(twin) == digest(core)
    assert (twin.now, twin.watchers) == (core.now, core.watchers)
    assert twin.rooms["toy:t1"].tail == core.rooms["toy:t1"].tail


def test_a_notice_is_replayed_without_being_read() -> None:
    """Half of a log is notices: what they say makes no state, whatever it is."""
    core, twin = toy_core(), toy_core()
    for a in _play(core, notify=("bob",)).applied:
        is_notice = a.room.name == "user:bob"
        twin.replay(msgspec.structs.replace(a.record, event=b"?") if is_notice else a.record)
    assert digest(twin) == digest(core)


@pytest.mark.parametrize(
    "change",
    [{"postings": (Release("bob", "NGN", "toy:t1"),)}, {"claims": ("key",)}, {"frees": ("key",)}],
    ids=["postings", "claims", "frees"],
)
def test_a_notice_changes_nothing(change: dict[str, Any]) -> None:
    """A domain that moves money by a notice is found out at once, not at the next replay."""
    notice = Notify("bob", Notice(text="hi", **change))
    domain = msgspec.structs.replace(TOY, react=lambda *_: [notice])
    core = Core(build_registry([domain, USER]), {})
    with pytest.raises(AssertionError, match="a notice changes nothing"):
        _play(core)


def test_a_log_with_a_gap_is_not_replayed() -> None:
    """A missing position, a missing seq, time that runs backwards, a room of no domain."""
    core = toy_core()
    a, b = (x.record for x in _play(core, now=START, times=2).applied)
    replace = msgspec.structs.replace
    for bad, why in (
        (b, "gap at 2"),
        (replace(a, seq=2), "gap at seq 2"),
        (replace(a, room="nobody:1"), "no domain"),
    ):
        with pytest.raises(AssertionError, match=why):
            toy_core().replay(bad)
    twin = toy_core()
    twin.replay(a)
    with pytest.raises(AssertionError, match="time goes back"):
        twin.replay(replace(b, at=START - 1))


# What rules may know.


def test_a_context_knows_the_other_rooms_to_read() -> None:
    """State of a room that exists, None of one that does not; the market that is configured."""
    core = toy_core()
    _play(core, toy="t2", text="there")
    context = core.context("toy:t1", ADA)
    assert context.peek("toy:t2").texts == ["there"]
    assert context.peek("toy:t3") is None
    assert context.market("NGN").currency == "NGN"
    assert context.market("XYZ").currency == "XYZ"
    assert (context.room, context.actor, context.now) == ("toy:t1", ADA, core.now)


def test_outage_and_presence_are_messages_like_others() -> None:
    """They are decided by the room, as the house."""
    core = toy_core()
    _play(core, text="a")
    for message in (Outage(since=START), Presence(user="bob", online=True)):
        outcome = core.step(message, "toy:t1", THE_HOUSE, core.now)
        assert isinstance(outcome, Outcome)
        assert outcome.applied[0].record.actor == "house"
    assert _texts(core, "toy:t1")[1:] == [f"outage since {START}", "bob on"]


# Invariants.


def test_check_asks_every_room_and_the_book() -> None:
    """A broken room is found among others, and left alone where it is not asked for."""
    core = toy_core()
    _play(core, toy="t1")
    _play(core, toy="t2", text="broken")
    core.check([core.rooms["toy:t1"]])
    with pytest.raises(AssertionError, match="toy INV-1"):
        core.check()


def test_state_is_restored_before_anything_else() -> None:
    """A core that has done something does not take over another's state."""
    core = toy_core()
    _play(core)
    with pytest.raises(AssertionError, match="restore comes first"):
        core.restore([], {}, core.book)


def test_two_rooms_share_no_state() -> None:
    """What one room remembers no other sees."""
    core = toy_core()
    for toy in ("t1", "t2", "t3"):
        _play(core, toy=toy, text=toy)
    for a, b in pairwise(("toy:t1", "toy:t2", "toy:t3")):
        assert _texts(core, a) != _texts(core, b)
