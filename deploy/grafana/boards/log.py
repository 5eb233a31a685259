"""The log: how fast what was decided becomes durable."""

from boards.parts import DEAD, Board, M, Panel, p99, quantiles, rate, stat

LOG = Board(
    name="log",
    title="log and commit",
    what="How fast what was decided becomes durable; everybody waits for that.",
    by_market=True,
    panels=[
        stat("Records", rate("outcry_records_total", "", M), "wps"),
        stat("Commit, p99", p99("outcry_commit_seconds", M), "s", 0.1, 0.25),
        stat("Backlog", f"sum(outcry_backlog_records{{{M}}})", "short", 1_000, 5_000),
        stat(
            "Records in a batch",
            f"{rate('outcry_batch_records_sum', '', M)} / "
            f"{rate('outcry_batch_records_count', '', M)}",
        ),
        stat(
            "Log failures in an hour",
            f"sum(increase(outcry_log_failures_total{{{M}}}[1h]))",
            "short",
            1,
        ),
        stat("Oldest lease", f"max(outcry_lease_age_seconds{{{M}}})", "s", 4, 6),
        Panel(
            title="Commits",
            what="From handing a batch to the log until it is durable.",
            unit="s",
            limits=(0.25,),
            queries=quantiles("outcry_commit_seconds", M),
        ),
        Panel(
            title="Commits, how many took how long",
            unit="s",
            kind="heatmap",
            queries={"{{le}}": rate("outcry_commit_seconds_bucket", "le", M)},
        ),
        Panel(
            title="Commits by market",
            unit="cps",
            queries={"{{market}}": rate("outcry_commit_seconds_count", "market", M)},
        ),
        Panel(
            title="Records by market",
            unit="wps",
            stacked=True,
            queries={"{{market}}": rate("outcry_records_total", "market", M)},
        ),
        Panel(
            title="Records in a batch",
            what="Grows with the load: that is how the log keeps up.",
            queries=quantiles("outcry_batch_records", M),
        ),
        Panel(
            title="Backlog",
            what="Decided and not yet durable. From 20,000 on clients are answered OVERLOADED.",
            limits=(5_000, 20_000),
            queries={"{{market}}": f"sum by (market)(outcry_backlog_records{{{M}}})"},
        ),
        Panel(
            title="Age of leases",
            what="Renewed every 2 s; past 6 s nobody is answered.",
            unit="s",
            limits=(4, 6),
            queries={"{{market}}": f"max by (market)(outcry_lease_age_seconds{{{M}}})"},
        ),
        Panel(
            title="Failures and new beginnings",
            queries={
                "{{market}}: log failures": "sum by (market)"
                f"(increase(outcry_log_failures_total{{{M}}}[$__rate_interval]))",
                "{{market}}: ownerships": "sum by (market)"
                f"(changes(outcry_lease_epoch{{{M}}}[$__rate_interval]))",
            },
        ),
        Panel(
            title="Errands and dead letters",
            what="Letters to people, sentences, refunds; failed for good: house:dead_letters.",
            unit="cps",
            queries={
                "{{outcome}}": rate("outcry_errands_total", "outcome", M),
                "dead letters": rate("outcry_events_total", "", f"{DEAD}, {M}"),
            },
        ),
    ],
)
