"""Who may see what (auction 10, X7)."""

import msgspec
import pytest

from engine.domains.auction.evolve import EVOLVE
from engine.domains.auction.shown import _SHOW
from engine.domains.auction.terms import RECENT_BIDS
from engine.kernel.actor import Actor
from engine.kernel.time import DAY
from testkit.house import House
from tests.engine.domains.auction.cast import (
    ANN,
    BOB,
    BOSS,
    CAT,
    END,
    GUEST,
    MOD,
    NEW,
    POOR,
    ROOM,
    SELLER,
    M,
    bid,
    decline,
    extend,
    fund,
    join,
    live,
    maximum,
    pay,
    relist,
    void,
)

CLASSES = {GUEST: "public", NEW: "public", POOR: "public", ANN: "participant"} | {
    SELLER: "seller",
    MOD: "staff",
    BOSS: "staff",
}

MAXIMUM = 777_777_777
RESERVE = 666_666_666


def busy(house: House, **changes: object) -> House:
    """ann and bob have bid, cat has joined."""
    return live(house, **changes).given((ANN, bid(50 * M)), (BOB, bid(60 * M)), (CAT, join()))


def test_classes_of_viewers(house: House) -> None:
    """Guest, signed-in, participant (KYC approved), seller, staff."""
    busy(house)
    for actor, expected in CLASSES.items():
        assert house.audience(actor, ROOM) == expected
    assert house.audience(Actor("ann", "user", "pending"), ROOM) == "public"


PUBLIC_FIELDS = {
    "status",
    "kind",
    "currency",
    "start_price",
    "current_price",
    "minimum_bid",
    "leader",
    "bid_count",
    "bidder_count",
    "start_at",
    "end_at",
    "original_end_at",
    "reserve_met",
    "winner",
    "hammer_price",
}


@pytest.mark.parametrize("viewer", CLASSES, ids=lambda actor: actor.user or "guest")
def test_everybody_sees_price_and_counts(house: House, viewer: Actor) -> None:
    """Row 059, and the fields that the wire promises."""
    view = busy(house).view(viewer, ROOM)
    assert view.keys() >= PUBLIC_FIELDS
    assert (view["current_price"], view["bid_count"], view["bidder_count"]) == (60 * M, 2, 2)


@pytest.mark.parametrize("viewer", CLASSES, ids=lambda actor: actor.user or "guest")
def test_bid_list_is_for_participants_and_up(house: House, viewer: Actor) -> None:
    """Row 077: with aliases, and full identity for staff."""
    view = busy(house).view(viewer, ROOM)
    if CLASSES[viewer] == "public":
        assert "bids" not in view
        return
    names = [line["bidder"] for line in view["bids"]]
    assert names == (["ann", "bob"] if CLASSES[viewer] == "staff" else ["Bidder 1", "Bidder 2"])
    assert [line["amount"] for line in view["bids"]] == [50 * M, 60 * M]


@pytest.mark.parametrize("viewer", CLASSES, ids=lambda actor: actor.user or "guest")
def test_reserve_is_for_seller_and_staff(house: House, viewer: Actor) -> None:
    """Others see `reserve_met` only, in the snapshot and in every event."""
    busy(house, reserve_price=RESERVE)
    seen = str(house.view(viewer, ROOM)) + str(house.history(viewer, ROOM))
    assert (str(RESERVE) in seen) == (CLASSES[viewer] in ("seller", "staff"))
    assert house.view(viewer, ROOM)["reserve_met"] is False


@pytest.mark.parametrize("viewer", CLASSES, ids=lambda actor: actor.user or "guest")
def test_names_of_bidders_are_for_staff(house: House, viewer: Actor) -> None:
    """Everybody else sees aliases, from the first event to the last."""
    busy(house).given((CAT, bid(70 * M))).at(END + DAY).given((BOB, fund()), (BOB, pay()))
    view = house.view(viewer, ROOM)
    seen = str(view) + str(house.history(viewer, ROOM))
    for name in ("ann", "bob", "cat"):
        assert (f"'{name}'" in seen) == (CLASSES[viewer] == "staff")
    assert view["winner"] == ("bob" if CLASSES[viewer] == "staff" else "Bidder 2")


def test_own_status(house: House) -> None:
    """Row 059: leading or outbid, own highest; for the caller alone."""
    busy(house)
    assert house.view(BOB, ROOM)["my_status"] == "leading"
    assert house.view(ANN, ROOM)["my_status"] == "outbid"
    assert house.view(CAT, ROOM)["my_status"] == "joined"
    assert house.view(ANN, ROOM)["my_highest"] == 50 * M
    assert house.view(ANN, ROOM)["my_alias"] == "Bidder 1"
    assert "my_status" not in house.view(MOD, ROOM)
    house.at(END)
    assert house.view(BOB, ROOM)["my_status"] == "won"
    assert house.view(ANN, ROOM)["my_status"] == "lost"


def test_aliases_are_stable(house: House) -> None:
    """By order of first appearance, whether by joining or by bidding."""
    live(house).given((CAT, join()), (ANN, bid(50 * M)), (CAT, bid(55 * M)), (BOB, join()))
    aliases = house.view(MOD, ROOM)["aliases"]
    assert aliases == {"cat": "Bidder 1", "ann": "Bidder 2", "bob": "Bidder 3"}
    bidders = [d["bidder"] for d in house.history(BOB, ROOM) if "bidder" in d]
    assert bidders == ["Bidder 1", "Bidder 2", "Bidder 1", "Bidder 3"]


def test_plain_bids_show_what_was_offered(house: House) -> None:
    """X7: a maximum is hidden, a plain bid is not, also against a standing maximum."""
    live(house).given((ANN, maximum(MAXIMUM)), (BOB, bid(60 * M)))
    lines = house.view(BOB, ROOM)["bids"]
    assert "bid" not in lines[0]
    assert (lines[1]["bid"], lines[1]["amount"]) == (60 * M, 65 * M)


def test_a_maximum_is_its_owners_until_the_end(house: House) -> None:
    """X7: the owner sees it, staff only after the end, others never."""
    live(house).given((ANN, maximum(MAXIMUM)), (BOB, maximum(60 * M)))
    assert house.view(ANN, ROOM)["my_maximum"] == MAXIMUM
    for viewer in (GUEST, BOB, SELLER, MOD, BOSS):
        seen = str(house.view(viewer, ROOM)) + str(house.history(viewer, ROOM))
        assert str(MAXIMUM) not in seen
    house.at(END)
    assert house.view(MOD, ROOM)["maxima"] == {"ann": MAXIMUM, "bob": 60 * M}
    assert str(MAXIMUM) in str(house.history(MOD, ROOM))
    for viewer in (GUEST, BOB, SELLER):
        seen = str(house.view(viewer, ROOM)) + str(house.history(viewer, ROOM))
        assert str(MAXIMUM) not in seen


def test_no_path_betrays_a_secret(house: House) -> None:
    """X7, auction 10: replies, refusals, notices and the relisted auction neither."""
    live(house, reserve_price=RESERVE).given((ANN, maximum(MAXIMUM - 200 * M)))
    said: list[object] = []
    for actor, command in (
        (BOB, bid(1)),
        (BOB, bid(60 * M)),
        (BOB, maximum(70 * M)),
        (BOB, join()),
        (POOR, bid(100 * M)),
    ):
        house.when(actor, command).then_any()
        said.append((house.refusal, house.result))
    house.at(END).given((SELLER, relist(house.now)))
    said += [house.view(BOB, "auction:a2"), house.history(BOB, "auction:a2")]
    said += [house.view(BOB, ROOM), house.history(BOB, ROOM), house.history(BOB, "user:bob")]
    text = msgspec.json.encode(said, enc_hook=str).decode()
    assert str(RESERVE) not in text
    assert str(MAXIMUM - 200 * M) not in text


def test_events_are_shown_alike_now_and_later(house: House) -> None:
    """A viewer's history is what was shown when it happened (but for maxima at the end)."""
    live(house)
    seen: list[object] = []
    for who, command in ((ANN, bid(50 * M)), (BOB, bid(60 * M)), (CAT, bid(70 * M))):
        house.given((who, command))
        seen.append(house.history(GUEST, ROOM)[-1])
    house.at(END + DAY).given((BOB, decline()), (BOSS, void()))
    bids = [data for data in house.history(GUEST, ROOM) if "bid_count" in data]
    assert bids == seen


def test_every_event_can_be_shown() -> None:
    """What evolve knows, show knows: no event is forgotten."""
    assert _SHOW.keys() == EVOLVE.keys()


def test_the_words_of_an_extension_are_for_staff(house: House) -> None:
    """Everybody sees where the end went and why; the admin's words are kept for staff."""
    live(house).given((BOSS, extend(END + 1, "storm")))
    assert house.history(GUEST, ROOM)[-1] == {
        "cause": "ADMIN",
        "end_at": END + 1,
        "previous_end_at": END,
    }
    assert house.history(MOD, ROOM)[-1]["reason"] == "storm"


def test_the_bid_list_is_bounded(house: House) -> None:
    """The latest bids only; all of them are in the log."""
    live(house)
    for number in range(RECENT_BIDS + 5):
        house.given(((ANN, BOB)[number % 2], bid((50 + 5 * number) * M)))
    numbers = [line["number"] for line in house.view(ANN, ROOM)["bids"]]
    assert numbers == list(range(6, RECENT_BIDS + 6))


def test_staff_see_the_whole(house: House) -> None:
    """Row 075: counts of platform bids, who defaulted, who made it; the vehicle's state (V1)."""
    busy(house)
    view = house.view(MOD, ROOM)
    assert (view["ai_bids_placed"], view["created_by"], view["defaulted"]) == (0, "seller", [])
    assert view["vehicle_state"] == "in_auction"
    house.at(END)
    assert house.view(SELLER, ROOM)["vehicle_state"] == "pending_settlement"
    house.given((BOB, pay()))
    assert house.view(SELLER, ROOM)["vehicle_state"] == "in_settlement"


def test_there_is_no_such_auction(house: House) -> None:
    """A room that nobody made has no snapshot."""
    live(house)
    domain = house.core.rooms[ROOM].domain
    context = house.core.context("auction:zz", MOD)
    assert domain.view(domain.initial(), context) is None
