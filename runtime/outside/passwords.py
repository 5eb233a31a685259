"""Passwords: Argon2id, away from the loop, and a few at a time (identity I3).

Hashing is slow and wants memory on purpose. More than `WAITING_MAX` at once are refused, so that
a flood of logins costs its senders time and the house nothing else.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from engine.kernel.outcome import OVERLOADED, Rejected
from engine.kernel.outside import CheckPassword, HashPassword, PasswordChecked

THREADS = 2
WAITING_MAX = 64
BCRYPT_MARK = "$2"
BCRYPT_BYTES_MAX = 72


class Passwords:
    """Hashes and checks. Close it when the house closes."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0

    async def answer(self, ask: HashPassword | CheckPassword) -> str | PasswordChecked | Rejected:
        """Do the work in a thread."""
        if self._waiting >= WAITING_MAX:
            return Rejected(OVERLOADED, "too many people log in just now; try again in a second")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            if isinstance(ask, HashPassword):
                return await loop.run_in_executor(self._threads, self._hasher.hash, ask.password)
            return await loop.run_in_executor(self._threads, self._check, ask)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _nobody(self) -> str:
        """Made in the thread that wants it first: it takes as long as a login, and a market that
        changes hands waits for whoever makes its world."""
        return self._hasher.hash("nobody's password")

    def _check(self, ask: CheckPassword) -> PasswordChecked:
        # Without an account the same work is done, so that time does not tell (identity I4).
        nobody = self._nobody
        fits = self._fits(ask.password, ask.hash or nobody) and bool(ask.hash)
        outdated = fits and (_is_bcrypt(ask.hash) or self._hasher.check_needs_rehash(ask.hash))
        return PasswordChecked(ask.hash, fits, self._hasher.hash(ask.password) if outdated else "")

    def _fits(self, password: str, hash_: str) -> bool:
        try:
            if _is_bcrypt(hash_):
                return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES_MAX], hash_.encode())
            return self._hasher.verify(hash_, password)
        except (VerificationError, InvalidHashError, ValueError):
            # The last is bcrypt's, for a hash that is none.
            return False


def _is_bcrypt(hash_: str) -> bool:
    return hash_.startswith(BCRYPT_MARK)
