"""A Redis cluster: what is a shard's is on one of its servers, which may change."""

import asyncio
from collections.abc import Iterator

import pytest

from engine.sequencer import Accepted
from persistence.bus.keys import commands_key
from testkit.redis import find_cluster_binary
from testkit.redis_cluster import RedisCluster
from tests.gateway.club import Say
from tests.runtime.far.market import ADA, SHARD, Town, ask, open_town

ROOM = "club:c1"


@pytest.fixture
def servers() -> Iterator[RedisCluster]:
    """Two servers."""
    with RedisCluster(find_cluster_binary()) as cluster:
        yield cluster


async def say(town: Town, gateway: int, text: str) -> Accepted:
    """Ada says something at a gateway."""
    answer = await ask(town.houses[gateway].sink, Say(id=text, club="c1", text=text), ADA)
    assert isinstance(answer, Accepted), answer
    return answer


@pytest.mark.parametrize("named", ["the right one", "the other one"])
async def test_whichever_server_the_url_names(servers: RedisCluster, named: str) -> None:
    """Commands, answers and feeds all go over the server that has the shard."""
    owner = servers.owner(commands_key(SHARD))
    url = servers.url(owner if named == "the right one" else 1 - owner)
    async with open_town(url, gateways=2) as town:
        there = town.houses[1]
        async with there.client(there.token("ada")) as ada:
            await ada.ask("club.join", club="c1")
            await ada.ask("subscribe", room=ROOM)
            await ada.hear("snapshot")
            await say(town, 0, "hello")
            (event,) = await ada.events(1)
    assert event["data"]["text"] == "hello"


async def test_the_shard_moves_to_another_server(servers: RedisCluster) -> None:
    """Under way: nothing that was said is lost, nothing is heard twice, and it goes on there."""
    url = servers.url(servers.owner(commands_key(SHARD)))
    async with open_town(url, gateways=2) as town:
        there = town.houses[1]
        async with there.client(there.token("ada")) as ada:
            await ada.ask("club.join", club="c1")
            await ada.ask("subscribe", room=ROOM)
            await ada.hear("snapshot")
            texts = [f"n{number}" for number in range(60)]

            async def talk() -> None:
                for text in texts:
                    await say(town, 0, text)

            talking = asyncio.create_task(talk())
            for _ in range(2):
                await asyncio.to_thread(servers.move, commands_key(SHARD))
            await talking
            events = await ada.events(len(texts))
    assert [event["data"]["text"] for event in events] == texts
