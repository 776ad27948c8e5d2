"""What everybody may see of a report: no count of cases that is so small that neighbours know who it was. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from supervision.definitions import OF_CASES
from supervision.figures import Figure
from supervision.report import OfDepartment

SMALL = 5
HIDDEN = f"少于 {SMALL} 件，不公布"


def number(n: int) -> int | None:
    """None: too small to tell. 0 tells of nobody."""
    return None if 0 < n < SMALL else n


def published(figures: Sequence[Figure]) -> list[Figure]:
    """Figures over items are about items; those over cases are hidden where one of the two sides of a share is few people."""
    return [_hidden(one) if one.id in OF_CASES and _is_small(one) else one for one in figures]


def column(numbers: Sequence[int]) -> list[int | None]:
    """Beside a total that is told, one hidden number would be the difference: where only one is hidden, the next smallest goes with it."""
    told = [number(n) for n in numbers]
    if told.count(None) == 1 and (others := [n for n in told if n]):
        told[told.index(min(others))] = None
    return told


def departments(rows: Sequence[OfDepartment]) -> list[tuple[OfDepartment, int | None, int | None, list[Figure]]]:
    """(row, received, finished, figures) of each; a department whose counts are hidden tells no share that gives them away."""
    received, finished = column([one.received for one in rows]), column([one.finished for one in rows])
    told = []
    for row, got, done in zip(rows, received, finished, strict=True):
        hidden = {"applied_online"} if got is None else set[str]()
        hidden |= {"finished_online", "in_time"} if done is None else set()
        told.append((row, got, done, [_hidden(one) if one.id in hidden else one for one in published(row.figures)]))
    return told


def _is_small(one: Figure) -> bool:
    sides = [n for n in (one.numerator, one.denominator, one.unknown) if n is not None]
    if one.numerator is not None and one.denominator is not None:
        sides.append(one.denominator - one.numerator)
    return any(number(n) is None for n in sides)


def _hidden(one: Figure) -> Figure:
    return replace(one, numerator=None, denominator=None, unknown=0, value=None, text=HIDDEN)
