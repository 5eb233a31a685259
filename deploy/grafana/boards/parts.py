"""What dashboards are made of. Rates are by the second, times in seconds."""

from msgspec import Struct

ERRORS = 'code=~"UNAVAILABLE|UNKNOWN|OVERLOADED"'
M = 'market=~"$market"'


class Panel(Struct, kw_only=True):
    """A picture: the title, and queries by their legends."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    what: str = ""
    kind: str = "timeseries"
    width: int = 8
    limits: tuple[float, ...] = ()
    """What is bad; or what is worrying, and what is bad."""
    stacked: bool = False


class Board(Struct, kw_only=True):
    """A page of them."""

    name: str
    title: str
    what: str
    by_market: bool
    panels: list[Panel]


def stat(title: str, query: str, unit: str = "short", *limits: float, what: str = "") -> Panel:
    """One number, with its past behind it."""
    return Panel(
        title=title, queries={"": query}, unit=unit, kind="stat", width=4, limits=limits, what=what
    )


def rate(metric: str, by: str = "", where: str = "") -> str:
    """The sum of a counter's rates, by the labels that are named."""
    grouped = f"sum by ({by})" if by else "sum"
    selected = f"{metric}{{{where}}}" if where else metric
    return f"{grouped}(rate({selected}[$__rate_interval]))"


def quantiles(metric: str, where: str = "") -> dict[str, str]:
    """The median of a histogram, and its ends."""
    buckets = rate(f"{metric}_bucket", "le", where)
    return {
        f"p{share * 100:g}": f"histogram_quantile({share}, {buckets})"
        for share in (0.5, 0.95, 0.99, 0.999)
    }


def p99(metric: str, where: str = "") -> str:
    """What one in a hundred takes longer than."""
    return quantiles(metric, where)["p99"]


def events(domain: str, *names: str) -> dict[str, str]:
    """Rates of a domain's events, with the words of their names as legends."""
    return {
        name.replace("_", " "): rate("outcry_events_total", "", f'event="{domain}.{name}", {M}')
        for name in names
    }


def in_an_hour(domain: str, name: str) -> str:
    """How many events of a type there were."""
    return f'(sum(increase(outcry_events_total{{event="{domain}.{name}", {M}}}[1h])) or vector(0))'


ACCEPTED = rate("outcry_commands_accepted_total")
REFUSED = rate("outcry_commands_refused_total")
COMMANDS = f"({ACCEPTED} + ({REFUSED} or vector(0)))"
FAILED_SHARE = f"({rate('outcry_commands_refused_total', '', ERRORS)} or vector(0)) / {COMMANDS}"
DEAD = 'event=~"house.dead_letter|house.errand_failed"'
PROCESSOR = Panel(
    title="Processor",
    what="1 is a whole core, which is all that one process can use.",
    unit="percentunit",
    limits=(0.8, 0.95),
    queries={
        "{{role}} {{name}}": "rate(process_cpu_seconds_total[$__rate_interval])"
        " * on (instance) group_left (role, name) outcry_process_info"
    },
)
MEMORY = Panel(
    title="Memory",
    unit="bytes",
    queries={
        "{{role}} {{name}}": "process_resident_memory_bytes"
        " * on (instance) group_left (role, name) outcry_process_info"
    },
)
