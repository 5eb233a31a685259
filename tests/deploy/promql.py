"""What queries name: metrics, their labels, and values of these. Enough of PromQL for ours."""

import re
from collections.abc import Mapping

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

FUNCTIONS = frozenset(
    {
        *("abs", "changes", "count", "histogram_quantile", "increase", "max", "min", "rate"),
        *("sum", "topk", "vector"),
    }
)
WORDS = frozenset({"and", "or", "unless", "by", "on", "group_left"})
OF_PROMETHEUS = {"instance": set[str](), "job": {"outcry"}}
"""Labels that every series has from whoever reads the page."""

_STRING = re.compile(r'"[^"]*"')
_SELECTED = re.compile(r"([a-z_]+)\{([^}]*)\}")
_MATCHED = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPED = re.compile(r"\b(?:by|on|group_left)\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"(?<!\w)[a-z_]\w*(\s*\()?", re.IGNORECASE)

Inventory = Mapping[str, Mapping[str, set[str]]]
"""Metric -> its labels -> their values."""
Values = Mapping[tuple[str, str], set[str]]
"""Metric and label -> values that it may have."""


class Query(Struct, frozen=True):
    """What a query names."""

    metrics: frozenset[str]
    functions: frozenset[str]
    labels: frozenset[str]
    """By which it groups or matches."""
    matched: tuple[tuple[str, str, str], ...]
    """Metric, its label, and the value that is looked for."""


def read(text: str) -> Query:
    """Take a query apart."""
    matched = []
    for metric, selector in _SELECTED.findall(text):
        left = _MATCHED.sub("", selector).replace(",", "").strip()
        assert not left, f"{left!r} in {text!r} is no matcher"
        for label, _, values in _MATCHED.findall(selector):
            matched += [(metric, label, value) for value in values.split("|")]
    labels = {name.strip() for group in _GROUPED.findall(text) for name in group.split(",")}
    bare = _SELECTED.sub(r"\1", text)
    for unwanted in (_STRING, _GROUPED, _RANGE):
        bare = unwanted.sub(" ", bare)
    names = {(found[0].rstrip("( \n"), bool(found[1])) for found in _NAME.finditer(bare)}
    functions = frozenset(name for name, called in names if called and name not in WORDS)
    metrics = frozenset(name for name, called in names if not called and name not in WORDS)
    return Query(metrics, functions, frozenset(labels - {""}), tuple(matched))


def inventory(*pages: str) -> dict[str, dict[str, set[str]]]:
    """Every metric on the pages, as Prometheus would keep it."""
    found: dict[str, dict[str, set[str]]] = {"up": {}}
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                labels = found.setdefault(sample.name, {})
                for name, value in sample.labels.items():
                    labels.setdefault(name, set()).add(value)
    return found


def problems(text: str, shown: str, known: Inventory, values: Values) -> list[str]:
    """What a query names that there is not. `shown`: the text beside it, with labels of what it
    finds; `values`: of labels whose values need not all be on the pages."""
    query = read(text)
    wrong = [f"no function {name}" for name in query.functions - FUNCTIONS]
    wrong += [f"no metric {name}" for name in query.metrics - known.keys()]
    labels = set(OF_PROMETHEUS).union(*(known.get(name, ()) for name in query.metrics))
    in_text = re.findall(r"\$labels\.(\w+)", shown) or re.findall(r"\{\{(\w+)\}\}", shown)
    wrong += [f"no label {name}" for name in {*query.labels, *in_text} - labels]
    for metric, label, value in query.matched:
        of_metric = {**OF_PROMETHEUS, **known.get(metric, {})}
        if label not in of_metric:
            wrong.append(f"{metric} has no label {label}")
        elif value not in {"$market", *values.get((metric, label), ()), *of_metric[label]}:
            wrong.append(f"{metric} has no {label} {value!r}")
    return [f"{text}: {problem}" for problem in wrong]
