"""`outcry sandbox-refunds`: a payment provider that is told of refunds, and asked about payments,
for `--sandbox-api`.

As a real one it does the same instruction once, by its `Idempotency-Key`. Nothing is real here.
"""

import argparse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from msgspec import Struct

from engine.kernel.money import Amount, Currency
from gateway.hooks.sandbox import SandboxPayment
from runtime.config import Config

SCENARIOS = {
    "paid": "sent at once",
    "pending": "accepted, and sent by the time that it is asked after",
    "failed": "accepted, and failed by then",
    "refused": "answered 400",
    "away": "answered 503",
    "lost": "sent, but answered 503 the first time",
}
PAYMENTS = {
    "captured": "paid",
    "pending": "not paid yet",
    "failed": "never to be paid",
    "away": "answered 503",
}
BODY_BYTES_MAX = 65_536


class WantedPayout(Struct, frozen=True):
    """Whom it is to pay."""

    payee: str
    bank_reference: str
    amount: Amount
    currency: Currency


class Wanted(Struct, frozen=True):
    """What it is told."""

    payment: str
    amount: Amount
    currency: Currency


class Given(Struct):
    """A refund, or a payout."""

    id: str
    status: str
    wanted: Wanted | WantedPayout
    told: int = 0
    """How often, with the same key."""


class Sandbox:
    """Its books."""

    def __init__(
        self,
        scenario: str = "paid",
        say: Callable[[str], object] = print,
        type_: type[Wanted | WantedPayout] = Wanted,
    ) -> None:
        """Of refunds, or, with that type, of payouts."""
        assert scenario in SCENARIOS, f"{scenario} is no scenario"
        self.scenario = scenario
        self.payments = "captured"
        """What became of every payment that it is asked about."""
        self.refunds: dict[str, Given] = {}
        """Idempotency key -> refund."""
        self.payouts = Sandbox("paid", say, WantedPayout) if type_ is Wanted else self
        self._say = say
        self._type = type_
        self._kind = "refund" if type_ is Wanted else "payout"
        self._lock = Lock()

    def tell(self, key: str, body: bytes) -> tuple[int, object]:
        """`POST /v1/refunds`: status and body of the answer."""
        try:
            wanted = msgspec.json.decode(body, type=self._type)
        except msgspec.MsgspecError as problem:
            return 400, {"error": str(problem)}
        if not key:
            return 400, {"error": "no Idempotency-Key"}
        with self._lock:
            status, given = self._told(key, wanted)
        self._say(f"{self._kind} of {wanted.amount} {wanted.currency} ({key}) -> {status}")
        return status, given

    def _told(self, key: str, wanted: Wanted | WantedPayout) -> tuple[int, object]:
        match self.scenario:
            case "away":
                return 503, {"error": "away"}
            case "refused":
                return 400, {"error": "refused"}
        begun = "pending" if self.scenario in ("pending", "failed") else "paid"
        new = Given(f"{self._kind}-{len(self.refunds) + 1}", begun, wanted)
        given = self.refunds.setdefault(key, new)
        if given.wanted != wanted:
            return 400, {"error": "the key was used for another refund"}
        given.told += 1
        if self.scenario == "lost" and given.told == 1:
            return 503, {"error": "lost"}
        return 200, given

    def ask(self, id_: str) -> tuple[int, object]:
        """`GET /v1/refunds/{id}`: status and body of the answer."""
        with self._lock:
            given = next((g for g in self.refunds.values() if g.id == id_), None)
            if given is None:
                return 404, {"error": f"no such {self._kind}"}
            if given.status == "pending":
                given.status = "failed" if self.scenario == "failed" else "paid"
            self._say(f"{given.id}: {given.status}")
            return 200, given

    def payment(self, id_: str, query: str) -> tuple[int, object]:
        """`GET /v1/payments/{id}`: it knows none, and says of it what it is asked about."""
        if self.payments == "away":
            return 503, {"error": "away"}
        kind = "created" if self.payments == "pending" else self.payments
        facts = {"payment": id_, "kind": kind} | dict(parse_qsl(query))
        try:
            found = msgspec.convert(facts, SandboxPayment, strict=False)
        except msgspec.ValidationError as problem:
            return 400, {"error": str(problem)}
        self._say(f"{id_}: {kind}")
        return 200, found


def served(sandbox: Sandbox, port: int) -> ThreadingHTTPServer:
    """A server on loopback that answers for it; 0: any free port."""

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_POST(self) -> None:
            """Told."""
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(length, BODY_BYTES_MAX))
            is_payout = self.path.startswith("/v1/payouts")
            books = sandbox.payouts if is_payout else sandbox
            self._answer(*books.tell(self.headers.get("Idempotency-Key", ""), body))

        def do_GET(self) -> None:
            """Asked."""
            asked = urlsplit(self.path)
            kind, _, id_ = asked.path.removeprefix("/v1/").partition("/")
            if kind == "payments":
                self._answer(*sandbox.payment(unquote(id_), asked.query))
            else:
                self._answer(*(sandbox.payouts if kind == "payouts" else sandbox).ask(id_))

        def log_message(self, format: str, *args: object) -> None:
            """The sandbox says by itself what it does."""

        def _answer(self, status: int, body: object) -> None:
            encoded = msgspec.json.encode(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def add_refunds_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it listens, and what becomes of refunds."""
    kinds = "; ".join(f"{name}: {text}" for name, text in SCENARIOS.items())
    parser.add_argument("--port", type=int, default=8090, help="on loopback; 0: any [8090]")
    parser.add_argument("--scenario", default="paid", choices=SCENARIOS, help=f"{kinds} [paid]")
    fates = "; ".join(f"{name}: {text}" for name, text in PAYMENTS.items())
    text = f"what it says of payments: {fates} [captured]"
    text_of_payouts = f"what becomes of payouts: {kinds} [paid]"
    parser.add_argument("--payouts", default="paid", choices=SCENARIOS, help=text_of_payouts)
    parser.add_argument("--payments", default="captured", choices=PAYMENTS, help=text)


def sandbox_refunds(_: Config, arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    sandbox = Sandbox(arguments.scenario)
    sandbox.payments = arguments.payments
    sandbox.payouts.scenario = arguments.payouts
    with served(sandbox, arguments.port) as server:
        print(f"sandbox on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
    return 0
