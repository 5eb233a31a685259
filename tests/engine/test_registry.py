"""Tests of engine/registry.py: what is derived from the domains."""

import re
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec.structs import replace

from engine.contract import Command, Domain, Event, Message, tag_of
from engine.house import HOUSE
from engine.kernel.actor import ADMIN, GUEST, MANAGER, ROLES, SIGNED_IN, SYSTEM, Actor
from engine.kernel.outcome import GENERAL_CODES, OVERLOADED, Code
from engine.ledger import commands as c
from engine.ledger.journal import JOURNAL
from engine.ledger.user import USER
from engine.registry import Registry, build_registry, find_domains, union_of
from tests.engine.toys import TOY, Play, Seen, Told, toy_registry

EVERYONE = frozenset(ROLES)
MATRIX = {
    c.Deposit: {ADMIN, SYSTEM},
    c.ProviderEvent: {SYSTEM},
    c.Withdraw: EVERYONE - {GUEST, SYSTEM},
    c.StartWithdrawal: {ADMIN, SYSTEM},
    c.CompleteWithdrawal: {ADMIN, SYSTEM},
    c.FailWithdrawal: {ADMIN, SYSTEM},
    c.Adjust: {MANAGER, ADMIN},
    c.ApproveAdjustment: {MANAGER, ADMIN},
    c.RefuseAdjustment: {MANAGER, ADMIN},
    c.Statement: EVERYONE - {GUEST, SYSTEM},
    c.RequestPayout: EVERYONE - {GUEST, SYSTEM},
    c.PayoutBatch: {MANAGER, ADMIN, SYSTEM},
    c.SettleIncident: {MANAGER, ADMIN},
    c.SetCommission: {MANAGER, ADMIN},
    c.ChargeBack: {MANAGER, ADMIN},
    c.ReportRefund: {SYSTEM},
    c.RetryRefund: {MANAGER, ADMIN},
    c.SettleRefund: {MANAGER, ADMIN},
    c.CreatePayment: {ADMIN, SYSTEM},
    c.ReportPayment: {SYSTEM},
    c.ReportDifference: {ADMIN, SYSTEM},
    c.ProviderDispute: {SYSTEM},
    c.ReportPayout: {SYSTEM},
}


@pytest.fixture
def whole() -> Registry:
    """Every domain that there is."""
    return build_registry(find_domains())


def test_the_rooms_that_every_house_has_are_found() -> None:
    """Ledger, users and house need no folder under domains/; names come in order."""
    names = [domain.name for domain in find_domains()]
    assert {"ledger", "user", "house"} <= set(names)
    assert names == sorted(names)


def test_the_permission_matrix_of_the_ledger_is_complete() -> None:
    """Each command of the ledger has a row here."""
    assert set(MATRIX) == set(JOURNAL.commands())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", MATRIX, ids=tag_of)
def test_the_permission_matrix_of_the_ledger(
    whole: Registry, command: type[Command], role: str
) -> None:
    """Accounts 4: who may send what. A guest is asked to sign in, others are told no."""
    refusal = whole.refuse(command, Actor("" if role == GUEST else "x", role))
    if role in MATRIX[command]:
        assert refusal is None
        return
    assert refusal is not None
    assert refusal.code.name == ("UNAUTHENTICATED" if role == GUEST else "FORBIDDEN")
    if role != GUEST:
        assert refusal.details == {"roles": sorted(MATRIX[command])}


def test_a_command_is_called_domain_and_verb() -> None:
    """PROTOCOL: `type` is `domain.verb` in snake_case, for every domain."""
    for domain in find_domains():
        for command in domain.commands():
            assert _is_named_after(domain.name, command)


def test_an_event_is_called_after_its_domain() -> None:
    """What stands in the log says whose it is."""
    for domain in find_domains():
        for event in (*domain.evolve, *domain.notices):
            assert _is_named_after(domain.name, event)


def _is_named_after(room: str, type_: type[msgspec.Struct]) -> bool:
    """After the domain's rooms, or after its folder: rooms `zone:` are the folder dispatch's."""
    names = "|".join([room, *type_.__module__.split(".")])
    return bool(re.fullmatch(rf"({names})\.[a-z]+(_[a-z]+)*", tag_of(type_)))


def test_every_command_and_event_can_be_told_apart_by_its_tag(whole: Registry) -> None:
    """One decoder reads all commands, one all events: the wire and the log."""
    decoder = msgspec.json.Decoder(union_of(whole.commands.values()))
    body = {"type": "ledger.statement", "id": "1", "currency": "NGN"}
    assert decoder.decode(msgspec.json.encode(body)) == c.Statement(id="1", currency="NGN")
    played = Seen(what="x")
    assert toy_registry().event_decoder.decode(msgspec.json.encode(played)) == played


def test_a_command_with_an_unknown_key_is_refused(whole: Registry) -> None:
    """PROTOCOL: unknown keys are refused, so that a typing error has no quiet effect."""
    decoder = msgspec.json.Decoder(union_of(whole.commands.values()))
    body = {"type": "ledger.statement", "id": "1", "currency": "NGN", "knd": "deposit"}
    with pytest.raises(msgspec.ValidationError, match="knd"):
        decoder.decode(msgspec.json.encode(body))


def test_a_codes_name_has_one_meaning(whole: Registry) -> None:
    """General codes and those of all domains are in the registry, each once."""
    assert set(GENERAL_CODES) <= set(whole.codes)
    names = [code.name for code in whole.codes]
    assert len(names) == len(set(names))
    assert set(JOURNAL.codes) <= set(whole.codes)


def test_a_room_belongs_to_the_domain_that_its_name_begins_with() -> None:
    """The prefix decides, the whole prefix, and nothing but the prefix."""
    registry = toy_registry()
    assert registry.domain_of("toy:t1") is TOY
    assert registry.domain_of("toys:t1") is None
    assert registry.domain_of("t:toy") is None


def _domain(name: str, **fields: Any) -> Domain:
    return replace(
        TOY, name=name, **({"decide": {}, "evolve": {}, "notices": (), "codes": ()} | fields)
    )


class PlayAgain(Command, frozen=True, tag="toy.play"):
    """Bears another's tag."""

    ROLES: ClassVar = SIGNED_IN


class Anybody(Command, frozen=True, tag="toy.anybody"):
    """Forgets to say who may send it."""


class ToldAgain(Message, frozen=True, tag="toy.told"):
    """Bears another's tag."""


class SeenAgain(Event, frozen=True, tag="toy.seen"):
    """Bears another's tag."""


def _nothing(*_: object) -> tuple[()]:
    return ()


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (_domain("toy"), "two domains named toy"),
        (_domain("other", decide={Play: _nothing}), "toy.play is declared twice"),
        (_domain("other", decide={PlayAgain: _nothing}), "two types are tagged toy.play"),
        (_domain("other", decide={ToldAgain: _nothing}), "two types are tagged toy.told"),
        (_domain("other", decide={Anybody: _nothing}), "toy.anybody names no roles"),
        (_domain("other", evolve={Seen: _nothing}), "toy.seen is declared twice"),
        (_domain("other", evolve={SeenAgain: _nothing}), "two types are tagged toy.seen"),
        (_domain("other", notices=(Seen,)), "toy.seen is declared twice"),
        (_domain("other", codes=(Code("TOY_NO", "later", 503),)), "two meanings"),
    ],
    ids=[
        "name",
        "command",
        "command tag",
        "message tag",
        "roles",
        "event",
        "event tag",
        "notice",
        "code",
    ],
)
def test_two_domains_must_not_claim_the_same_name(second: Domain, why: str) -> None:
    """The house does not start with a tag, code or name that means two things."""
    with pytest.raises(AssertionError, match=why):
        build_registry([TOY, second, HOUSE, JOURNAL, USER])


def test_two_domains_may_know_the_same_message_and_code() -> None:
    """A message is for whoever decides it, and a refusal may be common to several."""
    shared = _domain("other", decide={Told: _nothing}, codes=(OVERLOADED, TOY.codes[0]))
    registry = build_registry([TOY, shared])
    assert registry.codes.count(TOY.codes[0]) == 1
