"""Floor 6, below the core: a room, and what its rules may know beside its own state."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from engine.contract import Domain, Vault, never
from engine.kernel.actor import THE_HOUSE
from engine.kernel.limits import TAIL_RECORDS
from engine.kernel.market import Market, market_for
from engine.kernel.record import CHAIN_START, HmacKey, Record, hmac_key
from engine.kernel.time import Millis
from engine.ledger.book import Book

NO_KEY = hmac_key(b"")


class Room:
    """One unit of order: its state, and where its log stands."""

    __slots__ = (
        "domain",
        "has_timers",
        "hash",
        "hears_only",
        "key",
        "name",
        "seq",
        "soft",
        "state",
        "tail",
    )

    def __init__(self, name: str, domain: Domain, key: HmacKey = NO_KEY) -> None:
        self.name = name
        self.key = key
        """What its receipts are hashed with."""
        self.domain = domain
        self.has_timers = domain.due is not never
        self.hears_only = not domain.decide and not domain.evolve
        """Whether nothing but notices comes here, as to half of all records. They change nothing,
        so nobody need read them to replay them."""
        self.state = domain.initial()
        self.soft = domain.soft() if domain.soft else None
        self.seq = 0
        self.hash = CHAIN_START
        self.tail: deque[Record] = deque(maxlen=TAIL_RECORDS)


def chain_key(vault: Vault | None, room: str) -> HmacKey:
    """The key of a room's receipts. A core that only replays makes none, and needs none."""
    return hmac_key(vault.mac("receipts", room)) if vault else NO_KEY


class StepContext:
    """What a rule may know (`contract.Context`). One object, set anew for each call."""

    __slots__ = (
        "_claims",
        "_markets",
        "_rooms",
        "_stakes",
        "_vault",
        "actor",
        "home",
        "ledger",
        "now",
        "proof",
        "room",
    )

    def __init__(
        self,
        rooms: Mapping[str, Room],
        claims: Mapping[str, str],
        stakes: Mapping[str, Collection[str]],
        markets: dict[str, Market],
        ledger: Book,
        vault: Vault | None,
    ) -> None:
        self._rooms = rooms
        self._claims = claims
        self._stakes = stakes
        self._markets = markets
        self._vault = vault
        self.ledger = ledger
        self.proof: Any = None
        self.now: Millis = 0
        self.actor = THE_HOUSE
        self.room = ""
        self.home = ""

    def market(self, currency: str) -> Market:
        return market_for(self._markets, currency)

    def peek(self, room: str) -> Any:
        found = self._rooms.get(room)
        return found.state if found else None

    def claimed_by(self, key: str) -> str | None:
        return self._claims.get(key)

    def stakes_of(self, user: str) -> Sequence[str]:
        # A set has no order, and a rule must find the same one each time.
        return sorted(self._stakes.get(user, ()))

    @property
    def vault(self) -> Vault:
        assert self._vault, "a core that only replays has no keys"
        return self._vault

    def soft_of(self, room: str) -> Any:
        found = self._rooms.get(room)
        return found.soft if found else None

    def card(self, room: str) -> Any:
        found = self._rooms.get(room)
        return found.domain.card(found.state) if found else None
