"""Pages of lists that are read newest first: what was made in one millisecond is told apart by its id, so that no page swallows an entry."""

from datetime import UTC, datetime
from typing import Any

Place = tuple[datetime, str]  # when the last entry of a page was made, and its id


def cursor(at: datetime, own: str) -> str:
    """`<milliseconds>.<id>`, for the client to hand back."""
    return f"{round(at.timestamp() * 1000)}.{own}"


def place(cursor: str) -> Place | None:
    """None: the first page. Takes what `cursor` made."""
    milliseconds, _, own = cursor.partition(".")
    return (datetime.fromtimestamp(int(milliseconds) / 1000, UTC), own) if milliseconds else None


def after(field: str, last: Place | None) -> dict[str, Any]:
    """The part of a query that leaves out everything up to the last entry seen. Sort by the field, then by _id, both descending."""
    if last is None:
        return {}
    return {field: {"$lte": last[0]}, "$or": [{field: {"$lt": last[0]}}, {"_id": {"$lt": last[1]}}]}
