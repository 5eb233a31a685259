"""The board: what is shown follows from what was heard."""

from io import StringIO
from typing import Any

from rich.console import Console

from runtime.demo import streets
from runtime.demo.board import OVER, Board
from runtime.demo.screen import plain_lines, render
from runtime.demo.town_seen import BUSY, DOOR, FREE, JOBS_SHOWN, SHOP

HEIGHT, WIDTH = 40, 120


def event(room: str, name: str, **data: Any) -> dict[str, Any]:
    """An event as the wire has it."""
    return {"type": "event", "room": room, "seq": 1, "at": 1, "event": name, "data": data}


def snapshot(room: str, **state: Any) -> dict[str, Any]:
    """A snapshot as the wire has it."""
    return {"type": "snapshot", "room": room, "seq": 1, "state": state}


def place(avenue: int, street: int) -> dict[str, int]:
    """A crossing as the wire has it."""
    return streets.wire(streets.place_at((avenue, street)))


def shown(board: Board) -> str:
    """What stands on a terminal of this size, and then what goes to a pipe."""
    console = Console(width=WIDTH, height=HEIGHT, record=True, file=StringIO())
    console.print(render(board, 1_000, HEIGHT))
    return console.export_text() + "\n".join(plain_lines(board, 1_000))


def test_an_empty_board_is_shown() -> None:
    """Before anything was heard."""
    text = shown(Board())
    for title in ("Auctions", "Haggling", "The town", "Orders", "Parcels", "Money"):
        assert title in text


def test_a_dialogue() -> None:
    """What was said before somebody listened, and after; each price once."""
    board, room = Board(), "negotiation:n1"
    board.begin(room, "Ada wants a fan")
    said = {"seq": 1, "sender": "CUSTOMER", "price": 90_000, "text": "Cash, now."}
    board.take(snapshot(room, list_price=150_000, status="open", chat=[said]))
    words = "We can offer it at NGN 1200.00."
    counter = {"sender": "SYSTEM", "ask": 120_000, "text": words, "strategy": "midpoint.v1"}
    board.take(event(room, "negotiation.counter_offered", **counter))
    agreed = {"sender": "CUSTOMER", "final_price": 120_000, "text": "Agreed: NGN 1200.00."}
    board.take(event(room, "negotiation.accepted", **agreed))
    assert board.talks["n1"].lines == [
        ("CUSTOMER", "900. Cash, now."),
        ("SYSTEM", words),
        ("CUSTOMER", "Agreed: NGN 1200.00."),
    ]
    assert board.agreed == 1
    assert "house: We can offer it at NGN 1200.00." in shown(board)
    board.take({"type": OVER, "room": room})
    assert "Ada" not in shown(board)


def job_created(number: int) -> dict[str, Any]:
    """An order from the stall to the north-west corner."""
    order = {"order": f"o{number}", "number": f"suya {number}"}
    order |= {"pickup": place(3, 2), "dropoff": place(0, 0)}
    return event("zone:z1", "dispatch.job_created", job=number, order=order)


def test_an_order_on_the_map() -> None:
    """Offered, taken, delivered; whoever drives is busy meanwhile."""
    board, town = Board(), "zone:z1"
    driver = {"pos": place(5, 5), "state": "AVAILABLE"}
    board.take(snapshot(town, drivers={"dan": driver}, jobs={}))
    board.take(job_created(1))
    lines = list(board.town.lines())
    assert (lines[0][0], lines[2][9], lines[6][15]) == (DOOR, SHOP, FREE)
    board.take(event(town, "dispatch.offers_sent", order="o1", offers=["x", "y"]))
    assert board.town.jobs["o1"].status == "offered to 2"
    board.take(event(town, "dispatch.driver_assigned", order="o1", driver="dan"))
    moved = {"type": "soft", "room": town, "event": "dispatch.driver_moved"}
    board.take(moved | {"data": {"driver": "dan", "pos": place(6, 5), "at": 1}})
    assert list(board.town.lines())[6][18] == BUSY
    board.take(event(town, "dispatch.order_completed", order="o1", driver="dan"))
    assert board.delivered == 1
    lines = list(board.town.lines())
    assert (lines[0][0], lines[6][18]) == ("┼", FREE)
    assert "suya 1  delivered  dan" in shown(board)


def test_old_orders_make_room() -> None:
    """Only delivered ones are forgotten."""
    board = Board()
    for number in range(2 * JOBS_SHOWN):
        board.take(job_created(number))
        if number:
            name = "dispatch.order_completed"
            board.take(event("zone:z1", name, order=f"o{number}", driver="dan"))
    assert len(board.town.jobs) == JOBS_SHOWN
    assert "o0" in board.town.jobs


def test_a_parcel_and_its_holders() -> None:
    """From hand to hand, with photos, until it is delivered."""
    board, room = Board(), "shipment:p1"
    board.begin(room, "books, Lagos to London")
    held = [{"holder": {"party_type": "SENDER", "party_id": "sam"}}]
    board.take(snapshot(room, status="AWAITING_PICKUP", custody=held, steps=[{"seq": 1}]))
    board.take(event(room, "custody.custody_changed", to_id="tom", place_id="lagos"))
    board.take(event(room, "custody.photos_added", step_seq=1, photos=[{}, {}]))
    board.take(event(room, "custody.delivery_proof_recorded", method="CODE"))
    board.take(event(room, "custody.shipment_delivered", shipment="p1"))
    line = "books, Lagos to London  sam > tom  2 photos  proved by CODE  delivered"
    assert line in shown(board)
    assert board.received == 1


def test_money_and_people() -> None:
    """Accounts are summed by their kinds; whoever registers is counted and named."""
    board = Board()
    accounts = {"WALLET:ann": 500_00, "WALLET:bob": 250_00, "ESCROW:order:o1": 100_00}
    board.take(snapshot("ledger:NGN", accounts=accounts | {"EXTERNAL:manual": -850_00}, sum=0))
    board.begin("identity:index", "all accounts")
    board.take(snapshot("identity:index", accounts=41))
    board.take(event("identity:index", "identity.enrolled", number=42))
    board.begin("identity:u1", "Abena")
    board.take(snapshot("identity:u1", verified=["email"], kyc="none"))
    board.take(event("identity:u1", "identity.kyc_approved", application="a"))
    text = shown(board)
    assert "wallets 750, in escrow 100" in text
    assert "registered  Abena  email  kyc approved" in text
    assert "42 accounts" in text
