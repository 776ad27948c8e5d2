"""Whose an item is: what staff may see, what is counted together, and who is asked goes by its department and region."""

from collections.abc import Mapping
from typing import Any


def place_of(item: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """(department's name, region's division code); None: not recorded, or there is no item."""
    told = item or {}
    return (told.get("department") or {}).get("name"), (told.get("region") or {}).get("code")
