"""A toy with everything that reaches beyond a room: keys, asks, errands, and what moves.

A booth belongs to a person, is found by its phone number, and opens to whoever dials its code.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from msgspec import Struct

from engine.contract import (
    Command,
    Context,
    Decision,
    Dismiss,
    Domain,
    Event,
    Message,
    Noted,
    Reaction,
    Soft,
    Vault,
    fields_of,
    holder_of,
)
from engine.core import Core
from engine.house import HOUSE
from engine.kernel.actor import GUEST, SIGNED_IN, Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.outcome import Code, Rejected
from engine.kernel.outside import Errand, HashPassword, Letter
from engine.kernel.time import Millis
from engine.registry import Registry, build_registry
from testkit.world import vault

NOBODY_HOME = Code("NOBODY_HOME", "never", 404)
SHUT = Code("SHUT", "never", 403)


class Install(Command, frozen=True, tag="booth.install"):
    """Put a booth up under a number."""

    ROLES: ClassVar = SIGNED_IN
    number: str
    word: str = ""

    def room(self, actor: Actor) -> str:
        return f"booth:{actor.user}"


class Dial(Command, frozen=True, tag="booth.dial"):
    """Reach whoever has the number."""

    ROLES: ClassVar = SIGNED_IN | {GUEST}
    number: str
    code: str

    def room(self, actor: Actor) -> str:
        return holder_of(f"number:{self.number}", "booth:nobody")


class Twist(Command, frozen=True, tag="booth.twist"):
    """Move the wheel."""

    ROLES: ClassVar = SIGNED_IN
    turns: int

    def room(self, actor: Actor) -> str:
        return f"booth:{actor.user}"


class Shake(Message, frozen=True, tag="booth.shake"):
    """The ground moves."""


class Installed(Event, frozen=True, tag="booth.installed"):
    number: str
    hash: str


class Dialled(Event, frozen=True, tag="booth.dialled"):
    """Somebody came through; whoever was in the booth must leave."""


class Misdialled(Event, frozen=True, tag="booth.misdialled"):
    """Somebody tried a wrong code: it counts, also after a restart."""


class Booth(Struct):
    number: str = ""
    calls: int = 0
    tries: int = 0


class Wheel(Struct):
    """What is written nowhere."""

    turns: int = 0


def code_of(keys: Vault, number: str) -> str:
    """The code of a booth: known to nobody, and never kept."""
    return keys.mac("booth", number).hex()[:4]


def _install(state: Booth, command: Install, ctx: Context) -> Decision:
    return [
        Installed(number=command.number, hash=ctx.proof or "", claims=(f"number:{command.number}",))
    ]


def _dial(state: Booth, command: Dial, ctx: Context) -> Decision:
    if not state.number:
        return Rejected(NOBODY_HOME, "no such number")
    if command.code != code_of(ctx.vault, state.number):
        return Noted(Rejected(SHUT, "not the code", {"tries": state.tries + 1}), [Misdialled()])
    return [Dialled()]


def _twist(state: Booth, command: Twist, ctx: Context) -> Decision:
    return Rejected(SHUT, "too far") if command.turns > 9 else []


def _shake(state: Booth, message: Shake, ctx: Context) -> Decision:
    return []


def _twisted(wheel: Wheel, state: Booth, command: Any, ctx: Context) -> Iterable[Soft]:
    wheel.turns += command.turns if isinstance(command, Twist) else 100
    return [Soft(ctx.room, "all", "wheel", "booth.turned", {"turns": wheel.turns})]


def _errands(state: Booth, event: Event, ctx: Context) -> Iterable[Errand]:
    if isinstance(event, Installed):
        fields = {"code": code_of(ctx.vault, event.number)}
        yield Letter("sms", event.number, "booth_code", fields)


def _prepare(state: Booth, command: Install, ctx: Context) -> HashPassword | None:
    return HashPassword(command.word) if command.word else None


def _react(state: Booth, event: Event, ctx: Context) -> Iterable[Reaction]:
    return [Dismiss("ada", reason="called")] if isinstance(event, Dialled) else []


def _on_installed(state: Booth, event: Installed, at: Millis) -> None:
    state.number = event.number


def _on_dialled(state: Booth, event: Dialled, at: Millis) -> None:
    state.calls += 1


def _on_misdialled(state: Booth, event: Misdialled, at: Millis) -> None:
    state.tries += 1


def _vouch(state: Booth, actor: Actor) -> Actor | Rejected:
    if state.calls > 1:
        return Rejected(SHUT, "called too often")
    return Actor(actor.user, actor.role, "approved", frozenset({"driver"}))


BOOTH = Domain(
    name="booth",
    initial=Booth,
    decide={Install: _install, Dial: _dial, Twist: _twist, Shake: _shake},
    evolve={Installed: _on_installed, Dialled: _on_dialled, Misdialled: _on_misdialled},
    audience=lambda state, ctx: "all",
    show=lambda state, event, audience: fields_of(event),
    view=lambda state, ctx: {"wheel": ctx.soft_of(ctx.room).turns},
    prepare={Install: _prepare},
    reveal={Install: lambda command, result, actor, keys: {"code": code_of(keys, command.number)}},
    errands=_errands,
    soft=Wheel,
    touch={Twist: _twisted, Shake: _twisted},
    card=lambda state: state.number,
    vouch=_vouch,
    react=_react,
    codes=(NOBODY_HOME, SHUT),
)


def booth_registry() -> Registry:
    """Booths, and where dead letters go."""
    return build_registry([BOOTH, HOUSE])


def booth_core() -> Core:
    """Nothing has happened yet."""
    return Core(booth_registry(), dict(BUILT_IN), vault())
