"""Other ways to ask than all at once (dispatch X1)."""

from engine.domains.dispatch import events as e
from engine.domains.dispatch.terms import BATCH_JOBS_MAX, BATCH_MS, CASCADE_MS, OFFER_MS
from engine.kernel.actor import DRIVER, Actor
from engine.kernel.time import SECOND
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    CAT,
    CUSTOMER,
    asked,
    cancel,
    decline,
    job_of,
    keep_fresh,
    north,
    offer_to,
    online,
    ordered,
    searching,
    take,
    zone_of,
)


def test_cascade_asks_one_after_the_other(house: House) -> None:
    """Nearest first, 15 s each; after the last the next wave begins, with all of them again."""
    house.given((ANN, online(north(300))), (BEN, online(north(200))))
    searching(house, mode="cascade")
    assert asked(house) == {"ben"}
    keep_fresh(house, CASCADE_MS, (ANN, north(300)), (BEN, north(200)))
    assert asked(house) == {"ann"}
    keep_fresh(house, CASCADE_MS, (ANN, north(300)), (BEN, north(200)))
    assert (job_of(house).wave, asked(house)) == (2, {"ben"})


def test_cascade_goes_on_when_somebody_declines(house: House) -> None:
    """At once, and never back to who declined."""
    house.given((ANN, online(north(300))), (BEN, online(north(200))))
    searching(house, mode="cascade").when(BEN, decline(offer_to(house, BEN)))
    house.then(e.OfferDeclined).then(e.OffersSent, wave=1)
    house.when(ANN, decline(offer_to(house, ANN))).then(e.NoDriverFound)


def test_a_batch_is_matched_together(house: House) -> None:
    """Two jobs, two drivers: the least total distance, not the nearest for the first job.

    ben is nearest to both pick-ups; giving him to o1 would send ann the long way to o2."""
    house.given((ANN, online(north(-900))), (BEN, online(north(100))))
    searching(house, mode="batched", order="o1")
    start = house.now
    ordered(house, "o2", mode="batched", shop_approval="auto", pickup=north(1_000))
    assert not job_of(house).offers
    house.at(start + BATCH_MS).then(e.BatchMatched, matched=2, total_m=1_800)
    assert (asked(house, "o1"), asked(house, "o2")) == ({"ann"}, {"ben"})
    house.when(BEN, take(offer_to(house, BEN, "o2"))).then(e.DriverAssigned)


def test_who_is_not_matched_waits_for_the_next_batch(house: House) -> None:
    """One driver, two jobs: who has an offer is not matched again, and the other job waits while
    they think. When they say no, it is theirs two seconds later."""
    house.given((ANN, online()))
    searching(house, mode="batched").advance(BATCH_MS - 1)
    ordered(house, "o2", mode="batched", shop_approval="auto").advance(1)
    house.then(e.BatchMatched, orders=("o1", "o2"), matched=1)
    keep_fresh(house, 20 * SECOND, (ANN, north(0)))
    assert (job_of(house, "o2").status, job_of(house, "o2").wave) == ("SEARCHING", 1)
    house.when(ANN, decline(offer_to(house, ANN))).then(e.SearchOpened, order="o1", wave=1)
    house.advance(BATCH_MS).then(e.BatchMatched, orders=("o2", "o1"), matched=1)
    assert asked(house, "o2") == {"ann"}
    house.advance(3 * BATCH_MS).then(e.NoDriverFound, order="o1")


def test_a_batch_waits_no_longer_than_an_offer_lives(house: House) -> None:
    """Then the circle is widened, and whoever is further away is matched."""
    house.given((ANN, online()), (BEN, online(north(6_000))))
    searching(house, mode="batched").advance(BATCH_MS - 1)
    ordered(house, "o2", mode="batched", shop_approval="auto").advance(1)
    drivers = ((ANN, north(0)), (BEN, north(6_000)))
    keep_fresh(house, 20 * SECOND, *drivers)
    # Before ann has answered the first, somebody else asks her.
    ordered(house, "o3", mode="broadcast", shop_approval="auto")
    keep_fresh(house, 9 * SECOND, *drivers)
    assert (job_of(house, "o2").wave, asked(house, "o2")) == (1, set())
    house.advance(2 * BATCH_MS).then(e.SearchOpened, order="o2", wave=2)
    assert asked(house, "o2") == {"ben"}
    empty = next(x for x in house.happened(e.OffersSent) if (x.order, x.wave) == ("o2", 1))
    assert [(x.driver, x.reason) for x in empty.left_out] == [("ann", "OFFERED")]


def test_a_batch_asks_all_of_a_circle_before_it_is_widened(house: House) -> None:
    """X1, D7: a no brings the next nearest of the same wave. The job is without a driver when
    everybody within ten kilometres has said no, and not after three of them."""
    near_by = [Actor(f"d{number}", DRIVER, "approved") for number in range(5)]
    house.given(*((driver, online(north(100 * n))) for n, driver in enumerate(near_by)))
    house.given((ANN, online(north(7_000))))
    searching(house, mode="batched")
    for driver in near_by:
        house.advance(BATCH_MS)
        assert (job_of(house).wave, asked(house)) == (1, {driver.user})
        house.when(driver, decline(offer_to(house, driver))).then(e.SearchOpened, again=True)
    house.advance(2 * BATCH_MS)
    assert (job_of(house).wave, asked(house)) == (2, {"ann"})
    house.when(ANN, decline(offer_to(house, ANN))).then(e.OfferDeclined)
    house.advance(3 * BATCH_MS).then(e.NoDriverFound)


def test_a_batch_asks_the_silent_again_in_the_next_wave(house: House) -> None:
    """Each once in a wave: who let the offer expire may have been driving."""
    house.given((ANN, online()), (BEN, online(north(100))))
    searching(house, mode="batched").advance(BATCH_MS)
    everybody = ((ANN, north(0)), (BEN, north(100)))
    assert asked(house) == {"ann"}
    keep_fresh(house, OFFER_MS + BATCH_MS, *everybody)
    assert (job_of(house).wave, asked(house)) == (1, {"ben"})
    keep_fresh(house, OFFER_MS + 2 * BATCH_MS, *everybody)
    assert (job_of(house).wave, asked(house)) == (2, {"ann"})


def test_a_batch_is_bounded(house: House) -> None:
    """Those who came last are matched a window later."""
    for number in range(BATCH_JOBS_MAX + 2):
        driver = Actor(f"d{number:02}", DRIVER, "approved")
        house.given((driver, online(north(10 * number))))
        ordered(house, f"b{number:02}", mode="batched", shop_approval="auto")
    house.advance(BATCH_MS).then(e.BatchMatched, matched=BATCH_JOBS_MAX)
    assert zone_of(house).batch == ["b30", "b31"]
    house.advance(BATCH_MS).then(e.BatchMatched, orders=("b30", "b31"), matched=2)


def test_a_cancelled_job_leaves_its_batch(house: House) -> None:
    """Nobody is asked for it, and an empty batch is not matched."""
    house.given((CAT, online()))
    ordered(house, mode="batched", shop_approval="auto")
    house.given((Actor("boss", "admin"), cancel()))
    assert not zone_of(house).batch
    house.advance(BATCH_MS)
    assert not house.happened(e.BatchMatched)
    house.when(CUSTOMER, cancel()).then_rejected("INVALID_TRANSITION")
