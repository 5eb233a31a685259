"""Floor 2: what a domain is.

A domain is the rules of one kind of room: plain functions over a state, gathered in a `Domain`.
`decide` reads and answers with events or a refusal; `evolve` applies an event and cannot fail;
everything else reads. None of them knows a clock, a socket or another domain.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Protocol, TypeVar

from msgspec import Meta, Struct

from engine.kernel.actor import Actor
from engine.kernel.ids import CommandId
from engine.kernel.market import Market
from engine.kernel.outcome import Code, Rejected
from engine.kernel.outside import Ask, Errand
from engine.kernel.posting import Posting
from engine.kernel.time import Millis

T = TypeVar("T")

Reason = Annotated[str, Meta(max_length=500, description="why, in the actor's words")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]


class Command(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, tag_field="type"
):
    """A request from outside. Its tag is its `type` on the wire; its fields are the wire's.

    Subclasses name who may send them (`ROLES`: the permission matrix) and the room that
    decides them (`room`).
    """

    ROLES: ClassVar[frozenset[str]] = frozenset()

    id: CommandId

    def room(self, actor: Actor) -> str:
        """The name of the room that decides this command, or `holder_of(claim, otherwise)`."""
        raise NotImplementedError(type(self).__name__)


CLAIM_MARK = "@"


def holder_of(claim: str, otherwise: str) -> str:
    """For `Command.room`: the room that holds this claim, or else the room `otherwise`. So a
    command reaches a person by an address rather than by an id."""
    return f"{CLAIM_MARK}{otherwise} {claim}"


class Message(Struct, frozen=True, kw_only=True, gc=False, tag_field="type"):
    """A request from inside: from another room, or from the house. Never on the wire."""


class Wake(Message, frozen=True, tag="house.wake"):
    """The time that the room's `due` asked for has come. `decide` looks what is due."""


class Outage(Message, frozen=True, tag="house.outage"):
    """The house did not answer from `since` to now (ms). Sent once to each room with a timer,
    before any timer fires, when the house is up again (auction 6)."""

    since: Millis


class Presence(Message, frozen=True, tag="house.presence"):
    """A user's last session has gone, or the first has come. Sent to each room that holds the
    claim `presence_key(user, room)` (auction X10)."""

    user: str
    online: bool


def presence_key(user: str, room: str) -> str:
    """The claim by which a room asks to be told of a user's presence."""
    return f"presence:{user}:{room}"


def user_of_presence(key: str) -> str | None:
    """The user whom a presence claim is about; None for any other claim."""
    return key.split(":", 2)[1] if key.startswith("presence:") else None


def stake_key(user: str, room: str) -> str:
    """The claim by which a room says that something of this user's is not over there: a sale, or
    money of a deal. `Context.stakes_of` finds it."""
    return f"stake:{user}:{room}"


def user_of_stake(key: str) -> str | None:
    """Whose stake a claim is; None for any other claim."""
    return key.split(":", 2)[1] if key.startswith("stake:") else None


class Event(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event"):
    """A fact. Tag, field names and types are a storage format: fields may be added with a
    default, and nothing may be renamed, retyped or removed, for logs are kept for ever."""

    postings: tuple[Posting, ...] = ()
    """The money that moves with it, applied in the same step (accounts 5)."""
    claims: tuple[str, ...] = ()
    """Keys that this room holds from now on, and no other room of the shard may."""
    frees: tuple[str, ...] = ()
    """Keys that this room gives up."""


INTERNAL_FIELDS = frozenset({"postings", "claims", "frees"})


class Wallet(Struct, frozen=True):
    """A user's money in one currency, minor units: available = balance - held (accounts 2)."""

    currency: str
    balance: int
    held: int
    available: int


class Payable(Struct, frozen=True):
    """What the house owes somebody in one currency, minor units (accounts 2)."""

    currency: str
    kind: str
    """seller, carrier or partner."""
    amount: int


class Entry(Struct, frozen=True, gc=False):
    """One line of a user's statement, amounts in minor units (accounts 12.4)."""

    at: Millis
    kind: str
    amount: int
    """What the wallet gained, or lost if negative. For a hold or release: how much."""
    balance_after: int
    held_after: int
    reference: str


class LedgerReader(Protocol):
    """What rules may ask of the ledger. It only reads."""

    def balance(self, account: str, currency: str) -> int:
        """Credits less debits of an account, minor units."""

    def available(self, user: str, currency: str) -> int:
        """What of a wallet is not held, minor units."""

    def held_for(self, user: str, currency: str, reference: str) -> int:
        """The hold of this user for this reference, 0 if there is none, minor units."""

    def holds_of(self, user: str, currency: str) -> Mapping[str, int]:
        """Every active hold of the user: reference -> minor units."""

    def has_locked_deposit(self, user: str, currency: str) -> bool:
        """Whether a deposit of the user is locked in some auction."""

    def wallets(self, user: str) -> list[Wallet]:
        """The user's wallets, by currency."""

    def payables(self, user: str) -> list[Payable]:
        """What the house owes the user, by currency and kind; no zeros."""

    def debts(self, user: str) -> Mapping[str, int]:
        """What the user owes the house, by currency, minor units; no zeros."""

    def payable_by(self, account: str, currency: str, cut_off: Millis) -> int:
        """What of a payable came up to this moment and is still there, minor units."""

    def statement(self, user: str, currency: str) -> Sequence[Entry]:
        """The latest entries of a user's wallet and holds, oldest first."""

    def accounts(self, currency: str) -> Mapping[str, int]:
        """Every account's balance, minor units."""


class Vault(Protocol):
    """Functions keyed by secrets of the house: pure, for the same arguments always give the same
    answer, as long as the house keeps its keys. So a code or token is never stored anywhere: it
    is made anew to be shown, and to be compared. Each purpose has a key of its own."""

    def mac(self, purpose: str, text: str) -> bytes:
        """32 bytes that nobody without the key can guess (HMAC-SHA256)."""

    def sign(self, purpose: str, data: bytes) -> bytes:
        """A signature that anybody can check offline (Ed25519, 64 bytes)."""

    def is_signed(self, purpose: str, data: bytes, signature: bytes) -> bool:
        """Whether the signature is ours."""

    def public_key(self, purpose: str) -> bytes:
        """The key that signatures of this purpose are checked with (Ed25519, 32 bytes)."""

    def is_signed_with(self, public_key: bytes, data: bytes, signature: bytes) -> bool:
        """Whether the signature is that of whoever has the other half of this key (Ed25519). A key
        that is none has signed nothing."""

    def seal(self, purpose: str, claims: Mapping[str, Any]) -> str:
        """A token (JWT, HS256) that says this, and that only we can have made."""

    def unseal(self, purpose: str, token: str) -> dict[str, Any] | None:
        """What a token of ours says, or None. Whether it has expired, the rule must look."""


class Shop(Struct, frozen=True):
    """What other rooms may know of a shop: the card of `shop:{id}` (identity 2)."""

    owner: str
    name: str
    is_active: bool
    address: str = ""
    auto_accept: bool = False
    """Whether its orders are accepted at once, without the shopkeeper (fulfilment FUL-10)."""


class Person(Struct, frozen=True):
    """What other rooms may know of a person: the card of `identity:{user}` (identity 11). Who
    is shown it, they decide."""

    display_name: str
    is_active: bool
    email: str = ""
    phone: str = ""
    kyc: str = "none"


class Context(Protocol):
    """What a rule may know beside its own state. Valid only during the call it is given to."""

    now: Millis
    """Engine time of this step, ms since 1970; never goes back."""
    actor: Actor
    """Who asks (`decide`), who caused it (`react`) or who looks (`view`, `audience`)."""
    room: str
    """The name of the room itself."""
    home: str
    """The market that the room is of."""

    @property
    def ledger(self) -> LedgerReader:
        """Balances and holds as they stand now."""

    def market(self, currency: str) -> Market:
        """The configuration of a currency's market."""

    def peek(self, room: str) -> Any:
        """The state of another room of this shard, or None. To be read, never changed."""

    def claimed_by(self, key: str) -> str | None:
        """The room that holds a claim on `key`, or None."""

    def stakes_of(self, user: str) -> Sequence[str]:
        """The rooms of this shard where something of the user's is not over, in order."""

    @property
    def vault(self) -> Vault:
        """The house's keys. For `decide`, `view` and `errands` only."""

    @property
    def proof(self) -> Any:
        """In `decide`: the world's answer to what the command's `prepare` asked, or None."""

    def soft_of(self, room: str) -> Any:
        """The soft state of a room of this shard, or None."""

    def card(self, room: str) -> Any:
        """What other rooms may know of a room: `Shop`, `Person`, or whatever its domain says.
        None if there is no such room."""


class Send(Struct, frozen=True):
    """A message for another room. In the same shard it is decided in the same step; for a room of
    another market (`zone:z2@east`) a letter is written in this step, and decided there once, later.

    A refusal of it is a dead letter, which operators see; it never undoes what caused it."""

    room: str
    message: Message


class Notify(Struct, frozen=True):
    """A private notice: the event is written to the room `user:{user}`. A user of another market
    is named with it: `ada@east`."""

    user: str
    event: Event


class Hand(Struct, frozen=True):
    """What a letter of another market says, as JSON: a message for a room of this one, or a
    private notice. It is decoded and then treated as a `Send` or a `Notify`."""

    room: str
    message: str
    is_notice: bool


class Dismiss(Struct, frozen=True):
    """The user's connections end within a second: those of one session, or all (identity S3)."""

    user: str
    session: str = ""
    """Empty: all of them."""
    reason: str = ""


class Soft(Struct, frozen=True):
    """Something that moves: told to those who listen, latest only, and written nowhere
    (architecture rule 10)."""

    room: str
    """The feed that it is told on."""
    audience: str
    """The class of viewer that hears it; `owner` on the feed of a user."""
    key: str
    """A later one of the same key replaces an earlier one that has not left yet."""
    event: str
    """Its name on the wire, such as `dispatch.driver_moved`."""
    data: Any


class Noted(Struct, frozen=True):
    """A refusal that is written down: a wrong code that counts, a scan that is audited. Its
    events are in the log, and the same command gets the same refusal again."""

    rejected: Rejected
    events: Sequence[Event]


Decision = Sequence[Event] | Rejected | Noted
Reaction = Send | Notify | Dismiss | Hand


def never(_state: Any, _now: Millis) -> Millis | None:
    """No timer."""
    return None


def no_reaction(_state: Any, _event: Any, _ctx: Context) -> Iterable[Reaction]:
    """Nothing happens elsewhere."""
    return ()


def no_result(_state: Any, _command: Any, _events: Sequence[Event], _ctx: Context) -> Any:
    """The reply carries no result."""
    return None


def no_errands(_state: Any, _event: Any, _ctx: Context) -> Iterable[Errand]:
    """Nothing is to be done outside."""
    return ()


def nobody(_state: Any, _event: Any) -> Iterable[str]:
    """No viewer's class depends on what happens in the room."""
    return ()


def no_card(_state: Any) -> Any:
    """Other rooms may know nothing of it."""
    return None


def nothing_to_check(_state: Any) -> None:
    """No invariant beyond the types."""


def fields_of(event: Struct) -> dict[str, Any]:
    """The event's own fields as the wire's `data`, without postings and claims."""
    return {
        name: getattr(event, name)
        for name in event.__struct_fields__
        if name not in INTERNAL_FIELDS
    }


class Dice(Protocol):
    """What a workload needs of a source of chance; `random.Random` has it."""

    def randrange(self, start: int, stop: int) -> int: ...

    def choice(self, seq: Sequence[T]) -> T: ...


class Stage(Struct, frozen=True, kw_only=True):
    """Where a simulated run stands when it asks a domain for somebody's next command."""

    id: str
    """The id that the command is to have."""
    now: Millis
    span_ms: Millis
    """How long things should last at most in this run: auctions and the like."""
    currency: str
    people: Mapping[str, Sequence[str]]
    """Role -> user ids."""
    things: Sequence[int]
    """The things of the moment, of each kind: their ids are made of these numbers."""
    look: Callable[[str], Any]
    """A room's name -> its public snapshot when somebody last looked, or None."""
    keys: Vault | None = None
    """The house's own, where a test lends them out: codes that people are shown can be typed."""


Workload = Callable[[Dice, Stage], tuple[Actor, Command]]
"""A maker of commands, plausible and not: the same chance makes the same commands."""


class Domain(Struct, frozen=True, kw_only=True):
    """The rules of one kind of room.

    Which commands and messages exist is read off `decide`'s keys, which events off `evolve`'s,
    so nothing can be declared and forgotten.
    """

    name: str
    """Prefix of its rooms' names; in the log for ever."""
    initial: Callable[[], Any]
    """The state of a room nobody has touched: a mutable Struct, without sharing."""
    decide: Mapping[type[Command] | type[Message], Callable[[Any, Any, Context], Decision]]
    """By command or message: events (perhaps none), a refusal, or a refusal that is written
    down. Reads only."""
    evolve: Mapping[type[Event], Callable[[Any, Any, Millis], None]]
    """By event: apply it to the state, given the time of its record. Cannot fail, and asks
    nobody: what it needs stands in the event."""
    audience: Callable[[Any, Context], str]
    """The class of viewer that `ctx.actor` is in this room; "" if they may not look at all.
    All viewers of a class are shown the very same bytes of an event."""
    regroups: Callable[[Any, Any], Iterable[str]] = nobody
    """(state after, event) -> users who may be viewers of another class from now on. Whoever
    listens hears what follows as their new class, or nothing more if they may not look."""
    show: Callable[[Any, Any, str], Any]
    """(state, event, class) -> the wire's `data` for that class: a Struct or dict; {} where
    the class may know only that something happened."""
    view: Callable[[Any, Context], Any]
    """The snapshot that `ctx.actor` may see, as a Struct or dict; None: no such room."""
    result: Callable[[Any, Any, Sequence[Event], Context], Any] = no_result
    """(state after, command, its events, ctx) -> the reply's `result`, or None. It is stored
    with the events, and is what a repeated command is answered."""
    react: Callable[[Any, Any, Context], Iterable[Reaction]] = no_reaction
    """(state after, event, ctx) -> what this causes in other rooms."""
    due: Callable[[Any, Millis], Millis | None] = never
    """(state, now) -> when the room next wants a `Wake`, ms; a deadline that has passed is
    returned as it stands, a recurring moment that has passed is skipped."""
    check: Callable[[Any], None] = nothing_to_check
    """Assert the state's invariants, by number."""
    notices: tuple[type[Event], ...] = ()
    """Events that it writes to users' private rooms."""
    codes: tuple[Code, ...] = ()
    """The refusals that are its own."""
    always: bool = False
    """Whether its rooms can be looked at before anything has happened in them."""
    summary: str = ""
    """One sentence for the generated documents."""
    prepare: Mapping[type[Command], Callable[[Any, Any, Context], Ask | None]] = {}
    """By command: (state, command, ctx) -> what the world is asked first, if anything. Time
    passes before `decide`, which must look whether what was asked about still holds."""
    reveal: Mapping[type[Command], Callable[[Any, Any, Actor, Vault], dict[str, Any]]] = {}
    """By command: (command, its result, actor, vault) -> what the reply says beside the stored
    result: secrets, which are in no log. The same each time."""
    errands: Callable[[Any, Any, Context], Iterable[Errand]] = no_errands
    """(state after, event, ctx) -> work outside. After a restart it may be called again with a
    later state, so it is made of the event and of what a room never forgets."""
    soft: Callable[[], Any] | None = None
    """The soft state of a room nobody has touched; empty again after each restart."""
    touch: Mapping[
        type[Command] | type[Message],
        Callable[[Any, Any, Any, Context], Iterable[Soft]],
    ] = {}
    """By command: (soft state, state after, command, ctx) -> what listeners are told. It is
    called when the command was accepted, before its `result` is asked for, and may change the
    soft state and nothing else."""
    card: Callable[[Any], Any] = no_card
    """What other rooms may know of this one."""
    vouch: Callable[[Any, Actor], Actor | Rejected] | None = None
    """(state of the room named after a user, whom the token names) -> who that is by now, or
    why nothing is taken from them (identity J3). One domain at most has it."""
    workload: Workload | None = None
    """Who might ask what next, for simulation and load."""

    def commands(self) -> Collection[type[Command]]:
        """What may come from outside."""
        return [c for c in self.decide if issubclass(c, Command)]


def tag_of(struct_type: type[Struct]) -> str:
    """The fixed name of a command, message or event on the wire and in the log."""
    tag = struct_type.__struct_config__.tag
    assert isinstance(tag, str), f"{struct_type.__name__} has no tag"
    return tag
