"""A payment provider on loopback that is told of refunds, in the hands of a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.outside.sandbox_refunds import Sandbox, served


@contextmanager
def refunding(scenario: str = "paid") -> Iterator[tuple[Sandbox, str]]:
    """The sandbox, whose `scenario` may be changed, and its address, until the block ends."""
    books = Sandbox(scenario, say=lambda _: None)
    with served(books, 0) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield books, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
