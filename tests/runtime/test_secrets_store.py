"""Secrets are made once, for the owner's eyes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.config import ConfigError
from runtime.secrets_store import secret_of


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    """The second start finds what the first made."""
    data = str(tmp_path / "new")
    first = secret_of(data, "jwt_secret", "")
    assert len(first) >= 32
    assert secret_of(data, "jwt_secret", "") == first
    assert (tmp_path / "new" / "jwt_secret").stat().st_mode & 0o777 == 0o600


def test_all_who_start_together_find_the_same_secret(tmp_path: Path) -> None:
    """Nobody reads a file that another is still writing."""
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            data = str(tmp_path / str(number))
            found = set(pool.map(lambda _, d=data: secret_of(d, "jwt_secret", ""), range(8)))
            assert len(found) == 1
            assert len(found.pop()) >= 32
            assert [file.name for file in Path(data).iterdir()] == ["jwt_secret"]


def test_a_configured_secret_is_not_written_down(tmp_path: Path) -> None:
    """What comes from the environment stays there."""
    assert secret_of(str(tmp_path), "jwt_secret", "given") == "given"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The error tells the way out."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match="--data"):
        secret_of(str(blocked / "data"), "jwt_secret", "")
