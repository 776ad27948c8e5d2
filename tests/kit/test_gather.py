"""Trips that callers share: everybody gets their own answer, nobody waits for ever, and what goes wrong reaches those who went along."""

import asyncio
from collections.abc import Sequence

import pytest

from kit.gather import Gathered


class Trips:
    """Answers each with its double; remembers who went together."""

    def __init__(self, seconds: float = 0.0, fail: frozenset[int] = frozenset()) -> None:
        self.parties: list[list[int]] = []
        self._seconds, self._fail = seconds, fail

    async def __call__(self, asked: Sequence[int]) -> Sequence[int]:
        self.parties.append(list(asked))
        await asyncio.sleep(self._seconds)
        if self._fail & set(asked):
            raise LookupError("lost on the way")
        return [one * 2 for one in asked]


async def test_alone_it_sets_off_at_once() -> None:
    trips = Trips()
    assert await Gathered(trips)(21) == 42 and trips.parties == [[21]]


async def test_who_asks_in_the_same_turn_comes_along() -> None:
    trips = Trips()
    ask = Gathered(trips)
    assert await asyncio.gather(*(ask(n) for n in range(10))) == [n * 2 for n in range(10)]
    assert trips.parties == [list(range(10))]


async def test_who_asks_meanwhile_goes_with_the_next_one() -> None:
    trips = Trips(0.02)
    ask = Gathered(trips, lanes=1)
    first = asyncio.create_task(ask(0))
    await asyncio.sleep(0.005)
    later = [asyncio.create_task(ask(n)) for n in range(1, 5)]
    assert await asyncio.gather(first, *later) == [0, 2, 4, 6, 8]
    assert trips.parties == [[0], [1, 2, 3, 4]]


async def test_no_more_go_together_than_may() -> None:
    trips = Trips()
    ask = Gathered(trips, most=3, lanes=1)
    assert await asyncio.gather(*(ask(n) for n in range(8))) == [n * 2 for n in range(8)]
    assert [len(party) for party in trips.parties] == [3, 3, 2]


async def test_who_asks_in_the_turn_in_which_a_trip_ends_is_not_left_behind() -> None:
    """The answer wakes the caller in the turn in which the trip's own task is done but not yet noted as such."""
    ask = Gathered(Trips(), lanes=1)

    async def again_and_again() -> None:
        for n in range(200):
            assert await ask(n) == n * 2

    await asyncio.wait_for(asyncio.gather(*(again_and_again() for _ in range(3))), 10)


async def test_what_a_trip_raises_reaches_those_who_went_and_nobody_else() -> None:
    ask = Gathered(Trips(0.005, frozenset({1})), lanes=1)
    first = asyncio.create_task(ask(0))
    await asyncio.sleep(0.001)
    answers = await asyncio.gather(first, ask(1), ask(2), return_exceptions=True)
    assert answers[0] == 0 and all(isinstance(one, LookupError) for one in answers[1:])
    assert await ask(3) == 6


async def test_who_gives_up_is_left_out_and_the_others_get_their_answers() -> None:
    trips = Trips(0.02)
    ask = Gathered(trips, lanes=1)
    first = asyncio.create_task(ask(0))
    await asyncio.sleep(0.005)
    gone, stays = asyncio.create_task(ask(1)), asyncio.create_task(ask(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert [*await asyncio.gather(first, stays)] == [0, 4]
    assert trips.parties == [[0], [2]] and gone.cancelled()


async def test_a_trip_with_too_few_answers_is_an_error_for_all() -> None:
    async def forgetful(asked: Sequence[int]) -> Sequence[int]:
        return list(asked)[1:]

    ask = Gathered(forgetful)
    with pytest.raises(ValueError, match="shorter"):
        await asyncio.gather(ask(1), ask(2))
