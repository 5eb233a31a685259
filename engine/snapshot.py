"""Floor 7: the whole state as bytes, and its digest.

A snapshot only saves time: state is what the log makes of it. One that this version cannot
read, or that a disk has changed, is ignored, and the log replayed from the start.
"""

from hashlib import sha256

import msgspec
from msgspec import Raw, Struct

from engine.contract import Vault
from engine.core import Core
from engine.kernel.market import Market
from engine.kernel.time import Millis
from engine.ledger.book import Book
from engine.registry import Registry
from engine.room import Room, chain_key

VERSION = 1

canonical = msgspec.json.Encoder(order="deterministic").encode


class RoomImage(Struct, frozen=True, array_like=True):
    """A room without its tail."""

    name: str
    seq: int
    hash: str
    state: Raw


class Image(Struct, frozen=True):
    """Everything that replay up to `position` would have made."""

    version: int
    position: int
    last_at: Millis
    rooms: list[RoomImage]
    claims: dict[str, str]
    book: Book


def take(core: Core) -> bytes:
    """The core's state as bytes behind their own digest; equal for equal states."""
    return seal(image(core))


def digest(core: Core) -> str:
    """Hex SHA-256 of the state: the same after a replay as before it (architecture rule 7)."""
    return sha256(image(core)).hexdigest()


def seal(body: bytes) -> bytes:
    """The image behind its digest, so that a damaged one is told from a sound one."""
    return sha256(body).hexdigest().encode() + b"\n" + body


def image(core: Core) -> bytes:
    """The core's state as bytes that `seal` makes a snapshot of."""
    # Names and keys are in order, whatever the order in which they came to be.
    return canonical(
        Image(
            VERSION,
            core.position,
            core.last_at,
            [
                RoomImage(name, room.seq, room.hash, Raw(canonical(room.state)))
                for name, room in sorted(core.rooms.items())
            ],
            core.claims,
            core.book,
        )
    )


def restore(
    data: bytes, registry: Registry, markets: dict[str, Market], vault: Vault | None = None
) -> Core | None:
    """A core in the state of the snapshot, or None if it is damaged or of another version."""
    _, _, body = data.partition(b"\n")
    if seal(body) != data:
        return None
    try:
        found = msgspec.json.decode(body, type=Image)
        rooms = [_room(room, registry, vault) for room in found.rooms]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        return None
    if found.version != VERSION:
        return None
    core = Core(registry, markets, vault)
    core.restore(rooms, found.claims, found.book)
    core.position = found.position
    core.now = core.last_at = found.last_at
    return core


def _room(image: RoomImage, registry: Registry, vault: Vault | None) -> Room:
    domain = registry.domains[image.name.partition(":")[0]]
    room = Room(image.name, domain, chain_key(vault, image.name))
    room.state = msgspec.json.decode(image.state, type=type(room.state))
    room.seq, room.hash = image.seq, image.hash
    return room
