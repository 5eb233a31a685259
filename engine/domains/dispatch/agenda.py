"""What a zone has to do later, by the time: the next is found at once, however many there are."""

from heapq import heappop, heappush

from msgspec import Struct

from engine.kernel.time import Millis

Entry = tuple[Millis, str, str]
"""When, what, and about what: `shop`, `search`, `claim`, `pickup`, `delivery` of an order,
`away` and `stale` of a driver, and the zone's `batch`."""


class Agenda(Struct):
    """A heap. What was put off or called off stays in it until its time; it is told from what
    stands by `moments`, and never lies on top."""

    heap: list[Entry] = []
    moments: dict[str, Millis] = {}

    def put(self, what: str, about: str, at: Millis) -> None:
        """Do this then, and at no other time."""
        self.moments[f"{what} {about}"] = at
        heappush(self.heap, (at, what, about))
        self._clear()

    def drop(self, what: str, about: str) -> None:
        """Do this no more."""
        if self.moments.pop(f"{what} {about}", None) is not None:
            self._clear()

    def at(self, what: str, about: str) -> Millis | None:
        """When this is to be done, or None."""
        return self.moments.get(f"{what} {about}")

    @property
    def next(self) -> Entry | None:
        """What comes first."""
        return self.heap[0] if self.heap else None

    def _clear(self) -> None:
        heap, moments = self.heap, self.moments
        while heap and moments.get(f"{heap[0][1]} {heap[0][2]}") != heap[0][0]:
            heappop(heap)
