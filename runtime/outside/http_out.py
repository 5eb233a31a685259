"""Calls to providers over HTTP: one request, a bounded answer, a time limit, away from the loop."""

import asyncio
import http.client
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from msgspec import Struct

THREADS = 8
ANSWER_BYTES_MAX = 262_144


class NoAnswer(Exception):
    """Nobody answered; the text says why in a few words, without the address."""


class Answer(Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


class HttpOut:
    """Sends requests. Close it when the house closes. A redirect is an answer, not followed."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="http-out")

    async def call(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float,
    ) -> Answer:
        """Send a request. Raises NoAnswer after `timeout_s` at the latest."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                return await loop.run_in_executor(
                    self._threads, self._call, method, url, body, dict(headers or {}), timeout_s
                )
        except TimeoutError:
            raise NoAnswer("no answer in time") from None
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise NoAnswer(type(problem).__name__) from None

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _call(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], timeout_s: float
    ) -> Answer:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=timeout_s, context=self._tls)
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=timeout_s)
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read(ANSWER_BYTES_MAX))
        finally:
            connection.close()


def is_web_address(url: str) -> bool:
    """Whether a request can be sent there."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def bearer(secret: str) -> dict[str, str]:
    """The header that carries a secret, if there is one; and that of JSON."""
    headers = {"Content-Type": "application/json"}
    return headers | {"Authorization": f"Bearer {secret}"} if secret else headers
