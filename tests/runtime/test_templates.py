"""Every template that a rule names exists, and is given every field that it wants."""

import ast
from collections.abc import Iterator, Mapping

import pytest

from engine.kernel.outside import Compose, Letter
from runtime.templates import LETTERS, SENTENCES, Missing, Template, letter_of, sentence_of
from tests import house_rules as rules

Function = ast.FunctionDef
Named = tuple[str, str, frozenset[str]]
"""Where, template, the fields that it is given."""

FIELDS_AT = {"Letter": (2, "template"), "Compose": (1, "template")}


def named_in(module: rules.Module, kind: str) -> Iterator[Named]:
    """Every template that this module names for a `Letter` or a `Compose`: said where it is made,
    or handed by literal to the function that makes it."""
    for function in [n for n in ast.walk(module.tree) if isinstance(n, Function)]:
        for call in _calls(function, kind):
            where = f"{module.path}:{call.lineno}"
            template = _argument(call, *FIELDS_AT[kind])
            given = _keys(function)
            if isinstance(template, ast.Constant):
                yield where, str(template.value), given
                continue
            assert isinstance(template, ast.Name), f"{where}: say the template as a literal"
            names = [argument.arg for argument in function.args.args]
            assert template.id in names, f"{where}: say the template as a literal"
            place = names.index(template.id)
            for asked in _calls(module.tree, function.name):
                said = _argument(asked, place, template.id)
                assert isinstance(said, ast.Constant), f"{module.path}:{asked.lineno}: a literal"
                yield f"{module.path}:{asked.lineno}", str(said.value), given | _keys(asked)


def _calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[place] if place < len(call.args) else None


def _keys(tree: ast.AST) -> frozenset[str]:
    """The literal keys of every dict in it."""
    return frozenset(
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    )


def complaints(kind: str, modules: list[rules.Module], known: Mapping[str, frozenset[str]]) -> str:
    """What is wrong with the templates that are named."""
    found = []
    for module in modules:
        for where, template, given in named_in(module, kind):
            if template not in known:
                found.append(f"{where}: write {template!r} in runtime/templates.py")
            elif missing := known[template] - given:
                found.append(f"{where}: {template!r} also wants {sorted(missing)}")
    return "\n".join(found)


def _known() -> dict[str, dict[str, frozenset[str]]]:
    sentences = {name: Template("", text).fields for name, text in SENTENCES.items()}
    letters = {name: template.fields for name, template in LETTERS.items()}
    return {"Letter": letters, "Compose": sentences}


@pytest.mark.parametrize("kind", ["Letter", "Compose"])
def test_every_template_that_a_rule_names_can_be_filled(kind: str) -> None:
    """A letter without a template would reach an operator instead of its reader."""
    assert not complaints(kind, rules.modules_of("engine"), _known()[kind])


SOURCE = """
def one(to):
    return Letter("email", to, "%s", {"a": "1"})
def two(to, template, more):
    return Letter("sms", to, template=template, fields={"a": "1", **more})
def three(to):
    return two(to, "%s", {"b": "2"})
"""


def test_a_template_that_does_not_exist_is_named() -> None:
    """Said where it is made, or handed on."""
    module = rules.parse("engine/a.py", SOURCE % ("x", "y"))
    said = complaints("Letter", [module], {"x": frozenset({"a", "b"}), "y": frozenset({"a", "b"})})
    assert said == "engine/a.py:3: 'x' also wants ['b']"
    said = complaints("Letter", [module], {"x": frozenset()})
    assert said == "engine/a.py:7: write 'y' in runtime/templates.py"


def test_a_letter_is_filled() -> None:
    """Mail has a subject in one line, whatever stands in a field."""
    fields = {"name": "Ann's\r\nBcc: x", "shop": "s1"}
    subject, text = letter_of(Letter("email", "a@b.c", "shop_approved", fields))
    assert "\n" not in subject
    assert "Ann's" in text
    assert "s1" in text


def test_what_stands_in_a_field_is_text() -> None:
    """Braces in a name reach into nothing."""
    fields = {"name": "{shop.__class__}", "shop": "s1"}
    assert "{shop.__class__}" in letter_of(Letter("email", "a@b.c", "shop_approved", fields))[1]


def test_a_text_message_is_short() -> None:
    """Three parts of a text message at most, with a link and names in it."""
    for name, template in LETTERS.items():
        assert len(template.text) <= 300, name


def test_an_unknown_sentence_is_missed() -> None:
    """As an unknown letter is."""
    with pytest.raises(Missing):
        sentence_of(Compose("x.post", "nonsense", {}))
