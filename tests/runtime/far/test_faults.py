"""Redis goes, writers die, messages are late: nothing is lost, nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from engine.sequencer import Accepted, Refused
from persistence.bus import far_writer, guests, wire
from persistence.bus.keys import commands_key, entry_at, room_channel
from testkit.redis import RedisServer
from tests.gateway.club import Join, Say
from tests.gateway.open_house import Client
from tests.runtime.far.market import ADA, SHARD, Town, ask
from tests.runtime.writer.writing import until

ROOM = "club:c1"


@asynccontextmanager
async def member(town: Town, gateway: int = 0) -> AsyncIterator[Client]:
    """Ada, who hears everything in the club."""
    house = town.houses[gateway]
    async with house.client(house.token("ada")) as client:
        await client.ask("club.join", club="c1")
        await client.ask("subscribe", room=ROOM)
        await client.hear("snapshot")
        yield client


def texts(town: Town) -> list[str]:
    """What was said, by the log."""
    said = [town.registry.event_decoder.decode(r.event) for r in town.store.rooms[ROOM]]
    return [event.text for event in said if hasattr(event, "text")]


async def say(town: Town, text: str, gateway: int = 0) -> Accepted | Refused:
    """Ada says something at a gateway; the text is the command's id."""
    return await ask(town.houses[gateway].sink, Say(id=text, club="c1", text=text), ADA)


async def test_listeners_get_what_was_said_while_redis_was_away(
    town: Town, redis: RedisServer
) -> None:
    """In order and once, although it was published to nobody."""
    async with member(town) as ada:
        await say(town, "before")
        redis.stop()
        writer = town.process.writer
        for text in ("a", "b", "c"):
            answered = asyncio.get_running_loop().create_future()
            writer.submit(Say(id=text, club="c1", text=text), ADA, answered.set_result)
            assert isinstance(await answered, Accepted)
        redis.start()
        await say(town, "after")
        events = await ada.events(5)
    assert [event["data"]["text"] for event in events] == ["before", "a", "b", "c", "after"]
    assert [event["seq"] for event in events] == [2, 3, 4, 5, 6]


async def test_a_command_waits_for_redis_and_is_decided_once(
    town: Town, redis: RedisServer
) -> None:
    """It was asked while Redis was away, which has forgotten everything when it is back."""
    async with member(town) as ada:
        redis.stop()
        waiting = asyncio.create_task(say(town, "patient"))
        await asyncio.sleep(0)
        redis.start()
        answer = await waiting
        assert isinstance(answer, Accepted)
        assert not answer.duplicate
        await ada.events(1)
    assert texts(town) == ["patient"]


@pytest.mark.parametrize("ahead_ms", [0, 3_600_000])
async def test_what_vanished_from_the_stream_is_asked_again(
    town: Town, redis: RedisServer, ahead_ms: int
) -> None:
    """Somebody emptied Redis, or it made room: connections stay, and nobody is told. A command and
    a question for what was missed were in it. Also if the stream was numbered by the clock of
    another server, which was ahead of this one's."""
    async with member(town) as ada:
        sink = town.houses[0].sink
        await town.process.pause()
        waiting = asyncio.create_task(say(town, "vanished"))
        sink._rooms.rejoin()
        async with Redis(unix_socket_path=redis.socket_path) as asking:
            while not await asking.xlen(commands_key(SHARD)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asking.flushall()
            read = town.process.publisher.counts.entries
            town.process.go_on(ahead_ms)
            await until(lambda: town.process.publisher.counts.entries > read)
            await asking.flushall()
        async with asyncio.timeout(far_writer.ANSWER_SECONDS_MAX / 2):
            answer = await waiting
            (event,) = await ada.events(1)
    assert isinstance(answer, Accepted)
    assert event["data"]["text"] == "vanished"
    assert texts(town) == ["vanished"]


@pytest.mark.parametrize("comes", [False, True])
async def test_whoever_leaves_while_a_gateway_asks_what_was_missed_ends_nothing(
    town: Town, comes: bool
) -> None:
    """The last who knew the room has gone before the answer is there; perhaps somebody has come."""
    house = town.houses[0]
    async with house.client(house.token("bob")) as bob:
        async with member(town):
            await town.process.pause()
            house.sink._rooms.rejoin()
            if comes:
                await bob.say({"id": "s", "type": "subscribe", "room": ROOM})
                await bob.ask("ping")
        await until(lambda: comes == bool(house.sink._rooms._rooms))
        town.process.go_on()
        if comes:
            assert (await bob.reply("s"))["type"] == "ok"
            await bob.hear("snapshot")
        assert isinstance(await say(town, "still here"), Accepted)
        if comes:
            (event,) = await bob.events(1)
            assert event["seq"] == len(town.store.rooms[ROOM]), event


async def test_what_stands_in_the_stream_is_decided_by_the_next_owner(
    town: Town, redis: RedisServer
) -> None:
    """The writer was killed before it read; the gateway is told when its successor has decided."""
    async with member(town) as ada:
        await say(town, "one")
        await town.process.kill()
        waiting = asyncio.create_task(say(town, "two"))
        async with Redis(unix_socket_path=redis.socket_path) as asking:
            while not await asking.xlen(commands_key(SHARD)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await town.succeed()
        answer = await waiting
        assert isinstance(answer, Accepted)
        await say(town, "three")
        events = await ada.events(3)
    assert [event["data"]["text"] for event in events] == ["one", "two", "three"]
    assert texts(town) == ["one", "two", "three"]


async def test_a_log_that_was_put_back_is_served_to_gateways_that_knew_more(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs begin again with those of the backup. When nobody else has been heard for long, that
    writer is not taken for one that has been succeeded."""
    monkeypatch.setattr(far_writer, "WRITER_SILENT_SECONDS_MAX", 1.5)
    await town.process.kill()
    await town.succeed()
    sink = town.houses[0].sink
    assert isinstance(await ask(sink, Join(id="1", club="c1"), ADA), Accepted)
    await town.process.kill()
    town.store.epoch = 0
    await town.succeed()
    await until(lambda: sink._writer[0] == 1)
    assert isinstance(await say(town, "two"), Accepted)


async def test_a_command_waits_while_redis_has_no_room(
    town: Town, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What it cannot keep it refuses, and makes no room by forgetting: then nothing is lost."""
    async with member(town) as ada:
        redis.ask("CONFIG", "SET", "maxmemory", "1")
        waiting = asyncio.create_task(say(town, "patient"))
        await until(lambda: any("used memory > 'maxmemory'" in said for said in caplog.messages))
        assert not waiting.done()
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        assert isinstance(await waiting, Accepted)
        await ada.events(1)
    assert texts(town) == ["patient"]


async def test_an_answer_that_died_with_the_writer_is_given_by_the_next(town: Town) -> None:
    """Decided and durable, but never published: the gateway asks again and gets the first answer,
    which to the client is no repetition."""
    async with member(town) as ada:
        process = town.process
        process.publisher._publish = _swallow  # type: ignore[method-assign]
        waiting = asyncio.create_task(say(town, "mute"))
        await until(lambda: len(town.store.rooms.get(ROOM, ())) == 2)
        await process.kill()
        await town.succeed()
        answer = await waiting
        assert isinstance(answer, Accepted)
        assert not answer.duplicate
        (event,) = await ada.events(1)
    assert event["data"]["text"] == "mute"
    assert texts(town) == ["mute"]


async def _swallow(commands: object) -> None:
    """Nobody is told."""


async def test_the_cursor_is_durable_with_the_records(town: Town, redis: RedisServer) -> None:
    """A successor that has forgotten all answers decides nothing again that the log knows."""
    await ask(town.houses[0].sink, Join(id="1", club="c1"), ADA)
    for number in range(20):
        await say(town, f"n{number}")
    await town.process.kill()
    process = await town.succeed(reads=False)
    cursor = await process.log.load_mark("commands")
    async with Redis(unix_socket_path=redis.socket_path) as asking:
        unread = await asking.xrange(commands_key(SHARD), min=f"({entry_at(cursor)}")
    requests = [r for _, fields in unread for r in wire.decode_asked(fields[b"b"]).requests]
    assert not [request for request in requests if isinstance(request, wire.Submit)]


async def test_a_predecessor_is_not_heard(town: Town, redis: RedisServer) -> None:
    """What a writer publishes late, after another has taken over, reaches nobody."""
    async with member(town) as ada:
        await say(town, "one")
        stale = wire.Message(1, 0, [wire.Heard("member", 3, b'{"type":"event","seq":3}')])
        await town.process.kill()
        await town.succeed()
        await say(town, "two")
        async with Redis(unix_socket_path=redis.socket_path) as asking:
            late = wire.Message(1, 9, [wire.Heard("member", 4, b'{"type":"event","seq":4}')])
            for message in (stale, late):
                await asking.publish(room_channel(SHARD, ROOM), wire.encode(message))
        await say(town, "three")
        events = await ada.events(3)
    assert [event["data"].get("text") for event in events] == ["one", "two", "three"]


async def test_a_gap_is_seen_and_filled(town: Town) -> None:
    """One message of the room is lost on the way; the next one shows it."""
    async with member(town) as ada:
        listeners = town.process.listeners
        publish, listeners.publish = listeners.publish, lambda *frame: None  # type: ignore[method-assign]
        await say(town, "lost")
        listeners.publish = publish  # type: ignore[method-assign]
        await say(town, "next")
        events = await ada.events(2)
    assert [event["data"]["text"] for event in events] == ["lost", "next"]


async def test_who_missed_too_much_has_to_come_back(town: Town, redis: RedisServer) -> None:
    """More than a listener is told one by one: close code 4202, resume gets the room as it is."""
    async with member(town) as ada:
        redis.stop()
        writer = town.process.writer
        answers: list[object] = []
        for number in range(1_100):
            writer.submit(Say(id=f"n{number}", club="c1", text="x"), ADA, answers.append)
        await until(lambda: len(answers) == 1_100)
        redis.start()
        code, reason = await ada.closed()
    assert code == 4202
    assert ROOM in reason


async def test_a_gateway_that_falls_silent_is_forgotten_and_comes_back(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its listeners cost nothing meanwhile; when it speaks again, they miss nothing."""
    async with member(town) as ada:
        process = town.process
        monkeypatch.setattr(guests, "SILENCE_SECONDS_MAX", 0.0)
        process.door._guests.sweep()
        monkeypatch.undo()
        assert not process.listeners.audiences(ROOM)
        answer = await say(town, "hello")
        assert isinstance(answer, Accepted)
        (event,) = await ada.events(1)
        assert event["data"]["text"] == "hello"
        await until(lambda: process.listeners.audiences(ROOM) == ("member",))


async def test_a_command_without_an_answer_is_of_unknown_outcome(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever, and the same id settles it later."""
    await ask(town.houses[0].sink, Join(id="1", club="c1"), ADA)
    await town.process.kill()
    monkeypatch.setattr(far_writer, "ANSWER_SECONDS_MAX", 0.2)
    answer = await say(town, "late")
    assert isinstance(answer, Refused)
    assert answer.rejected.code.name == "UNKNOWN"
    assert answer.rejected.code.retry == "same_id"
    monkeypatch.undo()
    await town.succeed()
    again = await say(town, "late")
    assert isinstance(again, Accepted)
    assert texts(town) == ["late"]


async def test_presence_is_of_all_gateways(town: Town) -> None:
    """A user is gone when the last gateway has lost them."""
    online = town.process.writer._online
    first, second = town.houses
    async with first.client(first.token("ada")):
        await until(lambda: "ada" in online)
        async with second.client(second.token("ada")):
            await second.until(lambda: bool(second.sink._online))
        await ask(first.sink, Join(id="1", club="c1"), ADA)
        assert "ada" in online
    await until(lambda: "ada" not in online)
