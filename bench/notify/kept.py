"""Where a store's database would be: keeps what the store inserts, so that ten thousand documents of its making reach Mongo in a few writes."""

from collections.abc import Mapping, Sequence
from typing import Any

from kit.mongo import Mongo

Document = dict[str, Any]
TOGETHER = 2000  # documents in one write


class Kept:
    """Fulfils what the stores need to make something new: insert, look at it by id, change it once."""

    def __init__(self) -> None:
        self.collections: dict[str, KeptCollection] = {}

    def __getitem__(self, name: str) -> "KeptCollection":
        return self.collections.setdefault(name, KeptCollection())

    async def write(self, mongo: Mongo) -> None:
        for name, collection in self.collections.items():
            rows = list(collection.rows.values())
            for first in range(0, len(rows), TOGETHER):
                await mongo[name].insert_many(rows[first : first + TOGETHER], ordered=False)


class KeptCollection:
    def __init__(self) -> None:
        self.rows: dict[Any, Document] = {}

    async def insert_one(self, row: Document, session: object = None) -> None:
        self.rows[row["_id"]] = row

    async def insert_many(self, rows: Sequence[Document], session: object = None) -> None:
        self.rows |= {row["_id"]: row for row in rows}

    async def find_one(self, wanted: Mapping[str, Any], *_: object, session: object = None) -> Document | None:
        return self.rows.get(wanted["_id"])

    async def find_one_and_update(self, wanted: Mapping[str, Any], update: Mapping[str, Any], **_: object) -> Document:
        """Nobody else is there to be compared with. Raises KeyError for any change that is neither $set nor a count."""
        row = self.rows[wanted["_id"]]
        if unknown := set(update) - {"$set", "$inc"}:
            raise KeyError(f"kept documents take no {unknown}")
        row |= update["$set"]
        for name, more in update.get("$inc", {}).items():
            row[name] = row.get(name, 0) + more
        return row
