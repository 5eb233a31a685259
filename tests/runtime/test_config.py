"""Settings: flag over environment over default, and errors that tell the way out."""

import argparse
from pathlib import Path

import msgspec
import pytest

from runtime.config import (
    Config,
    ConfigError,
    add_flags,
    env_name,
    print_config,
    read_config,
    read_markets,
)


def parse(*argv: str) -> argparse.Namespace:
    """The arguments of `outcry serve`."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return parser.parse_args(argv)


def test_defaults_hold_without_flags_and_environment() -> None:
    """Nothing has to be set."""
    assert read_config(parse(), {}) == Config()


def test_the_environment_sets_and_a_flag_wins() -> None:
    """Every flag has a variable."""
    environ = {"OUTCRY_PORT": "9001", "OUTCRY_RATE_USER": "5", "OUTCRY_TEST_CLOCK": "true"}
    config = read_config(parse("--port", "9002"), environ)
    assert (config.port, config.rate_user, config.test_clock) == (9002, 5, True)


@pytest.mark.parametrize("name", Config.__struct_fields__)
def test_help_names_every_setting_with_variable_and_default(name: str) -> None:
    """--help is complete."""
    parser = argparse.ArgumentParser(prog="outcry")
    add_flags(parser)
    text = " ".join(parser.format_help().split())
    assert f"--{name.replace('_', '-')}" in text
    assert f"[{env_name(name)}; default: {getattr(Config(), name)!r}]" in text


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (("--port", "70000"), "port"),
        (("--port", "http"), "port"),
        (("--rate-user", "-1"), "rate_user"),
        (("--log-format", "xml"), "log_format"),
    ],
)
def test_a_bad_value_is_refused_by_name(flags: tuple[str, ...], field: str) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match=field):
        read_config(parse(*flags), {})


def test_printed_settings_hide_secrets() -> None:
    """A config in a bug report gives nothing away."""
    secrets = [name for name in Config.__struct_fields__ if "secret" in name]
    text = print_config(Config(**dict.fromkeys(secrets, "hush-hush")))
    assert "hush-hush" not in text
    shown = msgspec.json.decode(text)
    assert [name for name in shown if shown[name] == "(set)"] == secrets


def test_a_markets_file_adds_to_the_built_in_markets(tmp_path: Path) -> None:
    """The operator's figures win over ours."""
    path = tmp_path / "markets.json"
    path.write_text('[{"currency":"NGN","increment_min":1},{"currency":"INR","deposit_bps":500}]')
    markets = read_markets(str(path))
    assert markets["NGN"].increment_min == 1
    assert markets["INR"].deposit_bps == 500
    assert "USD" in markets


@pytest.mark.parametrize("text", ["{", '[{"currency":"NGN","no_such":1}]', '[{"currency":"ngn"}]'])
def test_a_bad_markets_file_is_refused(tmp_path: Path, text: str) -> None:
    """The error names the file."""
    path = tmp_path / "markets.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"markets\.json"):
        read_markets(str(path))
