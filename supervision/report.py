"""What is told of a period: figures, what is due, satisfaction, complaints, failures. Pure: the same groups and inputs give the same report, whoever kept them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from supervision.definitions import OF_CASES
from supervision.figures import Figure, Groups, Items, Total, figures
from supervision.places import Places

NOT_WHOLE = "办件数据正在由办件重新算出，还没有算完：件数可能偏少，由办件算的比率暂时未知"
_NOBODYS = "这些办件的事项没有登记部门"
_NO_REGIONS = "核心平台按部门统计，不分区域"
_OF_CITY = frozenset({"assistant_misses"})
_CITY_ONLY = "这一项只有全市的数，不分部门和区域"
_PART_NO_REGIONS = "这一项按部门统计，不分区域，只看部分区域的账号看不到"
MOST_NAMED = 5  # of what the core left out
Sees = Callable[[str | None, str | None], bool]
Place = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Part:
    """What another feature counted. `rows` None: it could not be had, and `why`."""

    rows: Sequence[Mapping[str, Any]] | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class OfCore:
    """A month as the core counts it: department -> (received, finished). None: it counts no such month or did not answer, and `why`."""

    month: str
    departments: Mapping[str, tuple[int | None, int | None]] | None
    why: str = ""
    as_of: str | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that is not in the facts of cases. `items` by (department, region). `facts_whole` False: some cases have no fact yet."""

    items: Mapping[Place, Items] = field(default_factory=dict)
    core: Sequence[OfCore] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    facts_whole: bool = True


@dataclass(frozen=True, slots=True)
class Due:
    """Open cases of a department in a step."""

    department: str | None
    step: str
    near: int
    overdue: int
    past_legal: int


@dataclass(frozen=True, slots=True)
class OfDepartment:
    department: str | None
    received: int
    finished: int
    near: int
    overdue: int
    second_notices: int
    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Report:
    figures: Sequence[Figure]
    received: int
    finished: int
    withdrawn: int
    second_notices: int
    results: Mapping[str, int]
    due: Sequence[Due]
    departments: Sequence[OfDepartment]
    parts: Mapping[str, Part]
    core: Sequence[OfCore]
    facts_whole: bool = True


def report(groups: Groups, inputs: Inputs, places: Places) -> Report:
    seen = groups.only(places.covers)
    results = Counter[str]()
    for key, n in seen.finished.items():
        results[key[2]] += n
    due = _due(seen)
    return Report(
        figures=_figures(seen, _total(seen, inputs.core, places), _items(inputs, places.covers), inputs.facts_whole),
        received=seen.received.total(),
        finished=seen.finished.total(),
        withdrawn=sum(n for key, n in seen.received.items() if key[3] == "withdrawn"),
        second_notices=seen.second.total(),
        results=dict(sorted(results.items())),
        due=due,
        departments=_departments(seen, inputs, places, due),
        parts={name: _part(name, part, places) for name, part in inputs.parts.items()},
        core=inputs.core,
        facts_whole=inputs.facts_whole,
    )


def _figures(seen: Groups, total: Total, items: Items, facts_whole: bool) -> list[Figure]:
    """A share of too few cases is no share."""
    told = figures(seen, total, items)
    return told if facts_whole else [_unmade(one) if one.id in OF_CASES else one for one in told]


def _unmade(one: Figure) -> Figure:
    return replace(one, numerator=None, denominator=None, unknown=0, value=None, text=f"未知：{NOT_WHOLE}")


def _departments(seen: Groups, inputs: Inputs, places: Places, due: Sequence[Due]) -> list[OfDepartment]:
    names = seen.departments() | {department for department, region in inputs.items if places.covers(department, region)}
    return [_department(name, seen, inputs, (places, due)) for name in sorted(names, key=lambda one: one or "")]


def _department(name: str | None, seen: Groups, inputs: Inputs, about: tuple[Places, Sequence[Due]]) -> OfDepartment:
    places, due = about
    part = seen.only(lambda department, _: department == name)
    waiting = [one for one in due if one.department == name]
    total = _total(part, inputs.core, replace(places, department=name)) if name is not None else Total(why_received=_NOBODYS, why_finished=_NOBODYS)
    items = _items(inputs, lambda department, region: department == name and places.covers(department, region))
    return OfDepartment(
        department=name,
        received=part.received.total(),
        finished=part.finished.total(),
        near=sum(one.near for one in waiting),
        overdue=sum(one.overdue for one in waiting),
        second_notices=part.second.total(),
        figures=_figures(part, total, items, inputs.facts_whole),
    )


def _due(seen: Groups) -> list[Due]:
    by: dict[tuple[str | None, str], list[int]] = {}
    for (department, _, step, overdue, past_legal), n in seen.due.items():
        row = by.setdefault((department, step), [0, 0, 0])
        row[1 if overdue else 0] += n
        row[2] += n if past_legal else 0
    return [Due(department, step, *by[department, step]) for department, step in sorted(by, key=lambda key: (key[0] or "", key[1]))]


def _items(inputs: Inputs, covers: Sees) -> Items:
    wholly, permits, visits = [0, 0, 0], [0, 0, 0], Counter[int | None]()
    for (department, region), one in inputs.items.items():
        if covers(department, region):
            wholly = [a + b for a, b in zip(wholly, one.wholly, strict=True)]
            permits = [a + b for a, b in zip(permits, one.permits, strict=True)]
            visits.update(one.visits)
    return Items((wholly[0], wholly[1], wholly[2]), (permits[0], permits[1], permits[2]), visits)


def _total(seen: Groups, core: Sequence[OfCore], places: Places) -> Total:
    """Over every month and every department that is seen; one that is missing makes the whole of it unknown."""
    if not places.whole_regions:
        return Total(why_received=_NO_REGIONS, why_finished=_NO_REGIONS)
    received, why_received = _sum(seen, core, places, 0)
    finished, why_finished = _sum(seen, core, places, 1)
    return Total(received, finished, why_received, why_finished)


def _sum(seen: Groups, core: Sequence[OfCore], places: Places, which: int) -> tuple[int | None, str]:
    """Whoever is in our facts, or was counted by the core in one of the months, must be counted in each of them: a month left out is no 0."""
    months = []
    for one in core:
        if one.departments is None:
            return None, one.why
        months.append({name: row[which] for name, row in one.departments.items() if places.covers_department(name)})
    names = {name for name in (*seen.departments(), places.department) if name is not None}.union(*months)
    missing = [(name, one.month) for one, counted in zip(core, months, strict=True) for name in sorted(names) if counted.get(name) is None]
    if missing or not core:
        told = "、".join(f"{name} {month}" for name, month in missing[:MOST_NAMED]) + (f" 等 {len(missing)} 处" if len(missing) > MOST_NAMED else "")
        return None, f"核心平台没有统计 {told} 的数"
    return sum(number or 0 for counted in months for number in counted.values()), ""


def _part(name: str, part: Part, places: Places) -> Part:
    """Rows of departments that are seen; rows without one are for those who see all. They are of whole departments, which who sees some regions does not."""
    if part.rows is None:
        return part
    if name in _OF_CITY and not places.everything:
        return Part(None, _CITY_ONLY)
    if not places.whole_regions:
        return Part(None, _PART_NO_REGIONS)
    kept = [row for row in part.rows if (places.covers_department(row["department"]) if row.get("department") else places.everything)]
    return Part(kept, part.why)
