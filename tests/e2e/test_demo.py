"""`outcry demo` as a process: every part of the house lives in it, and nothing is wrong."""

import asyncio
import re
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from testkit.client import connected
from testkit.process import PATIENCE_S, run, start

LIFE = (
    *("auction.bid_placed", "negotiation.opened", "negotiation.counter_offered"),
    *("escrow.held", "dispatch.offer_made", "dispatch.driver_assigned"),
    *("custody.custody_changed", "custody.photos_added", "identity.user_activated"),
)
"""What must have happened soon."""


async def test_the_demo_to_a_pipe(tmp_path: Path) -> None:
    """An address that answers, prices that move, life in every domain, an end with code 0, not a
    word on stderr, and a log in which every invariant holds."""
    demo = await start("demo", "--seconds", "20", "--port", "0", "--data", str(tmp_path))
    try:
        address = (await demo.out.until(r"is live at (http://\S+)"))[1]
        async with connected(f"ws{address.removeprefix('http')}/v1/ws") as guest:
            assert guest.unasked[0].user is None
        assert await demo.ended() == 0
    finally:
        await demo.close()
    assert not demo.err.text
    prices: defaultdict[str, list[str]] = defaultdict(list)
    for line in demo.out.said:
        # auction, car, price, leader …
        if row := re.match(r"(\S+)  .+?  ([\d,]+|-)  (Bidder \d+|-)  ", line):
            prices[row[1]].append(row[2])
    assert len(prices) >= 8
    assert sum(len(set(moved)) > 1 for moved in prices.values()) >= 4, prices
    for word in ("bids/s", "haggling  ", "order  ", "parcel  ", "registered  ", "money NGN  "):
        assert word in demo.out.text, word
    assert f"outcry verify --data {tmp_path}" in demo.out.text
    verified = await run("verify", "--data", str(tmp_path))
    assert verified.code == 0, verified.err
    assert verified.out.endswith("every invariant holds\n")
    assert [event for event in LIFE if f" {event}\n" not in verified.out] == []
    assert "house.dead_letter" not in verified.out


async def test_joining_in(tmp_path: Path) -> None:
    """The lines that the introduction prints are taken as they are, but for the auction's id."""
    demo = await start("demo", "--port", "0", "--data", str(tmp_path))
    try:
        address = (await demo.out.until(r"is live at (http://\S+)"))[1]
        await demo.out.until(r"^registered")
        auction = (await demo.out.until(r"^(\S+)  .*  Bidder \d+  "))[1]
        await demo.out.until(r"^parcel  .* > ")
        text = "".join(demo.out.said)
        lines = re.findall(r'^  ({"id":"(\d)","type":"([a-z_.]+)",.*})$', text, re.MULTILINE)
        replies = await said_by(address, [line for line, _, _ in lines], auction)
        assert len(replies) == len(lines) == 9
        assert [reply for reply in replies if '"type":"ok"' not in reply] == []
    finally:
        demo.stop()
        await demo.ended()
        await demo.close()


async def said_by(address: str, lines: list[str], auction: str) -> list[str]:
    """The replies to these lines; whoever says `auth` again comes in anew."""
    replies: list[str] = []
    async with AsyncExitStack() as stack:
        for line in lines:
            if '"type":"auth"' in line:
                url = f"ws{address.removeprefix('http')}/v1/ws"
                socket = await stack.enter_async_context(connect(url, proxy=None))
            await socket.send(line.replace("<id in the table>", auction))
            replies.append(await reply_on(socket))
    return replies


async def reply_on(socket: ClientConnection) -> str:
    """The next message that is a reply."""
    async with asyncio.timeout(PATIENCE_S):
        while not (text := str(await socket.recv())).startswith(
            ('{"type":"ok"', '{"type":"error"')
        ):
            pass
    return text
