"""The connection as uvicorn's websocket protocol: one port, TLS and shutdown with HTTP."""

import asyncio
from typing import Any

from typing_extensions import override
from uvicorn.config import Config
from uvicorn.server import ServerState

from gateway.connection import Connection, Listener


def uvicorn_protocol(listener: Listener) -> type[asyncio.Protocol]:
    """A class for `uvicorn.Config(ws=...)`, whose connections belong to `listener`.

    uvicorn reads the request to upgrade and hands it over with the transport. When it stops it
    calls `shutdown` on each connection and waits until all of them are gone.
    """

    class UvicornConnection(Connection):
        __slots__ = ("_siblings",)

        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(listener)
            # uvicorn's set is typed for its own protocols; it only ever calls `shutdown`.
            self._siblings: set[Any] = server_state.connections

        @override
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._siblings.add(self)
            super().connection_made(transport)
            # uvicorn does this only after the handshake; if that fails, the end of the
            # connection would be told to the wrong protocol.
            transport.set_protocol(self)

        @override
        def connection_lost(self, exc: Exception | None) -> None:
            self._siblings.discard(self)
            super().connection_lost(exc)

    return UvicornConnection
