"""Bids through the real sequencer and core, with a log that is a list: what deciding costs, without
sockets and disks."""

import random

from msgspec import Struct

from engine.contract import Command
from engine.core import Core
from engine.domains.auction.commands import ApproveAuction, CreateAuction, PlaceBid
from engine.kernel.actor import ADMIN, MANAGER, USER, Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.record import Record
from engine.kernel.time import DAY, Millis
from engine.ledger.commands import Deposit
from engine.registry import build_registry, find_domains
from engine.sequencer import Accepted, Remembered, Sequencer

OPENING: Millis = 1_700_000_000_000
CURRENCY = "USD"
START_PRICE = 100
STEP = 1
WALLET = 10**14
APPROVED = "approved"


class Asked(Struct, frozen=True, gc=False):
    """A command, and who sends it."""

    actor: Actor
    command: Command


class BidsInMemory:
    """A house with live auctions and rich bidders. What is decided is durable at once."""

    def __init__(self, auctions: int, users: int) -> None:
        self.core = Core(build_registry(find_domains()), dict(BUILT_IN))
        self.records: list[Record] = []
        """Of everything, if `keeps`."""
        self.keeps = True
        self._sequencer = Sequencer(self.core, lambda _: (), Remembered())
        self._now = OPENING
        self._auctions = [f"a{number}" for number in range(auctions)]
        self._minimums = dict.fromkeys(self._auctions, START_PRICE)
        self._bidders = [Actor(f"u{number}", USER, APPROVED) for number in range(users)]
        self._random = random.Random(1)
        self._commands = 0
        self.place(self._opening())
        self._now = OPENING + 1_000
        # From here on every bid outbids somebody, as almost every bid in earnest does.
        self.place([self._bid(auction) for auction in self._auctions])

    def next_bids(self, count: int, auctions: int | None = None) -> list[Asked]:
        """Bids that will all be accepted, each in one of the first so many auctions (all by
        default), chosen at random with the same seed for every house."""
        among = self._auctions[:auctions]
        return [self._bid(self._random.choice(among)) for _ in range(count)]

    def place(self, asked: list[Asked]) -> None:
        """Have the commands decided, one after another. None is refused."""
        sequencer, now = self._sequencer, self._now
        sequencer.tick(now)
        self._commit()
        for one in asked:
            sequencer.submit(one.command, one.actor, None, now)
            self._commit()

    def _commit(self) -> None:
        sequencer = self._sequencer
        while batch := sequencer.next_batch():
            if self.keeps:
                self.records += batch.records
            sequencer.committed()
        for output in sequencer.take_outputs():
            assert type(output) is Accepted, f"nothing is refused: {output}"

    def _bid(self, auction: str) -> Asked:
        amount = self._minimums[auction]
        self._minimums[auction] = amount + STEP
        bid = PlaceBid(id=self._id(), auction=auction, amount=amount, currency=CURRENCY)
        return Asked(self._random.choice(self._bidders), bid)

    def _opening(self) -> list[Asked]:
        admin, manager = Actor("admin", ADMIN, APPROVED), Actor("manager", MANAGER, APPROVED)
        asked = [Asked(admin, self._deposit(bidder.user)) for bidder in self._bidders]
        for auction in self._auctions:
            asked.append(Asked(manager, self._create(auction)))
            asked.append(Asked(manager, ApproveAuction(id=self._id(), auction=auction)))
        return asked

    def _deposit(self, user: str) -> Deposit:
        return Deposit(
            id=self._id(), user=user, amount=WALLET, currency=CURRENCY, reference=f"for {user}"
        )

    def _create(self, auction: str) -> CreateAuction:
        return CreateAuction(
            id=self._id(),
            auction=auction,
            vehicle=auction,
            kind="timed",
            currency=CURRENCY,
            start_price=START_PRICE,
            increments=((0, STEP),),
            start_at=OPENING + 1_000,
            end_at=OPENING + DAY,
        )

    def _id(self) -> str:
        self._commands += 1
        return str(self._commands)
