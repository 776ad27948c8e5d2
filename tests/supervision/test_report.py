"""A year is as known as its months, and whoever sees some regions is shown nothing of whole departments."""

from collections import Counter
from collections.abc import Mapping

import pytest

from supervision.figures import Figure, Groups
from supervision.places import EVERYWHERE, Places
from supervision.report import Inputs, OfCore, OfDepartment, Part, report

Counts = Mapping[str, tuple[int | None, int | None]]
EVERY = frozenset({"*"})


def make_groups(**received: int) -> Groups:
    """Cases of a department, all of them finished."""
    return Groups(
        received=Counter({(name, "440703", "wechat", "approved"): n for name, n in received.items()}),
        finished=Counter({(name, "440703", "approved", True, True): n for name, n in received.items()}),
    )


def core(**months: Counts) -> list[OfCore]:
    return [OfCore(month.replace("_", "-").strip("m"), told, whole=True) for month, told in months.items()]


def applied(found: OfDepartment | None, city: list[Figure]) -> Figure:
    return next(one for one in (found.figures if found else city) if one.id == "applied_online")


def shares(months: list[OfCore], groups: Groups, places: Places = EVERYWHERE) -> dict[str, Figure]:
    found = report(groups, Inputs(core=months), places)
    return {one.department or "": applied(one, []) for one in found.departments} | {"city": applied(None, list(found.figures))}


def test_a_month_in_which_the_core_left_a_department_out_is_no_nought() -> None:
    told = shares(core(m2026_01={"A": (40, 40), "B": (20, 20)}, m2026_02={"B": (30, 30)}), make_groups(A=10, B=10))
    for own in ("A", "city"):
        assert told[own].value is None and told[own].denominator is None
        assert told[own].text == "未知：核心平台没有统计 A 2026-02 的数"
    assert (told["B"].numerator, told["B"].denominator) == (10, 50)


def test_a_department_the_core_knows_and_we_do_not_is_missed_in_the_other_months_all_the_same() -> None:
    told = shares(core(m2026_01={"A": (40, 40), "B": (20, 20)}, m2026_02={"A": (30, 30)}), make_groups(A=10))
    assert told["city"].value is None and "B 2026-02" in told["city"].text
    assert told["A"].denominator == 70


def test_all_that_is_missing_is_told_at_once_and_many_are_counted() -> None:
    months = core(m2026_01={"A": (None, 1), "B": (20, 20)}, m2026_02={"A": (30, 30), "B": (None, 20)})
    assert shares(months, make_groups(A=1, B=1))["city"].text == "未知：核心平台没有统计 A 2026-01、B 2026-02 的数"
    many = {str(n): (1, 1) for n in range(7)}
    assert "等 7 处" in shares(core(m2026_01=many, m2026_02={}), Groups())["city"].text


def test_months_that_are_all_there_are_added_up() -> None:
    told = shares(core(m2026_01={"A": (40, 40), "B": (20, 20)}, m2026_02={"A": (2, 2), "B": (30, 30)}), make_groups(A=10, B=10))
    assert (told["city"].numerator, told["city"].denominator, told["A"].denominator) == (20, 92, 42)


def test_who_asks_for_a_department_that_is_not_theirs_learns_no_total_of_it() -> None:
    months = core(m2026_01={"A": (40, 40), "B": (20, 20)})
    told = shares(months, make_groups(A=10, B=10), Places(frozenset({"B"}), EVERY, "A"))
    assert set(told) == {"city"} and told["city"].denominator is None and "40" not in told["city"].text


@pytest.mark.parametrize(
    ("places", "rows"),
    [
        (EVERYWHERE, 3),
        (Places(frozenset({"A"}), EVERY), 1),
        (Places(EVERY, EVERY, "B"), 1),
        (Places(frozenset({"A"}), frozenset({"440703"})), None),
        (Places(EVERY, frozenset({"440703"})), None),
    ],
)
def test_what_is_counted_by_whole_departments_is_unknown_to_who_sees_some_regions(places: Places, rows: int | None) -> None:
    part = Part([{"department": "A", "count": 7}, {"department": "B", "count": 9}, {"department": None, "count": 1}])
    told = report(Groups(), Inputs(parts={"complaints": part}), places).parts["complaints"]
    assert rows == (None if told.rows is None else len(told.rows))
    assert ("不分区域" in told.why) is (rows is None)
    assert report(Groups(), Inputs(parts={"complaints": Part(None, "没有")}), places).parts["complaints"].why == "没有"
