"""What moves: told to those who listen, latest only where a client is slow."""

from tests.gateway.open_house import open_house


async def test_what_moves_is_told_and_not_numbered() -> None:
    """To the class that may see it; the room's seq stays where it was."""
    async with (
        open_house() as house,
        house.client(house.token("u1")) as member,
        house.client(house.token("u2")) as stranger,
    ):
        await member.ask("club.join", club="c1")
        for client in (member, stranger):
            await client.ask("subscribe", room="club:c1")
            assert (await client.hear("snapshot"))["seq"] == 1
        reply = await member.ask("club.wave", club="c1", hand=3)
        assert (reply["type"], reply["seq"]) == ("ok", 1)
        soft = await member.hear("soft")
        assert soft == {
            "type": "soft",
            "room": "club:c1",
            "event": "club.waved",
            "data": {"user": "u1", "hand": 3, "times": 1},
        }
        await stranger.heard_nothing()
        assert not [record for record in house.sink.log if b"waved" in record.event]


async def test_events_and_what_moves_keep_their_order() -> None:
    """What moved after an event is told after it."""
    async with open_house() as house, house.client(house.token("u1")) as member:
        await member.ask("club.join", club="c1")
        await member.ask("subscribe", room="club:c1")
        await member.hear("snapshot")
        for hand in range(5):
            await member.say({"id": f"s{hand}", "type": "club.say", "club": "c1", "text": "hi"})
            await member.say({"id": f"w{hand}", "type": "club.wave", "club": "c1", "hand": hand})
        heard = [await member.hear() for _ in range(20)]
        kinds = [frame["type"] for frame in heard if frame["type"] in ("event", "soft")]
        assert kinds == ["event", "soft"] * 5


async def test_a_slow_client_is_told_the_latest_only() -> None:
    """And how many were left out; nothing else is lost, and it is not closed."""
    async with (
        open_house(backlog_bytes_soft=65_536) as house,
        house.client(house.token("u1")) as speaker,
        house.client(house.token("u2"), max_queue=None) as slow,
    ):
        for client in (speaker, slow):
            await client.ask("club.join", club="c1")
        await slow.ask("subscribe", room="club:c1")
        await slow.hear("snapshot")
        slow.socket.transport.pause_reading()
        connection = house.connections[1]
        said = 0
        while not connection.congested:
            await speaker.ask("club.say", club="c1", text="x" * 500)
            said += 1
        for hand in range(100):
            await speaker.ask("club.wave", club="c1", hand=hand)
        assert house.counts.conflated == 99
        slow.socket.transport.resume_reading()
        await slow.events(said)
        soft = await slow.hear("soft")
        assert soft["data"] == {"user": "u1", "hand": 99, "times": 100}
        assert soft["conflated"] == 99
        await speaker.ask("club.wave", club="c1", hand=7)
        assert "conflated" not in await slow.hear("soft")


async def test_what_moved_in_a_room_left_meanwhile_is_not_told() -> None:
    """A slow client that unsubscribed hears no more of it."""
    async with (
        open_house(backlog_bytes_soft=65_536) as house,
        house.client(house.token("u1")) as speaker,
        house.client(house.token("u2"), max_queue=None) as slow,
    ):
        for client in (speaker, slow):
            await client.ask("club.join", club="c1")
        await slow.ask("subscribe", room="club:c1")
        await slow.hear("snapshot")
        slow.socket.transport.pause_reading()
        said = 0
        while not house.connections[1].congested:
            await speaker.ask("club.say", club="c1", text="x" * 500)
            said += 1
        await speaker.ask("club.wave", club="c1", hand=1)
        await slow.say({"id": "u", "type": "unsubscribe", "room": "club:c1"})
        await house.until(lambda: house.counts.subscriptions == 0)
        slow.socket.transport.resume_reading()
        await slow.events(said)
        assert (await slow.reply("u"))["type"] == "ok"
        await slow.heard_nothing()
