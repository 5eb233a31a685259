"""Floor 5: which domains there are, and everything that is derived from them."""

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from importlib import import_module
from operator import or_
from typing import Any

import msgspec
from msgspec import Struct

import engine.domains
from engine.contract import Command, Domain, Event, Message, Vault, Wake, tag_of
from engine.house import HOUSE
from engine.kernel.actor import GUEST, Actor
from engine.kernel.ids import split_room
from engine.kernel.outcome import FORBIDDEN, GENERAL_CODES, UNAUTHENTICATED, Code, Rejected
from engine.ledger.escrow.domain import ESCROW
from engine.ledger.journal import JOURNAL
from engine.ledger.user import USER
from engine.mail import INBOX, OUTBOX


class Registry(Struct, frozen=True):
    """All domains, by the names they have on the wire and in the log."""

    domains: Mapping[str, Domain]
    commands: Mapping[str, type[Command]]
    events: Mapping[str, type[Event]]
    event_decoder: msgspec.json.Decoder[Any]
    message_decoder: msgspec.json.Decoder[Any]
    """For messages that come from another market."""
    codes: tuple[Code, ...]
    prepared: frozenset[type[Command]] = frozenset()
    """Commands before which the world may have to be asked."""
    reveals: Mapping[type[Command], Callable[[Any, Any, Actor, Vault], dict[str, Any]]] = {}
    """Commands whose replies say more than is stored."""
    vouching: Domain | None = None
    """The domain that knows people."""

    def domain_of(self, room: str) -> Domain | None:
        """The domain whose rules hold in this room, by its name's prefix."""
        return self.domains.get(split_room(room)[0])

    def code(self, name: str) -> Code:
        """A refusal's code by its name; one that this program no longer has is as good as new."""
        return next((code for code in self.codes if code.name == name), Code(name, "never", 409))

    def refuse(self, command_type: type[Command], actor: Actor) -> Rejected | None:
        """The permission matrix: None if the role may send the command at all."""
        if actor.has(command_type.ROLES):
            return None
        if actor.role == GUEST:
            return Rejected(
                UNAUTHENTICATED, "this command needs a token; send `auth` with one first"
            )
        return Rejected(
            FORBIDDEN,
            f"role {actor.role} may not send {tag_of(command_type)}",
            {"roles": sorted(command_type.ROLES)},
        )


def union_of(types: Iterable[type[Struct]]) -> Any:
    """`A | B | C`, for a decoder that tells them apart by their tags."""
    return reduce(or_, types)


def find_domains() -> list[Domain]:
    """The built-in rooms, and the `DOMAINS` of every folder in `engine/domains/`, by name."""
    found = [JOURNAL, USER, ESCROW, HOUSE, OUTBOX, INBOX]
    for module in pkgutil.iter_modules(engine.domains.__path__):
        found += import_module(f"engine.domains.{module.name}").DOMAINS
    return sorted(found, key=lambda domain: domain.name)


def build_registry(domains: Iterable[Domain]) -> Registry:
    """Derive everything; asserts that names are unique and that nothing is half declared."""
    by_name: dict[str, Domain] = {}
    commands: dict[str, type[Command]] = {}
    messages: dict[str, type[Message]] = {tag_of(Wake): Wake}
    events: dict[str, type[Event]] = {}
    codes = dict.fromkeys(GENERAL_CODES)
    for domain in domains:
        assert domain.name not in by_name, f"two domains named {domain.name}"
        by_name[domain.name] = domain
        for asked in domain.decide:
            known: dict[str, Any] = commands if issubclass(asked, Command) else messages
            _enter(known, asked, shared=not issubclass(asked, Command))
        for event in (*domain.evolve, *domain.notices):
            _enter(events, event, shared=False)
        codes.update(dict.fromkeys(domain.codes))
    for tag, command in commands.items():
        assert command.ROLES, f"{tag} names no roles"
    names = [code.name for code in codes]
    assert len(names) == len(set(names)), f"a code has two meanings: {sorted(names)}"
    vouching = [domain for domain in by_name.values() if domain.vouch]
    assert len(vouching) <= 1, "one domain knows people"
    return Registry(
        domains=by_name,
        commands=commands,
        events=events,
        event_decoder=msgspec.json.Decoder(union_of(events.values())),
        message_decoder=msgspec.json.Decoder(union_of(messages.values())),
        codes=tuple(codes),
        prepared=frozenset(c for domain in by_name.values() for c in domain.prepare),
        reveals={c: made for domain in by_name.values() for c, made in domain.reveal.items()},
        vouching=vouching[0] if vouching else None,
    )


def _enter(known: dict[str, Any], struct_type: type[Struct], *, shared: bool) -> None:
    tag = tag_of(struct_type)
    assert known.get(tag, struct_type) is struct_type, f"two types are tagged {tag}"
    assert shared or tag not in known, f"{tag} is declared twice"
    known[tag] = struct_type
