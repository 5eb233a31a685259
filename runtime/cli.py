"""The command line: what may be asked, and what is said when it fails."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib.util import find_spec
from typing import Any, NoReturn

from engine.kernel.actor import KYC_STATES, ROLES
from persistence.errors import LeaseHeld, LeaseLost, LogError, LogUnavailable
from runtime import logs
from runtime.archive.command import (
    add_archive_arguments,
    add_export_arguments,
    add_restore_arguments,
    archive_command,
    export_command,
    restore_command,
)
from runtime.cluster.shards_command import add_shards_arguments, shards
from runtime.config import Config, ConfigError, add_flags, print_config, read_config
from runtime.log_choice import place_of
from runtime.outside.reconcile import add_reconcile_arguments, reconcile_command
from runtime.outside.sandbox_pay import add_pay_arguments, sandbox_pay
from runtime.outside.sandbox_refunds import add_refunds_arguments, sandbox_refunds
from runtime.tokens import issue_token
from runtime.top.command import add_top_arguments, top
from runtime.verify import VerifyError
from runtime.verify_command import add_verify_arguments, verify_command

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_LEASE_LOST = 3

BENCH = "bench"
LOG_FLAGS = ("data", "postgres", "markets", "vault_secret", "log_format", "log_level")
OF_GATEWAYS = frozenset(
    {
        *("rate_user", "rate_guest", "connections", "connections_per_user", "proxies", "origins"),
        *("jwt_secret", "jwks", "jwt_algorithm", "jwt_issuer", "jwt_audience"),
        *("stripe_webhook_secret", "razorpay_webhook_secret"),
        *("webhook_secret", "ping_interval_ms", "backlog_bytes", "pace_us"),
    }
)
OF_WRITERS = frozenset(
    {
        *("postgres", "markets", "notifier", "smtp_url", "mail_from", "sms_url", "sms_secret"),
        *("text_url", "text_secret", "text_model"),
        *("google_audience", "google_jwks", "apple_audience", "apple_jwks"),
        *("stripe_secret_key", "stripe_api", "razorpay_key", "razorpay_api"),
        *("paystack_api", "sandbox_api", "payouts"),
    }
)
SETTINGS = tuple(name for name in Config.__struct_fields__ if name != "test_clock")
ENGINE_FLAGS = tuple(name for name in SETTINGS if name not in OF_GATEWAYS)
GATEWAY_FLAGS = tuple(name for name in SETTINGS if name not in OF_WRITERS)
PAY_FLAGS = ("data", "webhook_secret")
RECONCILE_FLAGS = (
    *LOG_FLAGS,
    *("jwt_secret", "jwt_issuer", "jwt_audience", "stripe_secret_key", "stripe_api"),
    *("razorpay_key", "razorpay_api", "paystack_secret_key", "paystack_api"),
)
TOKEN_FLAGS = ("data", "jwt_secret", "jwt_issuer", "jwt_audience")


OF_LOGS = (
    ("verify", verify_command, add_verify_arguments, "read the log, replay it, check everything"),
    ("archive", archive_command, add_archive_arguments, "write closed periods of the log to files"),
    ("restore", restore_command, add_restore_arguments, "make a log whole from its archive"),
    ("export", export_command, add_export_arguments, "print the history of a room"),
)


def run(argv: Sequence[str]) -> int:
    """Do what the arguments ask. Returns the exit code."""
    if not __debug__:
        print("outcry does not run under `python -O`: its assertions guard money", file=sys.stderr)
        return EXIT_USAGE
    try:
        # What follows is the benchmarks' own, --help too: argparse cannot hand that on.
        if argv[:1] == [BENCH]:
            _bench(argv[1:])
        return _act(_parser().parse_args(argv))
    except ConfigError as problem:
        print(f"outcry: {problem}", file=sys.stderr)
        return EXIT_USAGE
    except LeaseLost as problem:
        print(f"outcry: {problem}", file=sys.stderr)
        return EXIT_LEASE_LOST
    except (LogError, LeaseHeld, VerifyError) as problem:
        print(f"outcry: {problem}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130


def _act(arguments: argparse.Namespace) -> int:
    config = read_config(arguments)
    act: Callable[[Config, argparse.Namespace], int] = arguments.act
    try:
        return act(config, arguments)
    except LogUnavailable as problem:
        # The log knows what is wrong, but not where its operator has put it.
        raise LogError(f"{place_of(config)}: {problem}") from problem


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outcry", description="A real-time marketplace engine: auctions, money, one writer."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = _command(commands, "serve", _serve, "serve everything in one process")
    add_flags(serve)
    serve.add_argument("--print-config", action="store_true", help="print settings, and exit")
    engine = _command(commands, "engine", _engine, "serve markets behind gateways: writers alone")
    add_flags(engine, ENGINE_FLAGS)
    gateway = _command(commands, "gateway", _gateway, "serve clients of writers elsewhere")
    add_flags(gateway, GATEWAY_FLAGS)
    sharding = _command(commands, "shards", shards, "show markets and who owns them; add, drain")
    add_flags(sharding, ("postgres",))
    add_shards_arguments(sharding)
    watching = _command(commands, "top", _waiting(top), "show rates, latencies, rooms and shards")
    add_flags(watching, ("postgres",))
    add_top_arguments(watching)
    demo = _command(commands, "demo", _demo, "serve a house full of people, and show it")
    add_flags(demo)
    demo.add_argument("--seconds", type=float, default=0, help="stop after N s; 0: at Ctrl-C")
    token = _command(commands, "token", _token, "print a token for a user")
    add_flags(token, TOKEN_FLAGS)
    token.add_argument("--user", required=True, help="user id, such as u1")
    token.add_argument("--role", default="user", choices=[r for r in ROLES if r != "guest"])
    token.add_argument("--kyc", default="none", choices=KYC_STATES)
    token.add_argument("--ttl", default="1h", help="how long it is good: 90s, 15m, 1h, 7d")
    pay = _command(commands, "sandbox-pay", sandbox_pay, "play a provider that tells of a payment")
    add_flags(pay, PAY_FLAGS)
    add_pay_arguments(pay)
    refunds = _command(
        commands, "sandbox-refunds", sandbox_refunds, "play a provider that is told of refunds"
    )
    add_refunds_arguments(refunds)
    reconciling = _command(
        commands, "reconcile", _waiting(reconcile_command), "compare a provider with the books"
    )
    add_flags(reconciling, RECONCILE_FLAGS)
    add_reconcile_arguments(reconciling)
    for name, act, add_arguments, text in OF_LOGS:
        of_log = _command(commands, name, _waiting(act), text)
        add_flags(of_log, LOG_FLAGS)
        add_arguments(of_log)
    commands.add_parser(BENCH, help="measure, with a report")
    return parser


def _command(
    commands: Any, name: str, act: Callable[[Config, argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(act=act)
    return parser


def _serve(config: Config, arguments: argparse.Namespace) -> int:
    if arguments.print_config:
        print(print_config(config))
        return 0
    from runtime.serve import serve

    logs.set_up(config)
    return _loop(serve(config))


def _engine(config: Config, _: argparse.Namespace) -> int:
    from runtime.cluster.engine_process import serve_engine

    logs.set_up(config)
    return _loop(serve_engine(config))


def _gateway(config: Config, _: argparse.Namespace) -> int:
    from runtime.cluster.gateway_process import serve_gateway

    logs.set_up(config)
    return _loop(serve_gateway(config))


def _demo(config: Config, arguments: argparse.Namespace) -> int:
    from runtime.demo.run import demo

    return _loop(demo(config, arguments.seconds))


def _token(config: Config, arguments: argparse.Namespace) -> int:
    print(issue_token(config, arguments.user, arguments.role, arguments.kyc, arguments.ttl))
    return 0


def _bench(options: Sequence[str]) -> NoReturn:
    if find_spec("bench") is None:
        raise ConfigError("the benchmarks come with a checkout only: run `make bench` there")
    # They take this process over: as a child they would be killed at Ctrl-C, before they have
    # stopped the servers that they started.
    os.execv(sys.executable, [sys.executable, "-m", "bench", *options])


def _waiting(
    act: Callable[[Config, argparse.Namespace], Coroutine[Any, Any, int]],
) -> Callable[[Config, argparse.Namespace], int]:
    return lambda config, arguments: _loop(act(config, arguments))


def _loop(work: Coroutine[Any, Any, int]) -> int:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
