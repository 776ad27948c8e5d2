"""What is published beside the city's own numbers: nobody who takes one from the other learns a number of few people."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from supervision.definitions import OF_CASES
from supervision.figures import Figure, Groups
from supervision.places import EVERYWHERE
from supervision.published import HIDDEN, SMALL, Told, departments, number, published
from supervision.report import Inputs, OfCore, Report, report

Done = tuple[int, int, int, int]  # in time, late, without a limit, at windows


def make_report(cases: dict[str | None, Done]) -> Report:
    """`cases`: by department; each is filed online, and finished."""
    finished, received = Counter[tuple[object, ...]](), Counter[tuple[object, ...]]()
    for name, (in_time, late, unlimited, _) in cases.items():
        for judged, n in ((True, in_time), (False, late), (None, unlimited)):
            finished[(name, None, "approved", True, judged)] += n
        received[(name, None, "wechat", "approved")] += in_time + late + unlimited
    totals = {name: (sum(one), sum(one)) for name, one in cases.items() if name is not None}
    return report(Groups(received=received, finished=finished), Inputs(core=[OfCore("2026-10", totals, whole=True)]), EVERYWHERE)


def told_of(found: Report) -> list[Told]:
    return departments(found.departments, found.figures)


def figure(told: list[Figure], own: str) -> Figure:
    return next(one for one in told if one.id == own)


def sides(one: Figure) -> tuple[int, int, int, int]:
    numerator, denominator = one.numerator or 0, one.denominator or 0
    return numerator, denominator, one.unknown, denominator - numerator


def left_over(found: Report, own: str) -> tuple[int, ...]:
    """What a reader gets who takes the departments that are told from the city."""
    shown = [figure(row[3], own) for row in told_of(found)]
    return tuple(whole - sum(parts) for whole, *parts in zip(sides(figure(list(found.figures), own)), *map(sides, shown), strict=True))


def hidden(found: Report, own: str) -> set[str | None]:
    return {row[0].department for row in told_of(found) if figure(row[3], own).text == HIDDEN}


def test_the_late_cases_of_one_department_are_not_the_difference_between_the_city_and_the_others() -> None:
    found = make_report({"A": (40, 2, 0, 9), "B": (60, 8, 0, 9), "C": (300, 20, 0, 9)})
    assert all(row[1] is not None and row[2] is not None for row in told_of(found))  # no count is small, only one side of a share
    assert figure(published(found.figures), "in_time").numerator == 400
    assert hidden(found, "in_time") == {"A", "B"}
    assert left_over(found, "in_time") == (100, 110, 0, 10)
    assert hidden(found, "applied_online") == set()


def test_what_is_hidden_together_is_not_few_together() -> None:
    found = make_report({"A": (40, 1, 0, 9), "B": (60, 2, 0, 9), "C": (50, 0, 0, 9), "D": (300, 9, 0, 9)})
    assert hidden(found, "in_time") == {"A", "B", "D"}  # C had nobody late and would cover nothing
    assert left_over(found, "in_time")[3] == 12


def test_a_city_that_tells_no_share_has_nothing_to_take_from() -> None:
    found = make_report({"A": (40, 2, 0, 9), "B": (60, 0, 0, 9), "C": (300, 0, 0, 9)})
    assert figure(published(found.figures), "in_time").text == HIDDEN
    assert hidden(found, "in_time") == {"A"}


def test_a_department_of_few_cases_is_hidden_in_every_column_with_the_next_smallest() -> None:
    found = make_report({"A": (3, 0, 0, 50), "B": (20, 0, 0, 50), "C": (300, 0, 0, 50)})
    told = {row[0].department: row for row in told_of(found)}
    for own in ("A", "B"):
        assert told[own][1] is None and told[own][2] is None
    assert told["C"][1:3] == (300, 300)
    for own in OF_CASES:
        assert hidden(found, own) == {"A", "B"}


def test_cases_of_no_department_are_told_to_nobody_and_are_not_the_difference_either() -> None:
    few = make_report({"A": (40, 0, 0, 9), "B": (60, 0, 0, 9), None: (2, 0, 0, 0)})
    assert [row[1] for row in told_of(few)] == [None, 60]
    many = make_report({"A": (40, 0, 0, 9), "B": (60, 0, 0, 9), None: (12, 0, 0, 0)})
    assert [row[1] for row in told_of(many)] == [40, 60]
    assert {row[0].department for row in told_of(many)} == {"A", "B"}


@given(st.dictionaries(st.sampled_from(["A", "B", "C", "D", "E", None]), st.tuples(*[st.integers(0, 12)] * 4), min_size=1))
@settings(max_examples=300)
def test_no_difference_tells_of_few(cases: dict[str | None, Done]) -> None:
    found = make_report(cases)
    told = told_of(found)
    for place, name in ((1, "received"), (2, "finished")):
        shown = [row[place] for row in told]
        assert all(n is None or number(n) is not None for n in shown if isinstance(n, int))
        whole = getattr(found, name)
        if number(whole) is not None:
            assert not 0 < whole - sum(n for n in shown if isinstance(n, int)) < SMALL
    for own in OF_CASES:
        city = figure(published(found.figures), own)
        assert all(not 0 < n < SMALL for row in told for n in sides(figure(row[3], own)))
        if city.text != HIDDEN and city.value is not None:
            assert all(not 0 < n < SMALL for n in left_over(found, own))
            secret = {row.department for row in found.departments if any(0 < n < SMALL for n in sides(figure(list(row.figures), own)))}
            gone = {one.department for one in found.departments} - {row[0].department for row in told if figure(row[3], own).text != HIDDEN}
            counted = {one.department for one in found.departments if any(sides(figure(list(one.figures), own)))}
            assert not secret or len(gone & counted) > 1
