"""The port of a process, and where others find it."""

import socket

import pytest

from runtime.config import Config
from runtime.doors import address_of, closing_socket

HERE = socket.gethostname()


@pytest.mark.parametrize(
    ("host", "found"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("0.0.0.0", HERE), ("::", HERE)],
)
def test_others_are_told_an_address_that_is_one(host: str, found: str) -> None:
    """What listens everywhere is not to be found at `0.0.0.0`."""
    # There may be no IPv6 here, and what is said does not depend on it.
    with closing_socket(Config(port=0)) as listening:
        port = listening.getsockname()[1]
        assert address_of(Config(host=host), listening) == f"http://{found}:{port}"
