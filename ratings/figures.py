"""What the counts say: shares of grades, and which departments and items are too few to be told of. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ratings.values import GOOD_FROM, GRADES

Key = tuple[Any, ...]


@dataclass(slots=True)
class Figures:
    """Of one department or one item. `excluded` is in no count."""

    counts: dict[int, int] = field(default_factory=lambda: dict.fromkeys(GRADES, 0))
    excluded: int = 0

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def share(self, some: int) -> float | None:
        """None: nobody rated, which is neither good nor bad."""
        return round(some / self.count, 4) if self.count else None

    @property
    def satisfied(self) -> float | None:
        return self.share(sum(count for grade, count in self.counts.items() if grade >= GOOD_FROM))


def gathered(rows: Iterable[Mapping[str, Any]], *by: str) -> dict[tuple[Any, ...], Figures]:
    """Rows of a tally, put together by these names; in their order."""
    found: dict[tuple[Any, ...], Figures] = {}
    for row in rows:
        one = found.setdefault(tuple(row[name] for name in by), Figures())
        one.counts[row["grade"]] += row["count"]
        one.excluded += row["excluded"]
    return found


def tellable(rows: Mapping[Key, Figures], fewest: int) -> set[Key]:
    """Of one group, whose sum may be known: rows of at least `fewest` ratings.

    What is left out could be had by subtraction: it is more than one row and at least `fewest` ratings together, or the next smallest go too.
    """
    told = sorted((key for key, one in rows.items() if one.count >= fewest), key=lambda key: (rows[key].count, str(key)))
    hidden = [one.count for one in rows.values() if 0 < one.count < fewest]
    while told and hidden and (len(hidden) < 2 or sum(hidden) < fewest):
        hidden.append(rows[told.pop(0)].count)
    return set(told)


def tellable_items(items: Mapping[Key, Figures], departments: Collection[Any], fewest: int) -> set[Key]:
    """Items (department first) of `departments`, those that are told of: the items of another one would add up to it."""
    found: set[Key] = set()
    for department in departments:
        found |= tellable({key: one for key, one in items.items() if key[0] == department}, fewest)
    return found
