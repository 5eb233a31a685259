"""Every byte that the house sends to anybody: each secret reaches whom it is for, nobody else."""

import re
from pathlib import Path

from tests.e2e import custody_walk, dispatch_walk, haggling_walk, identity_walk
from tests.e2e.dispatch_walk import CUSTOMER, DAN, DEB
from tests.e2e.ears import Ears, with_ears
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

Secrets = dict[str, tuple[str, set[str]]]
"""What it is: its characters, and who may hear them."""


async def auction(walk: Ears) -> Secrets:
    """A reserve and two maximums."""
    await walk.fund("ann", "bob", amount=RICH)
    await walk.open("a1", kind="reserve", reserve_price=RESERVE)
    await walk.set_maximum("ann", "a1", MAXIMUM)
    await walk.ask("bob", "auction.place_bid", auction="a1", amount=1, currency="USD")
    await walk.bid("bob", "a1", 2_000_000)
    return {
        "reserve": (str(RESERVE), {"dora", "meg", BOSS}),
        "maximum": (str(MAXIMUM), {"ann"}),
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
        "minimum": (str(MINIMUM), {"hal", BOSS}),
        "minimum, by hand": (str(MANUAL_MINIMUM), {"hal", BOSS}),
        "price token": (agreed["price_token"], {"ann"}),
    }


async def delivery(walk: Ears) -> Secrets:
    """Two are offered it, one takes it, and types a wrong code."""
    await dispatch_walk.open_town(walk)
    await dispatch_walk.online(walk, DAN)
    await dispatch_walk.online(walk, DEB, 50)
    await dispatch_walk.paid(walk, "o1", dropoff_address=DROPOFF)
    await walk.listen(CAST, ROOMS)
    assert not walk.who_heard(DROPOFF) & {DAN, DEB}, "not before the job is theirs"
    await dispatch_walk.take(walk, "o1", DAN)
    await walk.must(DAN, "dispatch.confirm_pickup", order="o1")
    code = await dispatch_walk.right_code(walk, "o1")
    wrong = await dispatch_walk.wrong_code(walk, "o1")
    await walk.ask(DAN, "dispatch.enter_delivery_code", code=wrong)
    await walk.ask(DEB, "dispatch.enter_delivery_code", code=code)
    return {
        "delivery code": (f'"{code}"', {CUSTOMER}),
        "address": (DROPOFF, {CUSTOMER, DAN, "kit", BOSS, "meg"}),
    }


async def parcel(walk: Ears, data: Path) -> Secrets:
    """Shown to one, scanned by the other; a link for the recipient, who is a guest."""
    await walk.fund("sam", amount=RICH)
    await custody_walk.planned(walk, "s1")
    token = (await custody_walk.shown(walk, "s1", 1, "sam"))["token"]
    await custody_walk.scan(walk, "lea", token)
    assert (await custody_walk.scan(walk, "tom", token)).ok
    link = await link_in(data)
    await walk.must(GUEST, "custody.track", shipment="s1", link=link)
    return {"QR token": (token, {"sam"}), "link": (link, set())}


async def shares(walk: Ears) -> Secrets:
    """Two sellers of one escrow."""
    gross = {"sue": SHARE, "sid": OTHER_SHARE}
    parts = [{"payee": who, "kind": "seller", "gross": part} for who, part in gross.items()]
    await open_(walk, "order.all", total=SHARE + OTHER_SHARE, shares=parts)
    await walk.capture("ann", SHARE + OTHER_SHARE, "escrow:order.all")
    return {
        "a seller's share": (str(SHARE), {"sue", "meg", BOSS}),
        "another's share": (str(OTHER_SHARE), {"sid", "meg", BOSS}),
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
        "password": (PASSWORD, set()),
        "its hash": ("$argon2", set()),
        "refresh token": (crowd.refresh_tokens["ada"], {VISITOR}),
        "access token": (last.result["access_token"], {VISITOR}),
        "form": (STREET, {BOSS}),
    }


NEVER_STORED = (
    *("price token", "delivery code", "QR token", "link"),
    *("password", "refresh token", "access token"),
)


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
        said = server.process.out.text + server.process.err.text
    heard = {name: walk.who_heard(value) for name, (value, _) in secrets.items()}
    assert heard == {name: entitled for name, (_, entitled) in secrets.items()}
    stored = b"".join(path.read_bytes() for path in on_sqlite.data.glob("outcry.sqlite*"))
    assert re.search(str(RESERVE).encode(), stored), "the log is what was read"
    for name, (value, _) in secrets.items():
        assert value not in said, f"{name} is in a line that the process has said"
        if name in NEVER_STORED:
            assert value.encode() not in stored, f"{name} is in the log"
