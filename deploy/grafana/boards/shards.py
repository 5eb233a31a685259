"""Which engine serves which market."""

from boards.parts import PROCESSOR, Board, M, Panel, rate, stat

SHARDS = Board(
    name="shards",
    title="shards",
    what="Which engine serves which market, who stands ready, and the bus between.",
    by_market=True,
    panels=[
        stat("Markets served", f"sum(outcry_ready{{{M}}})"),
        stat("Ready standbys", f"sum(outcry_standby_ready{{{M}}})"),
        stat(
            "Standby behind",
            f"max(max by (market)(outcry_position{{{M}}})"
            f" - max by (market)(outcry_standby_position{{{M}}}))",
            "short",
            1_000,
            10_000,
            what="Records that a standby would have to read.",
        ),
        stat("Ownerships in an hour", f"sum(changes(outcry_lease_epoch{{{M}}}[1h]))", "short", 3),
        stat(
            "Wait in the stream",
            f"{rate('outcry_stream_wait_seconds_sum', '', M)}"
            f" / {rate('outcry_stream_wait_seconds_count', '', M)}",
            "s",
            0.05,
            0.5,
        ),
        stat(
            "Letters refused in 24 h",
            f'sum(increase(outcry_mail_total{{outcome="refused", {M}}}[24h]))',
            "short",
            1,
        ),
        Panel(
            title="Who serves",
            what="1: it answers. Where a line begins another process has taken over.",
            kind="state-timeline",
            width=12,
            queries={"{{market}} at {{instance}}": f"outcry_ready{{{M}}}"},
        ),
        Panel(
            title="Who stands ready",
            kind="state-timeline",
            width=12,
            queries={"{{market}} at {{instance}}": f"outcry_standby_ready{{{M}}}"},
        ),
        Panel(
            title="Records by engine",
            what="How the load is spread.",
            unit="wps",
            stacked=True,
            queries={"{{instance}}": rate("outcry_records_total", "instance", M)},
        ),
        Panel(
            title="Records by market",
            unit="wps",
            stacked=True,
            queries={"{{market}}": rate("outcry_records_total", "market", M)},
        ),
        Panel(
            title="Standbys behind",
            queries={
                "{{market}}": f"max by (market)(outcry_position{{{M}}})"
                f" - max by (market)(outcry_standby_position{{{M}}})"
            },
        ),
        Panel(
            title="Wait in the stream",
            what="How long commands lie in Redis; by the clocks of two machines.",
            unit="s",
            limits=(0.5,),
            queries={
                "{{market}}": f"{rate('outcry_stream_wait_seconds_sum', 'market', M)}"
                f" / {rate('outcry_stream_wait_seconds_count', 'market', M)}"
            },
        ),
        Panel(
            title="Bytes to gateways",
            unit="Bps",
            stacked=True,
            queries={"{{market}}": rate("outcry_bus_bytes_total", "market", M)},
        ),
        Panel(
            title="Messages to gateways",
            what="Losses: Redis did not take them, and gateways ask again.",
            unit="wps",
            queries={
                "{{market}}": rate("outcry_bus_messages_total", "market", M),
                "{{market}} losses": rate("outcry_bus_losses_total", "market", M),
            },
        ),
        Panel(
            title="Letters to other markets",
            what="Retried: the other market is on its way to a new writer.",
            unit="cps",
            queries={"{{market}} {{outcome}}": rate("outcry_mail_total", "market, outcome", M)},
        ),
        Panel(
            title="Rooms by market",
            stacked=True,
            queries={"{{market}}": f"sum by (market)(outcry_rooms{{{M}}})"},
        ),
        PROCESSOR,
    ],
)
