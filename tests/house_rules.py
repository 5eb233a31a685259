"""The rules of the house as functions: a parsed module in, complaints out.

`test_architecture.py` runs them over the tree and proves that each can complain. The floors of the
engine are read from `pyproject.toml`, where import-linter reads them too.
"""

import ast
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
PRODUCT = ("engine", "gateway", "persistence", "runtime")
OURS = (*PRODUCT, "testkit", "tests", "bench")
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500

MAY_IMPORT = {
    "engine": {"engine"},
    "gateway": {"gateway", "engine"},
    "persistence": {"persistence", "engine"},
    "runtime": set(PRODUCT),
    "testkit": {"testkit", *PRODUCT},
    "bench": {"bench", "testkit", *PRODUCT},
    "tests": set(OURS),
}
OUTSIDE_THE_ENGINE = {"msgspec", "typing_extensions"}
THIRD_PARTIES = {
    "engine": {"msgspec"},
    "gateway": OUTSIDE_THE_ENGINE | {"websockets", "uvicorn", "starlette", "jwt", "cryptography"},
    "persistence": OUTSIDE_THE_ENGINE | {"asyncpg", "redis"},
    "runtime": OUTSIDE_THE_ENGINE
    | {
        "argon2",
        "bcrypt",
        "cryptography",
        "jwt",
        "prometheus_client",
        "rich",
        "starlette",
        "uvicorn",
        "uvloop",
        "websockets",
    },
}
ENGINE_BANNED_MODULES = {
    "asyncio": "return events; runtime/ does the waiting",
    "concurrent": "the engine has one writer and no threads",
    "datetime": "the engine counts milliseconds",
    "io": "return values; persistence/ writes them",
    "logging": "return facts; runtime/ logs them",
    "multiprocessing": "the engine has one writer and no processes",
    "os": "the engine reads no environment; take an argument",
    "pathlib": "the engine opens no file; persistence/ does",
    "random": "take a seeded stream as an argument, or none",
    "secrets": "runtime/ makes the secrets",
    "select": "gateway/ and persistence/ do the I/O",
    "selectors": "gateway/ and persistence/ do the I/O",
    "signal": "runtime/ handles the signals",
    "socket": "gateway/ and persistence/ do the I/O",
    "sqlite3": "persistence/ keeps the log",
    "ssl": "gateway/ and persistence/ do the I/O",
    "subprocess": "runtime/ starts the processes",
    "tempfile": "the engine opens no file; persistence/ does",
    "threading": "the engine has one writer and no threads",
    "time": "take `now` as an argument",
    "uuid": "ids come from the log position or from the client",
}
ENGINE_BANNED_CALLS = {
    "eval": "write the code",
    "exec": "write the code",
    "float": "count in integers (minor units, milliseconds)",
    "hash": "it differs from process to process; use the digest of the kernel",
    "id": "it differs from process to process; give the thing an id of its own",
    "input": "the engine is called and never calls",
    "open": "the engine opens no file; persistence/ does",
}


@dataclass(frozen=True)
class Module:
    """A parsed source file; `path` is relative to the root of the repository."""

    path: PurePosixPath
    source: str
    tree: ast.Module

    @property
    def home(self) -> str:
        """The top-level folder: engine, gateway ..."""
        return self.path.parts[0]

    @property
    def dotted(self) -> str:
        """The import name."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@dataclass(frozen=True)
class Complaint:
    """What is wrong, where, and what to do instead."""

    path: PurePosixPath
    line: int
    what: str
    remedy: str

    @property
    def text(self) -> str:
        """One line that an editor can jump to."""
        return f"{self.path}:{self.line}: {self.what}: {self.remedy}"


def parse(path: str, source: str) -> Module:
    """Parse one file; `path` decides which rules it must keep."""
    return Module(PurePosixPath(path), source, ast.parse(source, filename=path))


def modules_of(*folders: str) -> list[Module]:
    """Parse every Python file below these folders of the repository, in order of path."""
    paths = [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))]
    return [parse(p.relative_to(ROOT).as_posix(), p.read_text("utf-8")) for p in paths]


def engine_floors() -> list[set[str]]:
    """Return the floors of the engine from the lowest up, as pyproject.toml has them."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c.get("containers") == ["engine"])
    return [{name.strip(" ()") for name in floor.split("|")} for floor in reversed(layers)]


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import; `from a import b` counts as `a.b`."""
    package = module.dotted.split(".")
    if module.path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def floors_of_the_house(module: Module) -> Iterator[Complaint]:
    """engine knows nobody, gateway and persistence are blind to each other, runtime wires."""
    allowed = MAY_IMPORT[module.home]
    for line, name in imports(module):
        top = name.split(".")[0]
        if top in OURS and top not in allowed:
            remedy = f"{module.home}/ may import {', '.join(sorted(allowed))}; wire it in runtime/"
            yield Complaint(module.path, line, f"imports {name}", remedy)


def floors_of_the_engine(module: Module, floors: Sequence[set[str]]) -> Iterator[Complaint]:
    """A part of the engine imports itself and lower floors, never its neighbour or above."""
    if module.home != "engine":
        return
    level = {part: number for number, floor in enumerate(floors) for part in floor}
    part = _part(module.dotted)
    if part and part not in level:
        remedy = "name its floor in pyproject.toml, contract 'Floors of the engine'"
        yield Complaint(module.path, 1, f"engine.{part} has no floor", remedy)
        return
    for line, name in imports(module):
        target = _part(name)
        if not name.startswith("engine.") or target == part:
            continue
        if not part:
            remedy = "leave the folder's __init__.py empty but for its docstring"
            yield Complaint(module.path, line, f"imports {name}", remedy)
        elif level.get(target, len(floors)) >= level[part]:
            remedy = "move what both need to a lower floor, or pass it as an argument"
            yield Complaint(module.path, line, f"{part} imports {name}, not below it", remedy)


def domains_are_strangers(module: Module) -> Iterator[Complaint]:
    """No domain imports another."""
    if module.path.parts[:2] != ("engine", "domains"):
        return
    own = module.dotted.split(".")[2:3]
    for line, name in imports(module):
        parts = name.split(".")
        if parts[:2] == ["engine", "domains"] and parts[2:3] != own:
            remedy = "send a command by react(), or move what both need to kernel/ or contract.py"
            yield Complaint(module.path, line, f"imports the domain {name}", remedy)


def engine_touches_nothing(module: Module) -> Iterator[Complaint]:
    """The engine imports no clock, randomness or I/O, and calls no such builtin."""
    if module.home != "engine":
        return
    for line, name in imports(module):
        if remedy := ENGINE_BANNED_MODULES.get(name.split(".")[0]):
            yield Complaint(module.path, line, f"engine imports {name}", remedy)
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in ENGINE_BANNED_CALLS:
                remedy = ENGINE_BANNED_CALLS[name]
                yield Complaint(module.path, node.lineno, f"calls {name}()", remedy)


def engine_is_synchronous(module: Module) -> Iterator[Complaint]:
    """The engine never waits. `ports.py` declares coroutines, which the engine never calls."""
    if module.home != "engine" or module.path.name == "ports.py":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            remedy = "the writer's step is synchronous; runtime/ does the waiting"
            yield Complaint(module.path, node.lineno, "asynchronous code", remedy)


def engine_counts_in_integers(module: Module) -> Iterator[Complaint]:
    """No argument, result or variable of the engine is a float."""
    if module.home != "engine":
        return
    for node in ast.walk(module.tree):
        for name in _annotations(node):
            if name.id == "float":
                remedy = ENGINE_BANNED_CALLS["float"]
                yield Complaint(module.path, name.lineno, "annotated as float", remedy)


def third_parties_stay_home(module: Module) -> Iterator[Complaint]:
    """Each foreign package has its folder; the engine has msgspec and nothing else."""
    allowed = THIRD_PARTIES.get(module.home)
    if allowed is None:
        return
    for line, name in imports(module):
        top = name.split(".")[0]
        if top not in OURS and top not in sys.stdlib_module_names and top not in allowed:
            remedy = f"{module.home}/ may import {', '.join(sorted(allowed))}"
            yield Complaint(module.path, line, f"imports {top}", remedy)


def engine_swallows_nothing(module: Module) -> Iterator[Complaint]:
    """A bug in the engine ends the process; it is never caught there."""
    if module.home != "engine":
        return
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {}
        if not caught or {"Exception", "BaseException"} & set(caught):
            remedy = "name the one exception that you expect, or let it go up"
            yield Complaint(module.path, node.lineno, "catches everything", remedy)


def functions_are_short(module: Module) -> Iterator[Complaint]:
    """A function fits on a screen."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                what = f"{node.name}() has {lines} lines of {FUNCTION_LINES_MAX}"
                yield Complaint(module.path, node.lineno, what, "take a step of it out by name")


def files_are_short(module: Module) -> Iterator[Complaint]:
    """A file can be read in one sitting."""
    lines = len(module.source.splitlines())
    if lines > FILE_LINES_MAX:
        what = f"{lines} lines of {FILE_LINES_MAX}"
        yield Complaint(module.path, lines, what, "split it by what it is about")


def circles_are_not_hidden(module: Module) -> Iterator[Complaint]:
    """An import circle is broken, not hidden behind TYPE_CHECKING."""
    for line, name in imports(module):
        if name.split(".")[-1] == "TYPE_CHECKING":
            remedy = "move the shared name to a lower floor and import it plainly"
            yield Complaint(module.path, line, "imports TYPE_CHECKING", remedy)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING":
            remedy = "move the shared name to a lower floor and import it plainly"
            yield Complaint(module.path, node.lineno, "uses TYPE_CHECKING", remedy)


def classes_are_plain(module: Module) -> Iterator[Complaint]:
    """No metaclass: plain functions and Structs."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and any(k.arg == "metaclass" for k in node.keywords):
            what = f"{node.name} has a metaclass"
            yield Complaint(module.path, node.lineno, what, "write a function")


def modules_introduce_themselves(module: Module) -> Iterator[Complaint]:
    """Every module says in its docstring what it is for."""
    if ast.get_docstring(module.tree) is None:
        yield Complaint(module.path, 1, "has no docstring", "say in one line what it is for")


def tests_introduce_themselves(module: Module) -> Iterator[Complaint]:
    """Every test says in its docstring what would be wrong if it failed."""
    if module.home != "tests":
        return
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("test_") and ast.get_docstring(node) is None:
            what = f"{node.name}() has no docstring"
            yield Complaint(module.path, node.lineno, what, "say in one line what it proves")


def only_the_command_line_prints(module: Module) -> Iterator[Complaint]:
    """Facts go to metrics and logs; only runtime/, bench/ and the commands of testkit/ talk to a
    terminal."""
    if module.home in ("runtime", "bench"):
        return
    if module.home == "testkit" and '__name__ == "__main__"' in module.source:
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                remedy = "return it, or let runtime/ print it"
                yield Complaint(module.path, node.lineno, "calls print()", remedy)


Rule = Callable[[Module], Iterator[Complaint]]
PRODUCT_RULES: tuple[Rule, ...] = (
    engine_touches_nothing,
    engine_is_synchronous,
    engine_counts_in_integers,
    domains_are_strangers,
    engine_swallows_nothing,
    third_parties_stay_home,
    circles_are_not_hidden,
    classes_are_plain,
)
RULES: tuple[Rule, ...] = (
    floors_of_the_house,
    functions_are_short,
    files_are_short,
    modules_introduce_themselves,
    tests_introduce_themselves,
    only_the_command_line_prints,
)


def _part(dotted: str) -> str:
    """The part of the engine that a name belongs to: `kernel` of `engine.kernel.ids`."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else ""


def _annotations(node: ast.AST) -> Iterator[ast.Name]:
    """Yield the names in the annotations of a function's arguments, its result or a variable."""
    annotation: ast.expr | None = None
    if isinstance(node, ast.arg | ast.AnnAssign):
        annotation = node.annotation
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        annotation = node.returns
    if annotation is not None:
        yield from (n for n in ast.walk(annotation) if isinstance(n, ast.Name))
