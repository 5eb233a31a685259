"""The HTTP door: which address leads where. One port with the websocket."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.kernel.outcome import UNAVAILABLE, Rejected
from gateway import pages
from gateway.asyncapi import asyncapi_document
from gateway.files import Files
from gateway.gateway import Gateway
from gateway.hooks.endpoint import Hooks
from gateway.hooks.signatures import Secrets
from gateway.http_calls import AdvanceClock, Calls
from gateway.http_replies import JsonResponse, exception_handlers, refusal
from gateway.openapi import openapi_document

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Endpoint = Callable[[Request], Awaitable[Response]]


def build_app(
    gateway: Gateway,
    *,
    metrics: Callable[[], bytes],
    hook_secrets: Mapping[str, Secrets] | None = None,
    advance: AdvanceClock | None = None,
    files: Files | None = None,
) -> Starlette:
    """The application for uvicorn.

    `metrics` gives the Prometheus text. `hook_secrets` are those of the payment providers that
    are heard. Without any there are no webhooks, and without `advance` there is no test clock:
    their addresses do not exist.
    """
    calls = Calls(gateway.desk, advance)
    routes = [
        Route("/v1/commands", calls.command, methods=["POST"]),
        Route("/v1/rooms/{room}", calls.room),
        Route("/v1/rooms/{room}/events", calls.events),
        Route("/healthz", _always(b'{"status":"ok"}')),
        Route("/readyz", _ready(gateway)),
        Route("/metrics", _metrics(metrics)),
        *_documents(gateway),
    ]
    if hook_secrets:
        hooks = Hooks(gateway.desk, hook_secrets)
        routes.append(Route("/v1/hooks/{provider}", hooks.receive, methods=["POST"]))
    if files:
        routes.append(Route("/v1/files", files.upload, methods=["POST"]))
        routes.append(Route("/v1/files/{id}", files.open))
    if advance:
        routes.append(Route("/v1/test/clock", calls.clock, methods=["POST"]))
    app = Starlette(routes=routes, exception_handlers=exception_handlers())
    # A wrong address is told so; a redirect would be made of whatever Host the client claims.
    app.router.redirect_slashes = False
    return app


def _documents(gateway: Gateway) -> list[Route]:
    registry = gateway.desk.registry
    asyncapi, openapi = asyncapi_document(registry), openapi_document(registry)
    return [
        Route("/asyncapi.json", _always(msgspec.json.encode(asyncapi))),
        Route("/openapi.json", _always(msgspec.json.encode(openapi))),
        Route("/docs", _page(pages.docs(registry, openapi))),
        Route("/", _page(pages.front())),
    ]


def _always(body: bytes) -> Endpoint:
    async def answer(_request: Request) -> Response:
        return JsonResponse(body)

    return answer


def _page(html: str) -> Endpoint:
    async def answer(_request: Request) -> Response:
        return Response(html, media_type="text/html", headers=pages.HEADERS)

    return answer


def _ready(gateway: Gateway) -> Endpoint:
    async def answer(_request: Request) -> Response:
        if gateway.desk.sink.is_ready:
            return JsonResponse(b'{"status":"ready"}')
        what = "the house is recovering, or its log cannot be written; ask again soon"
        return refusal(None, Rejected(UNAVAILABLE, what))

    return answer


def _metrics(metrics: Callable[[], bytes]) -> Endpoint:
    async def answer(_request: Request) -> Response:
        return Response(metrics(), headers={"Content-Type": METRICS_TYPE})

    return answer
