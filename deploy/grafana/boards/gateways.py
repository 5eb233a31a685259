"""Clients' doors."""

from boards.parts import ACCEPTED, PROCESSOR, Board, Panel, p99, rate, stat

GATEWAYS = Board(
    name="gateways",
    title="gateways",
    what="Clients' doors: connections, answers, deliveries, and the way to the writers.",
    by_market=False,
    panels=[
        stat("Connections", "sum(outcry_connections)"),
        stat("Feeds", "sum(outcry_subscriptions)"),
        stat("Frames delivered", rate("outcry_deliveries_total"), "wps"),
        stat("Answer, p99", p99("outcry_answer_seconds"), "s", 0.25, 0.5),
        stat(
            "Slow readers in an hour",
            "sum(increase(outcry_slow_readers_total[1h]))",
            "short",
            10,
            100,
        ),
        stat("Writer last heard", "max(outcry_writer_silent_seconds)", "s", 3, 10),
        Panel(
            title="Connections",
            stacked=True,
            queries={"{{instance}}": "sum by (instance)(outcry_connections)"},
        ),
        Panel(
            title="What comes in",
            unit="cps",
            queries={
                "{{instance}} opened": rate("outcry_connections_opened_total", "instance"),
                "{{instance}} messages": rate("outcry_messages_in_total", "instance"),
                "{{instance}} HTTP": rate("outcry_http_requests_total", "instance"),
            },
        ),
        Panel(
            title="Answers, p99 by gateway",
            unit="s",
            limits=(0.5,),
            queries={
                "{{instance}}": "histogram_quantile(0.99, "
                f"{rate('outcry_answer_seconds_bucket', 'instance, le')})"
            },
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
            title="Answers given again",
            what="Commands that came twice, mostly after a break of the line.",
            unit="cps",
            queries={"{{instance}}": rate("outcry_commands_duplicate_total", "instance")},
        ),
        Panel(
            title="Frames delivered",
            unit="wps",
            stacked=True,
            queries={"{{instance}}": rate("outcry_deliveries_total", "instance")},
        ),
        Panel(
            title="Bytes delivered",
            unit="Bps",
            stacked=True,
            queries={"{{instance}}": rate("outcry_delivery_bytes_total", "instance")},
        ),
        Panel(
            title="Slow clients",
            what="Closed, and come back; spared positions that a later one has replaced.",
            unit="cps",
            queries={
                "{{instance}} closed": rate("outcry_slow_readers_total", "instance"),
                "{{instance}} spared": rate("outcry_conflated_total", "instance"),
            },
        ),
        Panel(
            title="Requests that wait for a writer",
            queries={"{{instance}} {{market}}": "outcry_answers_waiting"},
        ),
        Panel(
            title="Writers last heard",
            what="A writer says hello every second; after 20 s clients are answered UNAVAILABLE.",
            unit="s",
            limits=(10, 20),
            queries={"{{market}}": "max by (market)(outcry_writer_silent_seconds)"},
        ),
        Panel(
            title="Gaps and breaks",
            what="Rooms that asked for what they may have missed; Redis heard again.",
            unit="cps",
            queries={
                "{{instance}} {{outcome}}": rate("outcry_gaps_total", "instance, outcome"),
                "{{instance}} Redis again": rate("outcry_bus_reconnects_total", "instance"),
            },
        ),
        PROCESSOR,
    ],
)
