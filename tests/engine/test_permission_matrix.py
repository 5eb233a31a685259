"""The permission matrix, whole: every command with every role (identity 6).

A new command is not found in the table, and the test fails: whoever adds it writes down here who
may send it. That a role may send a command does not say that it may do so to everything: whose
auction, shop or parcel it is, and whether documents are approved, the rules of the domain ask.
"""

import pytest

from engine.contract import Command
from engine.kernel.actor import (
    ADMIN,
    CONCIERGE,
    DEALER,
    DRIVER,
    GUEST,
    MANAGER,
    PARTNER,
    ROLES,
    SHOPKEEPER,
    SIGNED_IN,
    SYSTEM,
    TRAVELER,
    USER,
    VERIFIED_SELLER,
    Actor,
)
from engine.registry import Registry, build_registry, find_domains

COLUMNS = (
    GUEST,
    USER,
    VERIFIED_SELLER,
    DEALER,
    CONCIERGE,
    MANAGER,
    ADMIN,
    SHOPKEEPER,
    DRIVER,
    TRAVELER,
    PARTNER,
    SYSTEM,
)
TABLE = """
                              gues user vsel deal conc mana admi shop driv trav part syst

auction.approve               -    -    -    -    -    y    y    -    -    -    -    -
auction.cancel                -    -    -    -    -    y    y    -    -    -    -    -
auction.choose_delivery       -    y    y    y    -    y    y    -    -    -    -    -
auction.confirm_handover      -    y    y    y    -    y    y    -    -    -    -    -
auction.create                -    -    y    y    -    y    y    -    -    -    -    -
auction.decline_offer         -    y    y    y    -    y    y    -    -    -    -    -
auction.extend                -    -    -    -    -    -    y    -    -    -    -    -
auction.force_end             -    -    -    -    -    y    y    -    -    -    -    -
auction.fund_deposit          -    y    y    y    -    y    y    -    -    -    -    -
auction.join                  -    y    y    y    y    y    y    y    y    y    y    -
auction.pay_remainder         -    y    y    y    -    y    y    -    -    -    -    -
auction.place_bid             -    y    y    y    -    y    y    -    -    -    -    -
auction.reject                -    -    -    -    -    y    y    -    -    -    -    -
auction.relist                -    -    y    y    -    y    y    -    -    -    -    -
auction.report_delivery       -    -    y    y    y    y    y    -    -    -    -    -
auction.set_max_bid           -    y    y    y    -    y    y    -    -    -    -    -
auction.submit_settlement_doc -    y    y    y    -    y    y    -    -    -    -    -
auction.void_result           -    -    -    -    -    -    y    -    -    -    -    -
auction.withdraw_max_bid      -    y    y    y    -    y    y    -    -    -    -    -

custody.add_photos            -    y    y    y    y    y    y    y    y    y    y    -
custody.cancel_shipment       -    y    y    y    y    y    y    y    y    y    y    -
custody.confirm_receipt       y    y    y    y    y    y    y    y    y    y    y    -
custody.correct_tracking      -    -    -    -    -    y    y    -    -    -    -    -
custody.declare_customs       -    y    y    y    y    y    y    y    y    y    y    y
custody.enter_delivery_code   -    y    y    y    y    y    y    y    y    y    y    -
custody.expire_qr             -    -    -    -    -    y    y    -    -    -    -    y
custody.export_epcis          y    y    y    y    y    y    y    y    y    y    y    -
custody.get_custody           -    y    y    y    y    y    y    y    y    y    y    -
custody.issue_link            -    -    -    -    -    y    y    -    -    -    -    y
custody.open_photo            y    y    y    y    y    y    y    y    y    y    y    -
custody.plan_handoffs         -    -    -    -    -    y    y    -    -    -    -    y
custody.rate_carrier          y    y    y    y    y    y    y    y    y    y    y    -
custody.record_tracking       -    y    y    y    y    y    y    y    y    y    y    -
custody.register_device       -    y    y    y    y    y    y    y    y    y    y    -
custody.reissue_qr            y    y    y    y    y    y    y    y    y    y    y    -
custody.replace_device_key    -    y    y    y    y    y    y    y    y    y    y    -
custody.replan                -    -    -    -    -    y    y    -    -    -    -    -
custody.report_problem        y    y    y    y    y    y    y    y    y    y    y    -
custody.request_upload        y    y    y    y    y    y    y    y    y    y    y    -
custody.resolve_custody       -    -    -    -    -    y    y    -    -    -    -    -
custody.revoke_device         -    y    y    y    y    y    y    y    y    y    y    -
custody.scan_handoff          -    y    y    y    y    y    y    y    y    y    y    -
custody.show_qr               y    y    y    y    y    y    y    y    y    y    y    -
custody.start_return          -    -    -    -    -    y    y    -    -    -    -    -
custody.track                 y    y    y    y    y    y    y    y    y    y    y    -

dispatch.accept_offer         -    -    -    -    -    -    -    -    y    -    -    -
dispatch.arrive_at_customer   -    -    -    -    -    -    -    -    y    -    -    -
dispatch.arrive_at_shop       -    -    -    -    -    -    -    -    y    -    -    -
dispatch.assign_driver        -    -    -    -    -    y    y    -    -    -    -    -
dispatch.cancel_order         -    y    y    y    y    y    y    y    y    y    y    -
dispatch.configure_zone       -    -    -    -    -    y    y    -    -    -    -    -
dispatch.confirm_pickup       -    -    -    -    -    -    -    -    y    -    -    -
dispatch.confirm_return       -    -    -    -    -    -    -    y    -    -    -    -
dispatch.create_zone          -    -    -    -    -    y    y    -    -    -    -    -
dispatch.decline_offer        -    -    -    -    -    -    -    -    y    -    -    -
dispatch.enter_delivery_code  -    -    -    -    -    -    -    -    y    -    -    -
dispatch.fail_delivery        -    -    -    -    -    y    y    -    -    -    -    -
dispatch.free_driver          -    -    -    -    -    y    y    -    -    -    -    -
dispatch.go_offline           -    -    -    -    -    -    -    -    y    -    -    -
dispatch.go_online            -    -    -    -    -    -    -    -    y    -    -    -
dispatch.object_pickup        -    -    -    -    -    -    -    y    -    -    -    -
dispatch.order_paid           -    -    -    -    -    -    y    -    -    -    -    y
dispatch.override_delivery    -    -    -    -    -    y    y    -    -    -    -    -
dispatch.rate_driver          -    -    -    -    -    y    y    -    -    -    -    y
dispatch.reissue_code         -    y    y    y    y    y    y    y    y    y    y    -
dispatch.release_driver       -    -    -    -    -    y    y    -    y    -    -    -
dispatch.retry_search         -    -    -    -    -    y    y    y    -    -    -    -
dispatch.shop_accept          -    -    -    -    -    -    -    y    -    -    -    y
dispatch.shop_reject          -    -    -    -    -    -    -    y    -    -    -    -
dispatch.show_delivery_code   -    y    y    y    y    y    y    y    y    y    y    -
dispatch.track_order          -    y    y    y    y    y    y    y    y    y    y    -
dispatch.update_location      -    -    -    -    -    -    -    -    y    -    -    -

escrow.fund                   -    y    y    y    y    y    y    y    y    y    y    -
escrow.name_payee             -    -    -    -    -    y    y    -    -    -    -    y
escrow.open                   -    -    -    -    -    y    y    -    -    -    -    y
escrow.open_dispute           -    y    y    y    y    y    y    y    y    y    y    -
escrow.refund                 -    -    -    -    -    y    y    -    -    -    -    y
escrow.release                -    -    -    -    -    y    y    -    -    -    -    y
escrow.resolve_dispute        -    -    -    -    -    y    y    -    -    -    -    -

house.report_errand           -    -    -    -    -    -    -    -    -    -    -    y

inbox.renew                   -    -    -    -    -    -    y    -    -    -    -    -
inbox.take                    -    -    -    -    -    -    -    -    -    -    -    y

identity.add_phone            -    y    y    y    y    y    y    y    y    y    y    -
identity.approve_kyc          -    -    -    -    -    y    y    -    -    -    -    -
identity.close_account        -    y    y    y    y    y    y    y    y    y    y    -
identity.force_logout         -    -    -    -    -    y    y    -    -    -    -    -
identity.grant_role           -    -    -    -    -    -    y    -    -    -    -    -
identity.login                y    y    y    y    y    y    y    y    y    y    y    -
identity.logout               -    y    y    y    y    y    y    y    y    y    y    -
identity.oauth_login          y    y    y    y    y    y    y    y    y    y    y    -
identity.open_document        -    y    y    y    y    y    y    y    y    y    y    -
identity.refresh              y    y    y    y    y    y    y    y    y    y    y    -
identity.register             y    y    y    y    y    y    y    y    y    y    y    -
identity.reinstate            -    -    -    -    -    -    y    -    -    -    -    -
identity.reject_kyc           -    -    -    -    -    y    y    -    -    -    -    -
identity.resend_otp           y    y    y    y    y    y    y    y    y    y    y    -
identity.revoke_role          -    -    -    -    -    -    y    -    -    -    -    -
identity.set_profile          -    y    y    y    y    y    y    y    y    y    y    -
identity.start_email_login    y    y    y    y    y    y    y    y    y    y    y    -
identity.submit_kyc           -    y    y    y    y    y    y    y    y    y    y    -
identity.suspend              -    -    -    -    -    y    y    -    -    -    -    -
identity.verify_otp           y    y    y    y    y    y    y    y    y    y    y    -

ledger.adjust                 -    -    -    -    -    y    y    -    -    -    -    -
ledger.approve_adjustment     -    -    -    -    -    y    y    -    -    -    -    -
ledger.charge_back            -    -    -    -    -    y    y    -    -    -    -    -
ledger.complete_withdrawal    -    -    -    -    -    -    y    -    -    -    -    y
ledger.create_payment         -    -    -    -    -    -    y    -    -    -    -    y
ledger.deposit                -    -    -    -    -    -    y    -    -    -    -    y
ledger.fail_withdrawal        -    -    -    -    -    -    y    -    -    -    -    y
ledger.payout_batch           -    -    -    -    -    y    y    -    -    -    -    y
ledger.provider_dispute       -    -    -    -    -    -    -    -    -    -    -    y
ledger.provider_event         -    -    -    -    -    -    -    -    -    -    -    y
ledger.refuse_adjustment      -    -    -    -    -    y    y    -    -    -    -    -
ledger.report_difference      -    -    -    -    -    -    y    -    -    -    -    y
ledger.report_payment         -    -    -    -    -    -    -    -    -    -    -    y
ledger.report_payout          -    -    -    -    -    -    -    -    -    -    -    y
ledger.report_refund          -    -    -    -    -    -    -    -    -    -    -    y
ledger.request_payout         -    y    y    y    y    y    y    y    y    y    y    -
ledger.retry_refund           -    -    -    -    -    y    y    -    -    -    -    -
ledger.set_commission         -    -    -    -    -    y    y    -    -    -    -    -
ledger.settle_incident        -    -    -    -    -    y    y    -    -    -    -    -
ledger.settle_refund          -    -    -    -    -    y    y    -    -    -    -    -
ledger.start_withdrawal       -    -    -    -    -    -    y    -    -    -    -    y
ledger.statement              -    y    y    y    y    y    y    y    y    y    y    -
ledger.withdraw               -    y    y    y    y    y    y    y    y    y    y    -

negotiation.accept_ask        -    y    y    y    y    -    -    y    y    y    y    -
negotiation.add_to_cart       -    y    y    y    y    -    -    y    y    y    y    -
negotiation.bind_order        -    -    -    -    -    -    y    -    -    -    -    y
negotiation.get               -    y    y    y    y    -    y    y    y    y    y    -
negotiation.make_offer        -    y    y    y    y    -    -    y    y    y    y    -
negotiation.open              -    y    y    y    y    -    -    y    y    y    y    -
negotiation.order_failed      -    -    -    -    -    -    y    -    -    -    -    y
negotiation.order_paid        -    -    -    -    -    -    y    -    -    -    -    y
negotiation.post_text         -    -    -    -    -    -    -    -    -    -    -    y
negotiation.send_message      -    y    y    y    y    -    -    y    y    y    y    -
negotiation.set_terms         -    -    -    -    -    -    -    y    -    -    -    -
negotiation.shop_accept       -    -    -    -    -    -    -    y    -    -    -    -
negotiation.shop_counter      -    -    -    -    -    -    -    y    -    -    -    -
negotiation.shop_reject       -    -    -    -    -    -    -    y    -    -    -    -
negotiation.try_strategy      -    -    -    -    -    -    -    y    -    -    -    -
negotiation.withdraw          -    y    y    y    y    -    -    y    y    y    y    -

shop.approve                  -    -    -    -    -    -    y    -    -    -    -    -
shop.create                   -    -    -    -    -    -    -    y    -    -    -    -
shop.open_document            -    -    -    -    -    -    y    y    -    -    -    -
shop.reinstate                -    -    -    -    -    -    y    -    -    -    -    -
shop.reject                   -    -    -    -    -    -    y    -    -    -    -    -
shop.suspend                  -    -    -    -    -    y    y    -    -    -    -    -
shop.upload_docs              -    -    -    -    -    -    -    y    -    -    -    -

terms.change_stock            -    -    -    -    -    -    y    -    -    -    -    y
terms.list_product            -    -    -    -    -    -    y    -    -    -    -    y
terms.withdraw_product        -    -    -    -    -    -    y    -    -    -    -    y
"""


def matrix() -> dict[str, frozenset[str]]:
    """Command -> the roles that may send it, as the table has it."""
    rows = [line.split() for line in TABLE.strip().splitlines()[1:] if line]
    for row in rows:
        assert len(row) == 1 + len(COLUMNS), f"{row[0]} has another number of columns"
        assert set(row[1:]) <= {"y", "-"}, f"{row[0]}: `y` or `-`"
    marks = {row[0]: zip(COLUMNS, row[1:], strict=True) for row in rows}
    assert len(marks) == len(rows), "a command has two rows"
    return {tag: frozenset(role for role, mark in of if mark == "y") for tag, of in marks.items()}


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Every domain that there is."""
    return build_registry(find_domains())


def test_every_role_has_a_column() -> None:
    """A new role is thought of for every command."""
    assert set(COLUMNS) == set(ROLES)


def test_every_command_has_a_row(registry: Registry) -> None:
    """Whoever adds a command writes down who may send it; no row is left of one that has gone."""
    assert set(matrix()) == set(registry.commands)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_send_what_the_table_says(registry: Registry, role: str) -> None:
    """Everything else is refused: a guest is asked to sign in, others are told no."""
    actor = Actor("" if role == GUEST else "x", role)
    for tag, allowed in matrix().items():
        assert answer(registry, registry.commands[tag], actor) == expected(role, allowed), tag


@pytest.mark.parametrize("side", sorted(SIGNED_IN - {USER}))
def test_further_roles_add_to_the_first(registry: Registry, side: str) -> None:
    """Identity 6: side roles are combined with `user`; nothing is lost by having one."""
    actor = Actor("x", USER, also=frozenset({side}))
    for tag, allowed in matrix().items():
        found = answer(registry, registry.commands[tag], actor)
        assert found == ("ok" if allowed & {USER, side} else "FORBIDDEN"), tag


def answer(registry: Registry, command: type[Command], actor: Actor) -> str:
    """`ok`, or the code of the refusal."""
    refusal = registry.refuse(command, actor)
    return refusal.code.name if refusal else "ok"


def expected(role: str, allowed: frozenset[str]) -> str:
    """What the table says of this role."""
    if role in allowed:
        return "ok"
    return "UNAUTHENTICATED" if role == GUEST else "FORBIDDEN"
