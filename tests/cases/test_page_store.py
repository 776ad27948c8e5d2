"""What the page of somebody with many cases shows: the newest that are open, and every one that was sent back, the longest waiting first."""

from datetime import timedelta
from typing import Any

from cases import store
from cases.page_store import CasesOfPage
from core.types import CaseState
from kit.clock import now
from kit.mongo import Mongo

OWN = "enterprise:91440700MA0000000X"


def case(number: int, state: CaseState, key: str = OWN) -> dict[str, Any]:
    at = now() - timedelta(days=number)
    return {
        "_id": f"{key}/{number}",
        "case_no": f"{key}/{number}",
        "subject_key": key,
        "state": state.value,
        "created_at": at,
        "moved_at": at,
        "timeline": [{"version": 1, "state": state.value, "at": at, "text": "不在这里显示"}],
    }


async def test_the_oldest_of_many_that_was_sent_back_is_not_overlooked(mongo: Mongo) -> None:
    await mongo.create_indexes(store.INDEXES)
    fresh = [case(number, CaseState.ACCEPTED) for number in range(30)]
    back = [case(number, CaseState.CORRECTIONS) for number in (40, 41)]
    await mongo["cases"].insert_many([*fresh, *back, case(42, CaseState.CORRECTIONS, "person:p_other"), case(43, CaseState.ISSUED)])
    page = CasesOfPage(mongo)
    rows, total = await page.open_of(OWN, 20)
    assert (len(rows), total) == (20, 32) and all(row["state"] == "accepted" for row in rows)
    assert [row["_id"] for row in await page.to_correct(OWN, 20)] == [f"{OWN}/41", f"{OWN}/40"]
    assert [row["_id"] for row in await page.to_correct(OWN, 1)] == [f"{OWN}/41"]
    assert "text" not in rows[0]["timeline"][0]
