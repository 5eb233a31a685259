"""The board on a terminal: panels side by side. To a pipe: plain lines."""

from collections.abc import Iterator

from rich.console import JustifyMethod, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from engine.kernel.time import SECOND, Millis
from runtime.demo.board import Board, Lot, Parcel, naira
from runtime.demo.stage import CURRENCY
from runtime.demo.streets import STREETS
from runtime.demo.town_seen import BUSY, DOOR, FREE, JOBS_SHOWN, SHOP

CLOSING_SOON_MS = 15 * SECOND
HEIGHT_MAX = 46
MONEY_LINES = 5
"""The sum, two people, and the frame."""
MAP_LINES = STREETS + 3
"""Streets, the river, and the frame."""
LINES_OF_A_TALK = 3
COLUMNS = (
    *(("id", 7), ("car", 8), (CURRENCY, 10), ("leader", 9)),
    *(("bids", 4), ("reserve", 7), ("left", 4)),
)
"""Of the auctions, and how narrow they may become."""
COLOURS = {
    SHOP: "bold yellow",
    DOOR: "bold magenta",
    FREE: "bold green",
    BUSY: "bold red",
    "≈": "blue",
    "║": "white",
    "─": "bright_black",
    "┼": "bright_black",
}


def render(board: Board, now: Millis, height: int) -> RenderableType:
    """The whole screen, so many lines high."""
    screen = Layout(size=min(height, HEIGHT_MAX))
    left, right = Layout(ratio=1), Layout(ratio=1)
    screen.split_row(left, right)
    left.split_column(
        Layout(_auctions(board, now), size=len(board.lots) + 3),
        Layout(_parcels(board), ratio=1),
        Layout(_money(board), size=len(board.money.totals) + MONEY_LINES),
    )
    right.split_column(
        Layout(_map(board), size=MAP_LINES),
        Layout(_jobs(board), size=JOBS_SHOWN + 2),
        Layout(_talks(board), ratio=1),
    )
    return screen


def plain_lines(board: Board, now: Millis) -> Iterator[str]:
    """The same for a pipe."""
    bids, events = board.rates()
    yield f"-- {bids:.1f} bids/s, {events:.1f} events/s"
    for lot in _by_end(board):
        yield "  ".join(_lot_cells(lot, now))
    for talk in board.talks.values():
        if talk.lines:
            speaker, words = talk.lines[-1]
            yield f"haggling  {talk.title} ({talk.status})  {_speaker(speaker)}: {words}"
    for order, job in board.town.jobs.items():
        yield f"order  {order}  {job.number}  {job.status}  {job.driver or '-'}"
    for parcel in board.parcels.values():
        yield "parcel  " + "  ".join(_parcel_cells(parcel))
    for arrival in board.arrivals.values():
        yield f"registered  {arrival.name}  {', '.join(arrival.verified)}  kyc {arrival.kyc}"
    totals = ", ".join(f"{name} {naira(total)}" for name, total in board.money.totals.items())
    yield f"money {CURRENCY}  {totals}; all accounts sum to {board.money.sum}"
    yield (
        f"so far  {board.accounts} accounts, {board.agreed} prices agreed, "
        f"{board.delivered} orders and {board.received} parcels delivered"
    )


def _auctions(board: Board, now: Millis) -> RenderableType:
    bids, events = board.rates()
    table = Table(box=None, expand=True, pad_edge=False)
    for name, width in COLUMNS:
        right = name in (CURRENCY, "bids", "left")
        justify: JustifyMethod = "right" if right else "left"
        table.add_column(name, justify=justify, no_wrap=True, min_width=width)
    for lot in _by_end(board):
        table.add_row(*_lot_cells(lot, now), style=_lot_style(lot, now))
    return _panel(table, f"Auctions  {bids:.1f} bids/s, {events:.1f} events/s")


def _lot_style(lot: Lot, now: Millis) -> str:
    if lot.facts.get("status") == "live" and lot.facts["end_at"] - now < CLOSING_SOON_MS:
        return "bold yellow"
    return "green" if lot.facts.get("status") == "sold" else ""


def _talks(board: Board) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    for talk in board.talks.values():
        text.append(f"{talk.title}, {naira(talk.list_price)}", "bold")
        text.append(f"  {talk.status}\n", "green" if talk.status == "accepted" else "cyan")
        for speaker, words in talk.lines[-LINES_OF_A_TALK:]:
            style = "" if speaker == "CUSTOMER" else "yellow"
            text.append(f"  {_speaker(speaker)}: {words}\n", style)
    return _panel(text, f"Haggling  {board.agreed} prices agreed")


def _speaker(sender: str) -> str:
    return {"CUSTOMER": "customer", "SHOP": "keeper", "SYSTEM": "house"}[sender]


def _map(board: Board) -> RenderableType:
    text = Text(no_wrap=True)
    for line in board.town.lines():
        for sign in line:
            text.append(sign, COLOURS[sign])
        text.append("\n")
    return _panel(text, f"The town  {FREE} free driver  {BUSY} busy  {SHOP} shop  {DOOR} door")


def _jobs(board: Board) -> RenderableType:
    table = Table(box=None, expand=True, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    for job in board.town.jobs.values():
        style = "green" if job.status == "delivered" else ""
        driver = job.driver.partition("-")[0] or "-"
        table.add_row(job.number, job.status, driver, style=style)
    return _panel(table, f"Orders  {board.delivered} delivered")


def _parcels(board: Board) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    for parcel in board.parcels.values():
        title, trail, *rest = _parcel_cells(parcel)
        text.append(f"{title}: ", "bold")
        text.append(f"{trail}\n", "green" if parcel.status == "DELIVERED" else "yellow")
        text.append(f"  {', '.join(filter(None, rest))}\n")
    return _panel(text, f"Parcels, and who has had them  {board.received} delivered")


def _money(board: Board) -> RenderableType:
    table = Table(box=None, expand=True, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    for name, total in board.money.totals.items():
        table.add_row(name, naira(total))
    table.add_row("all accounts sum to", str(board.money.sum), style="bold")
    for arrival in board.arrivals.values():
        table.add_row(f"{arrival.name} has registered", f"kyc {arrival.kyc}", style="cyan")
    return _panel(table, f"Money, {CURRENCY}, and people  {board.accounts} accounts")


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=title, title_align="left")


def _by_end(board: Board) -> list[Lot]:
    return sorted(board.lots.values(), key=lambda lot: (lot.facts.get("end_at", 0), lot.auction))


def _lot_cells(lot: Lot, now: Millis) -> tuple[str, ...]:
    facts = lot.facts
    price = facts.get("current_price")
    return (
        lot.auction,
        lot.car,
        naira(price) if price else "-",
        str(facts.get("leader") or "-"),
        str(facts.get("bid_count", 0)),
        "met" if facts.get("reserve_met") else "not met",
        lot.left(now),
    )


def _parcel_cells(parcel: Parcel) -> tuple[str, ...]:
    trail = " > ".join(parcel.holders)
    return parcel.title, trail, f"{parcel.photos} photos", parcel.news, parcel.status.lower()
