"""One list out of scans that come in any order, twice, by push and by poll: always the same list, and the same word on the parcel."""

import random
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from delivery.couriers import TERMINAL, ScanKind
from delivery.parcels import State
from delivery.scans import CONFIRMED, Seen, merged, shown, standing, unconfirmed

START = datetime(2026, 11, 23, 1, tzinfo=UTC)
KINDS = st.sampled_from(list(ScanKind))


def make_seen(own: str, kind: ScanKind, minute: int, *, polled: bool = True, n: int = 1) -> Seen:
    return Seen(own, n, kind, START + timedelta(minutes=minute), kind.value, polled, "")


SEEN = st.builds(make_seen, st.sampled_from([f"s{n}" for n in range(6)]), KINDS, st.integers(0, 5), polled=st.booleans(), n=st.integers(1, 2))


def of(*kinds: ScanKind, polled: bool = True) -> list[Seen]:
    return [make_seen(f"s{n}", kind, n, polled=polled) for n, kind in enumerate(kinds)]


def state(scans: list[Seen]) -> State | None:
    said = standing(scans, 1)
    return None if said is None else said.state


@given(st.lists(SEEN, max_size=8), st.randoms())
def test_whatever_order_and_however_often_they_come_the_list_and_its_word_are_the_same(scans: list[Seen], dice: random.Random) -> None:
    whole = merged([], scans)
    again = [*scans, *dice.choices(scans, k=5)] if scans else []
    dice.shuffle(again)
    bit_by_bit: list[Seen] = []
    while again:
        size = dice.randint(1, 3)
        bit_by_bit, again = merged(bit_by_bit, again[:size]), again[size:]
    assert bit_by_bit == whole
    assert standing(bit_by_bit, 1) == standing(whole, 1) and unconfirmed(bit_by_bit, 1) == unconfirmed(whole, 1)


def test_every_permutation_of_a_whole_way_says_delivered() -> None:
    way = of(ScanKind.COLLECTED, ScanKind.IN_TRANSIT, ScanKind.DELIVERING, ScanKind.EXCEPTION, ScanKind.DELIVERING, ScanKind.SIGNED)
    for some in permutations(way):
        kept: list[Seen] = []
        for one in some:
            kept = merged(kept, [one])
        assert state(kept) is State.DELIVERED


@given(st.lists(SEEN, max_size=8))
def test_an_end_is_only_what_a_poll_showed(scans: list[Seen]) -> None:
    said = standing(merged([], scans), 1)
    polled = {one.kind for one in merged([], scans) if one.polled and one.n == 1}
    if said is not None and said.state in {State.DELIVERED, State.RETURNED, State.LOST, State.CANCELLED}:
        assert polled & TERMINAL
    if said is not None and said.state is State.REJECTED:
        assert ScanKind.REJECTED in polled
    assert (polled & TERMINAL == set()) == (said is None or said.by.kind not in TERMINAL)


@given(st.lists(SEEN, max_size=8))
def test_what_is_shown_is_of_this_order_and_holds_no_end_that_was_only_pushed(scans: list[Seen]) -> None:
    assert all(one.n == 1 and (one.polled or one.kind not in CONFIRMED) for one in shown(merged([], scans), 1))


def test_a_pushed_end_changes_nothing_until_a_poll_shows_it() -> None:
    way = of(ScanKind.COLLECTED, ScanKind.DELIVERING, polled=False)
    pushed = make_seen("end", ScanKind.SIGNED, 9, polled=False)
    assert state(merged(way, [pushed])) is State.DELIVERING and unconfirmed(merged(way, [pushed]), 1) == {"end"}
    polled = make_seen("end", ScanKind.SIGNED, 9)
    for confirmed in (merged(merged(way, [pushed]), [polled]), merged(merged(way, [polled]), [pushed])):
        assert state(confirmed) is State.DELIVERED and unconfirmed(confirmed, 1) == frozenset()


def test_of_one_second_the_further_scan_counts() -> None:
    assert state([make_seen("b", ScanKind.COLLECTED, 1), make_seen("a", ScanKind.DELIVERING, 1)]) is State.DELIVERING


def test_what_is_signed_for_on_its_way_back_is_back() -> None:
    assert state(of(ScanKind.COLLECTED, ScanKind.RETURNING, ScanKind.DELIVERING, ScanKind.SIGNED)) is State.RETURNED
    assert state(of(ScanKind.COLLECTED, ScanKind.REJECTED, ScanKind.DELIVERING, ScanKind.SIGNED)) is State.DELIVERED


def test_a_forged_way_back_does_not_take_a_delivery_away() -> None:
    forged = make_seen("x", ScanKind.RETURNING, 0, polled=False)
    assert state(merged(of(ScanKind.COLLECTED, ScanKind.SIGNED), [forged])) is State.DELIVERED


def test_a_forged_scan_of_the_far_future_does_not_hide_the_end() -> None:
    forged = make_seen("x", ScanKind.DELIVERING, 10**6, polled=False)
    assert state(merged(of(ScanKind.COLLECTED, ScanKind.SIGNED), [forged])) is State.DELIVERED


def test_an_earlier_order_says_nothing_of_this_one() -> None:
    old = [make_seen("a", ScanKind.CANCELLED, 9, n=1)]
    assert standing(old, 2) is None and state(old) is State.CANCELLED


def test_a_lost_parcel_that_is_found_and_signed_for_is_delivered() -> None:
    assert state(of(ScanKind.COLLECTED, ScanKind.LOST, ScanKind.SIGNED)) is State.DELIVERED
