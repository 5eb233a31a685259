"""The town as operators see it: where drivers are, and how orders stand."""

from collections.abc import Iterator

from msgspec import Struct

from runtime.demo import streets
from runtime.demo.client import Message

JOBS_SHOWN = 6
SHOP, DOOR, FREE, BUSY = "$", "x", "o", "@"
"""Marks on the map."""
STATUS = {
    "dispatch.order_accepted": "looking for a driver",
    "dispatch.no_driver_found": "no driver",
    "dispatch.package_picked_up": "on its way",
    "dispatch.delivery_code_rejected": "wrong code!",
    "dispatch.order_completed": "delivered",
    "dispatch.job_cancelled": "cancelled",
}
WORDS = {
    "PENDING_SHOP_APPROVAL": "paid",
    "SEARCHING": "looking for a driver",
    "UNASSIGNED": "no driver",
    "DRIVER_ASSIGNED": "being fetched",
    "OUT_FOR_DELIVERY": "on its way",
    "COMPLETED": "delivered",
}


class Job(Struct):
    """An order on its way."""

    number: str
    shop: streets.Crossing
    door: streets.Crossing
    status: str = "paid"
    driver: str = ""


class TownSeen:
    """What has come on the feed of the zone."""

    def __init__(self) -> None:
        self.drivers: dict[str, streets.Crossing] = {}
        self.jobs: dict[str, Job] = {}
        """The latest, oldest first."""

    def take(self, message: Message) -> None:
        """A snapshot, an event, or the soft notice that somebody has moved."""
        if message["type"] == "snapshot":
            self._begin(message["state"])
        elif message["event"] in ("dispatch.driver_moved", "dispatch.driver_online"):
            data = message["data"]
            self.drivers[data["driver"]] = _crossing(data["pos"])
        elif message["event"] == "dispatch.driver_offline":
            self.drivers.pop(message["data"]["driver"], None)
        elif message["event"] == "dispatch.job_created":
            self._add(message["data"]["order"])
        elif job := self.jobs.get(message["data"].get("order", "")):
            self._on_job(job, message["event"], message["data"])

    def lines(self) -> Iterator[str]:
        """The map, line by line; the river too."""
        marks = self._marks()
        for street in range(streets.STREETS):
            yield "─".join(
                marks.get((avenue, street), "┼") + "─" for avenue in range(streets.AVENUES)
            )
            if street == streets.RIVER_SOUTH_OF:
                yield "≈".join(
                    "║≈" if avenue in streets.BRIDGES else "≈≈" for avenue in range(streets.AVENUES)
                )

    def _marks(self) -> dict[streets.Crossing, str]:
        marks: dict[streets.Crossing, str] = {}
        open_jobs = [job for job in self.jobs.values() if job.status != "delivered"]
        for job in open_jobs:
            marks[job.door] = DOOR
        for job in self.jobs.values():
            marks[job.shop] = SHOP
        busy = {job.driver for job in open_jobs}
        for driver, crossing in self.drivers.items():
            marks[crossing] = BUSY if driver in busy else FREE
        return marks

    def _begin(self, state: Message) -> None:
        self.drivers = {
            name: _crossing(driver["pos"])
            for name, driver in state["drivers"].items()
            if driver["pos"] and driver["state"] != "OFFLINE"
        }
        self.jobs.clear()
        for found in state["jobs"].values():
            self._add(found["order"])
            job = self.jobs[found["order"]["order"]]
            job.status = WORDS.get(found["status"], found["status"])
            job.driver = found["driver"] or ""

    def _add(self, order: Message) -> None:
        pickup, dropoff = _crossing(order["pickup"]), _crossing(order["dropoff"])
        self.jobs[order["order"]] = Job(order["number"], pickup, dropoff)
        over = [name for name, job in self.jobs.items() if job.status == "delivered"]
        for name in over[: max(len(self.jobs) - JOBS_SHOWN, 0)]:
            del self.jobs[name]

    def _on_job(self, job: Job, event: str, data: Message) -> None:
        job.status = STATUS.get(event, job.status)
        if event == "dispatch.driver_assigned":
            job.driver, job.status = data["driver"], "being fetched"
        elif event == "dispatch.driver_arrived":
            job.status = "at the shop" if data["stop"] == "PICKUP" else "at the door"
        elif event == "dispatch.offers_sent" and data["offers"]:
            job.status = f"offered to {len(data['offers'])}"


def _crossing(pos: Message) -> streets.Crossing:
    return streets.crossing_at(pos["lat"], pos["lon"])
