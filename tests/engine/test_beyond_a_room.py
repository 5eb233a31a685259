"""Keys, asks, errands, what moves, and whom the house knows: the core and the sequencer."""

from engine.contract import Command, Dismiss, Soft
from engine.core import Core, Outcome
from engine.kernel.actor import ANYONE, THE_HOUSE, USER, Actor
from engine.kernel.outcome import Rejected
from engine.kernel.outside import HashPassword, Letter
from engine.kernel.record import Record
from engine.sequencer import Accepted, Errands, HeardSoft, Recall, Refused, errands_of
from engine.snapshot import digest
from runtime.vault import HouseVault
from runtime.writer.answers import stored
from testkit.world import vault
from tests.engine.booth import Dial, Install, Shake, Twist, booth_core, code_of
from tests.engine.shell import Shell

START = 1_732_147_200_000
ADA = Actor("ada", USER)
CODE = code_of(vault(), "555")


def do(core: Core, actor: Actor, command: Command) -> Outcome | Rejected:
    return core.step(command, command.room(actor), actor, START)


def installed() -> tuple[Core, list[Record]]:
    """A booth of Ada's, and its log."""
    core = booth_core()
    outcome = do(core, ADA, Install(id="1", number="555"))
    assert isinstance(outcome, Outcome)
    return core, [applied.record for applied in outcome.applied]


def test_a_command_reaches_whoever_holds_the_claim() -> None:
    """Or else the room that is named for nobody."""
    core, _ = installed()
    outcome = do(core, ANYONE, Dial(id="2", number="555", code=CODE))
    assert isinstance(outcome, Outcome)
    assert outcome.room == "booth:ada"
    refused = do(core, ANYONE, Dial(id="3", number="777", code=CODE))
    assert isinstance(refused, Rejected)
    assert refused.code.name == "NOBODY_HOME"


def test_the_world_is_asked_before_the_decision() -> None:
    """The rule finds the answer, and the next one does not."""
    core = booth_core()
    command = Install(id="1", number="555", word="sesame")
    assert core.ask(command, ADA) == HashPassword("sesame")
    outcome = core.step(command, "booth:ada", ADA, START, proof="a hash")
    assert isinstance(outcome, Outcome)
    assert b"a hash" in outcome.applied[0].record.event
    assert core.ask(Install(id="2", number="1"), ADA) is None
    outcome = do(core, Actor("bob", USER), Install(id="2", number="1"))
    assert isinstance(outcome, Outcome)
    assert b'"hash":""' in outcome.applied[0].record.event


def test_what_moves_is_no_part_of_the_state() -> None:
    """It makes no record, is the same digest, and is gone after a replay."""
    core, log = installed()
    before = digest(core)
    outcome = do(core, ADA, Twist(id="2", turns=4))
    assert isinstance(outcome, Outcome)
    assert outcome.applied == []
    assert outcome.aside == [Soft("booth:ada", "all", "wheel", "booth.turned", {"turns": 4})]
    assert digest(core) == before
    assert core.context("booth:ada", ADA).soft_of("booth:ada").turns == 4
    twin = booth_core()
    for record in log:
        twin.replay(record)
    assert twin.context("booth:ada", ADA).soft_of("booth:ada").turns == 0


def test_a_refused_command_moves_nothing() -> None:
    """Soft state follows what was accepted."""
    core, _ = installed()
    assert isinstance(do(core, ADA, Twist(id="2", turns=10)), Rejected)
    assert core.context("booth:ada", ADA).soft_of("booth:ada").turns == 0


def test_a_message_may_move_something_too() -> None:
    """Also where it makes no event."""
    core, _ = installed()
    outcome = core.step(Shake(), "booth:ada", THE_HOUSE, START)
    assert isinstance(outcome, Outcome)
    assert [told.data for told in outcome.aside if isinstance(told, Soft)] == [{"turns": 100}]


def test_errands_can_be_made_again() -> None:
    """From the event alone, as after a restart."""
    core = booth_core()
    outcome = do(core, ADA, Install(id="1", number="555"))
    assert isinstance(outcome, Outcome)
    letter = Letter("sms", "555", "booth_code", {"code": CODE})
    assert errands_of(core, outcome.applied[0]) == (letter,)
    assert CODE.encode() not in outcome.applied[0].record.event


def test_whom_the_house_knows() -> None:
    """Better than the token does; and whom it does not know is as the token says."""
    core, _ = installed()
    assert core.admit(ADA) == Actor("ada", USER, "approved", frozenset({"driver"}))
    assert core.admit(Actor("bob", USER)) == Actor("bob", USER)
    for id_ in ("2", "3"):
        do(core, ANYONE, Dial(id=id_, number="555", code=CODE))
    assert isinstance(core.admit(ADA), Rejected)


def test_a_card_is_what_others_may_know() -> None:
    """Of a room that exists."""
    core, _ = installed()
    context = core.context("booth:bob", ADA)
    assert context.card("booth:ada") == "555"
    assert context.card("booth:bob") is None


def test_nothing_leaves_before_what_it_rests_on() -> None:
    """Neither errands nor dismissals nor what moved."""
    shell = Shell(booth_core())
    shell.listening["booth:ada"] = ("all",)
    shell.sequencer.submit(Install(id="1", number="555"), ADA, "a", START)
    shell.sequencer.submit(Twist(id="2", turns=1), ADA, "b", START)
    shell.sequencer.submit(Dial(id="3", number="555", code=CODE), ANYONE, "c", START)
    assert shell.take() == []
    left = shell.write_all()
    kinds = [type(output) for output in left]
    assert kinds.count(Errands) == 1
    assert kinds.index(HeardSoft) < kinds.index(Dismiss)
    assert kinds.count(Accepted) == 3


def test_what_moves_is_rendered_for_those_who_listen() -> None:
    """And for nobody else."""
    shell = Shell(booth_core())
    shell.sequencer.submit(Install(id="1", number="555"), ADA, "a", START)
    shell.write_all()
    shell.sequencer.submit(Twist(id="2", turns=1), ADA, "b", START)
    assert [type(output) for output in shell.take()] == [Accepted]
    shell.listening["booth:ada"] = ("all",)
    shell.sequencer.submit(Twist(id="3", turns=1), ADA, "c", START)
    _, soft = shell.take()
    assert isinstance(soft, HeardSoft)
    assert soft.frame == (
        b'{"type":"soft","room":"booth:ada","event":"booth.turned","data":{"turns":2}}'
    )


def test_guests_are_told_apart_by_their_words() -> None:
    """They share no name: the same id with other words is another command."""
    shell = Shell(booth_core())
    shell.sequencer.submit(Install(id="1", number="555"), ADA, "a", START)
    good = Dial(id="x", number="555", code=CODE)
    for command, to in ((good, "b"), (good, "c"), (Dial(id="x", number="1", code="0"), "d")):
        shell.sequencer.submit(command, ANYONE, to, START)
    answers = {
        output.to: type(output)
        for output in shell.write_all()
        if isinstance(output, Accepted | Recall | Refused)
    }
    assert answers == {"a": Accepted, "b": Accepted, "c": Recall, "d": Refused}


def test_the_hash_of_a_command_does_not_give_its_words_away() -> None:
    """It is keyed: whoever reads the log cannot try the ten thousand codes."""
    hashes = []
    registry, markets = booth_core().registry, booth_core().markets
    for keys in (vault(), HouseVault(b"another house's root secret, 32+")):
        shell = Shell(Core(registry, markets, keys))
        shell.sequencer.submit(Install(id="1", number="555", word="w"), ADA, "a", START)
        hashes.append(shell.write_all() and shell.written[0].command_hash)
    assert hashes[0] != hashes[1]


def test_a_refusal_can_be_written_down() -> None:
    """It is refused, it counts, and the same command gets the same refusal again."""
    core, _ = installed()
    shell = Shell(core)
    bob = Actor("bob", USER)
    wrong = Dial(id="x", number="555", code="no")
    shell.sequencer.submit(wrong, bob, "first", START)
    assert shell.take() == []
    (refused,) = shell.write_all()
    assert isinstance(refused, Refused)
    assert refused.rejected.details == {"tries": 1}
    shell.sequencer.submit(wrong, bob, "again", START)
    (recall,) = shell.take()
    assert isinstance(recall, Recall)
    again = stored(recall, shell.written[-1], core.registry)
    assert isinstance(again, Refused)
    assert (again.id, again.rejected) == ("x", refused.rejected)
    assert core.rooms["booth:ada"].state.tries == 1
