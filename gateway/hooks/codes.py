"""Refusals that only payment webhooks know (accounts 8)."""

from engine.kernel.outcome import Code

PAYMENT_SIGNATURE_INVALID = Code("PAYMENT_SIGNATURE_INVALID", "never", 401)
PAYMENT_UNUSABLE = Code("PAYMENT_UNUSABLE", "never", 422)

HOOK_CODES = (PAYMENT_SIGNATURE_INVALID, PAYMENT_UNUSABLE)
