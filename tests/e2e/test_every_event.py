"""Every event and every state of an auction is reached over the wire, and heard on a feed."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from engine.domains.auction import events as e
from engine.domains.auction.state import Status
from engine.domains.auction.terms import GROUP_LOTS_MAX
from engine.domains.custody import events as custody
from engine.domains.custody.terms import Outcome, ProofMethod
from engine.domains.identity.terms import EndCause
from engine.kernel.time import DAY, HOUR, MINUTE, SECOND
from engine.ledger.escrow import events as escrow
from engine.ledger.events import DisputeStage, PayoutStatus, PendingOutcome, RefundStatus
from engine.registry import build_registry, find_domains
from runtime.outside.sandbox_refunds import Sandbox
from testkit.client import Heard, connected
from testkit.sandbox_refunds import refunding
from tests.e2e import dispatch_walk, haggling_walk
from tests.e2e.custody_walk import PARCELS, PEOPLE, shipments
from tests.e2e.escrow_walk import DEALS, escrows, payouts
from tests.e2e.identity_walk import Google, people
from tests.e2e.places import Place
from tests.e2e.refund_walk import refunds, unheard_payments
from tests.e2e.walk import BOSS, Walk, usd, walking

UNREACHABLE_EVENTS = {"auction.deposit_funding_requested", "auction.deposit_requested"}
"""A hold covers the deposit on the leader's maximum, and only other holds of the same wallet
stand beside it: the deposit of the winner at the close is always there (X4 makes W3 a matter of
runners-up). tests/engine/domains/auction/test_funding.py proves the rule."""

UNREACHABLE = (
    UNREACHABLE_EVENTS
    | dispatch_walk.UNREACHABLE
    # Hashes of an outdated kind come with accounts that were brought along from elsewhere:
    # tests/engine/domains/identity/test_sessions.py.
    | {"identity.password_rehashed"}
    # There is one market here: tests/e2e/test_markets.py has two.
    | {"inbox.taken", "outbox.sent"}
    # Nor has it been put back to an older state: tests/runtime/writer/test_mail.py.
    | {"inbox.renewed"}
)

UNSEEN_STATES = {
    "absent": "nobody has created it: it is told as AUCTION_NOT_FOUND and ROOM_NOT_FOUND",
    "ended": "the decision that ends an auction also says who won, or that nobody did",
}

CAUSES = {
    ("auction.extended", "cause"): e.ExtensionCause,
    ("auction.cancelled", "cause"): e.CancelCause,
    ("auction.unsold", "cause"): e.UnsoldCause,
    ("auction.winner_defaulted", "cause"): e.DefaultCause,
    ("auction.max_bid_withdrawn", "cause"): e.WithdrawalCause,
    ("auction.payment_refused", "cause"): e.RefusalCause,
    ("auction.delivery_chosen", "method"): e.DeliveryMethod,
    ("auction.settlement_doc_submitted", "kind"): e.DocKind,
    ("auction.handed_over", "cause"): e.HandoverCause,
    ("escrow.lapsed", "cause"): escrow.LapseCause,
    ("escrow.payment_returned", "cause"): escrow.ReturnCause,
    ("ledger.payout_changed", "status"): PayoutStatus,
    ("ledger.refund_changed", "status"): RefundStatus,
    ("ledger.payment_closed", "outcome"): PendingOutcome,
    ("ledger.dispute_changed", "stage"): DisputeStage,
    ("identity.session_ended", "cause"): EndCause,
    ("custody.qr_revoked", "cause"): custody.RevokeCause,
    ("custody.qr_expired", "cause"): custody.ExpireCause,
    ("custody.custody_disputed", "cause"): custody.DisputeCause,
    ("custody.step_failed", "cause"): custody.FailCause,
    ("custody.custody_resolved", "outcome"): Outcome,
    ("custody.delivery_proof_recorded", "method"): ProofMethod,
    **haggling_walk.CAUSES,
}
"""Fields that have a fixed number of words: each of these is reached too."""


class Seen:
    """What the walk has come across."""

    def __init__(self) -> None:
        self.statuses: set[str] = set()

    async def look(self, walk: Walk, auction: str, status: str) -> None:
        """The auction is in this state, as anybody sees it."""
        found = await walk.status(auction)
        assert found == status, f"{auction} is {found}"
        self.statuses.add(found)


async def test_every_event_and_every_state_is_reached(on_sqlite: Place) -> None:
    """By people with websockets, a provider, and a restart in the last minutes."""
    seen, google = Seen(), Google(on_sqlite.data)
    async with on_sqlite.serve("--test-clock") as server, walking(server) as walk:
        await before_the_outage(walk)
        server.process.stop()
        assert await server.process.ended() == 0
    flags = ("--test-clock", "--notifier", "file", *google.flags)
    with refunding() as (sandbox, address):
        await _live(on_sqlite, (*flags, "--sandbox-api", address), seen, google, sandbox)
    verified = await on_sqlite.verify()
    assert verified.code == 0, verified.err


async def _live(
    place: Place, flags: Sequence[str], seen: Seen, google: Google, sandbox: Sandbox
) -> None:
    async with place.serve(*flags) as server, walking(server) as walk:
        await walk.fund("ann", "bob", "carl")
        await drafts(walk, seen)
        await maxima(walk)
        await unsold(walk, seen)
        await runners_up(walk, seen)
        await group(walk)
        await settlement(walk, seen)
        await money(walk)
        await escrows(walk)
        await payouts(walk)
        await refunds(walk, sandbox)
        await unheard_payments(walk, sandbox)
        await shipments(walk)
        await dispatch_walk.deliveries(walk)
        await haggling_walk.haggling(walk)
        await dead_letter(walk)
        events = await heard(walk, ROOMS)
        events += await heard(walk, await people(walk, place.data, google))
        assert {event.event for event in events} == known_events() - UNREACHABLE
        for (tag, field), words in CAUSES.items():
            said = {event.data[field] for event in events if event.event == tag}
            assert said == set(get_args(words)), tag
        assert seen.statuses == set(get_args(Status)) - set(UNSEEN_STATES)
        server.process.stop()
        assert await server.process.ended() == 0


def known_events() -> set[str]:
    """Of all domains, and of the house."""
    return set(build_registry(find_domains()).events)


ROOMS = (
    *(f"auction:{name}" for name in ("no", "off", "proxy", "shill", "again", "chain", "void")),
    *(f"auction:{name}" for name in ("storm", "grand", "sister", "bare")),
    *(f"auction:{name}" for name in ("sold", "torn", "undone")),
    *(f"user:{name}" for name in ("ann", "bob", "carl", "dora", "sue", "wes")),
    *(f"escrow:{name}" for name in DEALS),
    *(f"shipment:{name}" for name in PARCELS),
    *(f"user:{name}" for name in PEOPLE),
    "scanner:phone",
    "scanner:tablet",
    "carrier:tom",
    "ledger:USD",
    "ledger:NGN",
    "auction_group:g1",
    "auction_group:crowd",
    *dispatch_walk.ROOMS,
    *haggling_walk.ROOMS,
    "house:dead_letters",
)


async def heard(walk: Walk, rooms: Sequence[str]) -> list[Heard]:
    """The whole past of these rooms, as an admin hears it on a feed."""
    async with connected(walk.server.websocket, walk.token(BOSS)) as ear:
        for room in rooms:
            reply = await ear.subscribe(room, after=0)
            if reply.seq:
                await ear.hear(room=room, seq=reply.seq)
            assert ear.seqs(room) == list(range(1, reply.seq + 1))
        return [message for message in ear.unasked if message.type == "event"]


async def drafts(walk: Walk, seen: Seen) -> None:
    """Rejected; and called off while it is live and somebody leads."""
    await walk.draft("no")
    await seen.look(walk, "no", "draft")
    await walk.must(BOSS, "auction.reject", auction="no", reason="no papers")
    await seen.look(walk, "no", "cancelled")
    await walk.draft("off")
    await walk.must(BOSS, "auction.approve", auction="off")
    await seen.look(walk, "off", "scheduled")
    await walk.must("ann", "auction.join", auction="off")
    await walk.advance(MINUTE)
    await seen.look(walk, "off", "live")
    await walk.bid("ann", "off", 100)
    await walk.must(BOSS, "auction.cancel", auction="off", reason="it was stolen")


async def maxima(walk: Walk) -> None:
    """Two are outbid: one takes the maximum back, of the other it goes with its owner."""
    await walk.open("proxy")
    await walk.set_maximum("ann", "proxy", 500, cancel_if_offline_ms=30 * SECOND)
    await walk.leave("ann")
    await walk.must("ann", "ping")
    await walk.set_maximum("carl", "proxy", 600)
    await walk.bid("bob", "proxy", 900)
    await walk.must("carl", "auction.withdraw_max_bid", auction="proxy")
    await walk.leave("ann")
    await walk.advance(31 * SECOND)
    await walk.end("proxy")
    await walk.must("bob", "auction.pay_remainder", auction="proxy")


async def unsold(walk: Walk, seen: Seen) -> None:
    """The house defends a reserve in vain; nobody bids at all; the vehicle starts anew."""
    await walk.open("shill", kind="reserve", reserve_price=100_00)
    await walk.bid("ann", "shill", 200)
    await walk.advance(2 * HOUR)
    await seen.look(walk, "shill", "unsold")
    await walk.open("bare")
    await walk.advance(2 * HOUR)
    plan = await walk.plan("again")
    times = {"start_at": plan["start_at"], "end_at": plan["end_at"]}
    await walk.must("dora", "auction.relist", auction="bare", new_auction="again", **times)
    await seen.look(walk, "bare", "relisted")


async def runners_up(walk: Walk, seen: Seen) -> None:
    """One does not pay, one lets the time pass, one declines; and a result that is undone."""
    await walk.open("chain")
    for user, amount in (("carl", 1_000), ("bob", 2_000), ("ann", 3_000)):
        await walk.bid(user, "chain", amount)
    await walk.end("chain")
    await seen.look(walk, "chain", "pending_settlement")
    await walk.advance(DAY)
    await walk.capture("bob", 1_600, "auction:chain")
    await walk.capture("ann", 2_400, "auction:chain")
    await walk.advance(DAY)
    await walk.must("carl", "auction.decline_offer", auction="chain")
    await seen.look(walk, "chain", "unsold")
    await walk.open("void")
    await walk.bid("ann", "void", 1_000)
    await walk.end("void")
    await walk.must(BOSS, "auction.void_result", auction="void", reason="it was a ruin")


async def money(walk: Walk) -> None:
    """Withdrawals that are paid and that fail, adjustments, and payments for nothing."""
    for user, end in (("bob", "complete"), ("carl", "fail")):
        asked = (await walk.must(user, "ledger.withdraw", **usd(5))).result["withdrawal"]
        of = {"currency": "USD", "withdrawal": asked}
        await walk.must(BOSS, "ledger.start_withdrawal", **of)
        why = {"reason": "no such account"} if end == "fail" else {}
        await walk.must(BOSS, f"ledger.{end}_withdrawal", **of, **why)
    for act in ("approve", "refuse"):
        large = {"user": "carl", "reason": "a mistake"} | usd(2_000_000_00)
        proposed = (await walk.must("meg", "ledger.adjust", **large)).result["adjustment"]
        of = {"currency": "USD", "adjustment": proposed}
        why = {"reason": "not proved"} if act == "refuse" else {}
        await walk.must(BOSS, f"ledger.{act}_adjustment", **of, **why)
    await walk.capture("ann", 1_00, "wallet")
    await walk.capture("ann", 1_00, "wallet", kind="failed")
    await walk.capture("ann", 1_00, "auction:nowhere")


async def dead_letter(walk: Walk) -> None:
    """One lot more than a group can hold starts on its own, and staff hear of it; of a letter that
    cannot be sent they do too."""
    failed = {"channel": "sms", "template": "otp", "attempts": 5, "problem": "no answer"}
    await walk.must("robot", "house.report_errand", source="identity:u1", position=1, **failed)
    await walk.open_many(GROUP_LOTS_MAX + 1, group="crowd")
    letters = (await walk.door.room("house:dead_letters", walk.token(BOSS)))["latest"]
    assert [letter["code"] for letter in letters] == ["GROUP_FULL"]


async def before_the_outage(walk: Walk) -> None:
    """An auction is in its last minutes when the lights go. The test clock rests, for a house
    whose time runs ahead of the world's loses none by a restart."""
    ear = await walk.client("ann")
    plan = await walk.plan("storm")
    start_at = plan["start_at"] - MINUTE + SECOND
    await walk.draft("storm", start_at=start_at, end_at=start_at + MINUTE)
    await ear.subscribe("auction:storm")
    await walk.must(BOSS, "auction.approve", auction="storm")
    await ear.hear(event="auction.started")


async def group(walk: Walk) -> None:
    """Two lots of a group: staff move the end of one, a bid that of both."""
    await walk.draft("sister", group="g1")
    await walk.must(BOSS, "auction.approve", auction="sister")
    await walk.open("grand", group="g1")
    end_at = (await walk.door.room("auction:grand"))["end_at"] + MINUTE
    later = {"new_end_at": end_at, "reason": "the hall is full"}
    await walk.must(BOSS, "auction.extend", auction="grand", **later)
    await walk.advance(end_at - 90 * SECOND - await walk.advance(0))
    await walk.bid("bob", "grand", 1_000)


async def settlement(walk: Walk, seen: Seen) -> None:
    """Payments that do not fit, and the one that does; how and to whom the vehicle goes."""
    room = "auction:grand"
    await walk.end("grand")
    won: Mapping[str, Any] = (await walk.door.room(room, walk.token("bob")))["settlement"]
    rest = won["remainder"]
    await walk.capture("ann", rest, room)
    await walk.capture("bob", rest + 1, room)
    await walk.capture("bob", rest, room, currency="NGN")
    by_ship = {"method": "ADDRESS", "address": "1 Broad Street, Lagos"}
    await walk.must("bob", "auction.choose_delivery", auction="grand", method="PICKUP")
    await walk.must("bob", "auction.choose_delivery", auction="grand", **by_ship)
    for kind in ("ID", "PROOF_OF_ADDRESS"):
        document = {"auction": "grand", "kind": kind, "file": "f1"}
        await walk.must("bob", "auction.submit_settlement_doc", **document)
    await walk.capture("bob", rest, room)
    await seen.look(walk, "grand", "settled")
    await walk.capture("bob", rest, room)
    await hand_over(walk)


async def hand_over(walk: Walk) -> None:
    """By silence, by the winner's word, and by staff after a dispute, both ways."""
    why = {"reason": "it is a ruin"}
    for name in ("sold", "torn", "undone"):
        await walk.open(name, deposit_bps=10_000)
        await walk.bid("bob", name, 1_000)
        await walk.end(name)
        await walk.must("dora", "auction.report_delivery", auction=name, proof="f1")
        if name != "sold":
            await walk.must("bob", "escrow.open_dispute", escrow=f"auction.{name}", **why)
    await walk.must("bob", "auction.confirm_handover", auction="sold")
    award = {"payee": "dora", "kind": "seller", "amount": 400}
    end = {"to_payees": [award], "to_payer": 600} | why
    await walk.must("meg", "escrow.resolve_dispute", escrow="auction.torn", **end)
    end = {"to_payees": [], "to_payer": 1_000} | why
    await walk.must("meg", "escrow.resolve_dispute", escrow="auction.undone", **end)
    await walk.must("dora", "auction.report_delivery", auction="grand", proof="f1")
    await walk.advance(3 * DAY)
