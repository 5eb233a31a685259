"""Every refusal that is the shop's own, and what a retry can do about it (identity 8)."""

from engine.kernel.outcome import Code

SHOP_NOT_FOUND = Code("SHOP_NOT_FOUND", "never", 404)
SHOP_EXISTS = Code("SHOP_EXISTS", "never", 409)
KYC_DOC_MISSING = Code("KYC_DOC_MISSING", "refresh", 422)
SELF_APPROVAL = Code("SELF_APPROVAL", "never", 403)

CODES = (SHOP_NOT_FOUND, SHOP_EXISTS, KYC_DOC_MISSING, SELF_APPROVAL)
