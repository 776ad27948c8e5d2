"""Queries of one's own page: what is open and what was decided lately, without anything that was written or handed in."""

from datetime import datetime
from typing import Any

from core.types import CaseState
from kit.mongo import Mongo

OVER = frozenset({CaseState.REJECTED, CaseState.ISSUED, CaseState.WITHDRAWN})
DECIDED = frozenset({CaseState.APPROVED, CaseState.REJECTED, CaseState.ISSUED})
_OPEN = tuple(one.value for one in CaseState if one not in OVER)
_SHOWN = {
    **dict.fromkeys(("case_no", "item_code", "item_name", "item_version", "state", "created_at", "submitted_at", "moved_at", "project_code"), 1),
    **{f"timeline.{name}": 1 for name in ("version", "state", "at", "notice")},
}


class CasesOfPage:
    def __init__(self, mongo: Mongo) -> None:
        self._cases = mongo["cases"]

    async def open_of(self, subject_key: str, limit: int) -> tuple[list[dict[str, Any]], int]:
        """(the newest of them, how many there are)."""
        wanted = {"subject_key": subject_key, "state": {"$in": list(_OPEN)}}
        rows = await self._cases.find(wanted, _SHOWN).sort([("created_at", -1), ("_id", -1)]).limit(limit).to_list(limit)
        return rows, len(rows) if len(rows) < limit else int(await self._cases.count_documents(wanted))

    async def to_correct(self, subject_key: str, limit: int) -> list[dict[str, Any]]:
        """Sent back for corrections, however many others are open; who has waited longest first."""
        wanted = {"subject_key": subject_key, "state": CaseState.CORRECTIONS.value}
        return await self._cases.find(wanted, _SHOWN).sort([("moved_at", 1), ("_id", 1)]).limit(limit).to_list(limit)

    async def decided_of(self, subject_key: str, since: datetime, limit: int) -> list[dict[str, Any]]:
        """Decided since then, the newest filed first."""
        wanted = {"subject_key": subject_key, "state": {"$in": [one.value for one in DECIDED]}, "moved_at": {"$gte": since}}
        return await self._cases.find(wanted, _SHOWN).sort([("created_at", -1), ("_id", -1)]).limit(limit).to_list(limit)
