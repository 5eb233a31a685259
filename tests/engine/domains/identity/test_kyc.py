"""Documents, and the roles that hang on them (K1-K5)."""

from typing import Any

import pytest

from engine.domains.identity import commands as c
from engine.domains.identity import desk
from engine.domains.identity import events as e
from engine.domains.identity.desk import DESK
from engine.domains.identity.notices import KycDecided
from engine.domains.identity.terms import File
from engine.kernel.actor import DEALER, DRIVER, MANAGER, Actor
from engine.kernel.files import LINK_PURPOSE
from engine.kernel.time import DAY, HOUR
from testkit.house import House
from testkit.world import vault
from tests.engine.domains.identity.cast import (
    ADA,
    ADDRESS,
    BOSS,
    CAC,
    DRIVING,
    FORM,
    GUEST,
    ID,
    MEG,
    OUTSIDER,
    PHONE,
    account,
    active,
    approved,
    code,
    dealer,
    letters,
    login,
    me,
    start,
    submit,
    user_of,
    verify,
)


def approve(user: str, application: str = "k1", **terms: Any) -> c.ApproveKyc:
    return c.ApproveKyc(id="c", user=user, application=application, **terms)


def reject(user: str, reason: str = "the ID is blurred", **terms: Any) -> c.RejectKyc:
    return c.RejectKyc(id="c", user=user, reason=reason, **({"application": "k1"} | terms))


def submitted(house: House) -> str:
    """Ada has handed in her ID; her user id."""
    active(house).given((me(house), submit()))
    return user_of(house)


def test_documents_wait_for_a_reviewer(house: House) -> None:
    """Identity 3, K3: none -> pending; staff see it, with 48 hours to look."""
    active(house).when(me(house), submit()).then_only(e.KycSubmitted)
    assert house.result["due_at"] == house.now + 2 * DAY
    assert account(house).kyc == "pending"
    assert house.happened(desk.KycQueued, DESK)[0].application == "k1"
    assert house.happened(KycDecided)[0].state == "pending"
    admitted = house.core.admit(me(house))
    assert isinstance(admitted, Actor)
    assert admitted.kyc == "pending"


def test_documents_come_after_a_phone(house: House) -> None:
    """I9: who came in by email alone proves a phone before bidding, selling or driving."""
    house.given((GUEST, start()))
    house.given((GUEST, verify("email", code(house, ADA), "login")))
    house.when(me(house), submit()).then_rejected("ACCOUNT_NOT_VERIFIED", missing=["phone"])
    house.given((me(house), c.AddPhone(id="c", phone=PHONE)))
    house.given((me(house), verify("phone", code(house, PHONE), "step_up")))
    house.when(me(house), submit()).then(e.KycSubmitted)


def test_a_reviewer_approves(house: House) -> None:
    """Identity 3: who and what is written; the person hears of it twice."""
    user = submitted(house)
    house.when(MEG, approve(user)).then(e.KycApproved, by="meg").then(desk.KycLeft)
    house.then(KycDecided, state="approved")
    assert account(house).kyc == "approved"
    assert letters(house)[-1].template == "kyc_approved"
    house.when(MEG, approve(user)).then_rejected("INVALID_TRANSITION", status="approved")


def test_a_reviewer_rejects_and_better_documents_come(house: House) -> None:
    """Identity 3: with a reason; rejected -> pending by a re-upload."""
    user = submitted(house)
    house.when(MEG, reject(user, " ")).then_rejected("REASON_REQUIRED")
    house.when(MEG, reject(user)).then(e.KycRejected).then(KycDecided, reason="the ID is blurred")
    assert account(house).kyc == "rejected"
    assert letters(house)[-1].fields["reason"] == "the ID is blurred"
    house.when(MEG, approve(user)).then_rejected("KYC_REJECTED", reason="the ID is blurred")
    house.when(me(house), submit()).then(e.KycSubmitted, application="k2")
    house.when(MEG, approve(user, "k1")).then_rejected("INVALID_TRANSITION")
    house.when(MEG, approve(user, "k2")).then(e.KycApproved)


def test_a_file_that_could_not_be_read_is_not_taken_again(house: House) -> None:
    """Identity 8: KYC_DOC_ILLEGIBLE names it."""
    user = submitted(house)
    house.when(MEG, reject(user, illegible=("f-x",))).then_rejected("KYC_DOC_MISSING")
    house.given((MEG, reject(user, illegible=("f-id",))))
    house.when(me(house), submit()).then_rejected("KYC_DOC_ILLEGIBLE", files=["f-id"])
    better = submit("personal", File("VALID_ID", "f-better"))
    house.when(me(house), better).then(e.KycSubmitted)


def test_one_application_of_a_kind_is_looked_at(house: House) -> None:
    """Identity 8: KYC_PENDING until it is decided."""
    submitted(house)
    house.when(me(house), submit()).then_rejected("KYC_PENDING", application="k1")
    house.when(me(house), submit("traveler")).then(e.KycSubmitted, application="k2")


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (submit("dealer", CAC, form=FORM), ["VALID_ID", "PROOF_OF_ADDRESS"]),
        (submit("dealer", CAC, ID, ADDRESS), ["form"]),
        (submit("personal", CAC), ["VALID_ID"]),
        (submit("driver", ID), ["DRIVING_LICENCE"]),
        (submit("shop", ID), ["ID_PROOF", "LICENCE"]),
    ],
)
def test_an_application_is_complete(house: House, command: c.SubmitKyc, missing: list[str]) -> None:
    """K2: a dealer's files and form; what the others need."""
    active(house).when(me(house), command).then_rejected("KYC_DOC_MISSING", missing=missing)


def test_nobody_approves_their_own(house: House) -> None:
    """INV-7: not even staff."""
    active(house)
    user = user_of(house)
    house.given((BOSS, c.GrantRole(id="c", user=user, role=MANAGER, reason="new")))
    house.given((me(house), submit()))
    house.when(me(house), approve(user)).then_rejected("SELF_APPROVAL")
    house.when(me(house), reject(user)).then_rejected("SELF_APPROVAL")


def test_a_review_that_is_late_is_an_alert(house: House) -> None:
    """K3: once, to staff, and nothing is approved by it; it may still be decided."""
    user = submitted(house)
    house.advance(2 * DAY - 1)
    assert not house.happened(e.KycOverdue)
    house.advance(1).then(e.KycOverdue).then(desk.KycOverdue, user=user)
    assert account(house).kyc == "pending"
    assert house.view(MEG, DESK)["waiting"][0]["overdue"] is True
    house.advance(DAY).then_nothing_happened()
    house.when(MEG, approve(user)).then(e.KycApproved)


def test_documents_expire(house: House) -> None:
    """Identity 3 [P]: approved -> pending, which waits for the owner and for nobody else."""
    approved(house, documents_expire_at=house.now + 5 * DAY)
    house.advance(5 * DAY).then(e.KycLapsed).then(KycDecided, state="pending")
    assert account(house).kyc == "pending"
    house.when(MEG, approve(user_of(house))).then_rejected("INVALID_TRANSITION")
    house.when(me(house), submit()).then(e.KycSubmitted, application="k2")


def test_new_documents_may_come_before_the_old_expire(house: House) -> None:
    """The approval lasts while the next application is looked at."""
    approved(house, documents_expire_at=house.now + 5 * DAY)
    house.given((me(house), submit()))
    assert account(house).kyc == "approved"
    house.advance(5 * DAY).then(e.KycLapsed)
    assert account(house).kyc == "pending"
    house.when(MEG, approve(user_of(house), "k2")).then(e.KycApproved)
    assert account(house).kyc == "approved"


def test_documents_that_have_expired_prove_nothing(house: House) -> None:
    """They are rejected instead."""
    user = submitted(house)
    late = approve(user, documents_expire_at=house.now)
    house.when(MEG, late).then_rejected("KYC_DOC_MISSING")


# Roles.


def test_a_dealer_waits_and_becomes_one(house: House) -> None:
    """Identity 3, K2, K4: dealer_pending, then dealer with the approval."""
    active(house).given((me(house), dealer()))
    room = f"identity:{user_of(house)}"
    assert house.view(me(house), room)["dealer_pending"] is True
    house.when(MEG, approve(user_of(house))).then(e.KycApproved).then(e.RoleGranted, role=DEALER)
    assert house.view(me(house), room)["dealer_pending"] is False
    admitted = house.core.admit(me(house))
    assert isinstance(admitted, Actor)
    assert (admitted.role, admitted.kyc) == (DEALER, "approved")


def test_a_dealer_who_is_turned_down_stays_a_user(house: House) -> None:
    """Identity 3."""
    active(house).given((me(house), dealer()), (MEG, reject(user_of(house))))
    assert account(house).role == "user"


def test_a_dealer_without_documents_is_none(house: House) -> None:
    """K4, INV-3: the role goes with the documents that it hangs on, and comes back with new."""
    approved(house, dealer(), documents_expire_at=house.now + 5 * DAY)
    house.advance(5 * DAY).then(e.KycLapsed).then(e.RoleRevoked, role=DEALER, by="house")
    assert account(house).role == "user"
    house.given((GUEST, login())).given((me(house, session="s2"), dealer()))
    house.when(MEG, approve(user_of(house), "k2")).then(e.RoleGranted, role=DEALER)


def test_a_dealer_by_hand_needs_some_approval(house: House) -> None:
    """INV-3: also whoever was made one on personal documents."""
    approved(house, documents_expire_at=house.now + 5 * DAY)
    house.given((BOSS, c.GrantRole(id="c", user=user_of(house), role=DEALER, reason="known")))
    house.advance(5 * DAY).then(e.KycLapsed).then(e.RoleRevoked, role=DEALER)


def test_a_driver_has_an_approval_of_their_own(house: House) -> None:
    """K1: personal documents make nobody a driver, and without a licence nobody is one."""
    approved(house)
    assert DRIVER not in account(house).roles
    approved(house, submit("driver", ID, DRIVING), documents_expire_at=house.now + 3 * DAY)
    assert account(house).side_roles == (DRIVER,)
    house.advance(3 * DAY).then(e.KycLapsed, kind="driver").then(e.RoleRevoked, role=DRIVER)
    assert account(house).kyc == "approved"


# Opening.


def opened(user: str, file: str = "f-id") -> c.OpenDocument:
    return c.OpenDocument(id="c", user=user, file=file)


def test_each_opening_of_a_document_is_logged(house: House) -> None:
    """K5: owner and admins; the link is sealed, names reader and owner, and lasts an hour."""
    user = submitted(house)
    house.when(BOSS, opened(user)).then_only(e.DocumentOpened)
    claims = {"file": "f-id", "owner": user, "reader": "boss", "until": house.now + HOUR}
    assert vault().unseal(LINK_PURPOSE, house.revealed(BOSS, opened(user))["link"]) == claims
    house.when(me(house), opened(user)).then(e.DocumentOpened, by=user)
    house.when(MEG, opened(user)).then_rejected("FORBIDDEN")
    house.when(OUTSIDER, opened(user)).then_rejected("FORBIDDEN")
    house.when(BOSS, opened(user, "f-x")).then_rejected("KYC_DOC_MISSING")
    house.when(BOSS, opened("nobody")).then_rejected("ACCOUNT_NOT_FOUND")
