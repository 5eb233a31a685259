"""Two pages that need nothing from elsewhere: the front, and the documents made readable."""

from collections.abc import Iterable
from html import escape
from typing import Any

from engine.contract import Command, tag_of
from engine.registry import Registry
from gateway.asyncapi import CLOSE_CODES
from gateway.documents import (
    SCHEMAS,
    SUMMARY,
    TITLE,
    Json,
    codes_of,
    commands_by_domain,
    event_texts,
    roles_of,
    session_text,
    text_of,
)
from gateway.session_commands import SESSION_COMMANDS
from gateway.settings import SUBPROTOCOL, WEBSOCKET_PATH

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.55 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.7rem;line-height:1.2}h2{margin-top:2.5rem}h3{margin:2rem 0 .3rem}
code,h3{font-family:ui-monospace,monospace}h3{font-size:1rem}
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
th,td{text-align:left;vertical-align:top;padding:.3rem .9rem .3rem 0;
border-bottom:1px solid color-mix(in srgb,currentColor 15%,transparent)}
p{margin:.4rem 0}nav a{margin-right:1rem}.who{font-size:.9rem;opacity:.8}
"""

_ADDRESSES = (
    (f"GET {WEBSOCKET_PATH}", f"websocket, subprotocol {SUBPROTOCOL}"),
    ("POST /v1/commands", "one command, Bearer token"),
    ("GET /v1/rooms/{room}", "a room as you may see it"),
    ("GET /v1/rooms/{room}/events?after=&limit=", "what happened in it"),
    ("GET /healthz, /readyz, /metrics", "for operators"),
)


def front() -> str:
    """What this is, and where to go."""
    body = f"""
<h1>{TITLE}</h1>
<p>{escape(SUMMARY)}</p>
<h2>Read on</h2>
<p><nav><a href="/docs">Every command, event and error</a>
<a href="/asyncapi.json">AsyncAPI</a> <a href="/openapi.json">OpenAPI</a></nav></p>
<h2>Addresses</h2>
{_table(("", ""), ((_code(where), escape(what)) for where, what in _ADDRESSES))}
<h2>In one minute</h2>
<p>Make a token with <code>outcry token --user u1 --role user</code>, open the websocket, and
send</p>
<p><code>{{"id":"1","type":"auth","token":"…"}}</code><br>
<code>{{"id":"2","type":"subscribe","room":"user:u1"}}</code></p>
"""
    return _html(TITLE, body)


def docs(registry: Registry, openapi: Json) -> str:
    """Both documents as one page."""
    schemas: Json = openapi["components"]["schemas"]
    names = {schema["properties"]["type"]["enum"][0]: schema for schema in _requests(schemas)}
    parts = [
        f"<h1>{TITLE}: what goes over the wire</h1><p>{escape(SUMMARY)}</p>",
        '<p><nav><a href="/">Front</a> <a href="/asyncapi.json">AsyncAPI</a>'
        ' <a href="/openapi.json">OpenAPI</a> <a href="#events">Events</a>'
        ' <a href="#codes">Errors</a> <a href="#http">HTTP</a></nav></p>',
        "<h2>About the connection</h2>",
        *(
            f"<h3>{escape(tag_of(c))}</h3><p>{escape(session_text(c))}</p>"
            for c in SESSION_COMMANDS
        ),
    ]
    for domain, commands in commands_by_domain(registry).items():
        summary = registry.domains[domain].summary
        parts.append(f'<h2 id="{escape(domain)}">{escape(domain)}</h2><p>{escape(summary)}</p>')
        parts += [_command(command, names[tag_of(command)]) for command in commands]
    parts += [_events(registry), _codes(registry), _http(openapi)]
    return _html(f"{TITLE}: documents", "\n".join(parts))


def _requests(schemas: Json) -> list[Json]:
    return [schema for schema in schemas.values() if "x-roles" in schema]


def _command(command: type[Command], schema: Json) -> str:
    required = set(schema["required"])
    rows = [
        (
            _code(name),
            escape(_kind(field)),
            "required" if name in required else "optional",
            escape(field.get("description", "")),
        )
        for name, field in schema["properties"].items()
        if name not in ("type", "id")
    ]
    return f"""
<h3 id="{tag_of(command)}">{tag_of(command)}</h3>
<p>{escape(text_of(command))}</p>
<p class="who">For {escape(", ".join(roles_of(command)))}</p>
{_table(("field", "type", "", ""), rows)}"""


def _kind(field: Json) -> str:
    """The type of a field in a few words."""
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "anyOf" in field:
        return " | ".join(_kind(option) for option in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).removeprefix(SCHEMAS)
    words = str(field.get("type", "any"))
    least = field.get("minimum", field.get("exclusiveMinimum"))
    if least is not None and words == "integer":
        sign = "≥" if "minimum" in field else ">"
        words += f" {sign} {least}"
    return words


def _events(registry: Registry) -> str:
    rows = [(_code(tag), escape(text)) for tag, (_, text) in event_texts(registry).items()]
    return f'<h2 id="events">Events</h2>{_table(("event", "meaning"), rows)}'


def _codes(registry: Registry) -> str:
    rows = [
        (_code(code["code"]), code["retry"], str(code["status"]), code["of"])
        for code in codes_of(registry)
    ]
    closes = [(_code(code), escape(text)) for code, text in CLOSE_CODES.items()]
    return f"""
<h2 id="codes">Errors</h2>
<p><b>never</b>: the same request cannot succeed. <b>later</b>: wait, then try again.
<b>refresh</b>: look at the state again first. <b>same_id</b>: send the very same command
again.</p>
{_table(("code", "retry", "HTTP", "of"), rows)}
<h2>Close codes</h2>
{_table(("code", "meaning"), closes)}"""


def _http(openapi: Json) -> str:
    rows = [
        (_code(f"{method.upper()} {path}"), escape(operation["summary"]))
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    return f'<h2 id="http">HTTP</h2>{_table(("address", "what"), rows)}'


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    """Cells are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    head = "".join(f"<th>{name}</th>" for name in heads) if any(heads) else ""
    return f"<table><tr>{head}</tr>{body}</table>" if body else ""


def _html(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
<main>{body}</main>
</html>
"""
