"""Which providers are heard, and with which secrets."""

from pathlib import Path

import pytest

from gateway.hooks.providers import PROVIDERS
from runtime.config import Config, ConfigError
from runtime.outside.hooks import hook_secrets


def test_only_the_sandbox_is_heard_unless_configured(tmp_path: Path) -> None:
    """With a secret made in the data folder, that is the same at the next start."""
    config = Config(data=str(tmp_path))
    secrets = hook_secrets(config)
    assert secrets.keys() == {"sandbox"}
    assert len(secrets["sandbox"][0]) >= 32
    assert hook_secrets(config) == secrets


def test_every_provider_can_be_configured(tmp_path: Path) -> None:
    """Each row of the table has a setting."""
    config = Config(
        data=str(tmp_path),
        webhook_secret="a",
        stripe_webhook_secret="whsec_1",
        razorpay_webhook_secret="r",
        paystack_secret_key="sk_1",
    )
    secrets = hook_secrets(config)
    assert secrets.keys() == PROVIDERS.keys()
    assert secrets["stripe"] == (b"whsec_1",)


def test_several_secrets_are_separated_by_commas(tmp_path: Path) -> None:
    """Blanks around them do not count."""
    config = Config(data=str(tmp_path), stripe_webhook_secret="new, old,,")
    assert hook_secrets(config)["stripe"] == (b"new", b"old")


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    """Rather than a provider that is silently not heard, or believed without one."""
    with pytest.raises(ConfigError, match="stripe"):
        hook_secrets(Config(data=str(tmp_path), stripe_webhook_secret=" , "))
