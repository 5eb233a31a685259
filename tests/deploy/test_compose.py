"""docker-compose.yml against its specification, and against the house that it starts."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from runtime.cli import OF_GATEWAYS, OF_WRITERS
from runtime.cluster.engine_process import LEAVE_MS
from runtime.doors import DRAIN_SECONDS
from tests.deploy.files import (
    OF_TOOLS,
    PREFIX,
    ROOT,
    SETTINGS,
    compose,
    config_of,
    filled,
    required,
)

SECRET = "0123456789abcdef" * 4
SCHEMA = Path(__file__).parent / "compose_spec.json"
"""Of the Compose Specification, Apache-2.0, as docker-compose 1.29.2 has it."""
HOUSES = ("engine1", "engine2", "gateway1", "gateway2")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """By their names."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """With every required variable given."""
    given = dict.fromkeys(required(json.dumps(service)), SECRET)
    return {name: filled(text, given) for name, text in service["environment"].items()}


def test_it_is_a_compose_file() -> None:
    """The specification's schema has nothing to say about it, and would about a misspelt key."""
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(compose())] == []
    wrong = compose()
    wrong["services"]["engine1"]["stop_grace"] = "40s"
    assert not validator.is_valid(wrong)


def test_images_are_pinned(services: dict[str, dict[str, Any]]) -> None:
    """To a version of three numbers, or two with Postgres; what is built here is called local."""
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        assert re.match(r"v?\d+\.\d+", tag) or ("build" in service and tag == "local"), name


def test_secrets_are_required_and_stand_nowhere() -> None:
    """Whoever forgets one is told how to make it, and the recipe at the top makes them all."""
    text = (ROOT / "docker-compose.yml").read_text()
    recipe = re.search(r"for name in ([A-Z_\\\n# ]+); do", text)
    assert recipe
    made = {word for word in recipe[1].split() if word.isupper()}
    assert made == required(text)
    assert not re.search(r"\$\{[A-Z_]+(:-|\})", text), "a default would be a known secret"
    assert "/.env" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("name", HOUSES)
def test_the_house_understands_its_settings(services: dict[str, dict[str, Any]], name: str) -> None:
    """Each variable is a setting, of this kind of process, and can be used."""
    environment = environment_of(services[name])
    config = config_of(environment)
    (command,) = services[name]["command"]
    foreign = OF_GATEWAYS if command == "engine" else OF_WRITERS
    assert not {SETTINGS[variable] for variable in environment} & foreign
    assert config.name == name == services[name]["hostname"]
    assert config.redis == "redis://redis:6379"
    assert bool(config.postgres) == (command == "engine")


def test_all_share_secrets_and_files(services: dict[str, dict[str, Any]]) -> None:
    """Or links, codes and photos that one makes would be worth nothing to another."""
    for variable in ("OUTCRY_VAULT_SECRET", "OUTCRY_REDIS"):
        assert len({services[name]["environment"][variable] for name in HOUSES}) == 1
    assert {tuple(services[name]["volumes"]) for name in HOUSES} == {("files:/data",)}


def test_names_that_are_used_are_there(services: dict[str, dict[str, Any]]) -> None:
    """Hosts in URLs are services, so are those that others wait for; mounted files exist."""
    for name, service in services.items():
        for text in service.get("environment", {}).values():
            for host in re.findall(r"//(?:[^/,@]*@)?([a-z0-9]+):\d+", text):
                assert host in services, f"{name}: {text}"
        for other, how in dict.fromkeys(service.get("depends_on", ())).items():
            assert other in services, (name, how)
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            is_there = (ROOT / source).is_dir() if "/" in source else source in compose()["volumes"]
            assert is_there, f"{name}: {volume}"


def test_prometheus_asks_all_of_them(services: dict[str, dict[str, Any]]) -> None:
    """At the ports that they listen on."""
    asked = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    targets = [
        target
        for job in asked["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    ports = {name: config_of(environment_of(services[name])).port for name in HOUSES}
    assert sorted(targets) == sorted(f"{name}:{port}" for name, port in ports.items())
    for name in ("gateway1", "gateway2"):
        assert services[name]["ports"][0].endswith(f":{ports[name]}")


def test_there_is_time_to_stop(services: dict[str, dict[str, Any]]) -> None:
    """Longer than an engine's handing over, and longer than a gateway's goodbye."""
    for name in HOUSES:
        least_s = LEAVE_MS / 1_000 if "engine" in name else DRAIN_SECONDS
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > 1.5 * least_s


def test_redis_forgets_nothing_to_make_room(services: dict[str, dict[str, Any]]) -> None:
    """And writes nothing to disk, for nothing in it has to last."""
    command = shlex.join(services["redis"]["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "--save '' --appendonly no" in command


def test_the_load_is_extra(services: dict[str, dict[str, Any]]) -> None:
    """It comes with its profile only, knows the secret of tokens and names both gateways."""
    load = services["load"]
    assert load["profiles"] == ["load"]
    variables = {name for name in load["environment"] if name.startswith(PREFIX)}
    assert variables == {*OF_TOOLS, "OUTCRY_JWT_SECRET"}
    source = "".join((ROOT / "bench" / f).read_text() for f in ("locustfile.py", "server.py"))
    for variable in variables:
        assert f'"{variable}"' in source
    assert load["environment"]["OUTCRY_GATEWAYS"].count("http://gateway") == 2
