"""uvicorn's HTTP protocol with bounds: a request's head has a size, and a request an end.

uvicorn itself waits for ever for the rest of a request, and takes a head of any length.
"""

import asyncio
from functools import partial
from typing import Any

from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.connection import Listener
from gateway.limits import REQUEST_HEAD_BYTES_MAX, UPLOAD_MS_MAX
from gateway.wheel import OFF_WHEEL

UPLOAD_PATH = b"/v1/files"
HEAD_END = b"\r\n\r\n"
HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """A request must have arrived as a whole within the listener's `handshake_timeout_ms`,
    counted from its first byte or from the connection. Of an upload, the next piece must."""

    wheel_slot = OFF_WHEEL

    def __init__(
        self,
        listener: Listener,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._listener = listener
        self._head_bytes = 0
        self._in_head = True
        self._head_tail = b""
        self._is_upload = False
        self._upload_until_ms = 0

    def due(self) -> None:
        """The request has taken too long."""
        self._refuse(TOO_SLOW)

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.wheel.drop(self)
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += self._head_part_of(data)
            if self._head_bytes > REQUEST_HEAD_BYTES_MAX:
                self._refuse(HEAD_TOO_LARGE)
                return
        elif self._is_upload and self._listener.wheel.now_ms < self._upload_until_ms:
            self._expect_request()
        super().data_received(data)

    @override
    def handle_websocket_upgrade(self) -> None:
        self._listener.wheel.drop(self)
        super().handle_websocket_upgrade()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_request()

    @override
    def on_headers_complete(self) -> None:
        self._in_head = False
        self._is_upload = self.url.partition(b"?")[0] == UPLOAD_PATH
        self._upload_until_ms = self._listener.wheel.now_ms + UPLOAD_MS_MAX
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        self._listener.wheel.drop(self)
        # What comes next on this connection is another request's head.
        self._in_head, self._head_bytes, self._is_upload = True, 0, False
        self._head_tail = b""
        super().on_message_complete()

    def _head_part_of(self, data: bytes) -> int:
        """How many bytes of it are head: a large body may have come with it in one read."""
        known = self._head_tail + data
        end = known.find(HEAD_END)
        self._head_tail = known[1 - len(HEAD_END) :]
        return len(data) if end < 0 else end

    def _expect_request(self) -> None:
        self._listener.wheel.put(self, self._listener.settings.handshake_timeout_ms)

    def _refuse(self, answer: bytes) -> None:
        self._listener.wheel.drop(self)
        self.transport.write(answer)
        self.transport.close()


def uvicorn_http(listener: Listener) -> Any:
    """What `uvicorn.Config(http=...)` makes its connections with: it asks for a class, and only
    ever calls it."""
    return partial(BoundedHttp, listener)
