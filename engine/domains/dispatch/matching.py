"""The best way to match jobs with drivers: as many as possible, at least total distance (X1).

Jobs come in one by one; each takes the shortest augmenting path, which may move the jobs before
it to other drivers (Kuhn and Munkres, with Dijkstra over sparse edges). Of n jobs each needs its n
nearest drivers only: all others together take at most n - 1 of them.

Ties: of all matchings of the same total, the one whose first job has the first driver, or has one
at all; then the second job, and so on. That is exact: below the distance, each edge costs its
driver's rank in a digit of the job's own, and the numbers are as long as need be.
"""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

Edges = Sequence[tuple[str, int]]
"""Driver and distance, for one job."""


def match(jobs: Sequence[str], near: Mapping[str, Edges]) -> dict[str, str]:
    """Job -> driver. `jobs` come in the order in which ties favour them; drivers in that of
    their ids. Distances are whole metres, none below zero."""
    drivers = sorted({driver for job in jobs for driver, _ in near[job]})
    rank = {driver: number for number, driver in enumerate(drivers)}
    base = len(drivers) + 1
    above = base ** len(jobs)
    costs = []
    for number, job in enumerate(jobs):
        digit = base ** (len(jobs) - 1 - number)
        costs.append(
            {rank[driver]: far * above + rank[driver] * digit for driver, far in near[job]}
        )
    # To go without costs more than any way of having one.
    alone = sum(max(row.values(), default=0) for row in costs) + above
    for number, row in enumerate(costs):
        row[len(drivers) + number] = alone + len(drivers) * base ** (len(jobs) - 1 - number)
    chosen = _assign(costs)
    return {job: drivers[n] for job, n in zip(jobs, chosen, strict=True) if n < len(drivers)}


def _assign(costs: Sequence[Mapping[int, int]]) -> list[int]:
    """The column of each row at least total cost. Every row has a column that no other has."""
    columns: list[int] = [-1] * len(costs)
    owner: dict[int, int] = {}
    rise: dict[int, int] = {}
    """Of each column: by how much it has become dearer (its potential, with the sign turned)."""
    base = [0] * len(costs)
    for start in range(len(costs)):
        _augment(start, costs, columns, owner, rise, base)
    return columns


def _augment(
    start: int,
    costs: Sequence[Mapping[int, int]],
    columns: list[int],
    owner: dict[int, int],
    rise: dict[int, int],
    base: list[int],
) -> None:
    """Bring one more row in by the shortest path to a free column."""
    shortest: dict[int, int] = {}
    came_from: dict[int, int] = {}
    done: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    base[start] = min(cost + rise.get(column, 0) for column, cost in costs[start].items())
    row, reached = start, 0
    while True:
        for column, cost in costs[row].items():
            if column in done:
                continue
            way = reached + cost + rise.get(column, 0) - base[row]
            if column not in shortest or way < shortest[column]:
                shortest[column] = way
                came_from[column] = row
                heappush(waiting, (way, column))
        reached, column = heappop(waiting)
        while column in done:
            reached, column = heappop(waiting)
        if column not in owner:
            break
        done[column] = reached
        row = owner[column]
    base[start] += reached
    for passed, way in done.items():
        rise[passed] = rise.get(passed, 0) + reached - way
        base[owner[passed]] += reached - way
    while True:
        row = came_from[column]
        owner[column], columns[row], column = row, column, columns[row]
        if row == start:
            return
