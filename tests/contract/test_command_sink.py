"""The contract of `CommandSink` and `FanOut`: what clients see is the same beside the writer and,
over Redis, far from it."""

import asyncio

import msgspec

from engine.sequencer import Accepted, Refused
from tests.contract.towns import AnyTown
from tests.gateway.club import Join, Say
from tests.runtime.far.market import ADA, BOB, ask
from tests.runtime.writer.writing import until

ROOM = "club:c1"


async def test_a_command_is_decided_once_and_answered_where_it_was_asked(town: AnyTown) -> None:
    """The same id gets the first answer, at whatever gateway; another body is refused."""
    first, second = (house.sink for house in town.houses)
    await ask(first, Join(id="1", club="c1"), ADA)
    said = await ask(first, Say(id="2", club="c1", text="hi"), ADA)
    again = await ask(second, Say(id="2", club="c1", text="hi"), ADA)
    other = await ask(second, Say(id="2", club="c1", text="ho"), ADA)
    assert isinstance(said, Accepted)
    assert isinstance(again, Accepted)
    assert (said.seq, again.seq, said.duplicate, again.duplicate) == (2, 2, False, True)
    assert isinstance(other, Refused)
    assert other.rejected.code.name == "CMD_ID_REUSED"
    assert other.rejected.details == {"field": "id"}
    assert len(town.store.records) == 2


async def test_listeners_of_two_gateways_hear_the_same(town: AnyTown) -> None:
    """In the order of the room, each class what it may know; a late one gets a snapshot."""
    first, second = town.houses
    async with first.client(first.token("ada")) as ada, second.client() as guest:
        await ada.ask("club.join", club="c1")
        for client in (ada, guest):
            reply = await client.ask("subscribe", room=ROOM)
            assert reply["result"]["recovered"] is False
            assert (await client.hear("snapshot"))["seq"] == 1
        for number in range(20):
            await ada.ask("club.say", club="c1", text=f"n{number}")
        heard = await ada.events(20)
        redacted = await guest.events(20)
    assert [event["seq"] for event in heard] == list(range(2, 22))
    assert [event["seq"] for event in redacted] == list(range(2, 22))
    assert [event["data"]["text"] for event in heard] == [f"n{n}" for n in range(20)]
    assert all(event["data"] == {} for event in redacted)


async def test_whoever_comes_back_gets_what_was_missed(town: AnyTown) -> None:
    """All of it, in order, at the other gateway too."""
    first, second = town.houses
    async with first.client(first.token("ada")) as ada:
        await ada.ask("club.join", club="c1")
        for number in range(5):
            await ada.ask("club.say", club="c1", text=f"n{number}")
    async with second.client(second.token("ada")) as ada:
        epoch = town.store.log_id
        reply = await ada.ask("subscribe", room=ROOM, after=2, epoch=epoch)
        assert reply["result"] == {"recovered": True, "seq": 6, "epoch": epoch}
        assert [event["seq"] for event in await ada.events(4)] == [3, 4, 5, 6]


async def test_a_viewer_changes_class_at_the_very_place(town: AnyTown) -> None:
    """A guest of the club who joins hears everything from then on, and from the other gateway."""
    first, second = town.houses
    async with first.client(first.token("ada")) as ada, second.client(second.token("bob")) as bob:
        await bob.ask("club.join", club="c1")
        await ada.ask("subscribe", room=ROOM)
        await ada.hear("snapshot")
        await bob.ask("club.say", club="c1", text="before")
        await ada.ask("club.join", club="c1")
        await bob.ask("club.say", club="c1", text="after")
        events = await ada.events(3)
        boss = first.token("boss", "admin")
        async with second.client(boss) as staff:
            await staff.ask("club.ban", club="c1", user="ada")
            await staff.ask("ping")
        await bob.ask("club.say", club="c1", text="gone")
        told = await ada.hear()
    assert [event["data"].get("text") for event in events] == [None, None, "after"]
    assert [event["seq"] for event in events] == [2, 3, 4]
    assert told["type"] == "error"
    assert told["code"] == "FORBIDDEN"


async def test_a_token_that_comes_later_changes_what_is_heard(town: AnyTown) -> None:
    """`auth` on an open connection: the writer is asked what class that is."""
    house = town.houses[0]
    await ask(house.sink, Join(id="1", club="c1"), ADA)
    async with house.client() as client:
        await client.ask("subscribe", room=ROOM)
        await client.hear("snapshot")
        await client.ask("auth", token=house.token("ada"))
        await until(lambda: house.hub.audiences(ROOM) == ("member",))
        await ask(house.sink, Say(id="2", club="c1", text="hi"), ADA)
        (event,) = await client.events(1)
    assert event["data"] == {"user": "ada", "text": "hi"}


async def test_what_moves_is_heard_and_connections_are_ended(town: AnyTown) -> None:
    """Soft state and dismissals reach every gateway."""
    first, second = town.houses
    async with first.client(first.token("ada")) as ada, second.client(second.token("ada")) as far:
        await ada.ask("club.join", club="c1")
        await far.ask("subscribe", room=ROOM)
        await far.hear("snapshot")
        await ada.ask("club.wave", club="c1", hand=1)
        soft = await far.hear("soft")
        await ask(first.sink, Say(id="w", club="c1", text="x"), ADA)
        async with first.client(first.token("boss", "admin")) as boss:
            await boss.ask("club.eject", club="c1", user="ada")
        code, _ = await far.closed()
    assert soft["data"]["hand"] == 1
    assert code == 4001


async def test_rooms_and_the_past_can_be_looked_at(town: AnyTown) -> None:
    """Over HTTP, redacted as ever; nobody's room is refused."""
    house = town.houses[1]
    await ask(house.sink, Join(id="1", club="c1"), ADA)
    for number in range(3):
        await ask(house.sink, Say(id=f"s{number}", club="c1", text="hi"), ADA)
    async with house.http(house.token("ada")) as http:
        room = (await http.get(f"/v1/rooms/{ROOM}")).json()
        page = (await http.get(f"/v1/rooms/{ROOM}/events?after=2")).json()
        missing = await http.get("/v1/rooms/club:none")
    assert room["seq"] == 4
    assert [event["seq"] for event in page["events"]] == [3, 4]
    assert missing.status_code == 404


async def test_many_at_once_keep_their_order(town: AnyTown) -> None:
    """A thousand commands of two users at two gateways: answered once, seqs without gaps."""
    first, second = (house.sink for house in town.houses)
    await ask(first, Join(id="1", club="c1"), ADA)
    await ask(second, Join(id="1", club="c1"), BOB)
    asked = [
        ask(sink, Say(id=f"n{number}", club="c1", text=str(number)), actor)
        for number in range(500)
        for sink, actor in ((first, ADA), (second, BOB))
    ]
    answers = await asyncio.gather(*asked)
    assert sorted(found.seq for found in answers if isinstance(found, Accepted)) == list(
        range(3, 1_003)
    )
    said = [msgspec.json.decode(record.event) for record in town.store.rooms[ROOM][2:]]
    for user in ("ada", "bob"):
        mine = [int(event["text"]) for event in said if event["user"] == user]
        assert mine == list(range(500))
