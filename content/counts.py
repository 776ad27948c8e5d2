"""How many live items stand under each theme and on each published list."""

from collections import Counter
from dataclasses import dataclass

from content.catalogue import Catalogue
from content.kept import Kept
from content.lists import FIELDS, LISTS, ServiceList, lists_of


@dataclass(frozen=True, slots=True)
class Counted:
    """`themes`: (name, items), the largest first. `lists`: in their own order, also the empty ones."""

    themes: tuple[tuple[str, int], ...]
    lists: tuple[tuple[ServiceList, int], ...]


class Counts:
    """Built once per process; counted once per catalogue revision."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept: Kept[Counted] = Kept()

    async def get(self) -> Counted:
        return await self._kept.get(self._catalogue.state.revision, self._count)

    async def _count(self) -> Counted:
        items = await self._catalogue.store.searchable(("themes", *FIELDS))
        themes = Counter(theme for item in items for theme in set(item["themes"]))
        lists = Counter(one for item in items for one in lists_of(item))
        ordered = sorted(themes.items(), key=lambda one: (-one[1], one[0]))
        return Counted(tuple(ordered), tuple((one, lists[one.id]) for one in LISTS))
