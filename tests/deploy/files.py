"""Reading the files of a deployment as their tools do."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from runtime.config import Config, env_name, read_config

ROOT = Path(__file__).parents[2]
PREFIX = "OUTCRY_"
OF_TOOLS = frozenset({"OUTCRY_GATEWAYS"})
"""Read by the load, not by the house."""
SETTINGS = {env_name(name): name for name in Config.__struct_fields__}

_REQUIRED = re.compile(r"\$\{([A-Z_]+):\?[^}]+\}")

Document = dict[str, Any]


def compose() -> Document:
    """docker-compose.yml as it stands."""
    found: Document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def kubernetes() -> dict[str, list[Document]]:
    """The documents below deploy/kubernetes, by the name of their file."""
    files = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    return {file.name: list(yaml.safe_load_all(file.read_text())) for file in files}


def stages() -> dict[str, str]:
    """The stages of the Containerfile: name -> instructions."""
    text = (ROOT / "Containerfile").read_text()
    return dict(
        re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM|\Z)", text, re.DOTALL | re.MULTILINE)
    )


def instruction(stage: str, name: str) -> str:
    """What follows the last such instruction of a stage, its continued lines joined."""
    joined = stages()[stage].replace("\\\n", " ")
    return str(re.findall(rf"^{name} +(.*)$", joined, re.MULTILINE)[-1])


def required(text: str) -> set[str]:
    """The variables without which compose refuses to do anything."""
    return set(_REQUIRED.findall(text))


def filled(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables, as compose puts them in."""
    return _REQUIRED.sub(lambda found: variables[found[1]], text)


def config_of(environment: Mapping[str, str]) -> Config:
    """What the house makes of an environment. Raises ConfigError, or AssertionError about a
    variable that it does not know."""
    unknown = {name for name in environment if name.startswith(PREFIX)} - set(SETTINGS) - OF_TOOLS
    assert not unknown, f"no such setting: {sorted(unknown)}"
    return read_config(argparse.Namespace(), environment)
