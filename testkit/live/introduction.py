"""What somebody who has started a live cluster is told: where it is, and what to try."""

import shlex
from collections.abc import Sequence

from runtime.demo.run import beside
from testkit.live.parts import House


def introduction(houses: Sequence[House], data: str, log: str, token: str) -> str:
    """The text. `log` is the URL of the database, `token` one of a visitor."""
    gateways = [house for house in houses if house.is_gateway]
    engines = [house for house in houses if not house.is_gateway]
    outcry, url = beside("outcry"), shlex.quote(log)
    doors = ",".join(house.address for house in gateways)
    lines = (
        "Open Outcry is live, in several processes.",
        f"  gateways  {'  '.join(house.address for house in gateways)}  (documents: /docs)",
        f"  engines   {'  '.join(house.address for house in engines)}  (/readyz, /metrics)",
        f"  logs      {data}/*.log",
        "Try, in another terminal:",
        f"  kill -9 $(cat {data}/main.writer)    # whoever serves main; see it go on",
        f"  kill -9 $(cat {data}/g1.pid)    # a gateway",
        f'  make load ARGS="--data {data} --host {doors}"    # a page to add people by the hundred',
        f"  {outcry} top --postgres {url} {' '.join(house.address for house in gateways)}",
        f"  {outcry} shards --postgres {url}    # who serves which market",
        f"  {outcry} token --data {data} --user boss --role admin    # tokens for all gateways",
        "Join in; a market is named in the URL:",
        f"  {beside('websockets')} '{gateways[-1].websocket}?market=main'",
        f'  {{"id":"1","type":"auth","token":"{token}"}}',
        '  {"id":"2","type":"subscribe","room":"user:visitor"}',
        "",
    )
    return "\n".join(lines)
