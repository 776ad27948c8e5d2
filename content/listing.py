"""Every live item in a row, by code: lists and counts without a query, and the filters that searching shares.

A district inherits what its city and province offer; a resident's word for an audience covers the source's several.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from content.audiences import widened
from content.lists import lists_of
from content.regions import lineage, plain


@dataclass(frozen=True, slots=True)
class Filters:
    """`region`: a division code, whose parents are included; `list`: at_once, online or one_visit."""

    theme: str | None = None
    audience: str | None = None
    region: str | None = None
    department: str | None = None
    list: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    code: str
    name: str
    department: str
    region: str


class Listing:
    """Immutable. A place is a position in `entries`."""

    FIELDS: ClassVar[tuple[str, ...]] = ("theme", "audience", "region", "department", "list")

    def __init__(self, items: Sequence[dict[str, Any]], breathe: Callable[[], None] = lambda: None) -> None:
        self.entries: list[Entry] = []
        self.regions: dict[str, str] = {}  # what a division is called -> its code
        self._values: dict[str, list[tuple[str, ...]]] = {field: [] for field in self.FIELDS}
        self._having: dict[tuple[str, str], list[int]] = defaultdict(list)
        texts: dict[str, str] = {}  # what many items share is kept once
        sets: dict[tuple[str, ...], tuple[str, ...]] = {}
        for place, item in enumerate(items):
            breathe()
            region = (item["region"] or {}).get("code") or ""
            name, department, region = (texts.setdefault(text, text) for text in (item["name"], item["department"]["name"], region))
            if region:
                self.regions.setdefault(item["region"]["name"], region)
            self.entries.append(Entry(item["code"], name, department, region))
            for field, values in _values(item).items():
                self._values[field].append(sets.setdefault(values, values))
                for value in values:
                    self._having[field, value].append(place)
        self.every = range(len(self.entries))

    def asked(self, filters: Filters) -> dict[str, tuple[str, ...]]:
        """The values each filter admits; only of filters that are set."""
        wanted = {"theme": filters.theme, "department": filters.department, "list": filters.list}
        admitted: dict[str, tuple[str, ...]] = {field: (value,) for field, value in wanted.items() if value}
        if filters.audience:
            admitted["audience"] = tuple(widened(filters.audience))
        if filters.region:
            admitted["region"] = tuple(dict.fromkeys(plain(code) for code in lineage(filters.region)))
        return admitted

    def places(self, filters: Filters) -> Sequence[int]:
        """Places the filters leave, by code."""
        admitted = self.asked(filters)
        if not admitted:
            return self.every
        sets = [self._any(field, values) for field, values in admitted.items()]
        sets.sort(key=len)
        left = set(sets[0])
        for more in sets[1:]:
            left.intersection_update(more)
        return sorted(left)

    def chosen(self, members: Sequence[int], admitted: Mapping[str, Sequence[str]]) -> list[int]:
        """Members of one family that what was `asked` admits: nearest to the region first, then by code."""
        left = [place for place in members if all(self._has(place, field, values) for field, values in admitted.items())]
        if "region" in admitted:
            order = {code: near for near, code in enumerate(admitted["region"])}
            left.sort(key=lambda place: order.get(plain(self.entries[place].region), len(order)))
        return left

    def values(self, members: Sequence[int]) -> dict[str, list[str]]:
        """What the index must know to filter a family: every value any member has."""
        return {field: sorted({value for place in members for value in self._values[field][place]}) for field in self.FIELDS}

    def counts(self, places: Iterable[int], field: str) -> list[tuple[str, int]]:
        """(value, how many of these places have it), most first."""
        if places is self.every:
            counted = Counter({value: len(having) for (name, value), having in self._having.items() if name == field})
        else:
            counted = Counter(value for place in places for value in self._values[field][place])
        return sorted(counted.items(), key=lambda one: (-one[1], one[0]))

    def _any(self, field: str, values: Iterable[str]) -> set[int]:
        return {place for value in values for place in self._having.get((field, value), ())}

    def _has(self, place: int, field: str, values: Sequence[str]) -> bool:
        return any(value in values for value in self._values[field][place])


def _values(item: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    region = (item["region"] or {}).get("code")
    return {
        "theme": tuple(dict.fromkeys(item["themes"])),
        "audience": tuple(dict.fromkeys(item["audience"])),
        "region": (plain(region),) if region else (),
        "department": (item["department"]["name"],),
        "list": tuple(lists_of(item)),
    }
