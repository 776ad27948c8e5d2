"""Story: cases moved at the core. Their timelines, the inbox entries, what must be pushed, what has to be reminded of
and what supervision counts are one write."""

from collections.abc import Sequence
from typing import Literal

from core.types import CoreEvent
from kit.mongo import Tx
from miniapp_api import reminding, telling
from miniapp_api.wiring import Deps
from notify import case_messages


async def apply(deps: Deps, tx: Tx, events: Sequence[CoreEvent]) -> list[Literal["applied", "not_ours"]]:
    """In the caller's transaction, which has seen that they are new. Not ours: filed at a window or through another channel."""
    if not events:
        return []
    rows = await deps.cases.apply_moves(tx, [(event.request_id, event.case_no, event.move) for event in events])
    tellings = [
        (event.event_id, str(row["person_id"]), case_messages.of_move(row["item_name"], event.case_no, event.move))
        for event, row in zip(events, rows, strict=True)
        if row is not None
    ]
    await telling.put_many(deps, tx, tellings)
    moved = {str(row["_id"]): row for row in rows if row is not None}
    await deps.supervising.supervised.moved(tx, list(moved.values()))
    for row in moved.values():
        await reminding.plant_for_case(deps, tx, row)
    return ["not_ours" if row is None else "applied" for row in rows]
