"""One struct with every setting: flag, environment variable, default and unit."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from engine.kernel.market import BUILT_IN, Market


class ConfigError(Exception):
    """A setting that cannot be used; the text names it and the remedy."""


class Config(Struct, frozen=True, kw_only=True):
    """Settings of `outcry serve`. Each is a flag (`--rate-user`) and an environment variable
    (`OUTCRY_RATE_USER`); the flag wins."""

    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port; 0: any free one")] = 8080
    data: Annotated[str, Meta(description="folder of the embedded log and of the secrets")] = (
        ".outcry"
    )
    postgres: Annotated[
        str, Meta(description="URL of a Postgres that holds the log instead of --data")
    ] = ""
    redis: Annotated[
        str, Meta(description="URL of the Redis between gateways and writers: redis://host:6379")
    ] = ""
    name: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9_.-]{0,64}$",
            description="name of this process among others; default: made of host and pid",
        ),
    ] = ""
    markets: Annotated[
        str, Meta(description="JSON file with a list of markets (currency, increments, …)")
    ] = ""
    rate_user: Annotated[
        int, Meta(ge=0, description="commands per minute and user; 0: no limit")
    ] = 1_000
    rate_guest: Annotated[
        int, Meta(ge=0, description="commands per minute and address without a token; 0: no limit")
    ] = 100
    connections: Annotated[int, Meta(ge=1, description="most websockets at once")] = 50_000
    connections_per_user: Annotated[
        int, Meta(ge=1, description="most websockets of one user at once")
    ] = 2_000
    proxies: Annotated[
        str, Meta(description="addresses of own proxies whose X-Forwarded-For is believed")
    ] = ""
    origins: Annotated[
        str, Meta(description="allowed Origins beside the own, comma-separated; *: all")
    ] = ""
    jwt_secret: Annotated[
        str, Meta(description="HS256 secret of the tokens; default: one made in --data")
    ] = ""
    jwks: Annotated[
        str, Meta(description="JWKS file with EdDSA or RS256 keys, instead of the secret")
    ] = ""
    jwt_algorithm: Annotated[
        str, Meta(pattern="^(HS256|EdDSA|RS256)$", description="the one algorithm of tokens")
    ] = "HS256"
    jwt_issuer: Annotated[str, Meta(description="required `iss` of tokens")] = "outcry"
    jwt_audience: Annotated[str, Meta(description="required `aud` of tokens")] = "outcry"
    vault_secret: Annotated[
        str,
        Meta(description="root of the house's own keys; default: one made in --data"),
    ] = ""
    webhook_secret: Annotated[
        str, Meta(description="signs the sandbox's webhooks; default: one made in --data")
    ] = ""
    stripe_webhook_secret: Annotated[
        str, Meta(description="secret of the Stripe endpoint, whsec_…; several: comma-separated")
    ] = ""
    razorpay_webhook_secret: Annotated[
        str, Meta(description="secret of the Razorpay webhook; several: comma-separated")
    ] = ""
    paystack_secret_key: Annotated[
        str, Meta(description="secret key of the Paystack account; several: comma-separated")
    ] = ""
    stripe_secret_key: Annotated[
        str, Meta(description="secret key that Stripe is told of refunds with, sk_…")
    ] = ""
    stripe_api: Annotated[str, Meta(description="address of Stripe's API")] = (
        "https://api.stripe.com"
    )
    razorpay_key: Annotated[
        str, Meta(description="key that Razorpay is told of refunds with: key_id:key_secret")
    ] = ""
    razorpay_api: Annotated[str, Meta(description="address of Razorpay's API")] = (
        "https://api.razorpay.com"
    )
    paystack_api: Annotated[str, Meta(description="address of Paystack's API")] = (
        "https://api.paystack.co"
    )
    sandbox_api: Annotated[
        str, Meta(description="address of `outcry sandbox-refunds`; default: all refunds are paid")
    ] = ""
    payouts: Annotated[
        str,
        Meta(
            pattern="^(|sandbox)$",
            description="who pays withdrawals and payouts: sandbox; default: staff, by hand",
        ),
    ] = ""
    notifier: Annotated[
        str,
        Meta(
            pattern="^(terminal|file|smtp)$",
            description="where letters go: terminal, file (letters.jsonl in --data) or smtp",
        ),
    ] = "terminal"
    smtp_url: Annotated[
        str,
        Meta(description="mail server: smtp://user:password@host:587, smtps://…, smtp+plain://…"),
    ] = ""
    mail_from: Annotated[str, Meta(description="From of the house's mail")] = (
        "Open Outcry <no-reply@localhost>"
    )
    sms_url: Annotated[
        str, Meta(description="webhook that text messages are posted to, with --notifier smtp")
    ] = ""
    sms_secret: Annotated[str, Meta(description="Bearer token of --sms-url")] = ""
    text_url: Annotated[
        str, Meta(description="text provider for sentences; default: built-in templates")
    ] = ""
    text_secret: Annotated[str, Meta(description="Bearer token of --text-url")] = ""
    text_model: Annotated[
        str, Meta(description="model, where --text-url is an OpenAI-compatible chat endpoint")
    ] = ""
    google_audience: Annotated[
        str, Meta(description="client ids whose Google ID tokens are taken; comma-separated")
    ] = ""
    google_jwks: Annotated[str, Meta(description="Google's keys: URL, or a file instead")] = (
        "https://www.googleapis.com/oauth2/v3/certs"
    )
    apple_audience: Annotated[
        str, Meta(description="client ids whose Apple ID tokens are taken; comma-separated")
    ] = ""
    apple_jwks: Annotated[str, Meta(description="Apple's keys: URL, or a file instead")] = (
        "https://appleid.apple.com/auth/keys"
    )
    ping_interval_ms: Annotated[
        int, Meta(ge=100, description="silence after which a websocket is pinged, ms")
    ] = 25_000
    backlog_bytes: Annotated[
        int, Meta(ge=65_536, description="unsent bytes after which a slow reader is closed")
    ] = 1_048_576
    pace_us: Annotated[
        int,
        Meta(ge=0, description="rest of a room after each push, for each listener, µs; 0: none"),
    ] = 40
    log_format: Annotated[
        str, Meta(pattern="^(auto|json|text)$", description="auto: text on a terminal, else json")
    ] = "auto"
    log_level: Annotated[
        str, Meta(pattern="^(debug|info|warning|error)$", description="least level of log lines")
    ] = "info"
    test_clock: Annotated[
        bool, Meta(description="let an admin move the engine's time: never in earnest")
    ] = False


SECRETS = frozenset(
    {
        "jwt_secret",
        "vault_secret",
        "webhook_secret",
        "smtp_url",
        "sms_url",
        "sms_secret",
        "text_url",
        "text_secret",
        "stripe_webhook_secret",
        "razorpay_webhook_secret",
        "paystack_secret_key",
        "stripe_secret_key",
        "razorpay_key",
    }
)


def add_flags(parser: argparse.ArgumentParser, names: tuple[str, ...] = ()) -> None:
    """A flag for each setting, or for those named."""
    hints = get_type_hints(Config, include_extras=True)
    defaults = Config()
    for name in names or Config.__struct_fields__:
        default = getattr(defaults, name)
        description = _meta(hints[name]).description or ""
        text = f"{description} [{env_name(name)}; default: {default!r}]".replace("%", "%%")
        flag = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(flag, action="store_true", default=None, help=text)
        else:
            parser.add_argument(flag, default=None, metavar=_metavar(default), help=text)


def read_config(flags: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Config:
    """Flags over environment over defaults. Raises ConfigError."""
    values: dict[str, Any] = {}
    for name in Config.__struct_fields__:
        given = getattr(flags, name, None)
        value = environ.get(env_name(name)) if given is None else given
        if value is not None:
            values[name] = value
    try:
        return msgspec.convert(values, Config, strict=False)
    except msgspec.ValidationError as problem:
        raise ConfigError(f"{problem}; see --help") from None


def print_config(config: Config) -> str:
    """What is in force, as JSON; secrets are not shown."""
    shown = {
        name: "(set)" if name in SECRETS and value else value
        for name, value in msgspec.structs.asdict(config).items()
    }
    return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()


def read_markets(path: str) -> dict[str, Market]:
    """The built-in markets, and those of the file over them. Raises ConfigError."""
    if not path:
        return dict(BUILT_IN)
    try:
        listed = msgspec.json.decode(Path(path).read_bytes(), type=list[Market])
    except (OSError, msgspec.MsgspecError) as problem:
        raise ConfigError(f"markets file {path}: {problem}") from None
    return BUILT_IN | {market.currency: market for market in listed}


def env_name(name: str) -> str:
    """`rate_user` -> `OUTCRY_RATE_USER`."""
    return f"OUTCRY_{name.upper()}"


def _meta(hint: Any) -> Meta:
    assert get_origin(hint) is Annotated, "every setting has a description"
    (meta,) = (found for found in get_args(hint) if isinstance(found, Meta))
    return meta


def _metavar(default: object) -> str:
    return "N" if isinstance(default, int) else "TEXT"
