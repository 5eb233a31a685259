"""Tests of engine/ledger/escrow/views.py: who may see what (accounts 11)."""

from typing import Any

import msgspec
import pytest

from engine.contract import Event
from engine.kernel.actor import Actor
from engine.ledger.escrow import events as e
from engine.ledger.escrow.state import EVOLVE
from engine.ledger.escrow.terms import Award, ShareTerms
from engine.ledger.escrow.views import _SHOW
from testkit.house import House
from tests.engine.ledger.escrow.cast import (
    ALMA,
    BEN,
    BOSS,
    CONNY,
    DAN,
    FEE,
    GUEST,
    HOOK,
    MARA,
    PAYER,
    ROOM,
    STRANGER,
    capture,
    dispute,
    opened,
    refund,
    release,
    resolve,
)

HERS = ShareTerms("alma", "seller", 77_777, 1_111)
HIS = ShareTerms("ben", "seller", 33_333, 2_222)

CLASSES = {
    PAYER: "payer",
    ALMA: "payee:alma",
    BEN: "payee:ben",
    DAN: "payee:dan",
    CONNY: "concierge",
    MARA: "staff",
    BOSS: "staff",
    HOOK: "staff",
    STRANGER: "",
    GUEST: "",
}


@pytest.fixture
def busy(house: House) -> House:
    """Paid, a wrong and a late payment beside it, one share out, one back, the rest divided."""
    opened(house, HERS, HIS, FEE, platform=-100)
    total = house.state(ROOM).terms.total
    return house.given(
        (HOOK, capture(1, "p0")),
        (HOOK, capture(total)),
        (HOOK, capture(total, "p2")),
        (BOSS, release("dan")),
        (BOSS, refund("ben")),
        (PAYER, dispute("it is broken")),
        (MARA, resolve(house_part(house) - 100, Award("alma", "seller", 100))),
    )


def house_part(house: House) -> int:
    """What will be held for alma."""
    terms = house.state(ROOM).terms
    gross = HERS.gross + HIS.gross + FEE.gross
    return int(terms.total * HERS.gross // gross)


def test_classes_of_viewers(busy: House) -> None:
    """Each payee is a class of their own; strangers and guests may not look."""
    for actor, expected in CLASSES.items():
        assert busy.audience(actor, ROOM) == expected


def all_of(house: House, actor: Actor) -> str:
    """Everything that somebody is ever shown, as it stands on the wire."""
    return msgspec.json.encode([house.view(actor, ROOM), house.history(actor, ROOM)]).decode()


def test_sellers_never_see_each_other_s_shares(busy: House) -> None:
    """Accounts 11: own share only; neither name, nor amount, nor rate, nor the total."""
    total = str(busy.state(ROOM).terms.total)
    hers, his = ("alma", "77777", "1111"), ("ben", "33333", "2222")
    for actor, own, others in ((ALMA, hers, his), (BEN, his, hers), (DAN, ("500",), (*hers, *his))):
        seen = all_of(busy, actor)
        for word in own:
            assert word in seen
        for word in (*others, total, "pia"):
            assert f'"{word}"' not in seen
            assert f":{word}" not in seen


def test_a_payee_is_not_told_which_part_of_the_money_is_theirs(busy: House) -> None:
    """With its gross it would tell what discount others have had."""
    for actor in (ALMA, BEN, DAN):
        assert '"part"' not in all_of(busy, actor)


def test_the_payer_sees_amounts_and_no_shares(busy: House) -> None:
    """What they pay, what came back, and why; no payee and no fee."""
    shown = busy.view(PAYER, ROOM)
    assert shown["total"] == busy.state(ROOM).terms.total
    assert shown["refunded"] == busy.state(ROOM).refunded > 0
    assert shown["shares"] == []
    seen = all_of(busy, PAYER)
    for word in ("alma", "ben", "dan", "1111", "2222", "fee"):
        assert word not in seen


def test_a_concierge_sees_amounts_and_states_but_no_rate(busy: House) -> None:
    """Accounts 11, concierge column."""
    shown = busy.view(CONNY, ROOM)
    assert [s["status"] for s in shown["shares"]] == ["split", "refunded", "released"]
    assert shown["payer"] == "pia"
    assert "fee" not in all_of(busy, CONNY)
    assert "net" not in all_of(busy, CONNY)


@pytest.mark.parametrize("actor", [MARA, BOSS, HOOK], ids=lambda a: a.role)
def test_staff_see_all_of_it(busy: House, actor: Actor) -> None:
    """Rates, provider and the platform's part too."""
    shown = busy.view(actor, ROOM)
    assert [s["fee_bps"] for s in shown["shares"]] == [1_111, 2_222, 0]
    assert (shown["platform"], shown["provider"], shown["payment"]) == (-100, "stripe", "p1")
    assert all(busy.history(actor, ROOM))


def test_before_it_is_paid_everybody_sees_the_plan(house: House) -> None:
    """A seller their own share of it, at the rate that has been agreed."""
    opened(house, HERS, HIS)
    assert [s["payee"] for s in house.view(BOSS, ROOM)["shares"]] == ["alma", "ben"]
    (own,) = house.view(ALMA, ROOM)["shares"]
    assert (own["gross"], own["fee_bps"]) == (77_777, 1_111)
    assert house.view(PAYER, ROOM)["held"] == 0


def test_feeds_have_no_gaps(busy: House) -> None:
    """What concerns others keeps its place, with empty data."""
    everything = len(busy.history(BOSS, ROOM))
    for actor in CLASSES:
        if CLASSES[actor]:
            assert len(busy.history(actor, ROOM)) == everything
    assert {} in busy.history(ALMA, ROOM)


def test_a_payee_s_own_words_are_shown_to_them(house: House) -> None:
    """And to no other payee."""
    opened(house, HERS, HIS).given((HOOK, capture(111_110)), (ALMA, dispute("unpaid")))
    assert house.history(ALMA, ROOM)[-1] == {"reason": "unpaid"}
    assert house.history(BEN, ROOM)[-1] == {}
    assert house.history(PAYER, ROOM)[-1] == {"reason": "unpaid"}
    assert house.history(CONNY, ROOM)[-1] == {"by": "alma", "reason": "unpaid"}


def test_every_event_has_a_way_to_be_shown() -> None:
    """And none is shown that does not exist."""
    assert set(_SHOW) == set(EVOLVE)
    kinds: list[Any] = [value for value in vars(e).values() if isinstance(value, type)]
    own = {kind for kind in kinds if issubclass(kind, Event) and kind is not Event}
    assert own == set(EVOLVE) | {e.SharePaid}


def test_there_is_nothing_to_see_before_it_is_opened(house: House) -> None:
    """A name that has been asked about and never opened is no room."""
    assert (
        house.core.registry.domains["escrow"].view(
            house.core.registry.domains["escrow"].initial(), house.core.context(ROOM, BOSS)
        )
        is None
    )
