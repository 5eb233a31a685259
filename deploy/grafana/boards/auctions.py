"""Auctions."""

from boards.parts import Board, M, Panel, events, in_an_hour, quantiles, rate, stat

BIDS = rate("outcry_events_total", "", 'event="auction.bid_placed"')

AUCTIONS = Board(
    name="auctions",
    title="auctions",
    what="Bids, ends and money of auctions.",
    by_market=True,
    panels=[
        stat("Bids", events("auction", "bid_placed")["bid placed"], "cps"),
        stat("Auctions in memory", f'sum(outcry_rooms{{kind="auction", {M}}})'),
        stat("Ended in an hour", in_an_hour("auction", "ended")),
        stat(
            "Unsold in an hour",
            f"{in_an_hour('auction', 'unsold')} / {in_an_hour('auction', 'ended')}",
            "percentunit",
        ),
        stat(
            "Winners in default, an hour",
            in_an_hour("auction", "winner_defaulted"),
            "short",
            1,
        ),
        stat("Voided in an hour", in_an_hour("auction", "result_voided"), "short", 1),
        Panel(
            title="Bids by market",
            unit="cps",
            stacked=True,
            queries={
                "{{market}}": rate(
                    "outcry_events_total", "market", f'event="auction.bid_placed", {M}'
                )
            },
        ),
        Panel(
            title="Bidders",
            what="Those who come in; those whose last connection breaks, and comes back.",
            unit="cps",
            queries=events("auction", "participant_joined", "bidder_away", "bidder_back"),
        ),
        Panel(
            title="Answers",
            what="Of all commands, for a gateway does not tell domains apart.",
            unit="s",
            limits=(0.5,),
            queries=quantiles("outcry_answer_seconds"),
        ),
        Panel(
            title="Beginnings and ends",
            unit="cps",
            queries=events(
                "auction", "created", "started", "extended", "ended", "cancelled", "relisted"
            ),
        ),
        Panel(
            title="What became of ended ones",
            unit="cps",
            queries=events(
                "auction",
                *("winner_declared", "settled", "unsold", "runner_up_offered"),
                *("winner_defaulted", "result_voided"),
            ),
        ),
        Panel(
            title="Deposits and payments",
            unit="cps",
            queries=events("auction", "deposit_locked", "deposit_forfeited", "payment_refused"),
        ),
        Panel(
            title="Refusals, the ten most frequent",
            what="Of all commands.",
            unit="cps",
            width=12,
            queries={"{{code}}": f"topk(10, {rate('outcry_commands_refused_total', 'code')})"},
        ),
        Panel(
            title="Frames for each bid",
            what="How far the news of a bid is carried: the cost of a crowd.",
            width=12,
            queries={"frames": f"{rate('outcry_deliveries_total')} / {BIDS}"},
        ),
    ],
)
