"""A fair: a market's worth of things to do for the users of a load. Each run makes its own."""

from collections.abc import Sequence

from gevent.pool import Group

from bench.load import CURRENCY, WALLET
from bench.staff import Staff, Token
from bench.stalls import Lots, Pace, Shop, Zone


class Fair:
    """All of it. `open` before anybody comes, `close` when all have gone."""

    def __init__(self, gateways: Sequence[str], token: Token, pace: Pace) -> None:
        """`gateways`: websocket addresses of one market."""
        self.pace = pace
        self.staff = Staff(gateways, token)
        self.lots = Lots(self.staff, pace)
        self.shop = Shop(self.staff)
        self.zone = Zone(self.staff, pace)
        self._visitors = 0
        self._work = Group()

    def open(self) -> None:
        """Make everything. Raises ServerError, CommandRefused."""
        self.staff.come()
        for stall in (self.zone, self.shop, self.lots):
            stall.open()
        self._work.spawn(self.lots.run)
        self._work.spawn(self.zone.run)

    def close(self) -> None:
        """Everybody who works here goes."""
        self._work.kill()
        self.staff.leave()

    def new_visitor(self, kind: str) -> str:
        """The name of somebody who has never been here."""
        self._visitors += 1
        return self.staff.called(f"{kind}-{self._visitors}")

    def fund(self, user: str) -> None:
        """Fill a wallet. Raises CommandRefused."""
        money = {"user": user, "amount": WALLET, "currency": CURRENCY, "reference": user}
        self.staff.must("admin", "ledger.deposit", **money)
