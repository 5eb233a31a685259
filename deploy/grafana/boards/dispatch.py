"""Deliveries."""

from boards.parts import Board, M, Panel, events, in_an_hour, rate, stat

DISPATCH = Board(
    name="dispatch",
    title="dispatch",
    what="Orders, offers to drivers, and what becomes of them.",
    by_market=True,
    panels=[
        stat("Orders in an hour", in_an_hour("dispatch", "job_created")),
        stat("Delivered in an hour", in_an_hour("dispatch", "order_completed")),
        stat(
            "Searches without a driver",
            f"{in_an_hour('dispatch', 'no_driver_found')}"
            f" / {in_an_hour('dispatch', 'search_opened')}",
            "percentunit",
            0.05,
            0.2,
        ),
        stat(
            "Failed in an hour",
            in_an_hour("dispatch", "delivery_failed"),
            "short",
            1,
            10,
        ),
        stat(
            "Alerts to staff, an hour",
            in_an_hour("dispatch", "ops_alerted"),
            "short",
            1,
        ),
        stat("Zones", f'sum(outcry_rooms{{kind="zone", {M}}})'),
        Panel(
            title="Orders",
            unit="cps",
            queries=events(
                "dispatch",
                *("job_created", "driver_assigned", "order_completed", "job_cancelled"),
                "no_driver_found",
            ),
        ),
        Panel(
            title="Offers",
            what="Offers are made in groups: each event is one group.",
            unit="cps",
            queries=events(
                "dispatch",
                *("offers_sent", "offer_declined", "offers_expired", "offers_returned"),
                "batch_matched",
            ),
        ),
        Panel(
            title="On the road",
            unit="cps",
            queries=events(
                "dispatch",
                *("driver_arrived", "package_picked_up", "order_completed", "delivery_failed"),
                "package_returned",
            ),
        ),
        Panel(
            title="Drivers",
            unit="cps",
            queries=events(
                "dispatch", "driver_online", "driver_offline", "driver_away", "driver_back"
            ),
        ),
        Panel(
            title="Positions kept",
            what="What customers see is far more: only some positions are kept in the log.",
            unit="wps",
            queries=events("dispatch", "location_logged", "locations_logged"),
        ),
        Panel(
            title="Delivery codes",
            unit="cps",
            queries=events(
                "dispatch",
                *("delivery_code_accepted", "delivery_code_rejected", "code_locked"),
                *("code_reissued", "delivery_overridden"),
            ),
        ),
        Panel(
            title="Drivers of neighbour zones",
            unit="cps",
            width=12,
            queries=events(
                "dispatch",
                *("neighbour_answered", "neighbour_offered", "claim_asked", "claim_confirmed"),
                *("claim_failed", "claim_released"),
            ),
        ),
        Panel(
            title="Letters to zones of other markets",
            unit="wps",
            width=12,
            queries={"{{outcome}}": rate("outcry_mail_total", "outcome", M)},
        ),
    ],
)
