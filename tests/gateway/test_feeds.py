"""Feeds over the wire: joining, resuming, redaction, and following a viewer without a gap."""

from typing import Any

import pytest

from gateway.limits import SUBSCRIPTIONS_MAX
from tests.gateway.open_house import Client, Frame, OpenHouse, open_house

BOTH_LOOPS = True


async def subscribe(client: Client, room: str, **fields: Any) -> Frame:
    """Subscribe, and return the reply's result."""
    reply = await client.ask("subscribe", room=room, **fields)
    assert reply["type"] == "ok", reply
    result: Frame = reply["result"]
    return result


async def club_with(house: OpenHouse, *texts: str) -> None:
    """The club c1, with a member u0 who has said these things: seq 1 is the joining."""
    async with house.client(house.token("u0")) as founder:
        await founder.ask("club.join", club="c1")
        for text in texts:
            await founder.ask("club.say", club="c1", text=text)


def seqs(events: list[Frame]) -> list[int]:
    return [event["seq"] for event in events]


async def test_a_subscription_begins_with_a_snapshot() -> None:
    """The reply says that nothing was recovered; the snapshot follows, then what happens."""
    async with open_house() as house:
        await club_with(house, "before")
        async with house.client() as guest, house.client(house.token("u0")) as founder:
            result = await subscribe(guest, "club:c1")
            assert result == {"recovered": False, "seq": 2, "epoch": "log-1"}
            assert await guest.hear() == {
                "type": "snapshot",
                "room": "club:c1",
                "epoch": "log-1",
                "seq": 2,
                "state": {"count": 1, "member": False},
            }
            await founder.ask("club.say", club="c1", text="after")
            event = await guest.hear("event")
            assert (event["room"], event["seq"], event["event"]) == ("club:c1", 3, "club.said")
            assert event["at"] == house.sink.now()


async def test_a_viewer_who_knows_less_sees_every_seq_and_no_data() -> None:
    """A member reads what is said; to the public the same event is empty."""
    async with open_house() as house:
        await club_with(house)
        async with house.client() as guest, house.client(house.token("u0")) as founder:
            await subscribe(guest, "club:c1")
            await subscribe(founder, "club:c1")
            assert (await guest.hear())["state"]["member"] is False
            assert (await founder.hear())["state"]["member"] is True
            await founder.ask("club.say", club="c1", text="secret")
            seen, known = await guest.hear("event"), await founder.hear("event")
            assert seen["data"] == {}
            assert known["data"] == {"user": "u0", "text": "secret"}
            assert seen["seq"] == known["seq"]


async def test_a_subscriber_resumes_where_it_was() -> None:
    """All that was missed, in order, once; no snapshot; then what happens."""
    async with open_house() as house:
        await club_with(house, "one", "two", "three")
        async with house.client(house.token("u0")) as founder:
            result = await subscribe(founder, "club:c1", after=2, epoch="log-1")
            assert result == {"recovered": True, "seq": 4, "epoch": "log-1"}
            await founder.ask("club.say", club="c1", text="four")
            events = await founder.events(3)
            assert [event["data"]["text"] for event in events] == ["two", "three", "four"]
            assert seqs(events) == [3, 4, 5]


@pytest.mark.parametrize("position", [{"after": 1, "epoch": "another"}, {"after": 9}])
async def test_a_position_that_means_nothing_gets_a_snapshot(position: dict[str, Any]) -> None:
    """Of another log, or beyond the end of this one."""
    async with open_house() as house:
        await club_with(house, "one")
        async with house.client(house.token("u0")) as founder:
            assert (await subscribe(founder, "club:c1", **position))["recovered"] is False
            assert (await founder.hear("snapshot"))["seq"] == 2


async def test_a_room_that_does_not_exist() -> None:
    """ROOM_NOT_FOUND; nothing is kept of it."""
    async with open_house() as house, house.client() as client:
        assert (await client.ask("subscribe", room="club:none"))["code"] == "ROOM_NOT_FOUND"
        assert (await client.ask("subscribe", room="nothing:n1"))["code"] == "ROOM_NOT_FOUND"
        assert house.counts.subscriptions == 0
        assert not house.hub.positions()


async def test_the_private_feed_is_for_its_owner_and_admins() -> None:
    """A deposit is heard by both, and by nobody else."""
    async with (
        open_house() as house,
        house.client(house.token("u1")) as owner,
        house.client(house.token("boss", "admin")) as admin,
        house.client(house.token("u2")) as other,
    ):
        await subscribe(owner, "user:u1")
        await subscribe(admin, "user:u1")
        assert (await other.ask("subscribe", room="user:u1"))["code"] == "FORBIDDEN"
        assert (await owner.hear("snapshot"))["state"]["balances"] == {}
        await admin.hear("snapshot")
        deposit = {"user": "u1", "amount": 500, "currency": "NGN", "reference": "r1"}
        await admin.ask("ledger.deposit", **deposit)
        for client in (owner, admin):
            event = await client.hear("event")
            assert (event["room"], event["seq"]) == ("user:u1", 1)
            assert event["data"]["balance_after"] == 500
        await other.heard_nothing()


async def test_unsubscribing_ends_the_feed() -> None:
    """Nothing more is sent, and nothing more is rendered."""
    async with open_house() as house:
        await club_with(house)
        async with house.client() as guest, house.client(house.token("u0")) as founder:
            await subscribe(guest, "club:c1")
            await guest.hear("snapshot")
            assert list(house.hub.audiences("club:c1")) == ["public"]
            assert (await guest.ask("unsubscribe", room="club:c1"))["type"] == "ok"
            assert not house.hub.audiences("club:c1")
            await founder.ask("club.say", club="c1", text="unheard")
            await guest.heard_nothing()
            assert (await guest.ask("unsubscribe", room="club:c1"))["type"] == "ok"


async def test_subscribing_again_replaces() -> None:
    """Each event still comes once."""
    async with open_house() as house:
        await club_with(house)
        async with house.client() as guest, house.client(house.token("u0")) as founder:
            for _ in range(2):
                await subscribe(guest, "club:c1")
                await guest.hear("snapshot")
            assert house.counts.subscriptions == 1
            await founder.ask("club.say", club="c1", text="once")
            assert seqs(await guest.events(1)) == [2]
            await guest.heard_nothing()


async def test_what_happens_while_the_snapshot_is_on_its_way_comes_after_it() -> None:
    """The snapshot rests on what is not yet durable: it waits, and so do later events."""
    async with open_house() as house:
        await club_with(house)
        async with house.client(house.token("u0")) as founder:
            house.sink.held = True
            await founder.say({"id": "1", "type": "club.say", "club": "c1", "text": "seen"})
            await founder.say({"id": "2", "type": "subscribe", "room": "club:c1"})
            await founder.say({"id": "3", "type": "club.say", "club": "c1", "text": "heard"})
            await founder.ask("ping")
            await founder.heard_nothing()
            house.sink.commit()
            assert (await founder.hear("ok"))["id"] == "1"
            assert (await founder.hear("ok"))["result"]["seq"] == 2
            assert (await founder.hear("snapshot"))["seq"] == 2
            rest = [await founder.hear() for _ in range(2)]
            assert sorted(frame["seq"] for frame in rest) == [3, 3]
            assert {frame["type"] for frame in rest} == {"ok", "event"}


async def test_joining_moves_a_viewer_to_the_members_without_a_gap() -> None:
    """Events before the joining as the public sees them, later ones as a member does; each once,
    although some were decided before the joining was durable."""
    async with open_house() as house:
        await club_with(house)
        async with (
            house.client(house.token("u1")) as joiner,
            house.client(house.token("u0")) as founder,
        ):
            await subscribe(joiner, "club:c1")
            await joiner.hear("snapshot")
            house.sink.held = True
            await founder.say({"id": "1", "type": "club.say", "club": "c1", "text": "early"})
            await founder.ask("ping")
            await joiner.say({"id": "2", "type": "club.join", "club": "c1"})
            await joiner.ask("ping")
            assert set(house.hub.audiences("club:c1")) == {"public", "member"}
            await founder.say({"id": "3", "type": "club.say", "club": "c1", "text": "late"})
            await founder.ask("ping")
            await joiner.heard_nothing()
            house.sink.commit()
            await joiner.reply("2")
            events = await joiner.events(3)
            assert seqs(events) == [2, 3, 4]
            assert [event["data"] for event in events] == [{}, {}, {"user": "u0", "text": "late"}]
            await joiner.heard_nothing()
            assert list(house.hub.audiences("club:c1")) == ["member"]


async def test_coming_and_going_before_anything_is_durable() -> None:
    """Two changes are under way at once, and each takes effect at its own place."""
    async with open_house() as house:
        await club_with(house)
        async with (
            house.client(house.token("u1")) as joiner,
            house.client(house.token("u0")) as founder,
        ):
            await subscribe(joiner, "club:c1")
            await joiner.hear("snapshot")
            house.sink.held = True
            for number, command in enumerate(("club.join", "club.leave")):
                await joiner.say({"id": command, "type": command, "club": "c1"})
                await joiner.ask("ping")
                said = {"type": "club.say", "club": "c1", "text": "anything"}
                await founder.say({"id": str(number), **said})
                await founder.ask("ping")
            house.sink.commit()
            for command in ("club.join", "club.leave"):
                await joiner.reply(command)
            events = await joiner.events(4)
            assert seqs(events) == [2, 3, 4, 5]
            assert [bool(event["data"]) for event in events] == [False, True, True, False]
            assert list(house.hub.audiences("club:c1")) == ["public"]


async def test_every_connection_of_a_user_follows() -> None:
    """What a user does on one device moves the others too."""
    async with open_house() as house:
        await club_with(house)
        token = house.token("u1")
        async with house.client(token) as phone, house.client(token) as laptop:
            await subscribe(laptop, "club:c1")
            await laptop.hear("snapshot")
            await phone.ask("club.join", club="c1")
            await phone.ask("club.say", club="c1", text="hello")
            events = await laptop.events(2)
            assert events[1]["data"] == {"user": "u1", "text": "hello"}


async def test_a_command_over_http_moves_the_users_connections() -> None:
    """Both doors share one desk."""
    async with open_house() as house:
        await club_with(house)
        token = house.token("u1")
        async with house.client(token) as watcher, house.http(token) as http:
            await subscribe(watcher, "club:c1")
            await watcher.hear("snapshot")
            for command in ({"type": "club.join"}, {"type": "club.say", "text": "hello"}):
                body = {"id": command["type"], "club": "c1", **command}
                assert (await http.post("/v1/commands", json=body)).status_code == 200
            events = await watcher.events(2)
            assert events[1]["data"] == {"user": "u1", "text": "hello"}


async def test_another_user_on_the_connection_sees_as_themselves() -> None:
    """After `auth` a member's feed goes on as the public's, and a private one ends."""
    async with open_house() as house:
        await club_with(house)
        async with (
            house.client(house.token("u0")) as client,
            house.client(house.token("u0")) as founder,
        ):
            await subscribe(client, "club:c1")
            await subscribe(client, "user:u0")
            for _ in range(2):
                await client.hear("snapshot")
            assert (await client.ask("auth", token=house.token("u9")))["type"] == "ok"
            ended = await client.hear("error")
            assert (ended["id"], ended["code"]) == (None, "FORBIDDEN")
            assert ended["details"] == {"room": "user:u0"}
            await founder.ask("club.say", club="c1", text="secret")
            assert (await client.hear("event"))["data"] == {}
            assert house.counts.subscriptions == 1


async def test_a_feed_that_is_no_longer_ones_to_see_ends() -> None:
    """At once, though it was somebody else who decided it."""
    async with open_house() as house:
        await club_with(house)
        async with (
            house.client(house.token("u1")) as client,
            house.client(house.token("boss", "admin")) as admin,
        ):
            await subscribe(client, "club:c1")
            await client.hear("snapshot")
            await admin.ask("club.ban", club="c1", user="u1")
            ended = await client.hear("error")
            assert (ended["id"], ended["code"]) == (None, "FORBIDDEN")
            assert house.counts.subscriptions == 0


async def test_there_is_a_bound_on_subscriptions() -> None:
    """The refusal names it; giving one up makes room, and replacing one needs none."""
    async with open_house() as house, house.client(house.token("boss", "admin")) as client:
        for number in range(SUBSCRIPTIONS_MAX):
            await subscribe(client, f"user:u{number}")
            await client.hear("snapshot")
        refused = await client.ask("subscribe", room="user:more")
        assert (refused["code"], refused["details"]) == ("FORBIDDEN", {"limit": SUBSCRIPTIONS_MAX})
        await subscribe(client, "user:u0")
        await client.hear("snapshot")
        await client.ask("unsubscribe", room="user:u0")
        await subscribe(client, "user:more")


async def test_a_subscription_that_is_given_up_before_its_answer_is_still_answered() -> None:
    """Every command gets one reply."""
    async with open_house() as house:
        await club_with(house)
        async with house.client(house.token("u0")) as client:
            house.sink.held = True
            await client.say({"id": "1", "type": "club.say", "club": "c1", "text": "x"})
            await client.say({"id": "2", "type": "subscribe", "room": "club:c1"})
            assert (await client.ask("unsubscribe", room="club:c1"))["type"] == "ok"
            house.sink.commit()
            assert (await client.hear("ok"))["id"] == "1"
            overtaken = await client.hear("error")
            assert (overtaken["id"], overtaken["code"]) == ("2", "INVALID_TRANSITION")


async def test_when_the_log_fails_a_joining_subscriber_is_refused() -> None:
    """Its snapshot rested on what is lost."""
    async with open_house() as house:
        await club_with(house)
        async with house.client(house.token("u0")) as client:
            house.sink.held = True
            await client.say({"id": "1", "type": "club.say", "club": "c1", "text": "x"})
            await client.say({"id": "2", "type": "subscribe", "room": "club:c1"})
            await client.ask("ping")
            house.sink.fail()
            assert (await client.hear("error"))["id"] == "1"
            refused = await client.hear("error")
            assert (refused["id"], refused["code"]) == ("2", "UNAVAILABLE")
            assert house.counts.subscriptions == 0


async def test_when_the_log_fails_during_a_change_the_feed_ends() -> None:
    """Whether the viewer changed class is not known; they are asked to subscribe again."""
    async with open_house() as house:
        await club_with(house)
        async with house.client(house.token("u1")) as client:
            await subscribe(client, "club:c1")
            await client.hear("snapshot")
            house.sink.held = True
            await client.say({"id": "1", "type": "club.join", "club": "c1"})
            await client.ask("ping")
            house.sink.fail()
            ended = [await client.hear("error"), await client.hear("error")]
            assert [(e["id"], e["code"]) for e in ended] == [
                ("1", "UNAVAILABLE"),
                (None, "UNAVAILABLE"),
            ]
            assert ended[1]["details"] == {"room": "club:c1"}


async def test_while_the_log_is_away_feeds_stay_and_another_viewer_gets_none() -> None:
    """A refused command changes nobody's class; `auth` as another ends what cannot be judged."""
    async with open_house() as house:
        await club_with(house)
        async with house.client(house.token("u0")) as client:
            await subscribe(client, "club:c1")
            await client.hear("snapshot")
            house.sink.fail()
            assert (await client.ask("club.leave", club="c1"))["code"] == "UNAVAILABLE"
            assert house.counts.subscriptions == 1
            assert (await client.ask("auth", token=house.token("u0")))["type"] == "ok"
            assert house.counts.subscriptions == 1
            assert (await client.ask("auth", token=house.token("u9")))["type"] == "ok"
            assert (await client.hear("error"))["code"] == "UNAVAILABLE"
            assert house.counts.subscriptions == 0
