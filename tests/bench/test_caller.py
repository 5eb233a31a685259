"""A user of the load comes back, asks again and resumes, and reports what is not as it should."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from bench.caller import Caller, FeedBroken
from bench.client import PATIENCE_S, CommandRefused, ConnectionEnded, Heard

ROOM = "auction:a1"
OK = {"type": "ok", "result": {}}
NO_BID = {"type": "error", "code": "BID_TOO_LOW", "message": "too low", "details": {"minimum": 7}}
NOT_NOW = {"type": "error", "code": "UNAVAILABLE", "message": "not now"}
HANG_UP: dict[str, Any] = {}


class Gateway:
    """Answers bids as it is told to, and a subscription as if it had all events up to `seq`."""

    def __init__(self) -> None:
        self.url = ""
        self.seq = 3
        self.answers: list[dict[str, Any]] = []
        self.told_later: list[int] = []
        """Events that follow the answer to a bid."""
        self.refuses = 0
        """So many subscriptions."""
        self.asked: list[dict[str, Any]] = []

    async def talk(self, socket: ServerConnection) -> None:
        """One connection."""
        await socket.send(json.dumps({"type": "welcome", "server_time": 0}))
        async for text in socket:
            command = json.loads(text)
            self.asked.append(command)
            if command["type"] == "subscribe":
                await self._subscribe(socket, command)
                continue
            answer = self.answers.pop(0)
            if answer is HANG_UP:
                socket.transport.abort()
                return
            await socket.send(json.dumps({"id": command["id"], **answer}))
            for seq in self.told_later:
                await self._tell(socket, seq)

    async def _subscribe(self, socket: ServerConnection, command: dict[str, Any]) -> None:
        if self.refuses:
            self.refuses -= 1
            await socket.send(json.dumps({"id": command["id"], **NOT_NOW}))
            return
        after = command.get("after")
        result = {"recovered": after is not None, "seq": self.seq, "epoch": "e1"}
        reply = {"id": command["id"], "type": "ok", "epoch": "e1", "result": result}
        await socket.send(json.dumps(reply))
        if after is None:
            await self._tell(socket, self.seq, "snapshot")
        for seq in range(self.seq if after is None else after, self.seq):
            await self._tell(socket, seq + 1)

    async def _tell(self, socket: ServerConnection, seq: int, type_: str = "event") -> None:
        message = {"type": type_, "room": ROOM, "epoch": "e1", "seq": seq, "event": "x"}
        await socket.send(json.dumps(message))


class Seen:
    """What a caller reports and passes on."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.problems: list[Exception] = []
        self.heard: list[tuple[int | None, bool]] = []
        self._more = Event()

    def report(self, what: str, _: float, problem: Exception | None) -> None:
        self.rows.append(what)
        if problem:
            self.problems.append(problem)

    def hear(self, message: Heard, was_there: bool) -> None:
        self.heard.append((message.seq, was_there))
        self._more.set()

    def until(self, seq: int) -> None:
        """Wait until this was heard."""
        with gevent.Timeout(PATIENCE_S):
            while seq not in [heard for heard, _ in self.heard]:
                self._more.clear()
                self._more.wait()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway that does as it is told."""
    made = Gateway()
    protocol = Subprotocol("outcry.v1+json")
    async with serve(made.talk, "127.0.0.1", 0, subprotocols=[protocol]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        made.url = f"ws://127.0.0.1:{port}/v1/ws"
        yield made


async def visit(gateway: Gateway, act: Callable[[Caller, Seen], None]) -> Seen:
    """Somebody comes, listens to the room, acts and goes: in a thread, for greenlets block."""

    def live() -> Seen:
        seen = Seen()
        caller = Caller([gateway.url], "token", seen.report, seen.hear)
        try:
            caller.come()
            caller.follow(ROOM)
            seen.until(gateway.seq)
            act(caller, seen)
        finally:
            caller.leave()
            gevent.get_hub().destroy()
        return seen

    return await asyncio.to_thread(live)


def bid(caller: Caller, _: Seen) -> None:
    """One bid."""
    caller.ask("auction.place_bid", "bid", amount=5)


async def test_a_lost_answer_is_asked_for_again(gateway: Gateway) -> None:
    """At the next connection, with the same id, and the feed goes on where it was."""
    gateway.answers = [HANG_UP, OK]
    seen = await visit(gateway, bid)
    subscribed, first, resumed, second = gateway.asked
    assert first == second
    assert "after" not in subscribed
    assert (resumed["after"], resumed["epoch"]) == (3, "e1")
    assert seen.rows == ["connect", "subscribe", "lost: 1006", "connect", "resume", "bid"]
    assert [type(problem) for problem in seen.problems] == [ConnectionEnded]


async def test_a_feed_that_cannot_be_resumed_is_tried_elsewhere(gateway: Gateway) -> None:
    """A gateway without a writer refuses; nobody stays there with half of the feeds."""

    def step_out(caller: Caller, seen: Seen) -> None:
        gateway.refuses = 1
        caller.step_out(0)
        bid(caller, seen)
        seen.until(4)

    gateway.answers, gateway.told_later = [OK], [4]
    seen = await visit(gateway, step_out)
    assert seen.rows[2:] == ["connect", "resume", "connect", "resume", "bid"]
    assert [str(problem) for problem in seen.problems] == ["UNAVAILABLE: not now"]
    assert seen.heard == [(3, True), (4, True)]


async def test_what_is_unknown_is_asked_again(gateway: Gateway) -> None:
    """UNKNOWN is no answer: the outcome may be either."""
    unknown = {"type": "error", "code": "UNKNOWN", "message": "ask again"}
    gateway.answers = [unknown, OK]
    seen = await visit(gateway, bid)
    assert gateway.asked[-1] == gateway.asked[-2]
    assert seen.rows[2:] == ["bid"]


async def test_what_was_missed_is_told_apart(gateway: Gateway) -> None:
    """Whoever steps out hears later what they missed; how late says nothing about the house."""

    def step_out(caller: Caller, seen: Seen) -> None:
        gateway.seq = 5
        caller.step_out(0)
        bid(caller, seen)
        seen.until(6)

    gateway.answers, gateway.told_later = [OK], [6]
    seen = await visit(gateway, step_out)
    assert seen.heard == [(3, True), (4, False), (5, False), (6, True)]
    assert not seen.problems


async def test_a_gap_in_a_feed_is_a_failure(gateway: Gateway) -> None:
    """An event that is left out, or told twice."""

    def listen(caller: Caller, seen: Seen) -> None:
        bid(caller, seen)
        seen.until(7)

    gateway.answers, gateway.told_later = [OK], [4, 6, 6, 7]
    seen = await visit(gateway, listen)
    assert [str(problem) for problem in seen.problems] == [
        f"{ROOM}: 6 after 4",
        f"{ROOM}: 6 after 6",
    ]
    assert all(isinstance(problem, FeedBroken) for problem in seen.problems)


async def test_refusals_that_are_foreseen_are_no_failures(gateway: Gateway) -> None:
    """They have a row of their own; any other counts against the house."""
    gateway.answers = [NO_BID, {"type": "error", "code": "MALFORMED", "message": "what?"}]

    def bid_twice(caller: Caller, seen: Seen) -> None:
        bid(caller, seen)
        bid(caller, seen)

    seen = await visit(gateway, bid_twice)
    assert seen.rows[2:] == ["bid: BID_TOO_LOW", "bid"]
    assert [type(problem) for problem in seen.problems] == [CommandRefused]
