"""Newcomers read their letters as they come."""

import asyncio
import json
from pathlib import Path

from runtime.demo.newcomers import Postbox


async def test_codes_are_found_in_letters(tmp_path: Path) -> None:
    """Each by its address; other letters are passed over, half a line is left for later."""
    path = tmp_path / "letters.jsonl"
    postbox = Postbox(path)
    waiting = asyncio.create_task(postbox.code("ada@example.com"))
    letters = [
        {"to": "ada@example.com", "text": "Your account is open."},
        {"to": "+2348030000001", "text": "012345 is your code."},
        {"to": "ada@example.com", "text": "543210 is your code."},
    ]
    text = "".join(json.dumps(letter) + "\n" for letter in letters)
    path.write_text(text[:-20])
    assert await postbox.code("+2348030000001") == "012345"
    assert not waiting.done()
    path.write_text(text)
    assert await waiting == "543210"
