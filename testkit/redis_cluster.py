"""A Redis cluster of two servers of one's own, between which slots can be moved."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from redis import Redis

from testkit.redis import START_SECONDS_MAX, RedisFailed, RedisServer

SLOTS = 16_384
POLL_SECONDS = 0.02
KEYS_MAX = 1_000
MOVE_MS_MAX = 5_000


class RedisCluster:
    """Two servers, each with half of the slots, no replicas. Use it as a context manager."""

    def __init__(self, binary: Path) -> None:
        ports = _free_ports(4)
        self._ports, self._buses = ports[:2], ports[2:]
        self._servers = [
            RedisServer(
                binary,
                *("--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes"),
                *("--cluster-port", str(bus), "--cluster-node-timeout", "2000"),
            )
            for port, bus in zip(self._ports, self._buses, strict=True)
        ]

    def __enter__(self) -> Self:
        try:
            for server in self._servers:
                server.start()
            self._join()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill both."""
        for server in self._servers:
            server.close()

    def url(self, index: int) -> str:
        """Of one of both."""
        return f"redis://127.0.0.1:{self._ports[index]}"

    def owner(self, key: str) -> int:
        """Which server has a key."""
        return 0 if self._ask(0, "CLUSTER", "KEYSLOT", key) in self._slots(0) else 1

    def move(self, key: str) -> None:
        """Have the other server keep the slot of this key, with all that is in it."""
        source = self.owner(key)
        target = 1 - source
        slot = self._ask(0, "CLUSTER", "KEYSLOT", key)
        names = [self._ask(index, "CLUSTER", "MYID") for index in (0, 1)]
        self._ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
        self._ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
        keys = self._ask(source, "CLUSTER", "GETKEYSINSLOT", slot, KEYS_MAX)
        port = self._ports[target]
        if keys:
            to = ("127.0.0.1", port, "", 0, MOVE_MS_MAX, "KEYS", *keys)
            self._ask(source, "MIGRATE", *to)
        for index in (target, source):
            self._ask(index, "CLUSTER", "SETSLOT", slot, "NODE", names[target])

    def _join(self) -> None:
        half = SLOTS // 2
        self._ask(0, "CLUSTER", "ADDSLOTSRANGE", 0, half - 1)
        self._ask(1, "CLUSTER", "ADDSLOTSRANGE", half, SLOTS - 1)
        self._ask(0, "CLUSTER", "MEET", "127.0.0.1", self._ports[1], self._buses[1])
        deadline = time.monotonic() + START_SECONDS_MAX
        while not all(self._is_whole(index) for index in (0, 1)):
            if time.monotonic() > deadline:
                raise RedisFailed(f"no cluster in {START_SECONDS_MAX} s")
            time.sleep(POLL_SECONDS)

    def _is_whole(self, index: int) -> bool:
        info: str = self._ask(index, "CLUSTER", "INFO")
        return "cluster_state:ok" in info and "cluster_known_nodes:2" in info

    def _slots(self, index: int) -> set[int]:
        name = self._ask(index, "CLUSTER", "MYID")
        found: set[int] = set()
        for first, last, owner, *_ in self._ask(index, "CLUSTER", "SLOTS"):
            if owner[2] == name:
                found |= set(range(first, last + 1))
        return found

    def _ask(self, index: int, *command: Any) -> Any:
        with Redis(unix_socket_path=self._servers[index].socket_path, decode_responses=True) as to:
            return to.execute_command(*command)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on. Somebody else may take one meanwhile; then the start fails."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
