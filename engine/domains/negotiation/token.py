"""The price token: what an agreed price looks like when it is carried about (T1, T2, L3).

It is never stored. The record is the authority; the token only proves who carries it.
"""

from collections.abc import Mapping
from typing import Any

from engine.contract import Vault
from engine.domains.negotiation.state import Negotiation
from engine.kernel.actor import Actor
from engine.kernel.time import SECOND, Millis

PURPOSE = "price-token"
AUDIENCE = "outcry.cart"


def jti_of(negotiation: str, accepted_at: Millis) -> str:
    """The token's own id: there is one agreement, so there is one token."""
    return f"{negotiation}.{accepted_at}"


def facts_of(state: Negotiation) -> dict[str, Any]:
    """What of an agreement the token is made of, as it stands in a reply to the customer."""
    return {
        "negotiation": state.negotiation,
        "customer": state.customer,
        "shop": state.shop,
        "product": state.product,
        "currency": state.currency,
        "quantity": state.quantity,
        "final_price": state.final_price,
        "accepted_at": state.accepted_at,
        "lock_expires_at": state.lock_expires_at,
    }


def claims_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The claims (negotiation 2). A token counts in seconds: it outlives the lock, which is
    tested to the millisecond, by less than one."""
    return {
        "aud": AUDIENCE,
        "jti": jti_of(facts["negotiation"], facts["accepted_at"]),
        "iat": facts["accepted_at"] // SECOND,
        "exp": -(-facts["lock_expires_at"] // SECOND),
        "userId": facts["customer"],
        "shopId": facts["shop"],
        "productId": facts["product"],
        "negotiationId": facts["negotiation"],
        "price": facts["final_price"],
        "currency": facts["currency"],
        "maxQty": facts["quantity"],
    }


def reveal(_command: Any, result: Any, actor: Actor, vault: Vault) -> dict[str, Any]:
    """The token, beside a reply that tells its owner of an agreement that still stands."""
    if result.get("status") != "accepted" or result.get("customer") != actor.user:
        return {}
    return {"price_token": vault.seal(PURPOSE, claims_of(result))}


def is_good(state: Negotiation, token: str, vault: Vault) -> bool:
    """Whether it is our token for this agreement (L3). Time is tested by the record."""
    return vault.unseal(PURPOSE, token) == claims_of(facts_of(state))
