"""Pages of a resident's lists, newest first: what was made in one millisecond (cases filed together) is told apart by its id."""

from datetime import UTC, datetime
from typing import Any

Place = tuple[datetime, str]  # when the last entry of a page was made, and its id


def cursor(at: datetime, own: str) -> str:
    """`<milliseconds>.<id>`, for the client to hand back."""
    return f"{round(at.timestamp() * 1000)}.{own}"


def place(cursor: str) -> Place | None:
    """None: the first page. Cursors of an earlier release were a time alone."""
    milliseconds, _, own = cursor.partition(".")
    return (datetime.fromtimestamp(int(milliseconds[:14]) / 1000, UTC), own) if milliseconds else None


def after(field: str, last: Place | None) -> dict[str, Any]:
    """The part of a query that leaves out everything up to the last entry seen. Sort by the field, then by _id, both descending."""
    if last is None:
        return {}
    return {field: {"$lte": last[0]}, "$or": [{field: {"$lt": last[0]}}, {"_id": {"$lt": last[1]}}]}
