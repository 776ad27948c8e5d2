"""The states of a parcel: which may follow which, and that nothing gets stuck or comes back from an end by accident."""

import pytest

from delivery.parcels import CHANGEABLE, MOVES, OVER, UNDER_WAY, State, before, may, parcel_of, shipment_id


def test_every_state_has_its_moves_and_can_be_reached() -> None:
    assert set(MOVES) == set(State)
    begins = {State.ASKED, State.AWAITING_PAYMENT, State.READY, State.BOOKED}
    assert {to for following in MOVES.values() for to in following} | begins == set(State)


def test_no_state_follows_itself() -> None:
    assert [one for one in State if may(one, one)] == []


@pytest.mark.parametrize("end", [State.CANCELLED, State.PICKED_UP, State.ARRIVED])
def test_what_is_called_off_or_in_somebodys_hands_stays_so(end: State) -> None:
    assert MOVES[end] == frozenset()


@pytest.mark.parametrize("one", sorted(UNDER_WAY))
def test_from_under_way_every_word_of_the_courier_may_follow(one: State) -> None:
    assert MOVES[one] >= (UNDER_WAY - {one}) | {State.DELIVERED, State.RETURNED, State.LOST}


def test_a_lost_parcel_may_be_found_and_a_delivered_one_brought_back() -> None:
    assert may(State.LOST, State.DELIVERED) and may(State.DELIVERED, State.RETURNED)
    assert not may(State.DELIVERED, State.IN_TRANSIT) and not may(State.RETURNED, State.DELIVERED)


def test_an_address_is_changed_only_where_no_courier_can_know_of_the_parcel() -> None:
    assert State.BOOKING not in CHANGEABLE and not CHANGEABLE & (UNDER_WAY | OVER)
    assert before(State.BOOKING) == {State.READY}


def test_every_way_ends() -> None:
    for one in State:
        reached, left = set[State](), {one}
        while left:
            reached |= left
            left = {to for state in left for to in MOVES[state]} - reached
        assert reached & OVER, one


def test_a_shipment_is_named_after_its_parcel_and_found_by_that_name() -> None:
    assert shipment_id("J7-A", 12) == "J7-A-12" and parcel_of("J7-A-12") == ("J7-A", 12)


@pytest.mark.parametrize("foreign", ["", "J7", "-1", "J7-", "J7-x", "J7-１", "J7-1234567"])
def test_a_number_that_is_none_of_ours_names_no_parcel(foreign: str) -> None:
    assert parcel_of(foreign) is None
