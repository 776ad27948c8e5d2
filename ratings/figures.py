"""What the counts say: shares of grades, and which items are too few to be told of. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ratings.values import GOOD_FROM, GRADES


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


def tellable(items: Mapping[tuple[Any, ...], Figures], fewest: int) -> set[tuple[Any, ...]]:
    """Items (department first) of at least `fewest` ratings. Where one alone is left out, its department's sum would give it away: the next smallest goes too."""
    told = {key for key, one in items.items() if one.count >= fewest}
    for department in {key[0] for key in items}:
        here = [key for key in items if key[0] == department]
        hidden = [key for key in here if key not in told and items[key].count]
        left = sorted((key for key in here if key in told), key=lambda key: (items[key].count, str(key)))
        if len(hidden) == 1 and left:
            told.discard(left[0])
    return told
