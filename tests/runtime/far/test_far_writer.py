"""What only a far gateway does while all is well."""

from tests.gateway.club import Join
from tests.runtime.far.market import ADA, Town, ask
from tests.runtime.writer.writing import until

ROOM = "club:c1"


async def test_a_room_that_nobody_hears_costs_nothing(town: Town) -> None:
    """The last listener's end is told to the writer, and nothing is rendered any more."""
    house, process = town.houses[0], town.process
    async with house.client() as client:
        await ask(house.sink, Join(id="1", club="c1"), ADA)
        await client.ask("subscribe", room=ROOM)
        await client.hear("snapshot")
        assert process.listeners.audiences(ROOM) == ("public",)
        await client.ask("unsubscribe", room=ROOM)
        await until(lambda: not process.listeners.audiences(ROOM))
