"""What the rooms of custody tell one another: shipments and the scanners that served them."""

from engine.contract import Message
from engine.domains.custody.events import ScanFlag
from engine.domains.custody.terms import Device
from engine.kernel.time import Millis


class ScanReported(Message, frozen=True, tag="custody.scan_reported"):
    """To a scanner's room: it made this scan, whatever became of it."""

    device: Device
    user: str
    shipment: str
    scan_id: str
    """Empty for a scan that was rejected."""
    scan_hash: str
    device_at: Millis
    code: str = ""
    """Why it was rejected."""


class CountRating(Message, frozen=True, tag="custody.count_rating"):
    """To a carrier's room: somebody has rated them."""

    stars: int


class FlagScan(Message, frozen=True, tag="custody.flag_scan"):
    """Back to the shipment: the device's scans do not follow from one another."""

    scan_id: str
    flags: tuple[ScanFlag, ...]
    device: Device
