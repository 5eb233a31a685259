"""Secrets that are made on first use and kept in the data folder, readable by the owner only."""

import os
import secrets
from pathlib import Path

from runtime.config import ConfigError


def secret_of(data: str, name: str, configured: str) -> str:
    """The configured secret, or the one in `data/name`, made now if there is none.

    Raises ConfigError if the folder cannot be used."""
    if configured:
        return configured
    folder = Path(data)
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            secret = secrets.token_urlsafe(48)
            file.write(secret + "\n")
    except OSError as problem:
        raise ConfigError(
            f"cannot keep a secret in {path}: {problem}; choose another --data folder"
        ) from None
    return secret
