"""What the whole cast shares: the way in, chance, money, and what is being played at the moment."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct
from websockets.asyncio.client import connect

from engine.kernel.time import Millis
from runtime.demo.client import Client

CURRENCY = "NGN"
NAIRA = 100
ORDERS_WAITING_MAX = 4
RUNS = 16**5
"""So many different names runs have."""

Token = Callable[[str, str], str]
"""(user, role) -> a token; every document of theirs is approved."""


class Order(Struct, frozen=True):
    """What a customer has agreed to buy; it is to be paid and delivered."""

    customer: str
    what: str
    price: int
    negotiation: str = ""
    product: str = ""
    token_jti: str = ""


class Stage:
    """One run of the demo."""

    def __init__(
        self, address: str, token: Token, now: Callable[[], Millis], letters: Path
    ) -> None:
        self.address = address
        self.now = now
        """The house's time."""
        self.letters = letters
        self.token = token
        self.random = random.Random(7)
        self.run = f"{int(time.time()) % RUNS:05x}"
        """Part of every id, so that a folder may be used for another demo."""
        self.playing: dict[str, str] = {}
        """Rooms in which something goes on, and what a spectator would call it."""
        self.orders: asyncio.Queue[Order] = asyncio.Queue(ORDERS_WAITING_MAX)
        self._made = 0

    @property
    def websocket(self) -> str:
        """Where clients connect."""
        return f"ws{self.address.removeprefix('http')}/v1/ws"

    @property
    def shop(self) -> str:
        """The shop where one may haggle."""
        return f"market-{self.run}"

    @property
    def zone(self) -> str:
        """Where there is delivery."""
        return f"town-{self.run}"

    def new_id(self) -> str:
        """An id that nobody has had."""
        self._made += 1
        return f"{self.run}-{self._made}"

    def playing_in(self, domain: str) -> list[str]:
        """Ids of the rooms of a domain in which something goes on."""
        start = f"{domain}:"
        return [room.removeprefix(start) for room in self.playing if room.startswith(start)]

    @asynccontextmanager
    async def enter(self, user: str, role: str = "user") -> AsyncIterator[Client]:
        """Somebody comes in, with a token unless they are a guest, until the block ends."""
        token = self.token(user, role) if role != "guest" else ""
        async with self.enter_with(user, token) as client:
            yield client

    @asynccontextmanager
    async def enter_with(self, user: str, token: str) -> AsyncIterator[Client]:
        """The same with a token that the house itself has given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            connect(self.websocket, additional_headers=headers, compression=None) as socket,
            asyncio.TaskGroup() as group,
        ):
            client = Client(socket, user)
            group.create_task(client.listen())
            yield client
            await client.close()

    async def fund(self, staff: Client, user: str, amount: int) -> None:
        """Money for somebody."""
        await staff.must(
            "ledger.deposit",
            user=user,
            amount=amount,
            currency=CURRENCY,
            reference=f"demo-{self.new_id()}",
        )

    async def pause(self, at_least_s: float, at_most_s: float) -> None:
        """As long as people need."""
        await asyncio.sleep(self.random.uniform(at_least_s, at_most_s))
