"""Who comes in, who must go, and what the house knows of who is there."""

import pytest
from websockets.exceptions import InvalidStatus

from gateway.limits import RECONNECT_MS_MIN, RECONNECT_MS_SPREAD
from tests.gateway.open_house import open_house

BOTH_LOOPS = True


async def test_the_websocket_has_one_address() -> None:
    """Elsewhere the handshake is refused with 404."""
    async with open_house() as house:
        with pytest.raises(InvalidStatus) as refused:
            async with house.raw(path="/elsewhere"):
                pass
        assert refused.value.response.status_code == 404


async def test_a_foreign_page_is_refused_in_the_handshake() -> None:
    """403 for a strange origin; our own, a listed one and none at all may come in."""
    async with open_house(origins=frozenset({"https://good.example"})) as house:
        with pytest.raises(InvalidStatus) as refused:
            async with house.raw(origin="https://bad.example"):
                pass
        assert refused.value.response.status_code == 403
        for origin in ("https://good.example", f"http://127.0.0.1:{house.port}", None):
            async with house.client(origin=origin) as client:
                assert (await client.ask("ping"))["type"] == "ok"


async def test_a_full_house_sends_newcomers_away() -> None:
    """4101; as soon as someone leaves there is room again."""
    async with open_house(connections_max=1) as house:
        async with house.client(), house.raw() as second:
            assert (await second.closed())[0] == 4101
        await house.until(lambda: house.counts.connections == 0)
        async with house.client() as third:
            assert (await third.ask("ping"))["type"] == "ok"
        assert house.counts.connections_opened == 3


async def test_a_user_has_only_so_many_connections() -> None:
    """4101 in the handshake and after `auth`; other users are not concerned."""
    async with open_house(connections_per_user_max=1) as house:
        token = house.token("u1")
        async with house.client(token) as first, house.raw(token) as second:
            assert (await second.closed())[0] == 4101
            async with house.client() as third:
                assert (await third.ask("auth", token=token))["code"] == "OVERLOADED"
                assert (await third.closed())[0] == 4101
            async with house.client(house.token("u2")) as other:
                assert (await other.ask("ping"))["type"] == "ok"
            assert (await first.ask("auth", token=token))["type"] == "ok"


async def test_the_house_is_told_of_first_arrivals_and_last_departures() -> None:
    """Not of guests, not of a second connection, not of a renewed token."""
    async with open_house() as house:
        token = house.token("u1")
        async with house.client(token) as first, house.client() as second:
            assert house.sink.presences == [("u1", True)]
            await second.ask("auth", token=token)
            await first.ask("auth", token=token)
            assert house.sink.presences == [("u1", True)]
            await second.ask("auth", token=house.token("u2"))
            assert house.sink.presences[1:] == [("u2", True)]
        await house.until(lambda: len(house.sink.presences) == 4)
        assert set(house.sink.presences[2:]) == {("u1", False), ("u2", False)}


async def test_the_end_of_the_server_is_announced() -> None:
    """Goodbye with a time to come back, spread over a few seconds, then 4201."""
    async with open_house() as house, house.client() as first, house.client() as second:
        for client in (first, second):
            await client.ask("ping")
        house.shut_down()
        waits = []
        for client in (first, second):
            goodbye = await client.hear("goodbye")
            assert goodbye["code"] == "RESTART"
            waits.append(goodbye["reconnect_after_ms"])
            assert (await client.closed())[0] == 4201
        assert waits[0] != waits[1]
        assert all(0 <= w - RECONNECT_MS_MIN < RECONNECT_MS_SPREAD for w in waits)


@pytest.mark.parametrize("ending", ["restart", "session"])
async def test_what_happened_before_the_end_is_told_before_it(ending: str) -> None:
    """An event that still waits for others leaves first, whoever ends the connection."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        await client.ask("club.join", club="c1")
        await client.ask("subscribe", room="club:c1")
        await client.hear("snapshot")
        house.hub.publish("club:c1", "member", 9, b'{"type":"event","seq":9}')
        if ending == "restart":
            house.shut_down()
        else:
            house.hub.dismiss("u1", "", "logged out")
        assert (await client.hear("event"))["seq"] == 9
        assert (await client.hear())["type"] == ("goodbye" if ending == "restart" else "error")


async def test_a_reader_that_is_too_slow_is_closed() -> None:
    """4200, counted; the others go on."""
    async with (
        open_house(backlog_bytes_max=65_536, backlog_bytes_soft=65_536) as house,
        house.client(house.token("u1")) as speaker,
        house.client(house.token("u1")) as slow,
    ):
        await speaker.ask("club.join", club="c1")
        await slow.ask("subscribe", room="club:c1")
        slow.socket.transport.pause_reading()
        _, connection = house.connections
        said = {"club": "c1", "text": "x" * 500}
        while connection.is_open:
            assert (await speaker.ask("club.say", **said))["type"] == "ok"
        slow.socket.transport.resume_reading()
        assert (await slow.closed())[0] == 4200
        await house.until(lambda: house.counts.slow_readers == 1)
        assert house.counts.subscriptions == 0
        assert (await speaker.ask("ping"))["type"] == "ok"


async def test_what_comes_and_goes_is_counted() -> None:
    """Messages, deliveries, subscriptions and connections."""
    async with open_house() as house, house.client(house.token("u1")) as client:
        await client.ask("club.join", club="c1")
        await client.ask("subscribe", room="club:c1")
        await client.hear("snapshot")
        await client.ask("club.say", club="c1", text="hello")
        await client.hear("event")
        counts = house.counts
        assert (counts.connections, counts.connections_opened) == (1, 1)
        assert (counts.messages_in, counts.accepted, counts.subscriptions) == (3, 2, 1)
        assert counts.deliveries == 1
        assert counts.delivery_bytes > 100


async def test_a_connection_that_just_vanishes_leaves_nothing_behind() -> None:
    """Its subscriptions and its user's presence end with it."""
    async with open_house() as house:
        async with house.client(house.token("u1")) as client:
            await client.ask("subscribe", room="user:u1")
            client.socket.transport.abort()
            await house.until(lambda: house.counts.connections == 0)
        assert house.sink.presences[-1] == ("u1", False)
        assert house.counts.subscriptions == 0
