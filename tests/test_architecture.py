"""The floors and habits of the house hold over the real tree, and each rule is able to complain."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import house_rules as rules

WORKPLACE = re.compile(r"(?<![\w./-])/(?:work|root)/")


@pytest.fixture(scope="module")
def product() -> list[rules.Module]:
    """Every module that is shipped."""
    return rules.modules_of(*rules.PRODUCT)


@pytest.fixture(scope="module")
def everything() -> list[rules.Module]:
    """Every module of ours."""
    return rules.modules_of(*rules.OURS)


def complaints(rule: rules.Rule, modules: list[rules.Module]) -> str:
    """All that a rule has to say, one complaint a line."""
    return "\n".join(complaint.text for module in modules for complaint in rule(module))


def complaint_about(rule: rules.Rule, path: str, source: str) -> str:
    """All that a rule has to say about one made-up file."""
    return complaints(rule, [rules.parse(path, source)])


def run(*arguments: str, cwd: Path = rules.ROOT, path: Path | None = None) -> tuple[int, str]:
    """Run Python; return its exit code and all that it printed."""
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_tree_is_seen(product: list[rules.Module]) -> None:
    """The rules below look at every part of the product, not at an empty list."""
    assert {module.home for module in product} == set(rules.PRODUCT)


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule_holds_everywhere(rule: rules.Rule, everything: list[rules.Module]) -> None:
    """The rule has nothing to say about product, testkit, tests and bench."""
    assert not complaints(rule, everything)


@pytest.mark.parametrize("rule", rules.PRODUCT_RULES, ids=lambda rule: rule.__name__)
def test_rule_holds_in_the_product(rule: rules.Rule, product: list[rules.Module]) -> None:
    """The rule has nothing to say about what is shipped."""
    assert not complaints(rule, product)


def test_floors_of_the_engine_hold(product: list[rules.Module]) -> None:
    """No part of the engine imports its neighbour or a higher floor."""
    rule = partial(rules.floors_of_the_engine, floors=rules.engine_floors())
    assert not complaints(rule, product)


LONG_FUNCTION = "def f():\n" + "    pass\n" * rules.FUNCTION_LINES_MAX
BAD: list[tuple[rules.Rule, str, str, str]] = [
    (rules.floors_of_the_house, "engine/core.py", "import gateway.frames", "imports gateway"),
    (rules.floors_of_the_house, "gateway/a.py", "from persistence import b", "imports persistence"),
    (rules.floors_of_the_house, "persistence/a.py", "import runtime", "imports runtime"),
    (rules.floors_of_the_house, "runtime/a.py", "from testkit.x import y", "imports testkit"),
    (
        rules.engine_touches_nothing,
        "engine/core.py",
        "from asyncio import sleep",
        "imports asyncio",
    ),
    (
        rules.engine_touches_nothing,
        "engine/core.py",
        "def f():\n    import time",
        ":2: engine imports",
    ),
    (rules.engine_touches_nothing, "engine/core.py", "hash('a')", "calls hash()"),
    (rules.engine_touches_nothing, "engine/core.py", "open('a')", "calls open()"),
    (rules.engine_is_synchronous, "engine/core.py", "async def f(): ...", "asynchronous code"),
    (
        rules.engine_counts_in_integers,
        "engine/core.py",
        "def f(a: int | float): ...",
        "annotated as float",
    ),
    (
        rules.engine_counts_in_integers,
        "engine/core.py",
        "def f() -> float: ...",
        "annotated as float",
    ),
    (
        rules.engine_counts_in_integers,
        "engine/core.py",
        "class A:\n    b: float",
        ":2: annotated as float",
    ),
    (
        rules.domains_are_strangers,
        "engine/domains/auction/decide.py",
        "from ..custody import state",
        "imports the domain engine.domains.custody",
    ),
    (
        rules.domains_are_strangers,
        "engine/domains/a/b.py",
        "import engine.domains.c",
        "imports the",
    ),
    (rules.third_parties_stay_home, "engine/core.py", "import orjson", "imports orjson"),
    (rules.third_parties_stay_home, "gateway/a.py", "import asyncpg", "imports asyncpg"),
    (rules.third_parties_stay_home, "runtime/a.py", "from requests import get", "requests"),
    (rules.engine_swallows_nothing, "engine/a.py", "try: f()\nexcept: pass", "catches everything"),
    (
        rules.engine_swallows_nothing,
        "engine/a.py",
        "try: f()\nexcept (KeyError, Exception): pass",
        ":2: catches everything",
    ),
    (
        rules.circles_are_not_hidden,
        "gateway/a.py",
        "from typing import TYPE_CHECKING",
        "imports TY",
    ),
    (rules.circles_are_not_hidden, "gateway/a.py", "if typing.TYPE_CHECKING: ...", "uses TYPE"),
    (rules.classes_are_plain, "engine/a.py", "class A(metaclass=B): ...", "has a metaclass"),
    (rules.functions_are_short, "gateway/a.py", LONG_FUNCTION, "f() has 71 lines"),
    (rules.files_are_short, "gateway/a.py", "a = 1\n" * 501, "501 lines"),
    (rules.modules_introduce_themselves, "gateway/a.py", "a = 1", "has no docstring"),
    (rules.tests_introduce_themselves, "tests/a.py", "def test_a(): ...", "has no docstring"),
    (rules.only_the_command_line_prints, "gateway/a.py", "print(1)", "calls print()"),
]


@pytest.mark.parametrize(
    ("rule", "path", "source", "complaint"),
    BAD,
    ids=[f"{b[0].__name__}{i}" for i, b in enumerate(BAD)],
)
def test_rule_can_complain(rule: rules.Rule, path: str, source: str, complaint: str) -> None:
    """A file that breaks the rule is named with its line, and the remedy is told."""
    said = complaint_about(rule, path, source)
    assert said.startswith(path + ":")
    assert complaint in said
    assert len(said.split(": ")) >= 3, "file and line, what, remedy"


GOOD: list[tuple[rules.Rule, str, str]] = [
    (rules.floors_of_the_house, "runtime/a.py", "import engine, gateway, persistence"),
    (rules.engine_touches_nothing, "gateway/a.py", "import asyncio, time"),
    (rules.engine_is_synchronous, "engine/ports.py", "async def f(): ..."),
    (rules.engine_touches_nothing, "engine/kernel/b.py", "from engine.kernel import time"),
    (rules.domains_are_strangers, "engine/domains/a/b.py", "from . import state"),
    (rules.third_parties_stay_home, "engine/a.py", "import enum, msgspec"),
    (rules.engine_swallows_nothing, "engine/a.py", "try: f()\nexcept KeyError: pass"),
    (rules.functions_are_short, "gateway/a.py", LONG_FUNCTION.removesuffix("    pass\n")),
    (rules.only_the_command_line_prints, "runtime/a.py", "print(1)"),
]


@pytest.mark.parametrize(
    ("rule", "path", "source"), GOOD, ids=[f"{g[0].__name__}{i}" for i, g in enumerate(GOOD)]
)
def test_rule_leaves_the_good_alone(rule: rules.Rule, path: str, source: str) -> None:
    """What the rule allows passes, or nobody would keep the rule."""
    assert not complaint_about(rule, path, source)


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("engine/low.py", "from engine import high", "low imports engine.high"),
        ("engine/left.py", "import engine.right", "left imports engine.right"),
        ("engine/low.py", "from . import unknown", "low imports engine.unknown"),
        ("engine/unknown.py", "", "engine.unknown has no floor"),
        ("engine/__init__.py", "from engine.low import a", "imports engine.low.a"),
        ("engine/high.py", "from engine.low import a", ""),
        ("engine/low/a.py", "from . import b\nfrom .. import high", ":2: low imports engine.high"),
    ],
)
def test_floors_of_the_engine_can_complain(path: str, source: str, complaint: str) -> None:
    """Lower floors are open; the neighbour, the upper and the unnamed floor are not."""
    rule = partial(rules.floors_of_the_engine, floors=[{"low"}, {"left", "right"}, {"high"}])
    said = complaint_about(rule, path, source)
    assert complaint in said
    assert bool(said) == bool(complaint)


def lint_imports(root: Path) -> tuple[int, str]:
    """Run the contracts of the pyproject.toml in this folder."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return run("-c", command, "--no-cache", cwd=root)


def test_import_contracts_hold() -> None:
    """import-linter agrees: it also sees what is imported by way of others."""
    code, said = lint_imports(rules.ROOT)
    assert code == 0, said


@pytest.mark.parametrize(
    ("culprit", "imported", "broken"),
    [
        ("engine/kernel", "engine.sequencer", "Floors of the engine"),
        ("gateway", "persistence", "Floors of the house"),
        ("engine/domains/auction", "engine.domains.custody", "Domains do not know each other"),
        ("engine/ledger", "asyncio", "Engine does no I/O"),
        ("engine/newcomer", "engine.kernel", "Floors of the engine"),
    ],
)
def test_import_contracts_can_break(
    culprit: str, imported: str, broken: str, tmp_path: Path
) -> None:
    """In a house of empty rooms one wrong import breaks the contract of that name."""
    parts = [f"engine/{part}" for floor in rules.engine_floors() for part in floor]
    domains = ["engine/domains/auction", "engine/domains/custody"]
    for folder in (*rules.PRODUCT, "testkit", *parts, *domains, culprit):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text((rules.ROOT / "pyproject.toml").read_text())
    (tmp_path / culprit / "__init__.py").write_text(f"import {imported}\n")
    code, said = lint_imports(tmp_path)
    assert code == 1, said
    assert f"{broken} BROKEN" in said


def probe(first: list[str], modules: list[str], path: Path | None = None) -> tuple[int, str]:
    """Import `modules` in a fresh Python after `first`; see import_probe.py."""
    names = json.dumps({"first": first, "modules": modules})
    return run("-m", "tests.import_probe", names, path=path)


def test_importing_does_nothing() -> None:
    """Importing any module of ours opens no socket and no file and starts no thread or process."""
    modules = rules.modules_of(*rules.PRODUCT, "testkit")
    foreign = {name for module in modules for _, name in rules.imports(module)}
    first = sorted(name for name in foreign if name.split(".")[0] not in rules.OURS)
    code, said = probe(first, [module.dotted for module in modules])
    assert code == 0, said


@pytest.mark.parametrize(
    ("source", "deed"),
    [
        ("import socket\nS = socket.socket()", "makes a socket"),
        ("import sys\nF = open(sys.executable, 'rb')", "opens a file"),
        ("import threading\nthreading.Thread(target=int).start()", "starts a thread"),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-V'])", "starts a process"),
        ("import sqlite3\nsqlite3.connect(':memory:')", "opens a database"),
        ("A = 1", ""),
    ],
)
def test_import_probe_can_complain(source: str, deed: str, tmp_path: Path) -> None:
    """A module that does something when imported is caught, and a harmless one is not."""
    (tmp_path / "culprit.py").write_text(source)
    code, said = probe(["socket", "threading", "subprocess", "sqlite3"], ["culprit"], tmp_path)
    assert code == (1 if deed else 0), said
    assert deed in said


def project_files() -> list[Path]:
    """Every file of the project: tracked, or new and not ignored; all of them outside git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=rules.ROOT, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return [path for path in rules.ROOT.rglob("*") if path.is_file() and not is_made(path)]
    names = listed.decode("utf-8").split("\0")
    return [rules.ROOT / name for name in names if (rules.ROOT / name).is_file()]


def is_made(path: Path) -> bool:
    """Whether a tool wrote this file, as .gitignore has it."""
    parts = path.relative_to(rules.ROOT).parts
    made = {".git", ".venv", ".hypothesis", "__pycache__"}
    return any(part in made or part.endswith("_cache") for part in parts)


def texts() -> Iterator[tuple[str, str]]:
    """Yield (path, text) of each text file of the project."""
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path.relative_to(rules.ROOT).as_posix(), content.decode("utf-8", "replace")


def workplace_paths(name: str, text: str) -> list[str]:
    """Name each line that holds a path of the machine where it was written."""
    lines = enumerate(text.splitlines(), start=1)
    return [
        f"{name}:{number}: a path of one machine: use a relative path"
        for number, line in lines
        if WORKPLACE.search(line)
    ]


def test_no_file_names_a_workplace() -> None:
    """The project reads the same on every machine."""
    read = dict(texts())
    assert "pyproject.toml" in read
    found = [complaint for name, text in read.items() for complaint in workplace_paths(name, text)]
    assert not found, "\n".join(found)


def test_workplace_paths_are_seen() -> None:
    """The pattern finds an absolute path and leaves web addresses and relative paths alone."""
    assert workplace_paths("a.md", "see\n`/" + "work/main`")[0].startswith("a.md:2: ")
    elsewhere = "/".join(("https:", "", "example.org", "work", " and net", "work", "x"))
    assert not workplace_paths("a.md", elsewhere)


@pytest.mark.parametrize("lock", sorted((rules.ROOT / "locks").iterdir()), ids=lambda p: p.name)
def test_locks_are_portable(lock: Path) -> None:
    """A lock pins every package by hash and names no index, host or local file."""
    text = lock.read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-[^-]|^--", text, re.MULTILINE), "an option in the lock"
    pins = re.findall(r"^[a-z0-9].*", text, re.MULTILINE)
    assert pins
    assert all(re.match(r"[a-z0-9-]+==\S+( ; .+)? \\$", pin) for pin in pins)
    assert text.count(" \\\n    --hash=sha256:") >= len(pins)
