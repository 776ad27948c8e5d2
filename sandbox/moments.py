"""Times as the core's contract writes them."""

from datetime import datetime, timedelta, timezone
from typing import Any

BEIJING = timezone(timedelta(hours=8))


def moment(value: Any) -> datetime | None:
    """An RFC 3339 time with its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) > 10 else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
