"""Where a page of a list ended, as the client hands it back: milliseconds of the last row's moment, and its id."""

from datetime import UTC, datetime


def place(text: str) -> tuple[datetime, str] | None:
    """None: from the beginning. `text` has the shape its query declares."""
    moment, _, own = text.partition(".")
    return (datetime.fromtimestamp(int(moment) / 1000, UTC), own) if text else None


def cursor(moment: datetime, own: str) -> str:
    return f"{round(moment.timestamp() * 1000)}.{own}"
