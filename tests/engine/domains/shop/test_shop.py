"""Tests of the domain `shop`: approval, queue, documents, views (identity K5, K6)."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contract import Shop as ShopCard
from engine.contract import Stage
from engine.domains.shop import commands as c
from engine.domains.shop import events as e
from engine.domains.shop.desk import ShopLeft, ShopQueued
from engine.domains.shop.state import Shop, check
from engine.domains.shop.terms import DESK, LINK_PURPOSE, Document, shop_room
from engine.domains.shop.workload import workload
from engine.kernel.actor import ADMIN, ANYONE, MANAGER, SHOPKEEPER, USER, Actor
from engine.kernel.time import HOUR
from testkit.house import House
from testkit.world import vault

KIM = Actor("kim", SHOPKEEPER, "approved")
LEE = Actor("lee", USER, also=frozenset({SHOPKEEPER}))
BOSS = Actor("boss", ADMIN)
MEG = Actor("meg", MANAGER)
OWNER_AND_ADMIN = Actor("kim", ADMIN)
ANN = Actor("ann", USER)
ROOM = shop_room("s1")
PROOF = Document("ID_PROOF", "f-id")
LICENCE = Document("LICENCE", "f-licence")


@pytest.fixture
def house() -> Iterator[House]:
    """A house in which nothing has happened."""
    with House() as house:
        yield house


def create(shop: str = "s1", **changes: Any) -> c.CreateShop:
    fields = {"name": "Corner", "address": "1 Broad Street", "category": "grocery"} | changes
    return c.CreateShop(id="c", shop=shop, **fields)


def upload(*files: Document) -> c.UploadShopDocs:
    return c.UploadShopDocs(id="c", shop="s1", files=files)


def approve() -> c.ApproveShop:
    return c.ApproveShop(id="c", shop="s1")


def reject(reason: str = "blurred") -> c.RejectShop:
    return c.RejectShop(id="c", shop="s1", reason=reason)


def suspend(reason: str = "complaints") -> c.SuspendShop:
    return c.SuspendShop(id="c", shop="s1", reason=reason)


def reinstate(reason: str = "sorted out") -> c.ReinstateShop:
    return c.ReinstateShop(id="c", shop="s1", reason=reason)


def submitted(house: House) -> House:
    """Shop s1 of kim waits for an admin."""
    return house.given((KIM, create()), (KIM, upload(PROOF, LICENCE)))


def active(house: House) -> House:
    """Shop s1 of kim may sell."""
    return submitted(house).given((BOSS, approve()))


def card(house: House) -> Any:
    """What other rooms may know of shop s1."""
    return house.core.context("shop:x", ANYONE).card(ROOM)


def test_a_new_shop_waits_for_approval(house: House) -> None:
    """Identity 3, K6: it stands in PENDING_APPROVAL, and may not sell."""
    house.when(KIM, create(auto_accept=True)).then_only(e.ShopCreated)
    assert house.result["status"] == "pending_approval"
    assert house.state(ROOM).auto_accept
    assert card(house) == ShopCard("kim", "Corner", False, "1 Broad Street", auto_accept=True)


def test_an_id_is_given_once(house: House) -> None:
    """A second shop needs an id of its own; a shopkeeper besides another role may have one."""
    house.given((KIM, create()))
    house.when(LEE, create()).then_rejected("SHOP_EXISTS", shop="s1")
    house.when(LEE, create("s2")).then(e.ShopCreated, owner="lee")


def test_there_is_no_card_of_no_shop(house: House) -> None:
    """Identity K6: nobody buys from a shop that nobody has opened."""
    assert card(house) is None


def test_documents_submit_a_shop(house: House) -> None:
    """K6: ID proof and licence are needed; then admins are told, once."""
    house.given((KIM, create()))
    house.when(KIM, upload(PROOF)).then_only(e.DocumentsUploaded)
    house.when(KIM, upload(LICENCE)).then_only(e.DocumentsUploaded, e.ShopSubmitted)
    assert house.happened(ShopQueued, DESK) == [ShopQueued(shop="s1", name="Corner")]
    house.when(KIM, upload(LICENCE)).then(e.ShopSubmitted)
    assert not house.happened(ShopQueued)


def test_only_the_owner_hands_in_documents(house: House) -> None:
    """K5: the shop is somebody's."""
    house.given((KIM, create()))
    house.when(LEE, upload(PROOF)).then_rejected("FORBIDDEN")


def test_an_admin_approves(house: House) -> None:
    """Identity 3: it may sell; the queue lets it go, and the owner hears of it."""
    submitted(house).when(BOSS, approve()).then(e.ShopApproved, by="boss")
    house.then(ShopLeft, shop="s1").then(e.ShopDecided, status="active")
    assert card(house).is_active


def test_no_shop_is_approved_without_its_documents(house: House) -> None:
    """K6, admin-and-audit 2: documents present."""
    house.given((KIM, create()), (KIM, upload(PROOF)))
    house.when(BOSS, approve()).then_rejected("KYC_DOC_MISSING", missing=["LICENCE"])


def test_nobody_decides_about_a_shop_of_their_own(house: House) -> None:
    """Identity INV-7, at every step."""
    submitted(house)
    house.when(OWNER_AND_ADMIN, approve()).then_rejected("SELF_APPROVAL")
    house.when(OWNER_AND_ADMIN, reject()).then_rejected("SELF_APPROVAL")
    house.given((BOSS, approve()))
    house.when(OWNER_AND_ADMIN, suspend()).then_rejected("SELF_APPROVAL")
    house.given((BOSS, suspend()))
    house.when(OWNER_AND_ADMIN, reinstate()).then_rejected("SELF_APPROVAL")


def test_a_rejected_shop_may_come_again(house: House) -> None:
    """Identity 3: with a reason, and better documents lead back."""
    submitted(house).when(BOSS, reject("")).then_rejected("REASON_REQUIRED")
    house.when(BOSS, reject()).then(e.ShopRejected, reason="blurred")
    house.then(e.ShopDecided, status="rejected", reason="blurred")
    house.when(BOSS, approve()).then_rejected("INVALID_TRANSITION", status="rejected")
    house.when(KIM, upload(LICENCE)).then(e.ShopSubmitted).then(ShopQueued)
    house.given((BOSS, approve()))


def test_a_suspended_shop_does_not_sell(house: House) -> None:
    """Identity 3: managers may suspend, only admins reinstate, both with a reason."""
    active(house).when(MEG, suspend(" ")).then_rejected("REASON_REQUIRED")
    house.when(MEG, suspend()).then(e.ShopSuspended, by="meg")
    assert not card(house).is_active
    house.when(MEG, reinstate()).then_rejected("FORBIDDEN")
    house.when(BOSS, reinstate("")).then_rejected("REASON_REQUIRED")
    house.when(BOSS, reinstate()).then(e.ShopReinstated, by="boss")
    assert card(house).is_active


@pytest.mark.parametrize("command", [upload(PROOF), suspend(), reinstate(), approve(), reject()])
def test_nothing_is_done_to_a_shop_that_is_not_there(house: House, command: c.ShopCommand) -> None:
    """The code says which field to look at."""
    who = KIM if isinstance(command, c.UploadShopDocs) else BOSS
    house.when(who, command).then_rejected("SHOP_NOT_FOUND", shop="s1")


@pytest.mark.parametrize("command", [upload(PROOF), reinstate(), approve(), reject()])
def test_an_active_shop_has_no_such_step(house: House, command: c.ShopCommand) -> None:
    """Identity 3: a row that is missing."""
    who = KIM if isinstance(command, c.UploadShopDocs) else BOSS
    active(house).when(who, command).then_rejected("INVALID_TRANSITION", status="active")


def opened(file: str = "f-id") -> c.OpenShopDocument:
    return c.OpenShopDocument(id="c", shop="s1", file=file)


def test_each_opening_of_a_document_is_logged(house: House) -> None:
    """K5: owner and admins; the link is sealed, names reader and owner, and lasts an hour."""
    submitted(house).when(BOSS, opened()).then_only(e.DocumentOpened)
    link = house.revealed(BOSS, opened())["link"]
    claims = {"file": "f-id", "owner": "kim", "reader": "boss", "until": house.now + HOUR}
    assert vault().unseal(LINK_PURPOSE, link) == claims
    house.when(KIM, opened()).then(e.DocumentOpened, by="kim")
    house.when(LEE, opened()).then_rejected("FORBIDDEN")
    house.when(MEG, opened()).then_rejected("FORBIDDEN")
    house.when(BOSS, opened("f-other")).then_rejected("KYC_DOC_MISSING")


def test_who_sees_what_of_a_shop(house: House) -> None:
    """Identity 11: the sign is public, documents are for the owner and admins."""
    active(house).given((BOSS, opened()), (MEG, suspend()))
    assert set(house.view(ANYONE, ROOM)) == {
        *("shop", "name", "address", "category", "status", "is_active")
    }
    assert house.view(KIM, ROOM)["reason"] == "complaints"
    assert house.view(KIM, ROOM)["documents"] == {"ID_PROOF": "f-id", "LICENCE": "f-licence"}
    assert "documents" not in house.view(MEG, ROOM)
    assert house.view(BOSS, ROOM)["decided_by"] == "meg"
    assert "f-id" not in str(house.history(MEG, ROOM) + house.history(ANN, ROOM))
    assert "meg" not in str(house.history(KIM, ROOM) + house.history(ANN, ROOM))
    assert "f-id" in str(house.history(KIM, ROOM))


def test_the_queue_is_for_staff(house: House) -> None:
    """Admin ADM-1: admins see who waits, and since when; nobody else does."""
    submitted(house)
    assert house.audience(KIM, DESK) == ""
    waiting = {"shop": "s1", "name": "Corner", "since": house.now}
    assert house.view(BOSS, DESK) == {"count": 1, "waiting": [waiting]}
    assert house.history(MEG, DESK) == [{"shop": "s1", "name": "Corner"}]


def broken(**changes: Any) -> Shop:
    """A sound active shop, but for these fields."""
    sound: dict[str, Any] = {
        "status": "active",
        "shop": "s1",
        "owner": "kim",
        "documents": {"ID_PROOF": "f1", "LICENCE": "f2"},
        "decided_by": "boss",
    }
    return Shop(**sound | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"documents": {}},
        {"decided_by": "kim"},
        {"owner": ""},
        {"status": "absent"},
        {"status": "suspended"},
        {"documents": {"ID_PROOF": "f1", "LICENCE": "f2"} | {f"x{n}": "f" for n in range(9)}},
    ],
)
def test_broken_shops_are_found(changes: dict[str, Any]) -> None:
    """One thing at a time is wrong."""
    check(broken())
    with pytest.raises(AssertionError, match=r"identity|admin"):
        check(broken(**changes))


PEOPLE = {role: (f"{role}1", f"{role}2") for role in (SHOPKEEPER, ADMIN, USER)}


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_whatever_is_asked_every_shop_stays_sound(dice: Any) -> None:
    """Random walks: invariants after each step, and the log gives the same state."""
    with House() as house:
        for number in range(40):
            stage = Stage(
                id=f"c{number}",
                now=house.now,
                span_ms=HOUR,
                currency="USD",
                people=PEOPLE,
                things=(0, 1),
                look=lambda room: house.view(ANYONE, room) if room in house.core.rooms else None,
            )
            house.when(*workload(dice, stage)).then_any()
