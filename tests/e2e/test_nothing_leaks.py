"""Every byte that the house sends to anybody: each secret reaches whom it is for, nobody else."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.e2e import custody_walk, dispatch_walk, haggling_walk, identity_walk
from tests.e2e.dispatch_walk import CUSTOMER, DAN, DEB
from tests.e2e.ears import PAGES, Ears, pages_of, with_ears
from tests.e2e.escrow_walk import open_
from tests.e2e.identity_walk import VISITOR, People, Post
from tests.e2e.places import Place
from tests.e2e.test_custody import link_in
from tests.e2e.walk import BOSS, GUEST

RESERVE, MAXIMUM = 7_654_321, 5_182_736
MINIMUM, MANUAL_MINIMUM, LIST = 1_472_583, 1_583_694, 2_694_715
SHARE, OTHER_SHARE = 8_123_457, 3_234_561
DROPOFF = "Zq7x Harbour Street"
STREET = "Kw9v Broad Street"
PASSWORD = "Xq-paper-hat-77"
RICH = 90_000_000

CAST = (
    *(GUEST, "ulla", "ann", "bob", "dora", "meg", BOSS),
    *("hal", "kit", "kim", CUSTOMER, DAN, DEB),
    *("sam", "tom", "lea", "rita", "sue", "sid"),
)
"""A guest and somebody uninvolved; bidders, seller, staff; shopkeepers; an order's customer, the
driver and one who was offered it; a parcel's people; the sellers of one escrow."""
ROOMS = (
    *("auction:a1", "negotiation:n1", "negotiation:n2", "terms:fans", "shop:fans", "shop:bread"),
    *("zone:z1", "zone:z2", "delivery:o1", "escrow:order.o1", "escrow:order.all"),
    *("shipment:s1", "escrow:shipment.s1", "ledger:USD", "identity:index", "shop_desk:queue"),
    *("identity_desk:staff", *(f"user:{user}" for user in CAST if user)),
)

Secrets = dict[str, tuple[re.Pattern[str], set[str]]]
"""What it is: how it is recognised, and who may hear it."""


def plain(secret: object) -> re.Pattern[str]:
    """These characters, wherever they stand. They look the same in JSON."""
    text = str(secret)
    assert re.fullmatch(r"[\w.$ =~-]+", text), f"JSON might write {text!r} otherwise"
    return re.compile(re.escape(text))


def word(digits: str) -> re.Pattern[str]:
    """A few digits that are all of a text, or a word of it; as a number they may be anything."""
    return re.compile(rf'["\s]{digits}(?=["\s,;:!?\\]|\.(?!\d))')


async def refused(walk: Ears, why: str, user: str, type_: str, **fields: Any) -> None:
    """Somebody asks, and is told no: that is heard, too."""
    reply = await walk.ask(user, type_, **fields)
    assert reply.code == why, f"{type_} {fields}: {reply}"


async def auction(walk: Ears) -> Secrets:
    """A reserve and two maximums."""
    await walk.fund("ann", "bob", amount=RICH)
    await walk.open("a1", kind="reserve", reserve_price=RESERVE)
    await walk.set_maximum("ann", "a1", MAXIMUM)
    low = {"auction": "a1", "amount": 1, "currency": "USD"}
    await refused(walk, "BID_TOO_LOW", "bob", "auction.place_bid", **low)
    await walk.bid("bob", "a1", 2_000_000)
    return {
        "reserve": (plain(RESERVE), {"dora", "meg", BOSS}),
        "maximum": (plain(MAXIMUM), {"ann"}),
    }


async def negotiation(walk: Ears) -> Secrets:
    """The house answers one, the shopkeeper the other."""
    await haggling_walk.open_shop(walk)
    price = {"list_price": LIST, "min_price": MINIMUM}
    await haggling_walk.set_terms(walk, **price)
    manual = {"list_price": LIST, "min_price": MANUAL_MINIMUM, "auto_negotiate": False}
    await haggling_walk.set_terms(walk, "lamp", **manual)
    await haggling_walk.begin(walk, "ann", "n1")
    await haggling_walk.begin(walk, "bob", "n2", "lamp")
    await haggling_walk.offer(walk, "ann", "n1", 1_000_000)
    await haggling_walk.offer(walk, "bob", "n2", 1_000_000)
    agreed = await haggling_walk.offer(walk, "ann", "n1", LIST - 1)
    counter = {"negotiation": "n2", "price": 2_000_000}
    await walk.must("hal", "negotiation.shop_counter", **counter)
    return {
        "minimum": (plain(MINIMUM), {"hal", BOSS}),
        "minimum, by hand": (plain(MANUAL_MINIMUM), {"hal", BOSS}),
        "price token": (plain(agreed["price_token"]), {"ann"}),
    }


async def delivery(walk: Ears) -> Secrets:
    """Two are offered it, one takes it, and types a wrong code."""
    await dispatch_walk.open_town(walk)
    await dispatch_walk.online(walk, DAN)
    await dispatch_walk.online(walk, DEB, 50)
    await dispatch_walk.paid(walk, "o1", dropoff_address=DROPOFF)
    await walk.listen(CAST, ROOMS)
    assert walk.who_heard(plain(DROPOFF)) == {BOSS, "meg"}, "nobody has asked, nor has the job"
    await dispatch_walk.take(walk, "o1", DAN)
    await walk.must(DAN, "dispatch.confirm_pickup", order="o1")
    code = await dispatch_walk.right_code(walk, "o1")
    wrong = await dispatch_walk.wrong_code(walk, "o1")
    entering = "dispatch.enter_delivery_code"
    await refused(walk, "DELIVERY_CODE_INVALID", DAN, entering, code=wrong)
    await refused(walk, "NOT_ASSIGNED_DRIVER", DEB, entering, code=code)
    return {
        "delivery code": (word(code), {CUSTOMER}),
        "address": (plain(DROPOFF), {CUSTOMER, DAN, "kit", BOSS, "meg"}),
    }


async def parcel(walk: Ears, data: Path) -> Secrets:
    """Shown to one, scanned by the other; a link for the recipient, who is a guest."""
    await walk.fund("sam", amount=RICH)
    await custody_walk.planned(walk, "s1")
    token = (await custody_walk.shown(walk, "s1", 1, "sam"))["token"]
    assert (await custody_walk.scan(walk, "lea", token)).code == "WRONG_SCANNER"
    assert (await custody_walk.scan(walk, "tom", token)).ok
    link = await link_in(data)
    await walk.must(GUEST, "custody.track", shipment="s1", link=link)
    of = {"shipment": "s1"}
    await custody_walk.photograph(walk, "s1", 1, "tom")
    (photo,) = (await walk.must("sam", "custody.get_custody", **of)).result["steps"][0]["photos"]
    to_open = await walk.must("sam", "custody.open_photo", file=photo["file_id"], **of)
    to_upload = await walk.must(GUEST, "custody.request_upload", link=link, **of)
    return {
        "QR token": (plain(token), {"sam"}),
        "link": (plain(link), set()),
        "link to a photo": (plain(to_open.result["link"]), {"sam"}),
        "link to upload": (plain(to_upload.result["link"]), {GUEST}),
    }


async def shares(walk: Ears) -> Secrets:
    """Two sellers of one escrow."""
    gross = {"sue": SHARE, "sid": OTHER_SHARE}
    parts = [{"payee": who, "kind": "seller", "gross": part} for who, part in gross.items()]
    await open_(walk, "order.all", total=SHARE + OTHER_SHARE, shares=parts)
    await walk.capture("ann", SHARE + OTHER_SHARE, "escrow:order.all")
    return {
        "a seller's share": (plain(SHARE), {"sue", "meg", BOSS}),
        "another's share": (plain(OTHER_SHARE), {"sid", "meg", BOSS}),
    }


async def registration(walk: Ears, data: Path) -> Secrets:
    """Codes, tokens, a password, and a form with an address."""
    crowd = People(walk, Post(data))
    await crowd.begin("ada", password=PASSWORD)
    await crowd.verify("ada", "email")
    last = await crowd.verify("ada", "phone")
    form = identity_walk.FORM | {"address": STREET}
    dealer = {"kind": "dealer", "files": identity_walk.DEALER_FILES, "form": form}
    await crowd.ask("ada", "submit_kyc", **dealer)
    account = (f"identity:{crowd.users['ada']}", f"user:{crowd.users['ada']}")
    await walk.listen(CAST, account)
    await walk.look(CAST, account)
    return {
        "password": (plain(PASSWORD), set()),
        "its hash": (plain("$argon2"), set()),
        "refresh token": (plain(crowd.refresh_tokens["ada"]), {VISITOR}),
        "access token": (plain(last.result["access_token"]), {VISITOR}),
        "form": (plain(STREET), {BOSS}),
    }


NEVER_STORED = (
    *("price token", "delivery code", "QR token", "link", "link to a photo", "link to upload"),
    *("password", "refresh token", "access token"),
)


def log_in(data: Path) -> str:
    """All that is in the log: every cell, for a long one is cut where a page ends, and every byte
    of its files, for what was deleted may stand there still."""
    cells: list[object] = []
    with closing(sqlite3.connect(data / "outcry.sqlite")) as log:
        for (table,) in log.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            cells += [cell for row in log.execute(f'SELECT * FROM "{table}"') for cell in row]
    texts = [x.decode("latin-1") if isinstance(x, bytes) else str(x) for x in cells]
    files = [path.read_text("latin-1") for path in data.glob("outcry.sqlite*")]
    return "\n".join((*texts, *files))


async def test_each_secret_reaches_whom_it_is_for(on_sqlite: Place) -> None:
    """In both directions; and what is never stored is in no file of the log, in no line that the
    process has said."""
    flags = ("--test-clock", "--notifier", "file")
    async with on_sqlite.serve(*flags) as server, with_ears(server) as walk:
        secrets = await auction(walk) | await negotiation(walk) | await delivery(walk)
        secrets |= await parcel(walk, on_sqlite.data) | await shares(walk)
        secrets |= await registration(walk, on_sqlite.data)
        await walk.listen(CAST, ROOMS)
        await walk.look(CAST, ROOMS)
        server.process.stop()
        assert await server.process.ended() == 0
        await walk.until_all_is_heard()
        said = server.process.out.text + server.process.err.text
    assert walk.heard_rooms >= set(ROOMS), "a room that nobody may hear is none"
    assert walk.seen_pages >= {*PAGES, *(page for room in ROOMS for page in pages_of(room))}
    heard = {name: walk.who_heard(secret) for name, (secret, _) in secrets.items()}
    assert heard == {name: entitled for name, (_, entitled) in secrets.items()}
    assert server.address in said, "the process has been listened to"
    stored = log_in(on_sqlite.data)
    assert plain(RESERVE).search(stored), "the log is what was read"
    for name, (secret, _) in secrets.items():
        assert not secret.search(said), f"{name} is in a line that the process has said"
        if name in NEVER_STORED:
            assert not secret.search(stored), f"{name} is in the log"
