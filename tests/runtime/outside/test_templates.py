"""Every template that a rule names exists, and is given every field that it wants."""

import ast
from collections.abc import Iterator, Mapping
from importlib import import_module

import pytest

from engine.kernel.outside import Compose, Letter
from runtime.outside.templates import LETTERS, SENTENCES, Missing, Template, letter_of, sentence_of
from tests import house_rules as rules

Function = ast.FunctionDef
Named = tuple[str, str, frozenset[str]]
"""Where, template, the fields that it is given."""

FIELDS_AT = {"Letter": (2, "template"), "Compose": (1, "template")}


def named_in(module: rules.Module, kind: str) -> Iterator[Named]:
    """Every template that this module names for a `Letter` or a `Compose`: where it is made, or
    handed to the function that makes it."""
    for function in _functions(module):
        for call in _calls(function, kind):
            template = _argument(call, *FIELDS_AT[kind])
            names = [argument.arg for argument in function.args.args]
            if isinstance(template, ast.Name) and template.id in names:
                yield from _handed_on(module, function, names.index(template.id), template.id)
            else:
                yield f"{module.path}:{call.lineno}", _said(module, call, template), _keys(function)


def _handed_on(module: rules.Module, to: Function, place: int, name: str) -> Iterator[Named]:
    for function in _functions(module):
        for call in _calls(function, to.name):
            said = _said(module, call, _argument(call, place, name))
            yield f"{module.path}:{call.lineno}", said, _keys(to) | _keys(function)


def _said(module: rules.Module, call: ast.Call, template: ast.expr | None) -> str:
    """What stands there, or in the constant of the module that stands there."""
    if isinstance(template, ast.Name):
        return str(getattr(import_module(module.dotted), template.id))
    assert isinstance(template, ast.Constant), f"{module.path}:{call.lineno}: say which template"
    return str(template.value)


def _functions(module: rules.Module) -> list[Function]:
    return [node for node in ast.walk(module.tree) if isinstance(node, Function)]


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
                found.append(f"{where}: write {template!r} in runtime/outside/templates.py")
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
    both = frozenset({"a", "b"})
    said = complaints("Letter", [module], {"x": both, "y": both})
    assert said == "engine/a.py:3: 'x' also wants ['b']"
    said = complaints("Letter", [module], {"x": frozenset()})
    assert said == "engine/a.py:7: write 'y' in runtime/outside/templates.py"


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
