"""Theme packages (一件事) over the live catalogue: matched once per catalogue revision, read anew when the operators' file changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from content.audiences import widened
from content.catalogue import Catalogue
from content.kept import Kept
from content.package_file import Book, PackageFile
from content.package_guide import package_guide
from content.package_items import Need, needs, serving, spellings
from kit.errors import NotFound, Unavailable

Json = dict[str, Any]


class Packages:
    """Built once per process."""

    def __init__(self, catalogue: Catalogue, file: PackageFile) -> None:
        self._catalogue = catalogue
        self._file = file
        self._kept: Kept[dict[str, list[Need]]] = Kept()

    async def listed(self, audience: str | None) -> list[Json]:
        """Packages for this audience (all without one), in the file's order. Raises Unavailable."""
        book = await self._file.book()
        matched = await self._matched(book)
        words = set(widened(audience)) if audience else set()
        told = []
        for package in book.packages:
            if not words or words & set(package.audience):
                row = {"id": package.id, "name": package.name, "description": package.description, "audience": package.audience}
                found = [bool(need.items) for need in matched[package.id]]
                told.append({**row, "steps_total": len(package.steps), "items_total": len(found), "items_found": sum(found)})
        return told

    async def guide(self, package_id: str, situation: str | None, region: str | None) -> Json:
        """Raises NotFound, Invalid, Unavailable."""
        book = await self._file.book()
        package = next((one for one in book.packages if one.id == package_id), None)
        if package is None:
            raise NotFound("package_unknown", "没有找到这个一件事，请从列表中重新选择")
        matched = await self._matched(book)
        return package_guide(package, serving(matched[package_id], region), book.same, situation)

    async def same_papers(self) -> Mapping[str, str]:
        """Other name of a paper -> its usual one, as operators wrote it down; nothing while their file cannot be read."""
        try:
            return (await self._file.book()).same
        except Unavailable:
            return {}

    async def _matched(self, book: Book) -> dict[str, list[Need]]:
        """Each package's matters with the live items they mean: one query per revision of the catalogue and edition of the file."""
        return await self._kept.get((self._catalogue.state.revision, self._file.edition), lambda: self._read(book))

    async def _read(self, book: Book) -> dict[str, list[Need]]:
        wanted = [item for package in book.packages for step in package.steps for item in step.items]
        codes: Sequence[str] = sorted({code for one in wanted for code in one.codes})
        items = await self._catalogue.store.named(codes, spellings(name for one in wanted for name in one.all_names))
        return {package.id: needs(package, items) for package in book.packages}
