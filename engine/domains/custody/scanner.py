"""The rooms `scanner:{key}`: whether the scans of one device follow from one another (X2).

A device counts its scans, over all shipments, and each names the hash of the one before. Scans
may come late and in any order; a number that is left out, given twice or out of turn, or a hash
that does not fit, is a flag for staff. It undoes nothing: who holds a parcel is decided by the
order of arrival. A device may have a key: then what it has not signed is none of its scans. One
that was revoked makes no more of them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from engine.contract import (
    Context,
    Decision,
    Domain,
    Event,
    Reaction,
    Send,
    Vault,
    fields_of,
)
from engine.domains.custody import qr
from engine.domains.custody.codes import DEVICE_REVOKED, QR_INVALID
from engine.domains.custody.commands import RegisterDevice, ReplaceDeviceKey, RevokeDevice
from engine.domains.custody.events import ScanFlag
from engine.domains.custody.messages import FlagScan, ScanReported
from engine.domains.custody.terms import BAD_TOKENS_MS, SCANNER_DOMAIN, Device, shipment_room
from engine.kernel.outcome import FORBIDDEN, INVALID_TRANSITION, REASON_REQUIRED, Rejected
from engine.kernel.time import Millis

SCANS_KEPT = 256
"""So many of the latest scans of a device are known by their hashes."""


class ScanNoted(Event, frozen=True, tag="custody.scan_noted"):
    """A device has made this scan."""

    device: Device
    user: str
    shipment: str
    scan_id: str
    scan_hash: str
    device_at: Millis
    flags: tuple[ScanFlag, ...] = ()
    code: str = ""
    """Why the shipment rejected it."""


class DeviceRegistered(Event, frozen=True, tag="custody.device_registered"):
    """The device signs its scans with this key from now on."""

    public_key: str
    user: str


class DeviceKeyReplaced(Event, frozen=True, tag="custody.device_key_replaced"):
    """The device signs with another key from now on; the one before has said so."""

    public_key: str
    signature: str


class DeviceRevoked(Event, frozen=True, tag="custody.device_revoked"):
    """No scan of the device is taken any more, whenever it was made."""

    by: str
    reason: str


class Scanner(Struct):
    """The state of a room `scanner:{key}`."""

    user: str = ""
    """Who used it first: a device has one owner."""
    public_key: str = ""
    """Empty: it signs nothing."""
    highest: int = 0
    """The highest number that has come."""
    hashes: dict[str, str] = {}
    """Number -> hash of the scan, of the latest."""
    previous: dict[str, str] = {}
    """Number -> hash that the scan names as the one before, of the latest."""
    missing: list[int] = []
    """Numbers below the highest that have not come, oldest first."""
    invalid_at: list[Millis] = []
    """When it sent tokens that were none, in the last hour (custody 7)."""
    revoked_at: Millis | None = None
    """Since when none of its scans is taken."""


def register(state: Scanner, command: RegisterDevice, ctx: Context) -> Decision:
    """By its owner, once: whoever wants another key names another device."""
    if state.user not in ("", ctx.actor.user):
        return Rejected(FORBIDDEN, "this device is somebody else's; choose another `key_id`")
    if state.revoked_at is not None:
        return _revoked(state)
    if state.public_key == command.public_key:
        return ()
    if state.public_key:
        return Rejected(
            INVALID_TRANSITION,
            "this device has a key; let that sign the new one (custody.replace_device_key), or "
            "register another device",
        )
    return [DeviceRegistered(public_key=command.public_key, user=ctx.actor.user)]


def replace_key(state: Scanner, command: ReplaceDeviceKey, ctx: Context) -> Decision:
    """By its owner, with the word of the key of now: whoever has stolen the account alone could
    else make scans of a device that is in its owner's pocket."""
    if not ctx.actor.user or state.user != ctx.actor.user:
        return _not_yours()
    if state.revoked_at is not None:
        return _revoked(state)
    said = qr.replacement(command.key_id, command.public_key)
    if not state.public_key or not qr.is_device_signed(
        ctx.vault, state.public_key, said, command.signature
    ):
        return Rejected(
            FORBIDDEN,
            "`signature` is not that of the device's key; if the key is lost, revoke the device",
            {"field": "signature"},
        )
    if state.public_key == command.public_key:
        return ()
    return [DeviceKeyReplaced(public_key=command.public_key, signature=command.signature)]


def revoke(state: Scanner, command: RevokeDevice, ctx: Context) -> Decision:
    """By its owner, or by staff with a reason. It needs no key: that may be what is lost."""
    actor = ctx.actor
    if state.user != actor.user and not actor.is_staff:
        return _not_yours()
    if not state.user:
        return Rejected(INVALID_TRANSITION, "nobody has used this device; check `key_id`")
    if state.revoked_at is not None:
        return _revoked(state)
    if state.user != actor.user and not command.reason.strip():
        return Rejected(
            REASON_REQUIRED, "`reason` must say why; it is kept with the act", {"field": "reason"}
        )
    return [DeviceRevoked(by=actor.user, reason=command.reason)]


def _not_yours() -> Rejected:
    return Rejected(FORBIDDEN, "this is no device of yours")


def _revoked(state: Scanner) -> Rejected:
    return Rejected(
        DEVICE_REVOKED,
        "this device was revoked, for ever; register another one",
        {"revoked_at": state.revoked_at},
    )


def note(state: Scanner, message: ScanReported, ctx: Context) -> Decision:
    """Keep it, with what is odd about it."""
    return [
        ScanNoted(
            device=message.device,
            user=message.user,
            shipment=message.shipment,
            scan_id=message.scan_id,
            scan_hash=message.scan_hash,
            device_at=message.device_at,
            flags=tuple(_flags(state, message, ctx.vault)),
            code=message.code,
        )
    ]


def _flags(state: Scanner, message: ScanReported, vault: Vault) -> Iterable[ScanFlag]:
    counter, signature = message.device.counter, message.device.signature
    if state.revoked_at is not None:
        yield "DEVICE_REVOKED"
        return
    if state.user and state.user != message.user:
        yield "FOREIGN_DEVICE"
    key = state.public_key
    if key and not qr.is_device_signed(vault, key, message.scan_hash, signature):
        yield "SIGNATURE_INVALID"
        return
    if counter > state.highest + 1:
        yield "COUNTER_GAP"
    elif counter in state.missing:
        yield "OUT_OF_ORDER"
    elif counter <= state.highest:
        yield "COUNTER_REPEATED"
    if not _fits(state, message):
        yield "HASH_MISMATCH"


def _fits(state: Scanner, message: ScanReported) -> bool:
    """Whether it names the one before rightly, and the one after it names this one rightly."""
    counter, before = message.device.counter, message.device.previous
    known = state.hashes.get(str(counter - 1))
    if counter == 1 and before:
        return False
    if known is not None and known != before:
        return False
    after = state.previous.get(str(counter + 1))
    return after is None or after == message.scan_hash


def on_noted(state: Scanner, event: ScanNoted, at: Millis) -> None:
    if not {"SIGNATURE_INVALID", "DEVICE_REVOKED"}.isdisjoint(event.flags):
        return  # Somebody else says that it is this device's.
    if event.code == QR_INVALID.name and "FOREIGN_DEVICE" not in event.flags:
        state.invalid_at = [*(t for t in state.invalid_at if t > at - BAD_TOKENS_MS), at]
    counter = event.device.counter
    state.user = state.user or event.user
    if counter > state.highest:
        state.missing = [*state.missing, *_between(state.highest, counter)][-SCANS_KEPT:]
        state.highest = counter
    elif counter in state.missing:
        state.missing.remove(counter)
    else:
        return  # A number that was there already: the first scan of it stands.
    state.hashes[str(counter)] = event.scan_hash
    state.previous[str(counter)] = event.device.previous
    if len(state.hashes) > SCANS_KEPT:
        oldest = next(iter(state.hashes))
        del state.hashes[oldest], state.previous[oldest]


def on_registered(state: Scanner, event: DeviceRegistered, _: Millis) -> None:
    state.user, state.public_key = event.user, event.public_key


def on_replaced(state: Scanner, event: DeviceKeyReplaced, _: Millis) -> None:
    state.public_key = event.public_key


def on_revoked(state: Scanner, _event: DeviceRevoked, at: Millis) -> None:
    state.revoked_at = at


def _between(highest: int, counter: int) -> range:
    return range(max(highest + 1, counter - SCANS_KEPT), counter)


def react(_: Scanner, event: Event, _ctx: Context) -> Iterable[Reaction]:
    """The shipment hears of flags, if it took the scan."""
    if not isinstance(event, ScanNoted) or not event.flags or not event.scan_id:
        return ()
    flag = FlagScan(scan_id=event.scan_id, flags=event.flags, device=event.device)
    return (Send(shipment_room(event.shipment), flag),)


def audience(state: Scanner, ctx: Context) -> str:
    """Staff, and the owner of the device."""
    if ctx.actor.is_staff:
        return "staff"
    return "owner" if ctx.actor.user and ctx.actor.user == state.user else ""


def show(_: Scanner, event: Event, viewer: str) -> dict[str, Any]:
    """What is odd about a scan is for staff."""
    shown = fields_of(event)
    if isinstance(event, ScanNoted) and viewer != "staff":
        shown = {name: shown[name] for name in ("device", "shipment", "scan_hash", "device_at")}
    if isinstance(event, DeviceRevoked) and viewer != "staff":
        del shown["by"]
    return shown


def view(state: Scanner, ctx: Context) -> Any:
    """From here a device can go on counting."""
    shown: dict[str, Any] = {
        "highest": state.highest,
        "hash": state.hashes.get(str(state.highest)),
        "public_key": state.public_key or None,
        "revoked_at": state.revoked_at,
    }
    if ctx.actor.is_staff:
        shown |= {"user": state.user, "missing": state.missing}
    return shown


def check(state: Scanner) -> None:
    """Numbers that have not come are below the highest, and in order."""
    assert state.missing == sorted(set(state.missing)), "custody X2: missing numbers are a list"
    assert all(number < state.highest for number in state.missing), "custody X2"
    assert len(state.hashes) == len(state.previous) <= SCANS_KEPT, "custody X2: kept scans"


EVOLVE: Mapping[type[Event], Callable[[Any, Any, Millis], None]] = {
    ScanNoted: on_noted,
    DeviceRegistered: on_registered,
    DeviceKeyReplaced: on_replaced,
    DeviceRevoked: on_revoked,
}

SCANNER = Domain(
    name=SCANNER_DOMAIN,
    summary="One scanning device: whether its scans follow from one another.",
    initial=Scanner,
    decide={
        RegisterDevice: register,
        ReplaceDeviceKey: replace_key,
        RevokeDevice: revoke,
        ScanReported: note,
    },
    evolve=EVOLVE,
    audience=audience,
    show=show,
    view=view,
    react=react,
    check=check,
)
