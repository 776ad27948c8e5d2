"""Every query of the months that were kept."""

from collections.abc import Mapping
from typing import Any

from kit.mongo import DuplicateKeyError, IndexModel, Mongo
from supervision.facts import Row

INDEXES: Mapping[str, list[IndexModel]] = {"supervision_snapshots": []}


class Snapshots:
    def __init__(self, mongo: Mongo) -> None:
        self._snapshots = mongo["supervision_snapshots"]

    async def keep(self, row: Row) -> bool:
        """False when the month was kept already: what was published stands."""
        try:
            await self._snapshots.insert_one(dict(row))
        except DuplicateKeyError:
            return False
        return True

    async def of_month(self, month: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = await self._snapshots.find_one({"_id": month})
        return found
