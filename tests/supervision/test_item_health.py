"""How an item does: what is dropped and what is only under way, medians by hand, and when it is over a limit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kit.clock import now
from kit.mongo import Mongo
from kit.workdays import day_of
from supervision import health_store
from supervision.health_store import ItemSteps
from supervision.item_health import Counts, Health, Limits, Tally, Way, fold, health, over_limits, suggestion

NOW = datetime(2026, 11, 29, 4, tzinfo=UTC)
LIMITS = Limits()
BEGUN = NOW - timedelta(days=3)


def after(minutes: float) -> datetime:
    return BEGUN + timedelta(minutes=minutes)


def make_way(*minutes: float, **more: object) -> Way:
    """Steps reached after so many minutes: checked, submitted, filed, accepted, finished."""
    names = ("checked_at", "submitted_at", "filed_at", "accepted_at", "finished_at")
    reached = {name: after(at) for name, at in zip(names, minutes, strict=False)}
    return replace(Way("I1", BEGUN, BEGUN), **{**reached, **more})  # type: ignore[arg-type]  # fields by name


def of(ways: list[Way], counts: Counts | None = None) -> Health:
    tallies: dict[str, Tally] = {}
    fold(tallies, ways, NOW, LIMITS)
    tally = tallies.get("I1") or Tally()
    tally.count(counts or {})
    return health("I1", tally.sums(), tally)


def test_each_step_has_its_total_what_dropped_and_what_is_under_way() -> None:
    ways = [
        make_way(),  # nobody touched it for three days
        make_way(touched_at=NOW - timedelta(hours=1)),  # somebody is filling it in
        make_way(10),
        make_way(10, 20, is_sending=True),
        make_way(10, 20, is_over=True),  # the core refused it
        make_way(10, 20, 21),  # waits for acceptance
        make_way(10, 20, 21, is_over=True),  # withdrawn
        make_way(10, 20, 21, 100),
        make_way(10, 20, 21, 100, 200),
    ]
    told = {one.step: (one.total, one.entered, one.under_way, one.dropped) for one in of(ways, {"read": {"read": 20}}).steps}
    assert told == {
        "read": (20, 0, 0, 0),
        "draft": (9, 20, 0, 11),
        "checked": (7, 9, 1, 1),
        "submitted": (6, 7, 0, 1),
        "filed": (4, 6, 1, 1),
        "accepted": (2, 4, 1, 1),
        "finished": (1, 2, 1, 0),
    }


def test_who_submits_without_a_check_has_passed_it() -> None:
    one = of([make_way(submitted_at=after(7), filed_at=after(8))])
    assert [step.total for step in one.steps] == [0, 1, 1, 1, 1, 0, 0]


def test_median_and_p90_are_of_the_way_from_the_step_before() -> None:
    found = of([make_way(minutes) for minutes in range(1, 11)])
    checked = found.steps[2]
    assert (checked.median, checked.p90, found.steps[3].median) == (5 * 60, 9 * 60, None)


def test_a_core_whose_clock_is_behind_takes_no_negative_time() -> None:
    assert of([make_way(10, 20, 19)]).steps[4].median == 0


def test_errors_are_what_the_resident_could_not_help() -> None:
    counts = {
        "check": {"passed": 5, "blocked": 4, "core_silent": 3},
        "submit": {"filed": 10, "late": 2, "failed/core_unavailable": 1, "refused/draft_incomplete": 6, "refused/item_closed": 50},
    }
    errors = of([], counts).errors
    assert (errors.attempts, errors.errors, errors.rate) == (31, 6, 6 / 31)
    assert dict(errors.reasons) == {"check/core_silent": 3, "submit/late": 2, "submit/failed/core_unavailable": 1}
    assert dict(errors.refusals) == {"submit/refused/item_closed": 50, "submit/refused/draft_incomplete": 6, "check/blocked": 4}


@pytest.mark.parametrize(("filed", "failed", "is_over"), [(18, 1, False), (17, 3, True), (19, 1, False), (18, 2, True), (0, 19, False)])
def test_an_error_rate_is_judged_over_five_in_a_hundred_and_from_twenty_attempts_on(filed: int, failed: int, is_over: bool) -> None:
    passed = over_limits(of([], {"submit": {"filed": filed, "failed/time_out": failed}}), LIMITS)
    assert bool(passed) is is_over and (suggestion(passed) is not None) is is_over
    if is_over:
        assert passed[0].step is None and f"{filed + failed} 次，出错 {failed} 次" in str(suggestion(passed))


def test_a_drop_off_is_judged_over_sixty_in_a_hundred_and_only_where_the_platform_is_to_blame() -> None:
    twelve, thirteen = ([make_way(5)] * (20 - lost) + [make_way()] * lost for lost in (12, 13))
    assert [one.step for one in over_limits(of(twelve), LIMITS)] == []
    told = over_limits(of(thirteen), LIMITS)
    assert [(one.step, one.value, one.of) for one in told] == [("checked", 0.65, 20)]
    rejected = [make_way(1, 2, 3, is_over=True)] * 30
    assert over_limits(of(rejected, {"read": {"read": 1000}}), LIMITS) == []


async def test_counters_are_added_up_per_item_and_day_by_every_process(mongo: Mongo) -> None:
    await mongo.create_indexes(health_store.INDEXES)
    first, second = ItemSteps(mongo), ItemSteps(mongo)
    for steps in (first, second):
        steps.add("I:1", "submit", "failed/core_unavailable")
        steps.add("I:1", "read", "read")
        steps.add("I:1", "read", "read")
        await steps.write_down()
        await steps.write_down()  # nothing twice
    today = day_of(now())
    assert await first.counts(today, today + timedelta(days=1)) == {"I:1": {"submit": {"failed/core_unavailable": 2}, "read": {"read": 4}}}
    assert await first.counts(today, today + timedelta(days=1), "I") == {}
    assert await first.counts(today - timedelta(days=7), today) == {}


async def test_one_is_warned_of_once_a_day(mongo: Mongo) -> None:
    steps, today = ItemSteps(mongo), day_of(now())
    assert [await steps.warn_once("I1", today), await steps.warn_once("I1", today), await steps.warn_once("I1", today + timedelta(1))] == [
        True,
        False,
        True,
    ]
