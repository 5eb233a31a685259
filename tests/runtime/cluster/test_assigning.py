"""Who is to own which market: what always holds, and that it comes to rest."""

from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from persistence.shards import Change, Living, Placement
from runtime.cluster.assigning import REST_MS, UNEVEN_MIN, assign

NAMES = [f"w{number}" for number in range(1, 6)]
MARKETS = [f"m{number}" for number in range(12)]
LONG_AGO = 10 * REST_MS

names = st.sampled_from([*NAMES, "", "dead"])
loads = st.one_of(st.just(0), st.integers(0, 300), st.integers(0, 20_000))


@st.composite
def clusters(draw: st.DrawFn) -> tuple[list[Placement], list[Living]]:
    """Any state that the table may be in: the dead own markets, loads are told by anybody, and a
    process may be its own standby."""
    markets = [
        Placement(market, shard, draw(names), draw(names), draw(st.sampled_from([0, LONG_AGO])))
        for shard, market in enumerate(MARKETS[: draw(st.integers(1, len(MARKETS)))])
    ]
    living = draw(st.lists(st.sampled_from(NAMES), unique=True).map(sorted))
    known = st.sampled_from([m.market for m in markets])
    return markets, [
        living_(
            name,
            draw(st.dictionaries(known, loads)),
            ready=draw(st.sets(known)),
            draining=draw(st.booleans()),
        )
        for name in living
    ]


def living_(
    name: str,
    load: Mapping[str, int] | None = None,
    *,
    ready: Sequence[str] | set[str] = (),
    draining: bool = False,
) -> Living:
    """A process that lives."""
    return Living(name, f"{name}:9100", dict(load or {}), frozenset(ready), draining)


def placed(
    writers: Mapping[str, str], standby: str = "", moved_ms: int = LONG_AGO
) -> list[Placement]:
    """Markets by their writers, all with one standby."""
    return [
        Placement(market, shard, writer, standby, moved_ms)
        for shard, (market, writer) in enumerate(writers.items())
    ]


def after(markets: Sequence[Placement], changes: Sequence[Change]) -> list[Placement]:
    """The table when the changes are written."""
    changed = {c.market: c for c in changes}
    assert len(changed) == len(changes), "a market changes once"
    return [
        replace(
            m,
            writer=changed[m.market].writer,
            standby=changed[m.market].standby,
            moved_ms=m.moved_ms if changed[m.market].writer == m.writer else 0,
        )
        if m.market in changed
        else m
        for m in markets
    ]


def settle(markets: Sequence[Placement], writers: Sequence[Living]) -> list[Placement]:
    """Rounds, each long after the one before, in which every standby follows without a lag and
    every market keeps its load, until nothing changes any more. Fails if that does not come."""
    load = {m.market: max((w.load.get(m.market, 0) for w in writers), default=0) for m in markets}
    for _ in range(500):
        told = [
            replace(
                w,
                load={m.market: load[m.market] for m in markets if m.writer == w.name},
                ready=frozenset(m.market for m in markets if m.standby == w.name),
            )
            for w in writers
        ]
        markets = [replace(m, moved_ms=LONG_AGO) for m in markets]
        changes = assign(markets, told)
        if not changes:
            return list(markets)
        markets = after(markets, changes)
    raise AssertionError(f"it does not come to rest: {changes}")


def staying(writers: Sequence[Living]) -> set[str]:
    """Who may have markets."""
    return {w.name for w in writers if not w.draining} or {w.name for w in writers}


@given(clusters())
def test_every_market_has_a_living_writer_and_another_standby(
    cluster: tuple[list[Placement], list[Living]],
) -> None:
    """After one round, whatever it was before: nobody dead or draining has anything, as long as
    anybody else lives, and a standby is somebody else."""
    markets, writers = cluster
    may = staying(writers)
    for m in after(markets, assign(markets, writers)):
        if not may:
            assert m in markets, "with nobody alive there is nothing to change"
            continue
        assert m.writer in may
        assert m.standby in (may - {m.writer} if len(may) > 1 else {""})


@given(clusters())
def test_a_market_leaves_a_writer_who_stays_only_alone(
    cluster: tuple[list[Placement], list[Living]],
) -> None:
    """Of those whose writer may keep them one moves in a round at most, and then nothing else
    happens; it goes to its standby, which follows without a lag."""
    markets, writers = cluster
    may = staying(writers)
    ready = {w.name: w.ready for w in writers}
    before = {m.market: m for m in markets}
    changes = assign(markets, writers)
    moves = [c for c in changes if before[c.market].writer in may - {c.writer}]
    if moves:
        (move,) = changes
        assert move.writer == before[move.market].standby
        assert move.standby == before[move.market].writer
        assert move.market in ready[move.writer]
        assert all(m.moved_ms >= REST_MS for m in markets)


@given(clusters())
def test_the_dead_are_followed_by_their_standbys(
    cluster: tuple[list[Placement], list[Living]],
) -> None:
    """Whoever has replayed the log is the one to serve it."""
    markets, writers = cluster
    may = staying(writers)
    for m in after(markets, assign(markets, writers)):
        was = next(w for w in markets if w.market == m.market)
        if was.writer not in may and was.standby in may:
            assert m.writer == was.standby


@given(clusters())
def test_it_comes_to_rest(cluster: tuple[list[Placement], list[Living]]) -> None:
    """With loads as they are there comes an end, and nobody moves for ever to and fro."""
    markets, writers = cluster
    rested = settle(markets, writers)
    assert settle(rested, writers) == rested


@given(clusters())
def test_equal_states_are_assigned_equally(
    cluster: tuple[list[Placement], list[Living]],
) -> None:
    """In whatever order processes are told: two leaders in turn do not undo each other's work."""
    markets, writers = cluster
    assert assign(markets, writers[::-1]) == assign(markets, writers)


@given(clusters(), st.sampled_from([0, 1, 90, 5_000]))
def test_equal_loads_are_spread_within_one(
    cluster: tuple[list[Placement], list[Living]], load: int
) -> None:
    """Idle or busy: no writer that stays has two markets more than another."""
    markets, writers = cluster
    told = [replace(w, load={m.market: load for m in markets}) for w in writers]
    rested = settle(markets, told)
    counts = Counter(m.writer for m in rested)
    numbers = [counts[name] for name in staying(writers)]
    assert max(numbers, default=0) - min(numbers, default=0) <= 1


@given(clusters())
def test_no_market_could_ease_the_most_loaded(
    cluster: tuple[list[Placement], list[Living]],
) -> None:
    """At rest, of two unevenly loaded writers the greater has nothing to give that would not
    make the other nearly as uneven."""
    markets, writers = cluster
    load = {m.market: max((w.load.get(m.market, 0) for w in writers), default=0) for m in markets}
    rested = settle(markets, writers)
    sums = Counter(dict.fromkeys(staying(writers), 0))
    for m in rested:
        sums[m.writer] += load[m.market]
    for m in rested:
        for name, other in sums.items():
            gap = sums[m.writer] - other
            if name in staying(writers) and gap > max(0.2 * sums[m.writer], UNEVEN_MIN):
                assert not 0 < load[m.market] <= gap / 2


@given(st.lists(st.integers(500, 1_000), min_size=2, max_size=12), st.data())
def test_loads_that_waver_move_nothing_to_and_fro(base: list[int], data: st.DataObject) -> None:
    """Loads go up and down by a twentieth around a balance. What is at the edge may move, and
    then it stays there."""
    load = dict(zip(MARKETS, base, strict=False))
    writers = [living_("w1", load), living_("w2")]
    markets = settle(placed(dict.fromkeys(load, "w1")), writers)
    moved: list[str] = []
    for _ in range(10):
        now = {m: data.draw(st.integers(95, 105)) * of // 100 for m, of in load.items()}
        told = [
            living_(
                name,
                {m.market: now[m.market] for m in markets if m.writer == name},
                ready=[m.market for m in markets if m.standby == name],
            )
            for name in ("w1", "w2")
        ]
        changes = assign(markets, told)
        moved += [c.market for c in changes]
        markets = [replace(m, moved_ms=LONG_AGO) for m in after(markets, changes)]
    assert len(moved) == len(set(moved))


def test_a_new_process_is_given_its_part() -> None:
    """It follows one market first; only when that is replayed it is moved, and then one more."""
    markets = placed({"m0": "w1", "m1": "w1", "m2": "w2", "m3": "w2"})
    markets = [replace(m, standby={"w1": "w2", "w2": "w1"}[m.writer]) for m in markets]
    old = [living_("w1", {"m0": 900, "m1": 900}), living_("w2", {"m2": 900, "m3": 900})]
    followed = assign(markets, [*old, living_("w3")])
    assert followed == [Change("m0", "w1", "w3")]
    markets = after(markets, followed)
    assert assign(markets, [*old, living_("w3")]) == [], "it has not replayed the log yet"
    moved = assign(markets, [*old, living_("w3", ready=["m0"])])
    assert moved == [Change("m0", "w3", "w1")]
    markets = after(markets, moved)
    assert assign(markets, [*old, living_("w3")]) == [], "loads are told anew first"


def test_nothing_moves_right_after_a_move() -> None:
    """Until loads are told anew they are those of before."""
    markets = placed({"m0": "w1", "m1": "w1"}, standby="w2")
    writers = [living_("w1", {"m0": 900, "m1": 900}), living_("w2", ready=["m0", "m1"])]
    resting = [markets[0], replace(markets[1], moved_ms=REST_MS - 1)]
    assert assign(resting, writers) == []
    assert assign(markets, writers) == [Change("m0", "w2", "w1")]


def test_the_one_hot_market_is_left_alone() -> None:
    """It would only carry its load elsewhere; the idle ones leave it room."""
    markets = placed({"m0": "w1", "m1": "w1", "m2": "w2"}, standby="w3")
    writers = [living_("w1", {"m0": 9_000}), living_("w2"), living_("w3", ready=["m0", "m1"])]
    assert assign(markets, writers)[0].market == "m1"
    rested = {m.market: m.writer for m in settle(markets, writers)}
    assert rested["m0"] == "w1"
    assert sorted(rested.values()) == ["w1", "w2", "w3"]


def test_a_trickle_moves_nothing() -> None:
    """Two commands a second against none is no load."""
    markets = placed({"m0": "w1", "m1": "w2"}, standby="w3")
    markets = [replace(m, standby={"w1": "w2", "w2": "w1"}[m.writer]) for m in markets]
    writers = [living_("w1", {"m0": 90}, ready=["m1"]), living_("w2", ready=["m0"])]
    assert assign(markets, writers) == []


def test_the_last_one_keeps_everything() -> None:
    """A draining process that is alone goes on: there is nobody to give it to."""
    markets = placed({"m0": "w1", "m1": "dead"}, standby="dead")
    assert assign(markets, [living_("w1", draining=True)]) == [
        Change("m0", "w1", ""),
        Change("m1", "w1", ""),
    ]


def test_what_a_draining_process_has_goes_to_the_standbys_at_once() -> None:
    """All of it in one round, whether they are ready or not: it is about to end."""
    markets = placed({"m0": "w1", "m1": "w1", "m2": "w2"})
    markets = [replace(m, standby={"m0": "w2", "m1": "w3", "m2": "w1"}[m.market]) for m in markets]
    changes = assign(markets, [living_("w1", draining=True), living_("w2"), living_("w3")])
    assert {c.market: c.writer for c in changes} == {"m0": "w2", "m1": "w3", "m2": "w2"}
    assert {c.standby for c in changes} == {"w2", "w3"}


def test_the_unknown_are_spread_by_number() -> None:
    """A database of many markets and processes that start together: nobody gets them all, though
    one already says that it is busy."""
    markets = placed(dict.fromkeys(MARKETS, ""))
    changes = assign(markets, [living_("w1", {"other": 9}), living_("w2"), living_("w3")])
    assert set(Counter(c.writer for c in changes).values()) == {4}
    assert set(Counter(c.standby for c in changes).values()) == {4}
