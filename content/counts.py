"""How many live items stand under each theme and on each published list."""

from collections import Counter
from dataclasses import dataclass

from content.catalogue import Catalogue
from content.kept import Kept
from content.lists import LISTS, ServiceList, lists_of


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
        themes, lists = Counter[str](), Counter[str]()
        for item, total in await self._catalogue.store.alike():
            themes.update(dict.fromkeys(item["themes"], total))
            lists.update(dict.fromkeys(lists_of(item), total))
        ordered = sorted(themes.items(), key=lambda one: (-one[1], one[0]))
        return Counted(tuple(ordered), tuple((one, lists[one.id]) for one in LISTS))
