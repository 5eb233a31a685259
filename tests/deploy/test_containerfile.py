"""The image: what goes into it, and what it starts as."""

import json
import re
from fnmatch import fnmatch

import pytest

from runtime.config import Config
from tests.deploy.files import ROOT, config_of, instruction, stages


def text() -> str:
    """All of it."""
    return (ROOT / "Containerfile").read_text()


def test_the_house_is_what_is_built_by_default() -> None:
    """It is the last stage; each starts from the same pinned image of a Python we test."""
    assert list(stages()) == ["build", "load", "house"]
    images = set(re.findall(r"^FROM (\S+)", text(), re.MULTILINE))
    (image,) = images
    assert re.fullmatch(r"python:3\.1[1-9]\.\d+-slim-\w+", image)


def test_only_what_is_locked_is_installed() -> None:
    """Everything from the index has a hash; the house itself fetches nothing."""
    for line in re.findall(r"pip install (.*)$", text(), re.MULTILINE):
        assert "--require-hashes" in line or "--no-deps --no-build-isolation" in line


def test_it_is_not_root() -> None:
    """By number, so that Kubernetes can see that it is not."""
    for stage in ("house", "load"):
        assert instruction(stage, "USER") == "10001:10001"


def test_its_settings_are_settings() -> None:
    """It listens to others, and keeps its data where the volume is."""
    pairs = dict(pair.split("=", 1) for pair in instruction("house", "ENV").split())
    config = config_of(pairs)
    assert (config.host, config.data) == ("0.0.0.0", instruction("house", "VOLUME"))
    assert config.port == Config().port
    assert json.loads(instruction("house", "ENTRYPOINT")) == ["outcry"]
    assert json.loads(instruction("house", "CMD")) == ["serve"]


def test_the_health_check_is_python() -> None:
    """It compiles, and asks for what every process of the house answers."""
    check = instruction("house", "HEALTHCHECK").partition("CMD ")[2]
    program, flag, source = json.loads(check)
    assert (program, flag) == ("python", "-c")
    compile(source, "HEALTHCHECK", "exec")
    assert "/healthz" in source


@pytest.mark.parametrize("stage", ["build", "house", "load"])
def test_what_is_copied_is_there_and_let_through(stage: str) -> None:
    """.dockerignore lets through what the stages copy, and hides secrets and data."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*", "everything is hidden first"
    shown = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.*)$", stages()[stage], re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
            assert source == "." or any(fnmatch(source.split("/")[0], name) for name in shown)
    assert not {".env", ".outcry", ".git"} & set(shown)
