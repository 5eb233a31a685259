"""Is the house well?"""

from boards.parts import (
    ACCEPTED,
    COMMANDS,
    DEAD,
    FAILED_SHARE,
    MEMORY,
    PROCESSOR,
    Board,
    Panel,
    p99,
    quantiles,
    rate,
    stat,
)

OVERVIEW = Board(
    name="overview",
    title="overview",
    what="Is the house well? If not, which dashboard says why.",
    by_market=False,
    panels=[
        stat("Commands", COMMANDS, "cps"),
        stat("Answer, p99", p99("outcry_answer_seconds"), "s", 0.25, 0.5),
        stat("The house's own errors", FAILED_SHARE, "percentunit", 0.001, 0.01),
        stat("Connections", "sum(outcry_connections)"),
        stat(
            "Markets without a writer",
            "count(count by (market)"
            "(outcry_ready or outcry_standby_ready or outcry_writer_silent_seconds))"
            " - (sum(outcry_ready) or vector(0))",
            "short",
            1,
        ),
        stat(
            "Dead letters in 24 h",
            f"sum(increase(outcry_events_total{{{DEAD}}}[24h])) or vector(0)",
            "short",
            1,
            what="In the room house:dead_letters, which staff may read.",
        ),
        Panel(
            title="Commands by outcome",
            unit="cps",
            stacked=True,
            queries={
                "accepted": ACCEPTED,
                "{{code}}": rate("outcry_commands_refused_total", "code"),
            },
        ),
        Panel(
            title="Answers",
            what="From a command's arrival at its gateway to the reply on the way out.",
            unit="s",
            limits=(0.5,),
            queries=quantiles("outcry_answer_seconds"),
        ),
        Panel(
            title="The house's own errors",
            what="UNAVAILABLE, UNKNOWN and OVERLOADED, as a share of all commands.",
            unit="percentunit",
            limits=(0.01,),
            queries={"failed": FAILED_SHARE},
        ),
        Panel(
            title="Records by market",
            unit="wps",
            stacked=True,
            queries={"{{market}}": rate("outcry_records_total", "market")},
        ),
        Panel(
            title="Commits, p99 by market",
            unit="s",
            limits=(0.25,),
            queries={
                "{{market}}": "histogram_quantile(0.99, "
                f"{rate('outcry_commit_seconds_bucket', 'market, le')})"
            },
        ),
        Panel(
            title="Frames delivered",
            unit="wps",
            queries={"{{instance}}": rate("outcry_deliveries_total", "instance")},
        ),
        Panel(
            title="Rooms by kind",
            stacked=True,
            queries={"{{kind}}": "sum by (kind)(outcry_rooms)"},
        ),
        Panel(
            title="Events, the ten most frequent",
            unit="wps",
            queries={"{{event}}": f"topk(10, {rate('outcry_events_total', 'event')})"},
        ),
        Panel(
            title="Payments told by providers",
            what="Unusable and refused ones need a person.",
            unit="cps",
            queries={"{{provider}} {{outcome}}": rate("outcry_hooks_total", "provider, outcome")},
        ),
        PROCESSOR,
        MEMORY,
    ],
)
