"""What both ends of the bus count, for whoever watches."""

from testkit.redis import RedisServer
from tests.runtime.far.market import Town
from tests.runtime.far.test_faults import member, say
from tests.runtime.writer.writing import until


async def test_what_goes_over_the_bus_is_counted(town: Town) -> None:
    """Entries read, and how long they stood; messages and their bytes."""
    async with member(town) as ada:
        await say(town, "hello")
        await ada.events(1)
    counts = town.process.publisher.counts
    assert counts.entries >= 3, "to join, to subscribe, to speak"
    assert 0 <= counts.waited_ms < 10_000
    assert counts.messages >= 3
    assert counts.bytes > 20 * counts.messages
    assert counts.losses == 0


async def test_an_outage_is_counted_at_both_ends(town: Town, redis: RedisServer) -> None:
    """The writer says that something was lost; the gateway hears again, and closes the gap."""
    sink = town.houses[0].sink
    async with member(town) as ada:
        redis.stop()
        await until(lambda: town.process.publisher.counts.losses > 0)
        redis.start()
        await say(town, "after")
        await ada.events(1)
        await until(lambda: sink.counts.filled > 0)
    assert sink.counts.breaks > 0
    assert sink.counts.lost == 0
    assert sink.waiting == 0
    assert sink.silent_s < 10
