"""Every code that the registry knows is said over a real websocket, by a walk through a house."""

from typing import Any

from engine.kernel.time import DAY
from engine.registry import build_registry, find_domains
from tests.e2e.custody_walk import codes_of_custody
from tests.e2e.dispatch_walk import codes_of_dispatch
from tests.e2e.escrow_walk import codes_of_escrows
from tests.e2e.haggling_walk import codes_of_haggling
from tests.e2e.identity_walk import codes_of_people, open_market
from tests.e2e.places import Place
from tests.e2e.refund_walk import codes_of_refunds
from tests.e2e.walk import BOSS, GUEST, POOR, Walk, usd, walking
from tests.house_rules import ROOT

ELSEWHERE = {
    "UNAVAILABLE": "tests/e2e/test_log_lost.py",
    "UNKNOWN": "tests/runtime/writer/test_writer.py",
    "ARCHIVED": "tests/e2e/test_archive.py",
    "OTHER_HISTORY": "tests/engine/test_mail.py",
    "OUT_OF_ORDER": "tests/engine/test_mail.py",
}
"""These need a log that fails or was archived, or are said between markets alone. So does
OVERLOADED of the writer, which the walk hears of another bound. Where each is proved."""

GUEST_CALLS, PER_USER = 4, 3
LOTS = 500
"""As many as a group may have open."""


class Refusals:
    """The codes that the walk has heard, with what the registry says of them."""

    def __init__(self, walk: Walk) -> None:
        self.heard: set[str] = set()
        self._walk = walk
        registry = build_registry(find_domains())
        self.known = {code.name: code for code in registry.codes}

    async def no(self, code: str, user: str, type_: str, /, **fields: Any) -> None:
        """Somebody asks, and is refused with this code."""
        reply = await self._walk.ask(user, type_, **fields)
        assert reply.code == code, f"{type_} {fields}: {reply}"
        assert reply.retry == self.known[code].retry
        assert reply.message
        self.heard.add(code)


async def test_every_code_is_said_over_the_wire(on_sqlite: Place) -> None:
    """All of the general list and of every domain, but those that need a broken log."""
    limits = ("--rate-guest", str(GUEST_CALLS), "--connections-per-user", str(PER_USER))
    letters = ("--notifier", "file", *open_market(on_sqlite.data))
    async with (
        on_sqlite.serve("--test-clock", *limits, *letters) as server,
        walking(server) as walk,
    ):
        refusals = Refusals(walk)
        await general_codes(walk, refusals)
        await codes_of_the_ledger(walk, refusals)
        await codes_of_escrows(walk, refusals)
        await codes_of_refunds(walk, refusals)
        await codes_of_dispatch(walk, refusals)
        await codes_of_drafts(walk, refusals)
        await codes_of_bids(walk, refusals)
        await codes_of_the_end(walk, refusals)
        await codes_of_haggling(walk, refusals)
        await codes_of_people(walk, on_sqlite.data, refusals)
        await codes_of_custody(walk, refusals.heard)
        assert refusals.heard == set(refusals.known) - set(ELSEWHERE)


def test_what_the_walk_leaves_out_is_proved_elsewhere() -> None:
    """The file that is named for a code speaks of it."""
    for code, path in ELSEWHERE.items():
        assert code in (ROOT / path).read_text("utf-8"), f"{path} says nothing of {code}"


async def general_codes(walk: Walk, refusals: Refusals) -> None:
    no = refusals.no
    await no("UNAUTHENTICATED", GUEST, "auction.join", auction="a1")
    await no("FORBIDDEN", "ann", "auction.approve", auction="a1")
    await no("MALFORMED", "ann", "auction.place_bid", auction="a1", **usd(0))
    await no("UNKNOWN_COMMAND", "ann", "auction.fly")
    await no("ROOM_NOT_FOUND", "ann", "subscribe", room="auction:nowhere")
    deposit = {"user": "ann", "reference": "r0"} | usd(1)
    await walk.must(BOSS, "ledger.deposit", id_="once", **deposit)
    await no("CMD_ID_REUSED", BOSS, "ledger.deposit", id_="once", **deposit | usd(2))
    for _ in range(GUEST_CALLS - 1):
        await walk.must(GUEST, "ping")
    await no("RATE_LIMITED", GUEST, "ping")
    await too_large(walk, refusals)
    await too_many(walk, refusals)


async def too_large(walk: Walk, refusals: Refusals) -> None:
    """The reply has no id, for nobody has read the frame."""
    client = await walk.client("large")
    reply = await client.send("ping", pad="x" * 70_000)
    await client.hear("error", code="FRAME_TOO_LARGE")
    refusals.heard.add("FRAME_TOO_LARGE")
    assert (await client.ended).code == 1009
    assert await reply is None


async def too_many(walk: Walk, refusals: Refusals) -> None:
    """A connection says that it is of somebody who has enough of them."""
    token = walk.token("crowd")
    for number in range(PER_USER):
        await walk.must(f"someone{number}", "auth", token=token)
    await refusals.no("OVERLOADED", "another", "auth", token=token)


async def codes_of_the_ledger(walk: Walk, refusals: Refusals) -> None:
    no = refusals.no
    await walk.fund("ann", "bob", "meg")
    await no("KYC_REQUIRED", POOR, "ledger.withdraw", **usd(1))
    await no("INSUFFICIENT_FUNDS", "ann", "ledger.withdraw", **usd(9_000_00))
    nothing = {"currency": "USD", "withdrawal": "w9"}
    await no("WITHDRAWAL_NOT_FOUND", BOSS, "ledger.start_withdrawal", **nothing)
    nothing = {"currency": "USD", "adjustment": "j9"}
    await no("ADJUSTMENT_NOT_FOUND", BOSS, "ledger.approve_adjustment", **nothing)
    large = {"user": "ann", "reason": "a mistake"} | usd(2_000_000_00)
    proposed = (await walk.must("meg", "ledger.adjust", **large)).result["adjustment"]
    approval = {"currency": "USD", "adjustment": proposed}
    await no("SECOND_PERSON_REQUIRED", "meg", "ledger.approve_adjustment", **approval)
    again = {"user": "ann", "reference": "r1"} | usd(1)
    await no("DUPLICATE_REFERENCE", BOSS, "ledger.deposit", **again)
    payment = {"provider": "sandbox", "payment": "p1", "kind": "captured", "user": "ann"} | usd(1)
    await walk.must("robot", "ledger.provider_event", **payment)
    await no("DUPLICATE_PROVIDER_EVENT", "robot", "ledger.provider_event", **payment)


async def codes_of_drafts(walk: Walk, refusals: Refusals) -> None:
    no = refusals.no
    await walk.draft("a1")
    await no("AUCTION_NOT_LIVE", "ann", "auction.place_bid", auction="a1", **usd(100))
    plan = await walk.plan("a2")
    start_at = plan["start_at"]
    for code, change in (
        ("VEHICLE_IN_AUCTION", {"vehicle": "v-a1"}),
        ("RESERVE_INVALID", {"kind": "reserve"}),
        ("SCHEDULE_INVALID", {"end_at": start_at}),
        ("INCREMENT_INVALID", {"increments": [[1, 1]]}),
    ):
        await no(code, "dora", "auction.create", **plan | change)
    await walk.must(BOSS, "auction.approve", auction="a1")
    await no("INVALID_TRANSITION", BOSS, "auction.approve", auction="a1")
    # All start at once, the first auction among them.
    await walk.open_many(LOTS, group="g1")
    await no("GROUP_FULL", "dora", "auction.create", **plan | {"group": "g1"})


async def codes_of_bids(walk: Walk, refusals: Refusals) -> None:
    no, bid = refusals.no, "auction.place_bid"
    await no("AUCTION_NOT_FOUND", "ann", "auction.join", auction="a9")
    await no("OWN_AUCTION", "dora", bid, auction="a1", **usd(100))
    await no("CURRENCY_MISMATCH", "ann", bid, auction="a1", amount=100, currency="NGN")
    await no("BID_TOO_LOW", "ann", bid, auction="a1", **usd(99))
    await no("INSUFFICIENT_BUYING_POWER", "eve", bid, auction="a1", **usd(100))
    await walk.bid("bob", "a1", 200)
    await walk.bid("ann", "a1", 300)
    await no("WITHDRAWAL_BLOCKED", "ann", "ledger.withdraw", **usd(1))
    await no("REASON_REQUIRED", BOSS, "auction.force_end", auction="a1")


async def codes_of_the_end(walk: Walk, refusals: Refusals) -> None:
    await walk.end("a1")
    await refusals.no("AUCTION_ENDED", "bob", "auction.place_bid", auction="a1", **usd(999))
    await walk.advance(DAY)
    await refusals.no("DEADLINE_PASSED", "ann", "auction.pay_remainder", auction="a1")
