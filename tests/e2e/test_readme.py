"""The commands of README, as they stand there, typed into a shell beside a fresh checkout."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import connect

from runtime.config import Config
from runtime.tokens import issue_token
from testkit.process import PATIENCE_S, ROOT

BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SERVING = "outcry serve"
TALKING = "websockets ws://"
END = "---- the block has ended"


class Reader:
    """Somebody who types what README says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()

    def blocks(self, heading: str) -> list[str]:
        """The blocks of a section, with a port that is free."""
        text = (ROOT / "README.md").read_text()
        section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        found = [block for _, block in BLOCK.findall(section)]
        assert found, heading
        return [block.replace("localhost:8080", f"localhost:{self.port}") for block in found]

    @asynccontextmanager
    async def shell(self, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A shell in that folder; whatever still runs in it is ended with the block."""
        process = await asyncio.create_subprocess_exec(
            *(command or ("bash",)),
            cwd=self.folder,
            env=os.environ | {"OUTCRY_PORT": str(self.port)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()

    async def talk(self, block: str) -> list[str]:
        """Type the lines of a websocket session; what came back."""
        config = Config(data=str(self.folder / ".outcry"))
        token = issue_token(config, "ann", "user", "approved", "1h")
        typed = [line for line in block.splitlines() if line.startswith("{")]
        heard: list[str] = []
        async with connect(f"ws://localhost:{self.port}/v1/ws", proxy=None) as socket_:
            for line in typed:
                await socket_.send(line.replace("…the value of $ANN…", token))
            async with asyncio.timeout(PATIENCE_S):
                while not heard or f'"id":"{len(typed)}"' not in heard[-1]:
                    heard.append(str(await socket_.recv()))
        return heard


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def type_in(shell: asyncio.subprocess.Process, block: str) -> str:
    """Run a block; what it printed."""
    assert shell.stdin is not None, "a pipe"
    assert shell.stdout is not None, "a pipe"
    shell.stdin.write(f"{block}\necho; echo '{END}'\n".encode())
    await shell.stdin.drain()
    said = ""
    async with asyncio.timeout(2 * PATIENCE_S):
        while END not in said:
            line = await shell.stdout.readline()
            assert line, f"the shell has ended:\n{said}"
            said += line.decode()
    return said.partition(END)[0]


async def test_the_walk_of_the_readme(tmp_path: Path) -> None:
    """Nothing is refused: a sale, then a registration that ends with a delivered parcel."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    reader = Reader(tmp_path)
    serving, *sale = reader.blocks("A first session")
    assert SERVING in serving
    async with reader.shell(*serving.split()) as server, reader.shell() as shell:
        assert server.stdout is not None, "a pipe"
        async with asyncio.timeout(PATIENCE_S):
            while b"is ready at" not in await server.stdout.readline():
                pass
        said = ""
        for block in [*sale, *reader.blocks("From registration to a delivered parcel")]:
            if TALKING in block:
                said += "\n".join(await reader.talk(block))
            else:
                said += await type_in(shell, block)
            assert '"type":"error"' not in said, said
    assert "every invariant holds" in said
    assert '"hammer_price":10250' in said
    assert "\nDELIVERED\n{'USD': {'carrier': 2000}}\n" in said, said
