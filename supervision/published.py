"""What everybody may see of a report: no count of cases that is so small that neighbours know who it was, nor what it could be worked out from. Pure.

The city's numbers are told and departments are its parts: of those that are hidden the sum is told all the same. So what is hidden is never one alone and
never few together; the next smallest goes with it until that is so. All of them look alike: nobody can tell which was the small one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from supervision.definitions import OF_CASES
from supervision.figures import Figure
from supervision.report import OfDepartment

SMALL = 5
HIDDEN = f"少于 {SMALL} 件，或者会由此算出少于 {SMALL} 件的，不公布"
Told = tuple[OfDepartment, int | None, int | None, list[Figure]]


@dataclass(frozen=True, slots=True)
class _Part:
    """A department's numbers, each a part of the city's. `is_hidden`: not told; `is_secret`: because of somebody who could be known by it."""

    sides: tuple[int, ...]
    is_hidden: bool
    is_secret: bool


def number(n: int) -> int | None:
    """None: too small to tell. 0 tells of nobody."""
    return None if _is_few(n) else n


def published(figures: Sequence[Figure]) -> list[Figure]:
    """Figures over items are about items; those over cases are hidden where one of the two sides of a share is few people."""
    return [_hidden(one) if one.id in OF_CASES and _is_small(one) else one for one in figures]


def departments(rows: Sequence[OfDepartment], city: Sequence[Figure]) -> list[Told]:
    """(row, received, finished, figures) of each that has a name; cases of no department are told to nobody. A department whose counts are hidden tells no
    share that gives them away. `city`: the figures of the whole, in the order of every row's."""
    received, finished = _column(rows, [one.received for one in rows]), _column(rows, [one.finished for one in rows])
    told = [list(row.figures) for row in rows]
    for place, whole in enumerate(published(city)):
        if whole.id in OF_CASES:
            column = received if whole.id == "applied_online" else finished
            parts = [_of_figure(row, row.figures[place], n is None) for row, n in zip(rows, column, strict=True)]
            hidden = whole.text == HIDDEN  # then there is nothing to take the others from
            for own in _away(parts, 0 if hidden else len(parts)):
                told[own][place] = _hidden(told[own][place])
    return [one for one in zip(rows, received, finished, told, strict=True) if one[0].department is not None]


def _column(rows: Sequence[OfDepartment], numbers: Sequence[int]) -> list[int | None]:
    """Beside their sum."""
    away = _away([_Part((n,), _is_few(n) or row.department is None, _is_few(n)) for row, n in zip(rows, numbers, strict=True)], len(rows))
    return [None if place in away else n for place, n in enumerate(numbers)]


def _of_figure(row: OfDepartment, one: Figure, is_forced: bool) -> _Part:
    numerator, denominator = one.numerator or 0, one.denominator or 0
    is_secret = (is_forced and row.department is not None) or _is_small(one)
    return _Part((numerator, denominator, one.unknown, denominator - numerator), is_secret or row.department is None, is_secret)


def _away(parts: Sequence[_Part], most: int) -> set[int]:
    """Places of what is hidden, with at most so many more that keep its secret: of those that fill up what is few, the smallest first. One that is small
    is few by itself, so that no secret is left alone."""
    away = {place for place, one in enumerate(parts) if one.is_hidden}
    for _ in range(most):
        hidden = [parts[place] for place in away]
        few = [side for side, numbers in enumerate(zip(*(one.sides for one in hidden), strict=True)) if _is_few(sum(numbers))]
        left = [place for place, one in enumerate(parts) if place not in away and any(one.sides)]
        if not left or not any(one.is_secret for one in hidden) or not few:
            break
        away.add(min(left, key=lambda place: (not any(parts[place].sides[side] for side in few), max(parts[place].sides))))
    return away


def _is_few(n: int) -> bool:
    return 0 < n < SMALL


def _is_small(one: Figure) -> bool:
    sides = [n for n in (one.numerator, one.denominator, one.unknown) if n is not None]
    if one.numerator is not None and one.denominator is not None:
        sides.append(one.denominator - one.numerator)
    return any(_is_few(n) for n in sides)


def _hidden(one: Figure) -> Figure:
    return replace(one, numerator=None, denominator=None, unknown=0, value=None, text=HIDDEN)
