"""What docs/a-delivery.md tells a newcomer to type is typed here, word for word."""

import asyncio
import re
from pathlib import Path

import msgspec

from testkit.process import ROOT, serving

WALK = "# From registration to a delivered order"
PATIENCE_S = 60


def shell_blocks(page: str, section: str) -> str:
    """The shell commands of one section of a page."""
    text = (ROOT / page).read_text().split(section, 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


def functions_and_tokens() -> str:
    """What the first session defines, and the walk uses."""
    first = shell_blocks("README.md", "## A first session").splitlines()
    wanted = ("token()", "say()", "ADMIN=")
    return "\n".join(line for line in first if line.startswith(wanted))


async def test_from_registration_to_a_delivered_order(tmp_path: Path) -> None:
    """Every command is accepted; in the end the order is delivered and the money owed."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    async with serving(tmp_path / ".outcry", "--test-clock", "--notifier", "file") as server:
        walk = f"{functions_and_tokens()}\n{shell_blocks('docs/a-delivery.md', WALK)}"
        assert "localhost:8080" in walk
        walk = walk.replace("localhost:8080", server.address.removeprefix("http://"))
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", walk, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE_S):
            out, _ = await shell.communicate()
    assert shell.returncode == 0
    lines = [line for line in out.decode().splitlines() if line.startswith("{")]
    replies = [msgspec.json.decode(line) for line in lines]
    refused = [reply for reply in replies if reply.get("type") == "error"]
    assert not refused
    delivery, kate = replies[-2:]
    assert delivery["state"]["status"] == "COMPLETED"
    assert kate["state"]["payables"] == {"NGN": {"seller": 90_000}}
