"""Passwords: hard to guess from a hash, and no clue from how long it takes."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Literal

import bcrypt
import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from engine.kernel.outcome import OVERLOADED, Rejected
from engine.kernel.outside import CheckPassword, HashPassword, PasswordChecked
from runtime.outside import passwords as passwords_module
from runtime.outside.passwords import WAITING_MAX, Passwords

PASSWORD = "Correct horse 9"


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    """Those of a house."""
    found = Passwords()
    yield found
    found.close()


async def _hash(passwords: Passwords, password: str = PASSWORD) -> str:
    found = await passwords.answer(HashPassword(password))
    assert isinstance(found, str)
    return found


async def _check(passwords: Passwords, password: str, hash_: str) -> PasswordChecked:
    found = await passwords.answer(CheckPassword(password, hash_))
    assert isinstance(found, PasswordChecked)
    return found


async def test_a_hash_is_argon2id_and_salted(passwords: Passwords) -> None:
    """At least what RFC 9106 recommends where memory is short: 64 MiB, three passes."""
    first, second = await _hash(passwords), await _hash(passwords)
    assert first != second
    parameters = extract_parameters(first)
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 65_536
    assert parameters.time_cost >= 3
    assert PASSWORD not in first


async def test_nothing_is_hashed_where_the_writer_works(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even once, when a market is taken up: another one may be served in the same process."""
    at: list[threading.Thread] = []
    hash_ = PasswordHasher.hash

    def watched(hasher: PasswordHasher, password: str) -> str:
        at.append(threading.current_thread())
        return hash_(hasher, password)

    monkeypatch.setattr(PasswordHasher, "hash", watched)
    Passwords().close()
    await _hash(passwords)
    await _check(passwords, PASSWORD, "")
    assert len(at) == 2
    assert threading.main_thread() not in at


async def test_the_right_password_fits_and_no_other(passwords: Passwords) -> None:
    """A letter, its case and its accents count."""
    hash_ = await _hash(passwords, "Grüße 12")
    assert await _check(passwords, "Grüße 12", hash_) == PasswordChecked(hash_, True)
    for wrong in ("grüße 12", "Grusse 12", "Grüße 12 ", ""):
        assert await _check(passwords, wrong, hash_) == PasswordChecked(hash_, False)


async def test_a_bcrypt_hash_is_taken_and_made_anew(passwords: Passwords) -> None:
    """Accounts from elsewhere keep their passwords, and lose the old hash at a login (I3)."""
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    found = await _check(passwords, PASSWORD, old)
    assert found.fits
    assert found.hash == old
    assert found.rehashed.startswith("$argon2id$")
    assert (await _check(passwords, PASSWORD, found.rehashed)) == PasswordChecked(
        found.rehashed, True
    )
    assert await _check(passwords, "wrong", old) == PasswordChecked(old, False)


async def test_a_weaker_argon2_hash_is_made_anew(passwords: Passwords) -> None:
    """Parameters grow with the machines."""
    weak = PasswordHasher(time_cost=1, memory_cost=1_024).hash(PASSWORD)
    found = await _check(passwords, PASSWORD, weak)
    assert found.fits
    assert extract_parameters(found.rehashed).memory_cost >= 65_536


class CountingHasher(PasswordHasher):
    """Notes against which hashes it has reckoned."""

    def __init__(self) -> None:
        super().__init__()
        self.verified: list[str | bytes] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        """As the other, and note it."""
        self.verified.append(hash)
        return super().verify(hash, password)


async def test_nobody_costs_as_much_as_somebody(passwords: Passwords) -> None:
    """Whether there is such an account, the time of an answer does not tell: the same hash is
    reckoned (I4). And nobody's password, were it guessed, opens nothing."""
    passwords._hasher = hasher = CountingHasher()
    hash_ = await _hash(passwords)
    await _check(passwords, "wrong", hash_)
    await _check(passwords, "wrong", "")
    assert not (await _check(passwords, "nobody's password", "")).fits
    somebody, nobody, _ = map(str, hasher.verified)
    assert somebody == hash_
    assert extract_parameters(nobody) == extract_parameters(somebody)


@pytest.mark.parametrize(
    "broken", ["x", "$argon2id$v=19$m=1", "$2b$nonsense", "$2b$12$" + "x" * 53]
)
async def test_a_broken_hash_fits_nothing(passwords: Passwords, broken: str) -> None:
    """Whatever stands in an account, a login is refused and nothing breaks."""
    assert not (await _check(passwords, PASSWORD, broken)).fits


async def test_a_flood_is_refused_and_passes(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound it is OVERLOADED at once; when the flood is over, logins go on."""
    gate = threading.Event()
    monkeypatch.setattr(passwords, "_check", lambda ask: gate.wait() and PasswordChecked("", True))
    waiting = [
        asyncio.ensure_future(passwords.answer(CheckPassword("x", "y"))) for _ in range(WAITING_MAX)
    ]
    await asyncio.sleep(0)
    refused = await passwords.answer(CheckPassword("x", "y"))
    assert isinstance(refused, Rejected)
    assert refused.code == OVERLOADED
    gate.set()
    assert all(isinstance(found, PasswordChecked) for found in await asyncio.gather(*waiting))
    assert isinstance(await passwords.answer(CheckPassword("x", "y")), PasswordChecked)


def test_few_hash_at_once() -> None:
    """Each takes 64 MiB: the bound on threads is one on memory."""
    assert passwords_module.THREADS <= 4
