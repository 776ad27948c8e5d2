"""Ratings at the sandbox's core as our own client sees them: one per case and stage, by whoever is part of the case."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Literal

import pytest

from core.client import Core
from core.ratings import CoreRatings, Rating, RectificationOutcome
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.ids import new_id
from tests.sandbox.core_door import core_of, lines_of, rating
from tests.sandbox.outside import Json, Outside


@pytest.fixture
async def core(outside: Outside) -> AsyncIterator[Core]:
    async with core_of(outside) as own:
        yield own


@pytest.fixture
def ratings(core: Core) -> CoreRatings:
    return CoreRatings(core)


async def ended(world: Outside, person: Json, *moves: str) -> Json:
    case = await world.case(person)
    for to in moves or ("accepted", "issued"):
        assert (await world.move(case, to)).status == 200
    return case


async def test_a_rating_is_given_once_under_its_own_id(outside: Outside, ratings: CoreRatings) -> None:
    person = await outside.person()
    ask = rating(await ended(outside, person), person)
    assert await ratings.find_rating(ask.rating_id) is None
    made, again = await ratings.rate(ask), await ratings.rate(ask)
    assert made == again == await ratings.find_rating(ask.rating_id) == Rating(**ask.model_dump(), outcome=None)
    assert len(await lines_of(outside, "rating.given", rating_id=ask.rating_id)) == 1
    with pytest.raises(Refused, match="rating_id_reused"):
        await ratings.rate(ask.model_copy(update={"grade": 5}))


async def test_a_stage_is_rated_once_and_each_for_itself(outside: Outside, ratings: CoreRatings) -> None:
    person = await outside.person()
    case = await ended(outside, person)
    await ratings.rate(rating(case, person, stage="acceptance", grade=5, indicators=()))
    await ratings.rate(rating(case, person, stage="result", grade=1))
    for stage in ("acceptance", "result"):
        with pytest.raises(Refused, match="already_rated"):
            await ratings.rate(rating(case, person, stage=stage))


async def test_of_fifty_ratings_at_once_one_stands(outside: Outside, ratings: CoreRatings) -> None:
    person = await outside.person()
    case = await ended(outside, person)
    answers = await asyncio.gather(*(ratings.rate(rating(case, person)) for _ in range(50)), return_exceptions=True)
    assert len([one for one in answers if isinstance(one, Rating)]) == 1
    assert [one.reason for one in answers if isinstance(one, Refused)] == ["already_rated"] * 49


@pytest.mark.parametrize(
    ("moves", "acceptance", "result"),
    [
        ((), False, False),
        (("accepted",), True, False),
        (("corrections",), False, False),
        (("rejected",), False, True),
        (("accepted", "approved"), True, True),
        (("accepted", "issued"), True, True),
    ],
)
async def test_only_a_stage_the_case_reached_is_rated(
    outside: Outside, ratings: CoreRatings, moves: tuple[str, ...], acceptance: bool, result: bool
) -> None:
    person = await outside.person()
    case = await outside.case(person)
    for to in moves:
        assert (await outside.move(case, to)).status == 200
    for stage, reached in (("acceptance", acceptance), ("result", result)):
        if reached:
            assert (await ratings.rate(rating(case, person, stage=stage))).stage == stage
        else:
            with pytest.raises(Refused, match="stage_not_reached"):
                await ratings.rate(rating(case, person, stage=stage))


async def test_a_case_is_rated_by_who_is_part_of_it_and_nobody_else(outside: Outside, ratings: CoreRatings) -> None:
    applicant, stranger = await outside.person(), await outside.person()
    with pytest.raises(Refused, match="not_their_case"):
        await ratings.rate(rating(await ended(outside, applicant), stranger))
    handler = await outside.person()
    filed = await outside.submit(await outside.submission(applicant, by_person_id=handler["person"]))
    assert filed.status == 201
    await outside.move(filed.json, "rejected")
    assert (await ratings.rate(rating(filed.json, handler))).person_id == handler["person"]


async def test_whoever_acts_for_the_enterprise_now_may_rate_its_case(outside: Outside, ratings: CoreRatings) -> None:
    boss, colleague = await outside.person(enterprise=True), await outside.person()
    uscc = boss["enterprise"]["uscc"]
    filed = await outside.submit(await outside.submission(boss, subject=f"enterprise:{uscc}"))
    assert filed.status == 201
    await outside.move(filed.json, "rejected")
    with pytest.raises(Refused, match="not_their_case"):
        await ratings.rate(rating(filed.json, colleague))
    await outside.world("POST", f"/people/{colleague['person']}/enterprises", {"uscc": uscc})
    assert (await ratings.rate(rating(filed.json, colleague))).grade == 2


async def test_a_refusal_says_which(outside: Outside, ratings: CoreRatings) -> None:
    person = await outside.person()
    with pytest.raises(Refused, match="unknown_case"):
        await ratings.rate(rating({"case_no": "none"}, person))
    with pytest.raises(Refused, match="unknown_rating"):
        await ratings.tell_outcome(new_id("ra"), RectificationOutcome(state="rectified", text="", at=now()))
    wrong = rating(await ended(outside, person), person).model_dump(mode="json") | {"grade": 6, "indicators": ["No!"]}
    reply = await outside.core("POST", "/ratings", wrong, key=wrong["rating_id"])
    assert (reply.status, reply.json["code"], reply.json["errors"]) == (422, "bad_request", ["grade", "indicators"])


# how it ended


@pytest.mark.parametrize("state", ["rectified", "unsatisfied"])
async def test_the_outcome_of_a_bad_one_stays_as_it_was_first_told(
    outside: Outside, ratings: CoreRatings, state: Literal["rectified", "unsatisfied"]
) -> None:
    person = await outside.person()
    own = (await ratings.rate(rating(await ended(outside, person), person))).rating_id
    end = RectificationOutcome(state=state, text="已增开窗口", at=now())
    first = await ratings.tell_outcome(own, end)
    later = await ratings.tell_outcome(own, end.model_copy(update={"at": now() + timedelta(hours=1)}))
    assert first.outcome == later.outcome == end and await ratings.find_rating(own) == first
    for other in (
        RectificationOutcome(state="mistaken", text="已增开窗口", at=now()),
        RectificationOutcome(state=state, text="另一个", at=now()),
    ):
        with pytest.raises(Refused, match="outcome_known"):
            await ratings.tell_outcome(own, other)
    assert [one["state"] for one in await lines_of(outside, "rating.ended", rating_id=own)] == [state]


async def test_a_word_that_is_no_end_is_no_outcome(outside: Outside, ratings: CoreRatings) -> None:
    person = await outside.person()
    own = (await ratings.rate(rating(await ended(outside, person), person))).rating_id
    reply = await outside.core("POST", f"/ratings/{own}/outcome", {"state": "open", "text": "", "at": now().isoformat()}, key=own)
    assert (reply.status, reply.json["errors"]) == (422, ["state"])


async def test_the_desk_reads_what_was_rated_and_by_whom(outside: Outside, ratings: CoreRatings) -> None:
    person = await outside.person(name="赵小满")
    case = await ended(outside, person)
    made = await ratings.rate(rating(case, person))
    (shown,) = [one for one in (await outside.world("GET", "/core/ratings"))["ratings"] if one["rating_id"] == made.rating_id]
    assert (shown["person"], shown["item_name"], shown["grade"], shown["text"]) == ("赵小满", case["item_name"], 2, "等了太久")


# what goes wrong


async def test_a_lost_answer_is_found_again(outside: Outside, ratings: CoreRatings) -> None:
    person = await outside.person()
    ask = rating(await ended(outside, person), person)
    async with outside.faults(core={"lose_replies": True}):
        with pytest.raises((Unknown, NotReached)):
            await ratings.rate(ask)
    assert (await ratings.find_rating(ask.rating_id)) == await ratings.rate(ask)


async def test_a_core_that_is_not_idempotent_writes_it_twice(outside: Outside, ratings: CoreRatings) -> None:
    person = await outside.person()
    ask = rating(await ended(outside, person), person)
    async with outside.faults(core={"not_idempotent": True}):
        assert await ratings.rate(ask) == await ratings.rate(ask)
    assert [one["effective"] for one in await lines_of(outside, "rating.given", rating_id=ask.rating_id)] == [True, False]


async def test_a_killed_core_knows_its_ratings_and_a_reset_one_does_not(private: Callable[..., Outside]) -> None:
    world = private()
    person = await world.person()
    case = await ended(world, person)
    async with core_of(world) as core:
        ask = rating(case, person)
        made = await CoreRatings(core).rate(ask)
    world.process.kill()
    world.process.start()
    async with core_of(world) as core:
        ratings = CoreRatings(core)
        assert await ratings.find_rating(ask.rating_id) == made
        with pytest.raises(Refused, match="already_rated"):
            await ratings.rate(rating(case, person))
        await world.world("POST", "/reset", {})
        assert await ratings.find_rating(ask.rating_id) is None
