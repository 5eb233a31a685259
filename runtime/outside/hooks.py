"""Which payment providers this deployment hears, and with which secrets."""

from gateway.hooks import paystack, razorpay, sandbox, stripe
from gateway.hooks.signatures import Secrets
from runtime.config import Config, ConfigError
from runtime.secrets_store import secret_of


def hook_secrets(config: Config) -> dict[str, Secrets]:
    """The secrets of every provider that has one. Raises ConfigError."""
    given = {
        sandbox.NAME: secret_of(config.data, "webhook_secret", config.webhook_secret),
        stripe.NAME: config.stripe_webhook_secret,
        razorpay.NAME: config.razorpay_webhook_secret,
        paystack.NAME: config.paystack_secret_key,
    }
    return {provider: _several(provider, text) for provider, text in given.items() if text}


def _several(provider: str, text: str) -> Secrets:
    secrets = tuple(part.strip().encode() for part in text.split(",") if part.strip())
    if not secrets:
        raise ConfigError(f"the webhook secret of {provider} is empty; see --help")
    return secrets
