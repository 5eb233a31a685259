"""EPCIS in text: times, URIs, and the event id that follows from an event's content (X1).

The id is the hash of CBV 2.0, section 8.9: the fields in canonical order as `name=value`, lists
sorted, words of the vocabulary as full URIs, put together without separators and hashed. All fields
that custody uses are covered. Left out, because custody never writes them: quantities,
sensors, ilmd, certification, transformations, extensions, and GS1 keys (which would have to be
brought into Digital Link form).
"""

from hashlib import sha256
from typing import Any
from urllib.parse import quote

from engine.kernel.time import DAY, HOUR, MINUTE, SECOND, Millis

NAMESPACE = "urn:x-openoutcry"
VOCABULARY = "https://ref.gs1.org/cbv"

Fields = dict[str, Any]


def uri(*parts: str | int) -> str:
    """A name of ours: `shipment`, `s1` -> `urn:x-openoutcry:shipment:s1`."""
    return ":".join([NAMESPACE, *(quote(str(part), safe="-._~") for part in parts)])


def iso(moment: Millis) -> str:
    """ISO 8601, UTC, with milliseconds. From days to a date by the civil calendar's 400-year
    era, which begins on a 1 March, so that the leap day comes last."""
    days, rest = divmod(moment, DAY)
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    date = day - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year + 400 * era + (1 if month <= 2 else 0)
    hour, minute = rest // HOUR, rest % HOUR // MINUTE
    second, milli = rest % MINUTE // SECOND, rest % SECOND
    return f"{year:04d}-{month:02d}-{date:02d}T{hour:02d}:{minute:02d}:{second:02d}.{milli:03d}Z"


def event_id(event: Fields) -> str:
    """The event's id: the same for the same content, whoever works it out."""
    return f"ni:///sha-256;{sha256(prehash(event).encode()).hexdigest()}?ver=CBV2.0"


def prehash(event: Fields) -> str:
    """What is hashed. Record time, event id and error declaration are no part of it, so that an
    event and the declaration that it was wrong have one id."""
    disposition = event.get("persistentDisposition", {})
    return "".join(
        [
            f"eventType={event['type']}",
            f"eventTime={event['eventTime']}",
            f"eventTimeZoneOffset={event['eventTimeZoneOffset']}",
            _field("parentID", event.get("parentID")),
            _list("epcList", "epc", event.get("epcList", ())),
            _list("childEPCs", "epc", event.get("childEPCs", ())),
            _field("action", event["action"]),
            _field("bizStep", event.get("bizStep"), "BizStep"),
            _field("disposition", event.get("disposition"), "Disp"),
            _words("persistentDisposition", disposition),
            _place("readPoint", event),
            _place("bizLocation", event),
            _typed("bizTransactionList", "bizTransaction", "BTT", event),
            _typed("sourceList", "source", "SDT", event),
            _typed("destinationList", "destination", "SDT", event),
        ]
    )


def _field(name: str, value: str | None, vocabulary: str = "") -> str:
    if not value:
        return ""
    return f"{name}={_word(value, vocabulary)}"


def _word(value: str, vocabulary: str) -> str:
    return f"{VOCABULARY}/{vocabulary}-{value}" if vocabulary else value


def _list(name: str, element: str, values: Any) -> str:
    return name + "".join(sorted(f"{element}={value}" for value in values)) if values else ""


def _words(name: str, groups: dict[str, list[str]]) -> str:
    """`set` comes before `unset`."""
    lines = [
        line
        for group in ("set", "unset")
        for line in sorted(f"{group}={_word(w, 'Disp')}" for w in groups.get(group, ()))
    ]
    return name + "".join(lines) if lines else ""


def _place(name: str, event: Fields) -> str:
    return f"{name}id={event[name]['id']}" if name in event else ""


def _typed(name: str, element: str, vocabulary: str, event: Fields) -> str:
    lines = sorted(
        f"type={_word(item['type'], vocabulary)}{element}={item[element]}"
        for item in event.get(name, ())
    )
    return name + "".join(lines) if lines else ""
