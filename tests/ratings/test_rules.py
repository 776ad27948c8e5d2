"""When a stage may be rated, about what, and what the counts say."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ratings.figures import gathered, tellable, tellable_items
from ratings.indicators import INDICATORS, offered
from ratings.stages import opening, reached_at
from ratings.values import GRADES, Terms

DAY = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)


def test_a_stage_counts_from_the_first_time_it_was_reached() -> None:
    moves = [("submitted", DAY), ("accepted", DAY + timedelta(days=1)), ("issued", DAY + timedelta(days=3)), ("approved", DAY + timedelta(days=2))]
    assert reached_at(moves, "acceptance") == DAY + timedelta(days=1)
    assert reached_at(moves, "result") == DAY + timedelta(days=2)
    assert reached_at(moves[:2], "result") is None


@pytest.mark.parametrize(("after", "why"), [(0, None), (30.5, None), (30.6, None), (30.7, "rating_closed"), (400, "rating_closed")])
def test_the_last_day_is_a_whole_one(after: float, why: str | None) -> None:
    """10:00 in Beijing, so the thirtieth day ends 30 days and 14 hours later (30.583)."""
    found = opening(DAY, DAY + timedelta(days=min(after, 30.58) if why is None else after), Terms())
    assert found.why == why and found.until == datetime(2026, 12, 2, 15, 59, 59, 999000, tzinfo=UTC)


def test_what_was_rated_is_said_before_the_window_and_what_was_not_reached_before_both() -> None:
    late = DAY + timedelta(days=99)
    assert opening(DAY, late, Terms(), rated=True).why == "already_rated"
    assert opening(None, late, Terms(), declined=True).why == "stage_not_reached"
    assert opening(DAY, DAY, Terms(), declined=True).why is None


@pytest.mark.parametrize("grade", sorted(GRADES))
def test_what_is_offered_fits_the_grade_and_the_channel(grade: int) -> None:
    online, hall = offered(grade, "wechat"), offered(grade, "kiosk")
    assert {one.topic for one in online} == {"办事效率", "办事指南精确度", "办事便捷度", "平台操作性"}
    assert {one.topic for one in hall} - {one.topic for one in online} == {"服务效率", "服务水平", "服务态度"}
    assert grade == 3 or {one.is_good for one in hall} == {grade > 3}
    assert all(INDICATORS[one.code] == one for one in hall)


def test_a_citys_own_limits_are_checked() -> None:
    made = TypeAdapter(Terms)
    assert made.validate_python({"total_days": 10}).total_days == 10
    for wrong in ({"reply_days": 0}, {"days": 3}, {"open_days": 4000}, {"fewest": 1}):
        with pytest.raises(ValidationError):
            made.validate_python(wrong)


def row(department: str, item: str, grade: int, count: int, excluded: int = 0) -> dict[str, object]:
    return {"department": department, "item_code": item, "grade": grade, "count": count, "excluded": excluded}


def test_shares_leave_out_what_does_not_count() -> None:
    (one,) = gathered([row("A", "1", 5, 2), row("A", "1", 3, 1), row("A", "2", 1, 1, 7)], "department").values()
    assert (one.count, one.excluded, one.satisfied, one.share(one.counts[5])) == (4, 7, 0.75, 0.5)
    (nobody,) = gathered([row("A", "1", 1, 0, 1)], "department").values()
    assert (nobody.count, nobody.satisfied) == (0, None)


counted = st.dictionaries(st.tuples(st.sampled_from("AB"), st.sampled_from("12345")), st.integers(0, 12))


@given(counted)
def test_no_figure_of_few_can_be_had_by_subtraction(counts: dict[tuple[str, str], int]) -> None:
    rows = [row(department, item, 4, count) for (department, item), count in counts.items()]
    items, departments = gathered(rows, "department", "item_code"), gathered(rows, "department")
    open_departments = tellable(departments, 5)
    told = tellable_items(items, [name for (name,) in open_departments], 5)
    for group, shown in (
        (departments, open_departments),
        *(({key: one for key, one in items.items() if key[0] == name}, {key for key in told if key[0] == name}) for (name,) in open_departments),
    ):
        assert all(group[key].count >= 5 for key in shown)
        hidden = [one.count for key, one in group.items() if key not in shown and one.count]
        assert not hidden or not shown or (len(hidden) > 1 and sum(hidden) >= 5)
    assert all((department,) in open_departments for department, _ in told), "the items of one that is hidden would add up to it"


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([3], []),
        ([5], [5]),
        ([9, 9], [9, 9]),
        ([9, 7, 1], [9]),  # the one would be the sum less the others
        ([9, 2, 1], []),  # three, together, are still a few
        ([9, 3, 2], [9]),
        ([9, 1], []),
        ([9, 0], [9]),
    ],
)
def test_what_is_hidden_is_hidden_with_enough_others(counts: list[int], told: list[int]) -> None:
    departments = gathered([row(f"D{n}", "1", 5, count) for n, count in enumerate(counts)], "department")
    assert sorted((departments[key].count for key in tellable(departments, 5)), reverse=True) == told
