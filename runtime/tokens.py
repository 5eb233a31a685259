"""Which tokens this deployment takes, and making one on the command line."""

import re
import time
from pathlib import Path

from gateway.tokens import KEY_SET_ALGORITHMS, Tokens, key_set, shared_secret
from runtime.config import Config, ConfigError
from runtime.secrets_store import secret_of
from runtime.vault import ROOT_BYTES_MIN, HouseVault

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def tokens_of(config: Config) -> Tokens:
    """Shared secret, or the keys of the configured JWKS file. Raises ConfigError."""
    names = {"issuer": config.jwt_issuer, "audience": config.jwt_audience}
    try:
        if config.jwks:
            own = vault_of(config).mac("access-token", "")
            jwks = Path(config.jwks).read_bytes()
            return key_set(jwks, config.jwt_algorithm, own=own, **names)
        if config.jwt_algorithm in KEY_SET_ALGORITHMS:
            raise ConfigError(f"--jwt-algorithm {config.jwt_algorithm} needs a --jwks file")
        return shared_secret(secret_of(config.data, "jwt_secret", config.jwt_secret), **names)
    except (OSError, ValueError) as problem:
        raise ConfigError(f"tokens: {problem}") from None


def vault_of(config: Config, *, is_made: bool = True) -> HouseVault:
    """The house's keys, made now if there are none and they may be. Raises ConfigError."""
    root = secret_of(config.data, "vault_secret", config.vault_secret, is_made=is_made).encode()
    if len(root) < ROOT_BYTES_MIN:
        raise ConfigError(f"--vault-secret needs at least {ROOT_BYTES_MIN} characters")
    return HouseVault(root)


def issue_token(config: Config, user: str, role: str, kyc: str, ttl: str) -> str:
    """A token that a server with this configuration takes. Raises ConfigError."""
    try:
        return tokens_of(config).issue(user, role, kyc, now_s=int(time.time()), ttl_s=_seconds(ttl))
    except ValueError as problem:
        raise ConfigError(str(problem)) from None


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text)
    if not found:
        raise ConfigError(f"--ttl {text!r} is not a time such as 90s, 15m, 1h or 7d")
    return int(found[1]) * _UNITS[found[2]]
