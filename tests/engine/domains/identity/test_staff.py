"""Roles, suspension and the end of accounts (identity 3, K4, K7, R2)."""

from typing import Any

import pytest

from engine.contract import Command, Dismiss, Person
from engine.domains.auction.commands import (
    ApproveAuction,
    CancelAuction,
    CreateAuction,
    RejectAuction,
)
from engine.domains.identity import commands as c
from engine.domains.identity import desk
from engine.domains.identity import events as e
from engine.domains.identity.desk import DESK
from engine.domains.identity.notices import AccountReinstated, AccountSuspended, RoleChanged
from engine.domains.identity.terms import APPEAL, person_room
from engine.domains.shop.commands import ApproveShop, CreateShop, UploadShopDocs
from engine.domains.shop.terms import Document
from engine.kernel.actor import (
    ADMIN,
    DEALER,
    DRIVER,
    MANAGER,
    SHOPKEEPER,
    SYSTEM,
    USER,
    VERIFIED_SELLER,
    Actor,
)
from engine.kernel.time import DAY, HOUR
from engine.ledger.commands import Withdraw
from engine.ledger.escrow import commands as escrows
from engine.ledger.escrow.commands import Fund
from engine.ledger.escrow.terms import ShareTerms
from testkit.house import House
from tests.engine.domains.identity.cast import (
    ADA,
    BOB,
    BOSS,
    GUEST,
    MEG,
    OTHER_PHONE,
    OUTSIDER,
    PHONE,
    account,
    active,
    approved,
    index,
    letters,
    login,
    me,
    pending,
    register,
    submit,
    user_of,
)

ROBOT = Actor("robot", SYSTEM)


def grant(user: str, role: Any, reason: str = "earned") -> c.GrantRole:
    return c.GrantRole(id="c", user=user, role=role, reason=reason)


def revoke(user: str, role: Any, reason: str = "lost") -> c.RevokeRole:
    return c.RevokeRole(id="c", user=user, role=role, reason=reason)


def suspend(user: str, reason: str = "fraud") -> c.Suspend:
    return c.Suspend(id="c", user=user, reason=reason)


def reinstate(user: str, reason: str = "a mistake") -> c.Reinstate:
    return c.Reinstate(id="c", user=user, reason=reason)


def close(user: str = "", reason: str = "") -> c.CloseAccount:
    return c.CloseAccount(id="c", user=user, reason=reason)


def two(house: House) -> tuple[str, str]:
    """Ada and Bob have accounts."""
    active(house)
    active(house, BOB, OTHER_PHONE)
    return user_of(house), user_of(house, BOB)


# Roles.


def test_an_admin_gives_and_takes_a_role(house: House) -> None:
    """R2: who, what and why is written; who loses one is put out (J6)."""
    ada, _ = two(house)
    house.when(BOSS, grant(ada, VERIFIED_SELLER)).then(e.RoleGranted, by="boss", reason="earned")
    house.then(RoleChanged, granted=True)
    admitted = house.core.admit(me(house))
    assert isinstance(admitted, Actor)
    assert admitted.role == VERIFIED_SELLER
    house.when(BOSS, grant(ada, VERIFIED_SELLER)).then_rejected("INVALID_TRANSITION")
    house.when(BOSS, revoke(ada, VERIFIED_SELLER)).then(e.RoleRevoked).then(RoleChanged)
    assert house.dismissed() == [Dismiss(ada, "", "ROLE_LOST")]
    house.when(BOSS, revoke(ada, VERIFIED_SELLER)).then_rejected("INVALID_TRANSITION")


def test_the_highest_of_the_ladder_is_the_role(house: House) -> None:
    """Identity 6: side roles stand beside it."""
    active(house, account_kind="shopkeeper")
    ada = user_of(house)
    house.given((BOSS, grant(ada, DRIVER)), (BOSS, grant(ada, VERIFIED_SELLER)))
    house.given((BOSS, grant(ada, MANAGER)))
    admitted = house.core.admit(me(house))
    assert isinstance(admitted, Actor)
    assert (admitted.role, admitted.also) == (MANAGER, frozenset({DRIVER, SHOPKEEPER}))


def test_a_dealer_needs_approved_documents(house: House) -> None:
    """K4."""
    active(house).given((me(house), submit()))
    ada = user_of(house)
    house.when(BOSS, grant(ada, DEALER)).then_rejected("ROLE_NEEDS_KYC", kyc="pending")
    house.given((MEG, c.ApproveKyc(id="c", user=ada, application="k1")))
    house.when(BOSS, grant(ada, DEALER)).then(e.RoleGranted)


def test_one_admin_stays(house: House) -> None:
    """INV-8: whether the last would lose the role, be suspended or closed."""
    ada, bob = two(house)
    house.given((BOSS, grant(ada, ADMIN)))
    assert index(house).admins == [ada]
    for command in (revoke(ada, ADMIN), suspend(ada), close(ada, "gone")):
        house.when(BOSS, command).then_rejected("LAST_ADMIN")
    house.given((BOSS, grant(bob, ADMIN)), (BOSS, suspend(ada)))
    assert index(house).admins == [bob]
    house.when(BOSS, revoke(bob, ADMIN)).then_rejected("LAST_ADMIN")
    house.given((BOSS, reinstate(ada)), (BOSS, revoke(bob, ADMIN)))
    assert index(house).admins == [ada]
    house.given((BOSS, grant(bob, ADMIN)), (BOSS, close(ada, "gone")))
    assert index(house).admins == [bob]


def test_a_suspended_admin_may_lose_the_role(house: House) -> None:
    """INV-8: they count as none already."""
    ada, bob = two(house)
    house.given((BOSS, grant(ada, ADMIN)), (BOSS, grant(bob, ADMIN)), (BOSS, suspend(ada)))
    house.when(BOSS, revoke(ada, ADMIN)).then(e.RoleRevoked)
    assert index(house).admins == [bob]


# Suspension.


def test_a_suspended_person_is_out_at_once(house: House) -> None:
    """K7, INV-5: sessions and connections end; every command says why, and how to appeal."""
    ada, _ = two(house)
    house.when(MEG, suspend(ada)).then_only(e.UserSuspended, e.SessionEnded)
    assert Dismiss(ada, "", "ACCOUNT_SUSPENDED") in house.dismissed()
    assert house.happened(AccountSuspended)[0].appeal == APPEAL
    assert letters(house)[-1].fields == {"reason": "fraud", "appeal": APPEAL}
    withdraw = Withdraw(id="c", amount=1, currency="NGN")
    house.when(me(house), withdraw).then_rejected(
        "ACCOUNT_SUSPENDED", reason="fraud", appeal=APPEAL
    )
    house.when(MEG, suspend(ada)).then_rejected("INVALID_TRANSITION", status="suspended")
    house.when(MEG, grant(ada, DRIVER)).then_rejected("FORBIDDEN")


def test_an_admin_reinstates(house: House) -> None:
    """Identity 3: a new login is needed, for sessions have ended."""
    ada, _ = two(house)
    house.given((MEG, suspend(ada)))
    house.when(MEG, reinstate(ada)).then_rejected("FORBIDDEN")
    house.when(BOSS, reinstate(ada)).then(e.UserReinstated, by="boss").then(AccountReinstated)
    house.when(me(house), close()).then_rejected("SESSION_REVOKED", cause="SUSPENDED")
    house.when(GUEST, login()).then(e.SessionOpened)
    house.when(BOSS, reinstate(ada)).then_rejected("INVALID_TRANSITION", status="active")


def test_auctions_of_a_suspended_seller_need_a_manager(house: House) -> None:
    """K7: a list that staff see, until the seller is back."""
    ada, _ = two(house)
    house.given((BOSS, grant(ada, VERIFIED_SELLER)))
    house.when(MEG, suspend(ada)).then(desk.SellerListed, user=ada, reason="fraud")
    listed = house.view(MEG, DESK)["suspended_sellers"]
    assert listed == [{"user": ada, "reason": "fraud", "since": house.now, "auctions": []}]
    house.when(BOSS, reinstate(ada)).then(desk.SellerUnlisted, user=ada)
    assert house.view(MEG, DESK)["suspended_sellers"] == []


def test_the_auctions_of_a_suspended_seller_are_listed(house: House) -> None:
    """K7: live ones and those that would begin, until they are over. Nothing is done to them; a
    manager decides."""
    approved(house)
    ada = user_of(house)
    house.given((BOSS, grant(ada, VERIFIED_SELLER)))
    house.given((me(house), sale(house, "a1")), (MEG, ApproveAuction(id="c", auction="a1")))
    house.given((me(house), sale(house, "a2")), (BOSS, sale(house, "a3", seller="bob")))
    house.advance(HOUR)
    rooms = ("auction:a1", "auction:a2")
    house.when(MEG, suspend(ada)).then(desk.SellerListed, user=ada, auctions=rooms)
    assert house.state("auction:a1").status == "live"
    assert _listed(house) == [*rooms]
    called_off = CancelAuction(id="c", auction="a1", reason="the seller is suspended")
    house.given((MEG, called_off))
    assert _listed(house) == ["auction:a2"]
    house.given((MEG, RejectAuction(id="c", auction="a2", reason="likewise")))
    assert _listed(house) == []


def _listed(house: House) -> Any:
    return house.view(MEG, DESK)["suspended_sellers"][0]["auctions"]


def sale(house: House, auction: str, **changes: Any) -> CreateAuction:
    """An auction that is to begin in an hour."""
    fields: dict[str, Any] = {
        "auction": auction,
        "vehicle": f"v-{auction}",
        "kind": "timed",
        "currency": "NGN",
        "start_price": 100_00,
        "start_at": house.now + HOUR,
        "end_at": house.now + DAY,
    }
    return CreateAuction(id="c", **(fields | changes))


def test_somebody_without_a_role_is_listed_only_with_an_auction(house: House) -> None:
    """The role may have been taken before."""
    ada, bob = two(house)
    house.given((BOSS, sale(house, "a1", seller=ada)))
    house.when(MEG, suspend(ada)).then(desk.SellerListed, auctions=("auction:a1",))
    house.when(MEG, suspend(bob)).then(e.UserSuspended)
    assert not house.happened(desk.SellerListed)


def test_an_account_with_an_open_escrow_stays(house: House) -> None:
    """Identity 3: neither its payer nor who is to be paid goes, until it is closed; whichever way
    that comes about."""
    ada, bob = two(house)
    house.given((ROBOT, escrow(ada, bob)))
    for who in (ada, bob):
        house.when(Actor(who, USER), close())
        house.then_rejected("ACCOUNT_HAS_FUNDS", currencies=[], rooms=["escrow:order.o1"])
    cancelled = escrows.Refund(id="c", escrow="order.o1", reason="called off")
    house.given((BOSS, cancelled))
    house.when(Actor(ada, USER), close()).then(e.UserClosed)
    house.when(Actor(bob, USER), close()).then(e.UserClosed)


def test_whoever_is_named_to_be_paid_stays_too(house: House) -> None:
    """In the place of another, who may go; with the last release the payer may."""
    ada, bob = two(house)
    house.deposit(ada, 50_00)
    house.given((ROBOT, escrow(ada, "kim")), (Actor(ada, USER), Fund(id="c", escrow="order.o1")))
    assert house.core.stakes.keys() == {ada, "kim"}
    naming = escrows.NamePayee(
        id="c", escrow="order.o1", kind="seller", payee=bob, instead_of="kim"
    )
    house.given((ROBOT, naming))
    assert house.core.stakes.keys() == {ada, bob}
    house.when(Actor(bob, USER), close()).then_rejected("ACCOUNT_HAS_FUNDS")
    house.given((BOSS, escrows.Release(id="c", escrow="order.o1", reason="done")))
    assert not house.core.stakes
    house.when(Actor(bob, USER), close()).then_rejected("ACCOUNT_HAS_FUNDS", rooms=[])
    house.when(Actor(ada, USER), close()).then(e.UserClosed)


def test_an_escrow_that_nobody_pays_keeps_nobody(house: House) -> None:
    """From its expiry on."""
    ada, bob = two(house)
    house.given((ROBOT, escrow(ada, bob)))
    house.advance(HOUR).when(Actor(bob, USER), close()).then(e.UserClosed)


def test_what_was_opened_before_there_were_stakes_is_closed_as_ever() -> None:
    """An old log claims none; that none is there to be given up is no fault."""
    house = House()
    house.given((ROBOT, escrow("u1", "u2")), (BOSS, sale(house, "a1")))
    for key in ("stake:u1:escrow:order.o1", "stake:u2:escrow:order.o1", "stake:boss:auction:a1"):
        assert house.core.claims.pop(key)
    house.core.stakes.clear()
    house.given((BOSS, escrows.Refund(id="c", escrow="order.o1", reason="called off")))
    house.given((MEG, RejectAuction(id="c", auction="a1", reason="no")))
    assert not house.core.stakes


def test_a_dispute_keeps_both_until_it_is_decided(house: House) -> None:
    """Then what they were given is in the way, or nothing."""
    ada, bob = two(house)
    house.deposit(ada, 50_00)
    paid = (Actor(ada, USER), Fund(id="c", escrow="order.o1"))
    disputed = escrows.OpenDispute(id="c", escrow="order.o1", reason="it is broken")
    house.given((ROBOT, escrow(ada, bob)), paid, (Actor(ada, USER), disputed))
    house.when(Actor(bob, USER), close()).then_rejected("ACCOUNT_HAS_FUNDS")
    decided = escrows.ResolveDispute(
        id="c", escrow="order.o1", to_payees=(), to_payer=50_00, reason="it is"
    )
    house.given((BOSS, decided))
    house.when(Actor(bob, USER), close()).then(e.UserClosed)
    house.when(Actor(ada, USER), close()).then_rejected("ACCOUNT_HAS_FUNDS", rooms=[])


def escrow(payer: str, payee: str) -> escrows.Open:
    """Of an order for 50.00."""
    shares = (ShareTerms(payee, "seller", 50_00),)
    terms = {"payer": payer, "currency": "NGN", "total": 50_00, "shares": shares}
    return escrows.Open(id="c", escrow="order.o1", **terms)


def test_nobody_acts_on_themselves_or_above(house: House) -> None:
    """Identity 3, INV-7: not self, not a higher role."""
    ada, bob = two(house)
    house.given((BOSS, grant(ada, ADMIN)), (BOSS, grant(bob, ADMIN)))
    for command in (suspend(ada), grant(ada, DRIVER), revoke(ada, ADMIN)):
        house.when(me(house), command).then_rejected("SELF_APPROVAL")
    house.when(MEG, suspend(ada)).then_rejected("FORBIDDEN")


@pytest.mark.parametrize(
    "command",
    [suspend("u", ""), grant("u", DRIVER, " "), revoke("u", DRIVER, ""), close("u", "")],
)
def test_staff_say_why(house: House, command: Any) -> None:
    """R2."""
    active(house)
    named = type(command)(**_fields(command) | {"user": user_of(house)})
    house.when(BOSS, named).then_rejected("REASON_REQUIRED", field="reason")


def _fields(command: Command) -> dict[str, Any]:
    return {name: getattr(command, name) for name in command.__struct_fields__}


@pytest.mark.parametrize("command", [suspend("x"), reinstate("x"), grant("x", DRIVER)])
def test_there_is_no_such_account(house: House, command: c.StaffCommand) -> None:
    """People of an outside issuer are suspended there."""
    house.when(BOSS, command).then_rejected("ACCOUNT_NOT_FOUND")
    pending(house)
    waiting = type(command)(**_fields(command) | {"user": user_of(house)})
    house.when(BOSS, waiting).then_rejected("INVALID_TRANSITION", status="pending_verification")


# The end.


def test_an_account_is_closed_by_its_owner(house: House) -> None:
    """Identity 3, INV-9: kept without address and name; both are free again."""
    active(house, display_name="Ada")
    ada, actor = user_of(house), me(house)
    house.when(actor, close()).then_only(e.SessionEnded, e.UserClosed)
    closed = house.state(person_room(ada))
    assert (closed.status, closed.email, closed.phone, closed.display_name) == (
        "closed",
        "",
        "",
        "",
    )
    assert not {f"email:{ADA}", f"phone:{PHONE}"} & set(house.core.claims)
    assert Dismiss(ada, "", "ACCOUNT_CLOSED") in house.dismissed()
    house.when(actor, close()).then_rejected("ACCOUNT_CLOSED")
    house.when(GUEST, login()).then_rejected("INVALID_CREDENTIALS")
    house.advance(HOUR).when(GUEST, register()).then(e.Registered)
    assert user_of(house) != ada


def test_only_an_admin_closes_the_account_of_another(house: House) -> None:
    """Identity 3: owner, admin."""
    ada, bob = two(house)
    house.when(me(house), close(bob, "rival")).then_rejected("FORBIDDEN")
    house.when(MEG, close(bob, "gone")).then_rejected("FORBIDDEN")
    house.when(OUTSIDER, close()).then_rejected("ACCOUNT_NOT_FOUND")
    house.given((MEG, suspend(ada)))
    house.when(BOSS, close(ada, "fraud")).then(e.UserClosed, by="boss", reason="fraud")
    house.when(BOSS, close(ada, "fraud")).then_rejected("INVALID_TRANSITION", status="closed")
    house.when(me(house, BOB), close(bob)).then(e.UserClosed)


def test_an_account_with_money_is_not_closed(house: House) -> None:
    """Identity 3: no holds, no escrow, wallet 0."""
    approved(house)
    house.deposit(user_of(house), 1_00)
    house.when(me(house), close()).then_rejected("ACCOUNT_HAS_FUNDS", currencies=["NGN"])
    house.given((me(house), Withdraw(id="w", amount=1_00, currency="NGN")))
    house.when(me(house), close()).then(e.UserClosed)


def test_nobody_has_to_look_at_documents_of_a_closed_account(house: House) -> None:
    """K3: what waited is withdrawn, and no alert comes of it."""
    active(house).given((me(house), submit()))
    house.when(me(house), close()).then(e.UserClosed, withdrawn=("k1",)).then(desk.KycLeft)
    assert house.view(MEG, DESK)["count"] == 0
    house.advance(3 * DAY).then_nothing_happened()


# What other rooms know.


def test_the_card_of_a_person(house: House) -> None:
    """Identity 11: other rooms read who is active, verified addresses, and KYC."""
    pending(house, display_name="Ada")
    context = house.core.context("shop:x", GUEST)
    room = person_room(user_of(house))
    assert context.card(room) == Person("Ada", False)
    house.core.rooms[room].state.verified.clear()
    assert context.card("identity:nobody-at-all") is None


def test_a_shopkeeper_gets_a_letter_when_the_shop_opens(house: House) -> None:
    """Admin ADM-1: approval mails the shopkeeper."""
    active(house, account_kind="shopkeeper")
    files = (Document("ID_PROOF", "f1"), Document("LICENCE", "f2"))
    fields = {"name": "Corner", "address": "1 Broad Street", "category": "grocery"}
    house.given(
        (me(house), CreateShop(id="c", shop="s1", **fields)),
        (me(house), UploadShopDocs(id="c", shop="s1", files=files)),
        (BOSS, ApproveShop(id="c", shop="s1")),
    )
    assert (letters(house)[-1].to, letters(house)[-1].template) == (ADA, "shop_approved")
    assert account(house).kyc == "none"
