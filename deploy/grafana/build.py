"""Writes dashboards/*.json from boards/*.py: `python deploy/grafana/build.py`. With --check nothing
is written, and the exit code tells whether the files are what would be."""

import sys
from pathlib import Path
from typing import Any

import msgspec
from boards.auctions import AUCTIONS
from boards.dispatch import DISPATCH
from boards.gateways import GATEWAYS
from boards.log import LOG
from boards.overview import OVERVIEW
from boards.parts import Board, Panel
from boards.shards import SHARDS

BOARDS = (OVERVIEW, AUCTIONS, DISPATCH, LOG, GATEWAYS, SHARDS)
FOLDER = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH = 24
HEIGHTS = {"stat": 4, "timeseries": 8, "state-timeline": 8, "heatmap": 8}


def text_of(board: Board) -> str:
    """The file that Grafana reads."""
    variables = [_market_variable()] if board.by_market else []
    dashboard = {
        "uid": f"outcry-{board.name}",
        "title": f"Open Outcry: {board.title}",
        "description": board.what,
        "tags": ["outcry"],
        "editable": False,
        "graphTooltip": 1,
        "refresh": "5s",
        "schemaVersion": 39,
        "time": {"from": "now-30m", "to": "now"},
        "links": [
            {"type": "dashboards", "tags": ["outcry"], "title": "Open Outcry", "keepTime": True}
        ],
        "templating": {"list": variables},
        "panels": _placed(board.panels),
    }
    return msgspec.json.format(msgspec.json.encode(dashboard), indent=1).decode() + "\n"


def _placed(panels: list[Panel]) -> list[Any]:
    """Panels from left to right, in rows as high as their highest."""
    placed: list[Any] = []
    x = y = row = 0
    for number, panel in enumerate(panels, 1):
        height = HEIGHTS[panel.kind]
        if x + panel.width > WIDTH:
            x, y, row = 0, y + row, 0
        at = {"x": x, "y": y, "w": panel.width, "h": height}
        placed.append(_panel(panel) | {"id": number, "gridPos": at})
        x, row = x + panel.width, max(row, height)
    return placed


def _panel(panel: Panel) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend,
            **({"format": "heatmap"} if panel.kind == "heatmap" else {}),
        }
        for number, (legend, expression) in enumerate(panel.queries.items())
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.limits:
        steps = [{"color": "green", "value": None}, *_steps(panel)]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["color"] = {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"}
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "fillOpacity": 20 if panel.stacked else 5,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "line" if panel.limits else "off"},
        }
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.what,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel),
    }


def _steps(panel: Panel) -> list[Any]:
    colours = ("orange", "red") if len(panel.limits) > 1 else ("red",)
    pairs = zip(colours, panel.limits, strict=True)
    return [{"color": colour, "value": limit} for colour, limit in pairs]


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area"}
    if panel.kind == "heatmap":
        return {"calculate": False, "yAxis": {"unit": panel.unit}, "cellGap": 1}
    if panel.kind == "state-timeline":
        return {"showValue": "never", "mergeValues": True}
    return {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _market_variable() -> dict[str, Any]:
    return {
        "name": "market",
        "label": "Market",
        "type": "query",
        "datasource": SOURCE,
        "query": "label_values(outcry_records_total, market)",
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def main() -> None:
    """Write the files, or compare them."""
    texts = {FOLDER / f"{board.name}.json": text_of(board) for board in BOARDS}
    if sys.argv[1:] == ["--check"]:
        found = {path: path.read_text() for path in FOLDER.glob("*.json")}
        sys.exit(None if found == texts else "deploy/grafana/build.py has to be run")
    for path, text in texts.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
