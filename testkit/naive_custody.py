"""Shipments told anew from the log alone, in other words than the engine's (custody 9).

It knows what custody promises, and of how the engine keeps it nothing: who holds a parcel, which
code is open, how many wrong codes there were, and that a parcel has one end.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.kernel.record import Record
from testkit.violation import expect

ROOM = "shipment:"
DAY_MS = 86_400_000
ENDS = ("custody.shipment_delivered", "custody.shipment_returned", "custody.shipment_cancelled")
TOKEN = re.compile(rb"[A-Za-z0-9_.\-]+\.q\d+~\d+~\d+~[A-Za-z0-9_\-]{22,}~")
"""What a code looks like when it is shown."""

Fields = Mapping[str, Any]
Party = tuple[str, str]


class NaiveShipment:
    """What the log says of one shipment."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.holder: Party = ("", "")
        self.end = ""
        """The event that ended it, or LOST."""
        self._receivers: dict[int, Party] = {}
        """Step -> to whom it must lead."""
        self._open: dict[str, tuple[int, int, int]] = {}
        """Code -> step, from when and until when it is good."""
        self._over: dict[str, tuple[int, int, int]] = {}
        """Codes that have expired, likewise."""
        self._used: set[str] = set()
        self._done: set[int] = set()
        """Steps that were confirmed or given up."""
        self._scanned: dict[int, str] = {}
        self._proofs = 0
        self._wrong = 0
        self._tracked = 0
        self._is_disputed = False

    def take(self, at: int, event: Fields) -> None:
        """The room's next event."""
        tag = event["event"]
        expect(not self.end or tag in AFTER_THE_END, f"{self.room}: {tag} after {self.end}")
        handler = _TAKES.get(tag)
        if handler is not None:
            handler(self, at, event)
        if tag in ENDS:
            self.end = tag

    def _planned(self, _: int, event: Fields) -> None:
        expect(not self.holder[0], f"{self.room} is planned twice")
        self.holder = ("SENDER", event["sender"])
        self._plan(event["steps"], 1)
        expect(len(event["steps"]) >= 2, f"{self.room}: custody 3: a plan of one step")

    def _replanned(self, _: int, event: Fields) -> None:
        self._plan(event["steps"], event["first_seq"])

    def _plan(self, steps: list[Fields], first: int) -> None:
        """Custody 2: a chain, from the holder on."""
        scanned = max(self._scanned, default=0)
        expect(first == scanned + 1, f"{self.room}: a plan from step {first} on")
        self._receivers = {seq: to for seq, to in self._receivers.items() if seq < first}
        before = self.holder
        for seq, step in enumerate(steps, start=first):
            giver = (step["from_party_type"], step["from_id"])
            expect(giver == before, f"{self.room}: INV-2: {giver} gives what {before} has")
            before = (step["to_party_type"], step["to_id"])
            self._receivers[seq] = before

    def _ready(self, at: int, event: Fields) -> None:
        """Custody Q4, Q6; invariants 3 and 4."""
        seq = event["step_seq"]
        expect(not self._open, f"{self.room}: INV-3: {event} beside {self._open}")
        expect(set(range(1, seq)) <= self._done, f"{self.room}: INV-4: step {seq} too early")
        expect(event["qr_id"] not in self._used, f"{self.room}: Q3: {event['qr_id']} again")
        expect(event["expires_at"] == at + 3 * DAY_MS, f"{self.room}: Q6: {event}")
        self._open[event["qr_id"]] = (seq, event["active_from"], event["expires_at"])
        self._over.pop(event["qr_id"], None)

    def _revoked(self, _: int, event: Fields) -> None:
        self._open.pop(event["qr_id"], None)
        self._over.pop(event["qr_id"], None)

    def _expired(self, at: int, event: Fields) -> None:
        """A code that has expired may still be good for what was scanned before (H12), one that was
        ended by hand is not."""
        was = self._open.pop(event["qr_id"], None)
        expect(was is not None, f"{self.room}: {event} was not open")
        if was is not None:
            if event["cause"] != "TIME":
                return
            expect(at >= was[2], f"{self.room}: Q6: {event} at {at}")
            self._over[event["qr_id"]] = was

    def _scan(self, at: int, event: Fields) -> None:
        """Custody Q3 to Q6, H12."""
        qr, seq = event["qr_id"], event["step_seq"]
        good = self._open.pop(qr, None) or self._over.get(qr)
        expect(good is not None, f"{self.room}: Q6: {qr} is scanned and not active")
        expect(qr not in self._used, f"{self.room}: Q3: {qr} is scanned twice")
        expect(not self._is_disputed, f"{self.room}: INV-9: a scan while disputed")
        late_ms = event["lateness_ms"]
        expect(late_ms <= DAY_MS, f"{self.room}: H12: a scan of {late_ms} ms ago")
        if good is not None:
            moment = event["device_at"] if late_ms > 120_000 else at
            expect(good[0] == seq and moment < good[2], f"{self.room}: H12: {event} at {moment}")
        expect(bool(event["scan_location_id"].strip()), f"{self.room}: Q7: {event}")
        expect(event["giver"] != event["receiver"], f"{self.room}: Q5: {event}")
        self._used.add(qr)
        self._scanned[seq] = event["scan_id"]

    def _code(self, _: int, event: Fields) -> None:
        """Custody H5."""
        expect(self._wrong < 10, f"{self.room}: H5: a code after ten wrong ones")
        self._scanned[event["step_seq"]] = event["scan_id"]

    def _wrong_code(self, _: int, event: Fields) -> None:
        expect(event["attempt"] == self._wrong + 1, f"{self.room}: H5: {event}")
        self._wrong += 1

    def _done_step(self, _: int, event: Fields) -> None:
        seq = event["step_seq"]
        expect(seq in self._scanned, f"{self.room}: step {seq} is done and was not scanned")
        expect(set(range(1, seq)) <= self._done, f"{self.room}: INV-4: step {seq}")
        self._done.add(seq)

    def _changed(self, _: int, event: Fields) -> None:
        """Invariants 1 and 2."""
        giver = (event["from_type"], event["from_id"])
        receiver = (event["to_type"], event["to_id"])
        expect(giver == self.holder, f"{self.room}: INV-1: {giver} gives, {self.holder} has it")
        if self._proofs == 0:
            planned = self._receivers.get(event["step_seq"])
            expect(receiver == planned, f"{self.room}: INV-2: {receiver} takes it, not {planned}")
        self.holder = receiver

    def _tracking(self, _: int, event: Fields) -> None:
        expect(event["number"] == self._tracked + 1, f"{self.room}: INV-8: {event}")
        self._tracked += 1

    def _proof(self, _: int, event: Fields) -> None:
        """Invariant 5, H2."""
        self._proofs += 1
        expect(self._proofs == 1, f"{self.room}: INV-5: another proof")
        last = max(self._receivers)
        is_seen = event["method"] == "OVERRIDE" or last in self._scanned
        expect(is_seen, f"{self.room}: INV-5: proof of a step that was not scanned")

    def _delivered(self, _: int, __: Fields) -> None:
        expect(self._proofs == 1, f"{self.room}: INV-5: delivered without proof")
        expect(self.holder[0] == "RECIPIENT", f"{self.room}: INV-5: {self.holder} has it")

    def _disputed(self, _: int, __: Fields) -> None:
        self._is_disputed = True

    def _resolved(self, _: int, event: Fields) -> None:
        expect(self._is_disputed, f"{self.room}: nothing to resolve")
        self._is_disputed = False
        if event["outcome"] == "LOST":
            self.end = "LOST"


AFTER_THE_END = frozenset(
    {
        "custody.scan_rejected",
        "custody.scan_flagged",
        "custody.recipient_link_issued",
        "custody.tracking_corrected",
        "custody.tracking_recorded",
        "custody.qr_revoked",
        "custody.carrier_rated",
    }
)

_TAKES: Mapping[str, Callable[[NaiveShipment, int, Fields], None]] = {
    "custody.handoffs_planned": NaiveShipment._planned,
    "custody.handoffs_replanned": NaiveShipment._replanned,
    "custody.return_started": NaiveShipment._replanned,
    "custody.step_ready": NaiveShipment._ready,
    "custody.qr_revoked": NaiveShipment._revoked,
    "custody.qr_expired": NaiveShipment._expired,
    "custody.handoff_scanned": NaiveShipment._scan,
    "custody.backup_code_accepted": NaiveShipment._code,
    "custody.delivery_code_rejected": NaiveShipment._wrong_code,
    "custody.step_confirmed": NaiveShipment._done_step,
    "custody.step_failed": NaiveShipment._done_step,
    "custody.custody_changed": NaiveShipment._changed,
    "custody.tracking_recorded": NaiveShipment._tracking,
    "custody.delivery_proof_recorded": NaiveShipment._proof,
    "custody.shipment_delivered": NaiveShipment._delivered,
    "custody.custody_disputed": NaiveShipment._disputed,
    "custody.custody_resolved": NaiveShipment._resolved,
}


class NaiveCustody:
    """Fed with every record of the log, in order."""

    def __init__(self) -> None:
        self.shipments: dict[str, NaiveShipment] = {}

    def take(self, record: Record, event: Fields) -> None:
        """The next record."""
        if not record.room.startswith(ROOM):
            return
        expect(not TOKEN.search(record.event), f"{record.room}: INV-7: a token is in the log")
        shipment = self.shipments.get(record.room)
        if shipment is None:
            shipment = self.shipments[record.room] = NaiveShipment(record.room)
        shipment.take(record.at, event)
