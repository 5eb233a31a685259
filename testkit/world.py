"""The world outside for tests and simulations: quick, and the same each time."""

from hashlib import sha256
from typing import Any

from engine.core import Core
from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.outside import (
    Ask,
    CheckIdToken,
    CheckPassword,
    Errand,
    FindFiles,
    HashPassword,
    IdTokenChecked,
    PasswordChecked,
    StoredFile,
)
from engine.ports import World
from engine.sequencer import Errands
from runtime.vault import HouseVault

ROOT = b"the root secret of every test, 32+"


def vault() -> HouseVault:
    """The same keys in every test."""
    return HouseVault(ROOT)


class PaperWorld(World):
    """Answers at once, out of its head, and keeps what it was sent out for."""

    def __init__(self) -> None:
        self.errands: list[Errand] = []
        self.files: dict[str, StoredFile] = {}
        """What a test says was uploaded."""
        self.id_tokens: dict[str, IdTokenChecked] = {}

    async def answer(self, ask: Ask) -> Any:
        return self.answer_now(ask)

    def answer_now(self, ask: Ask) -> Any:
        """The answer, without waiting."""
        match ask:
            case HashPassword():
                return _hash(ask.password)
            case CheckPassword():
                return PasswordChecked(ask.hash, _hash(ask.password) == ask.hash)
            case CheckIdToken():
                return self.id_tokens.get(ask.token) or _named(ask.token)
            case FindFiles():
                found = {name: self.files.get(name) or _paper_file(name) for name in ask.ids}
                return {name: file for name, file in found.items() if file}
        return Rejected(UNAVAILABLE, f"nobody here answers a {type(ask).__name__}")

    def recovered(self, core: Core) -> None:
        """What was sent out is in memory, and so is gone with it."""

    def send_out(self, errands: Errands) -> None:
        self.errands += errands.errands


def _named(token: str) -> IdTokenChecked | None:
    """A provider that vouches for whoever says `paper` and a name: workloads know no other."""
    paper, _, name = token.partition(" ")
    return IdTokenChecked(name, f"{name}@paper.example", True) if paper == "paper" else None


def _paper_file(name: str) -> StoredFile | None:
    """A picture of ann's, if it is called `paper-ann-` and anything: workloads know no other."""
    paper, _, rest = name.partition("-")
    if paper != "paper":
        return None
    return StoredFile(sha256(name.encode()).hexdigest(), 1, "image/jpeg", rest.rpartition("-")[0])


def _hash(password: str) -> str:
    return sha256(password.encode()).hexdigest()
