"""Whether a bid costs more when more auctions are open."""

from collections.abc import Iterator

from bench import open_auctions
from bench.open_auctions import Costs
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step

HEAD = ("auctions open", "bids in", "µs/bid")
NOTES = (
    "Through the real sequencer and core, with a log that is a list: no sockets, no disk. Both "
    "sides take turns in one process; medians. The garbage collector is on, as in the server; its "
    "rare passes over everything fall on both sides alike, which flatters the ratio a little.",
)


class OpenAuctions:
    """The row of open auctions."""

    def __init__(self) -> None:
        self._costs: Costs | None = None
        self._few = self._many = 0

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        self._few, self._many = sizes.open_few, sizes.open_many
        text = f"{self._few:,} and {self._many:,} open auctions"
        yield Step(text, self._measure)

    async def _measure(self, scene: Scene) -> str:
        sizes = scene.sizes
        plan = open_auctions.OpenAuctions(self._few, self._many, sizes.turn_bids, sizes.turns)
        costs = self._costs = await scene.crew.do(open_auctions.run, plan)
        return f"{costs.few_us:.1f} and {costs.many_us:.1f} µs a bid"

    def findings(self) -> Findings:
        costs = self._costs
        assert costs is not None, "it was measured"
        few, many = f"{self._few:,}", f"{self._many:,}"
        rows = [
            Row(
                "open auctions",
                "bids spread over all",
                costs.many_us / costs.few_us,
                f"{costs.many_us:.1f} / {costs.few_us:.1f} µs",
            ),
            Row(
                "open auctions",
                f"bids in {few} of them",
                costs.few_of_many_us / costs.few_us,
                f"{costs.few_of_many_us:.1f} / {costs.few_us:.1f} µs",
            ),
        ]
        lines = [
            (few, few, f"{costs.few_us:.1f}"),
            (many, many, f"{costs.many_us:.1f}"),
            (many, few, f"{costs.few_of_many_us:.1f}"),
        ]
        return Findings(rows, Table("Open auctions", HEAD, lines, NOTES))
