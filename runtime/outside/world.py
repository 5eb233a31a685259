"""The world outside, as the writer knows it: who answers which ask, who runs which errand."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from engine.core import Core
from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.outside import (
    Ask,
    CheckIdToken,
    CheckPassword,
    FindFiles,
    HashPassword,
    StoredFile,
)
from engine.kernel.time import Millis
from engine.ports import CommandSink, EventLog, FileStore, World
from engine.registry import Registry
from engine.sequencer import Errands
from runtime.config import Config
from runtime.outside.errands import ErrandCounts, ErrandRunner
from runtime.outside.http_out import HttpOut
from runtime.outside.id_tokens import id_tokens_of
from runtime.outside.passwords import Passwords
from runtime.outside.providers import carriers_of
from runtime.outside.texts import TextCounts
from runtime.writer.mail import MailCounts, MailRunner


class WorldCounts(Struct, frozen=True):
    """What the metrics page tells of a market's world."""

    errands: ErrandCounts
    texts: TextCounts
    mail: MailCounts


class OutsideWorld(World):
    """Everything that the configuration has provided. `start` it with the writer that it is the
    world of, before that one recovers."""

    def __init__(
        self,
        config: Config,
        log: EventLog,
        registry: Registry,
        files: FileStore,
        mail: MailRunner | None = None,
    ) -> None:
        """Without `mail` letters for other markets wait in the log. Raises ConfigError."""
        self._mail = mail
        self._sink: CommandSink | None = None
        self._http = HttpOut()
        self._files = files
        self._id_tokens = id_tokens_of(config, self._http)
        self._passwords = Passwords()
        carriers = carriers_of(config, self._http, registry.commands, self._writer)
        self._errands = ErrandRunner(log, registry, carriers, self._now)
        self.counts = WorldCounts(
            self._errands.counts, carriers.text_counts, mail.counts if mail else MailCounts()
        )

    def start(self, sink: CommandSink) -> None:
        """Begin with errands."""
        self._sink = sink
        self._errands.start(sink)

    async def answer(self, ask: Ask) -> Any:
        if isinstance(ask, HashPassword | CheckPassword):
            return await self._passwords.answer(ask)
        if isinstance(ask, FindFiles):
            return await self._find(ask.ids)
        if isinstance(ask, CheckIdToken):
            return await self._id_tokens.check(ask)
        return Rejected(UNAVAILABLE, f"nobody here answers a {type(ask).__name__}")

    def recovered(self, core: Core) -> None:
        self._errands.recovered(core)
        if self._mail:
            self._mail.recovered(core)

    def send_out(self, errands: Errands) -> None:
        self._errands.send_out(errands)
        if self._mail:
            self._mail.send_out(errands)

    async def stop(self) -> None:
        """End what is under way. To be called while the writer still has its lease."""
        if self._mail:
            await self._mail.stop()
        await self._errands.stop()

    def close(self) -> None:
        """Let go of threads and connections."""
        self._passwords.close()
        self._http.close()

    async def _find(self, ids: Sequence[str]) -> dict[str, StoredFile] | Rejected:
        try:
            found = {id_: await self._files.find(id_) for id_ in ids}
        except OSError:
            return Rejected(UNAVAILABLE, "uploaded files cannot be read now; try again")
        return {id_: file for id_, file in found.items() if file is not None}

    def _writer(self) -> CommandSink:
        assert self._sink is not None, "errands begin after `start`"
        return self._sink

    def _now(self) -> Millis:
        return self._writer().now()
