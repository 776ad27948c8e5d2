"""Whose figures somebody may see."""

from dataclasses import dataclass
from typing import Any

ANY = "*"
_ALL = frozenset({ANY})


@dataclass(frozen=True, slots=True)
class Places:
    """Department names and region codes as the items have them; "*" among them is all. `department`: only this one of them was asked for."""

    departments: frozenset[str] = _ALL
    regions: frozenset[str] = _ALL
    department: str | None = None

    @property
    def whole_regions(self) -> bool:
        """All of a department, wherever it is."""
        return ANY in self.regions

    @property
    def everything(self) -> bool:
        return ANY in self.departments and self.whole_regions and self.department is None

    def covers_department(self, department: str | None) -> bool:
        """What has none is covered by "*" alone."""
        if self.department is not None and department != self.department:
            return False
        return ANY in self.departments or (department is not None and department in self.departments)

    def covers(self, department: str | None, region: str | None) -> bool:
        return self.covers_department(department) and (self.whole_regions or (region is not None and region in self.regions))

    def query(self) -> dict[str, Any]:
        """For Mongo."""
        asked = {"department": self.departments, "region": self.regions}
        wanted: dict[str, Any] = {name: {"$in": sorted(given)} for name, given in asked.items() if ANY not in given}
        if self.department is not None:
            wanted["department"] = self.department if self.covers_department(self.department) else {"$in": []}
        return wanted


EVERYWHERE = Places()
