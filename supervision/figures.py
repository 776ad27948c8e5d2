"""The figures: what is counted, over what, and what is not known. A total nobody told is unknown with its reason, never a guess and never 0.

A figure's denominator holds what is recorded; what is not recorded stands beside it as `unknown` (docs/decisions/0025-figures.md).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from supervision.facts import Row

Key = tuple[Any, ...]


@dataclass(slots=True)
class Groups:
    """Counts of cases, each by (department, region, …).

    `received`: (…, channel, state); `finished`: (…, result, online, in_time); `due`: open ones (…, step, overdue, past_legal), near and overdue;
    `open`: (…, step); `second`: notices that came again.
    """

    received: Counter[Key] = field(default_factory=Counter)
    finished: Counter[Key] = field(default_factory=Counter)
    due: Counter[Key] = field(default_factory=Counter)
    second: Counter[Key] = field(default_factory=Counter)

    def only(self, sees: Callable[[str | None, str | None], bool]) -> "Groups":
        """Of the places somebody may see."""
        return Groups(*(Counter({key: n for key, n in one.items() if sees(key[0], key[1])}) for one in self.each()))

    def each(self) -> tuple[Counter[Key], ...]:
        return (self.received, self.finished, self.due, self.second)

    def departments(self) -> set[str | None]:
        return {key[0] for one in self.each() for key in one}


def fold(rows: Iterable[Row], months: Sequence[str], moment: datetime) -> Groups:
    """The same as the store's aggregation, from facts in hand."""
    groups, wanted = Groups(), frozenset(months)
    for row in rows:
        place = (row["department"], row["region"])
        if row["month"] in wanted:
            groups.received[(*place, row["channel"], row["state"])] += 1
        if row["finished_month"] in wanted:
            groups.finished[(*place, row["result"], row["online"], row["in_time"])] += 1
        if row["open"] and row["near_at"] is not None and row["near_at"] <= moment:
            groups.due[(*place, row["step"], row["due_at"] < moment, row["legal_due_at"] is not None and row["legal_due_at"] < moment)] += 1
        if again := sum(month in wanted for month in row["second_months"]):
            groups.second[place] += again
    return groups


@dataclass(frozen=True, slots=True)
class Total:
    """What the core counted over every channel. None: unknown, and why."""

    received: int | None = None
    finished: int | None = None
    why_received: str = ""
    why_finished: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """Items in force. `wholly`: (yes, no, not recorded); `visits`: recorded visits -> items; None: not recorded."""

    wholly: tuple[int, int, int] = (0, 0, 0)
    permits: tuple[int, int, int] = (0, 0, 0)
    visits: Mapping[int | None, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` None: unknown, and `text` says why. `unit`: share (of 1) or visits."""

    id: str
    numerator: int | None
    denominator: int | None
    unknown: int
    value: float | None
    text: str
    unit: str = "share"


def figures(groups: Groups, total: Total, items: Items) -> list[Figure]:
    """三率一数 in the order of DEFINITIONS."""
    received = groups.received.total()
    finished = groups.finished.total()
    whole = sum(n for key, n in groups.finished.items() if key[3] is True)
    unrecorded = sum(n for key, n in groups.finished.items() if key[3] is None)
    return [
        _share("wholly_online", *_parts(items.wholly), "项"),
        _share("wholly_online_permits", *_parts(items.permits), "项"),
        _of_core("applied_online", (received, received, 0), (total.received, total.why_received)),
        _of_core("finished_online", (whole, finished, unrecorded), (total.finished, total.why_finished)),
        *_visits(items.visits),
        _in_time(groups.finished),
    ]


def _parts(told: tuple[int, int, int]) -> tuple[int, int, int]:
    yes, no, unrecorded = told
    return yes, yes + no, unrecorded


def _share(own: str, numerator: int, denominator: int, unknown: int, unit: str) -> Figure:
    beside = f"；另有 {unknown} {unit}没有登记，不计入" if unknown else ""
    if denominator == 0:
        return Figure(own, numerator, denominator, unknown, None, f"没有可以计算的{beside}")
    value = round(numerator / denominator, 4)
    return Figure(own, numerator, denominator, unknown, value, f"{numerator}/{denominator} {unit}，{value:.2%}{beside}")


def _of_core(own: str, ours: tuple[int, int, int], core: tuple[int | None, str]) -> Figure:
    """`ours`: (counted, all of ours that must be within the core's total, not recorded)."""
    (counted, all_ours, unknown), (total, why) = ours, core
    if total is None:
        return Figure(own, counted, None, unknown, None, f"未知：{why}")
    if total < all_ours:
        return Figure(own, counted, total, unknown, None, f"未知：核心平台的总数 {total} 少于本平台的 {all_ours} 件，对不上")
    return _share(own, counted, total - unknown, unknown, "件")


def _visits(visits: Mapping[int | None, int]) -> list[Figure]:
    unknown = visits.get(None, 0)
    recorded = {most: n for most, n in visits.items() if most is not None}
    all_of_them = sum(recorded.values())
    shares = [_share(f"visits_{most}", sum(n for one, n in recorded.items() if one <= most), all_of_them, unknown, "项") for most in (0, 1, 2)]
    times = sum(one * n for one, n in recorded.items())
    if not all_of_them:
        return [*shares, Figure("visits_average", None, 0, unknown, None, f"没有登记到现场次数的事项；{unknown} 项没有登记", "visits")]
    mean = round(times / all_of_them, 4)
    told = f"平均 {mean:.2f} 次（{all_of_them} 项有登记，{unknown} 项没有）"
    return [*shares, Figure("visits_average", times, all_of_them, unknown, mean, told, "visits")]


def _in_time(finished: Mapping[Key, int]) -> Figure:
    by = Counter[Any]()
    for key, n in finished.items():
        by[key[4]] += n
    return _share("in_time", by[True], by[True] + by[False], by[None], "件")
