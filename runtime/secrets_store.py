"""Secrets that are made on first use and kept in the data folder, readable by the owner only."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from runtime.config import ConfigError


def secret_of(data: str, name: str, configured: str, *, is_made: bool = True) -> str:
    """The configured secret, or the one in `data/name`, made now if there is none and it may be.

    Raises ConfigError if the folder cannot be used, or has no such secret."""
    if configured:
        return configured
    path = Path(data) / name
    if not is_made and not path.exists():
        flag = name.replace("_", "-")
        raise ConfigError(f"there is no {path}: name the house's --data folder, or give --{flag}")
    try:
        if is_made:
            path.parent.mkdir(parents=True, exist_ok=True)
        if is_made and not path.exists():
            _make(path)
        return path.read_text().strip()
    except OSError as problem:
        raise ConfigError(
            f"cannot keep a secret in {path}: {problem}; choose another --data folder"
        ) from None


def _make(path: Path) -> None:
    """Write a secret beside its place and link it there when it is whole: of several processes
    that start together all find the one that came first, and none finds half of it."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
