"""Texts into a whole gateway over the real engine: commands plausible, odd, broken and repeated.

What must hold, whatever is said: each frame has exactly one reply, with a code that the registry
knows; nothing raises; what is refused changes nothing, unless the refusal is written down; every
invariant holds; and the log gives the same state again.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from websockets.frames import Frame, Opcode

from engine import look, snapshot
from engine.contract import Dice, Stage, tag_of
from engine.core import Core
from engine.kernel.actor import (
    ADMIN,
    ANYONE,
    DEALER,
    DRIVER,
    MANAGER,
    SHOPKEEPER,
    SYSTEM,
    USER,
    Actor,
)
from engine.kernel.market import BUILT_IN
from engine.kernel.outcome import Rejected, refusal_in
from engine.kernel.time import DAY, HOUR, MINUTE, SECOND
from engine.ledger.commands import Deposit
from engine.registry import Registry
from gateway.connection import Connection, Listener
from gateway.counts import Counts
from gateway.gateway import Gateway
from gateway.hub import Hub
from gateway.rates import Rates
from gateway.session_commands import SESSION_COMMANDS
from gateway.settings import GatewaySettings
from gateway.tokens import Tokens, shared_secret
from testkit import fuzz_values as values
from testkit.inline_sink import InlineSink
from testkit.paper import HANDSHAKE, PaperTransport, frames_of, paper_loop

SETTINGS = GatewaySettings(rates=Rates(user=0, guest=0))
PEOPLE: Mapping[str, Sequence[str]] = {
    DEALER: ("dora", "dan"),
    USER: ("ann", "bob", "carl", "eve"),
    ADMIN: ("boss", "second"),
    MANAGER: ("meg",),
    SHOPKEEPER: ("kim", "lee"),
    DRIVER: ("dee", "don"),
}
ROBOT = Actor("robot", SYSTEM)
ACTORS = (
    ANYONE,
    ROBOT,
    Actor("poor", USER),
    *(Actor(user, role, "approved") for role, users in PEOPLE.items() for user in users),
)
THINGS = (0, 1, 2)
LEAPS = (*(1, SECOND, 31 * SECOND, MINUTE, 5 * MINUTE) * 4, HOUR, DAY)
"""By how much time passes now and then, ms."""
FOR_EVER_S = 10**9
"""How long a token is good: no leap in time ends it."""

LEGAL_CLOSES = (1002, 1007, 1009, 4001, 4002)

Said = tuple[Actor, values.Members]


class Peer:
    """One connection, and who speaks through it."""

    def __init__(self, house: "PaperHouse", actor: Actor) -> None:
        self.transport = PaperTransport()
        self._house = house
        self._connection = Connection(house.listener)
        self._connection.connection_made(self.transport)
        header = f"Authorization: Bearer {house.token(actor)}\r\n" if actor.user else ""
        self._connection.data_received(HANDSHAKE % header.encode())
        house.loop.settle()
        head, _, rest = self.transport.take().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert b'"type":"welcome"' in rest, rest

    def say(self, text: bytes) -> list[tuple[int, bytes]]:
        """One frame; every frame that comes back at once."""
        self._connection.data_received(Frame(Opcode.TEXT, text).serialize(mask=True))
        self._house.loop.settle()
        return list(frames_of(self.transport.take()))

    def close(self) -> None:
        """The socket is gone."""
        self._connection.connection_lost(None)
        self._house.loop.settle()


class PaperHouse:
    """A gateway over the real engine, in memory, with its clock in the hands of the fuzzer."""

    def __init__(self, registry: Registry) -> None:
        self.loop = paper_loop()
        self.registry = registry
        self._tokens: Tokens = shared_secret("a secret of at least thirty-two bytes")
        self._issued: dict[Actor, str] = {}
        counts = Counts()
        hub = Hub(self.loop.call_soon, counts)
        self.sink = InlineSink(registry, hub)
        gateway = Gateway(
            SETTINGS,
            registry,
            self.sink,
            hub,
            self._tokens,
            counts,
            wall_ms=self.sink.now,
            monotonic_s=self.loop.time,
        )
        self.listener = Listener(gateway, SETTINGS.connection, self.loop)
        self._peers: dict[Actor, Peer] = {}

    def token(self, actor: Actor) -> str:
        """A good token; the library that checks it knows only the world's time."""
        if actor not in self._issued:
            issue = self._tokens.issue
            now_s = int(time.time())
            issued = issue(actor.user, actor.role, actor.kyc, now_s=now_s, ttl_s=FOR_EVER_S)
            self._issued[actor] = issued
        return self._issued[actor]

    def peer(self, actor: Actor) -> Peer:
        """The connection of this person."""
        if actor not in self._peers:
            self._peers[actor] = Peer(self, actor)
        return self._peers[actor]

    def hang_up(self, actor: Actor) -> None:
        """This person's connection ends."""
        if peer := self._peers.pop(actor, None):
            peer.close()

    def listen_to_all(self) -> None:
        """What the others are told meanwhile does not concern the next reply."""
        for peer in self._peers.values():
            peer.transport.take()

    def look(self, room: str) -> Any:
        """The public snapshot of a room, as a workload wants it."""
        sight = look.see(self.sink.core, room, ANYONE)
        return None if isinstance(sight, Rejected) else msgspec.json.decode(sight.state)

    def check(self) -> None:
        """Every invariant holds."""
        self.sink.core.check()

    def replay(self) -> None:
        """The log gives the same state again."""
        twin = Core(self.registry, dict(BUILT_IN))
        for record in self.sink.log:
            twin.replay(record)
        assert snapshot.digest(twin) == snapshot.digest(self.sink.core), "replay differs"


class Round(Struct):
    """What came of it."""

    replies: Counter[str]
    """By code; `ok` among them."""
    closes: Counter[int]
    digest: str


class Fuzzer:
    """One run against one house."""

    def __init__(self, dice: Dice, registry: Registry) -> None:
        self._dice = dice
        self._house = PaperHouse(registry)
        self._codes = {code.name: code.retry for code in registry.codes}
        self._types = (*registry.commands.values(), *SESSION_COMMANDS)
        self._tags = [tag_of(type_) for type_ in self._types]
        self._workloads = [d.workload for d in registry.domains.values() if d.workload]
        self._said: list[Said] = []
        self._number = 0
        self.round = Round(Counter(), Counter(), "")

    def run(self, frames: int) -> Round:
        """Say so many frames. Asserts after each."""
        # Without money nobody bids.
        for user in PEOPLE[USER]:
            endowment = Deposit(id=user, user=user, amount=10**9, currency="USD", reference="r")
            self._say(ROBOT, msgspec.json.encode(endowment))
        for _ in range(frames):
            if self._dice.randrange(0, 10) == 0:
                self._house.sink.advance(self._dice.choice(LEAPS))
            if self._dice.randrange(0, 40) == 0:
                self._house.hang_up(self._dice.choice(ACTORS))
            self._say(*self._next())
        self._house.replay()
        self.round.digest = snapshot.digest(self._house.sink.core)
        return self.round

    def _next(self) -> tuple[Actor, bytes]:
        dice = self._dice
        if dice.randrange(0, 12) == 0:
            return dice.choice(ACTORS), values.junk(dice)
        actor, members = self._command()
        if dice.randrange(0, 4) == 0:
            return actor, values.spoiled(dice, members, self._tags)
        return actor, values.text_of(members)

    def _command(self) -> Said:
        """What a domain would say, what types allow, or what was said before."""
        chance = self._dice.randrange(0, 12)
        if chance == 0 and self._said:
            return self._dice.choice(self._said)
        said = self._typed() if chance < 4 else self._plausible()
        self._said.append(said)
        return said

    def _plausible(self) -> Said:
        """What a domain's own workload would say."""
        stage = Stage(
            id=self._id(),
            now=self._house.sink.now(),
            span_ms=HOUR,
            currency="USD",
            people=PEOPLE,
            things=THINGS,
            look=self._house.look,
        )
        actor, sent = self._dice.choice(self._workloads)(self._dice, stage)
        return actor, values.members_of(sent)

    def _typed(self) -> Said:
        """Anything that the decoder takes, by anybody."""
        type_ = self._dice.choice(self._types)
        actor = self._dice.choice(ACTORS)
        members = values.command(self._dice, type_, self._id())
        if tag_of(type_) == "auth" and self._dice.randrange(0, 2):
            token = self._house.token(self._dice.choice(ACTORS[1:]))
            members = [(k, f'"{token}"' if k == "token" else v) for k, v in members]
        return actor, members

    def _id(self) -> str:
        self._number += 1
        return f"c{self._number}"

    def _say(self, actor: Actor, text: bytes) -> None:
        house = self._house
        peer = house.peer(actor)
        house.listen_to_all()
        core = house.sink.core
        position, before = core.position, snapshot.digest(core)
        frames = peer.say(text)
        house.check()
        code = self._check_reply(text, frames)
        written = house.sink.log[position:]
        if code != "ok" and not any(refusal_in(record.result) for record in written):
            assert core.position == position, f"{text!r}: {code}, and something was written"
            assert snapshot.digest(core) == before, f"{text!r}: {code}, and something changed"
        if frames and frames[-1][0] == Opcode.CLOSE:
            house.hang_up(actor)

    def _check_reply(self, text: bytes, frames: list[tuple[int, bytes]]) -> str:
        """Exactly one reply, or a legal close; returns its code."""
        closes = [int.from_bytes(p[:2], "big") for o, p in frames if o == Opcode.CLOSE]
        self.round.closes.update(closes)
        assert set(closes) <= set(LEGAL_CLOSES), f"{text[:200]!r}: closed with {closes}"
        heard = [msgspec.json.decode(p) for o, p in frames if o == Opcode.TEXT]
        replies = [m for m in heard if m["type"] in ("ok", "error")]
        if not replies and closes == [1007]:
            self.round.replies["not UTF-8"] += 1
            return "not UTF-8"
        id_ = _id_of(text)
        mine = [m for m in replies if m["id"] == id_]
        # A change of class may bring a word beside the reply, which answers nothing.
        beside = [m["code"] for m in replies if m["id"] != id_]
        assert len(mine) == 1, f"{text[:200]!r}: {len(mine)} replies among {replies}"
        assert set(beside) <= {"FORBIDDEN"}, f"{text[:200]!r}: {replies}"
        return self._check_code(text, mine[0])

    def _check_code(self, text: bytes, reply: dict[str, Any]) -> str:
        code: str = reply.get("code", "ok")
        self.round.replies[code] += 1
        if code == "ok":
            assert isinstance(reply["result"], dict), reply
            return code
        assert code in self._codes, f"{text[:200]!r}: {code} is no code"
        assert reply["retry"] == self._codes[code], reply
        assert reply["message"], reply
        return code


def _id_of(text: bytes) -> str | None:
    """The id that the reply must have: the frame's, if there is one that can be told."""
    try:
        members = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    id_ = members.get("id") if isinstance(members, dict) else None
    return id_ if isinstance(id_, str) and 1 <= len(id_) <= 64 else None


def try_commands(dice: Dice, registry: Registry, frames: int) -> Round:
    """One house and so many frames. Raises AssertionError, or whatever the house raises."""
    return Fuzzer(dice, registry).run(frames)
