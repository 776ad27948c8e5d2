"""Story: cases moved at the core. Their timelines, the inbox entries and what must be pushed are one write."""

from collections.abc import Sequence

from core.types import CoreEvent
from kit.mongo import Tx
from miniapp_api import telling
from miniapp_api.wiring import Deps
from notify import case_messages


async def apply(deps: Deps, tx: Tx, events: Sequence[CoreEvent]) -> list[bool]:
    """In the caller's transaction, which has seen that they are new. False: filed at a window or through another channel."""
    rows = await deps.cases.apply_moves(tx, [(event.request_id, event.case_no, event.move) for event in events])
    tellings = [
        (event.event_id, str(row["person_id"]), case_messages.of_move(row["item_name"], event.case_no, event.move))
        for event, row in zip(events, rows, strict=True)
        if row is not None
    ]
    await telling.put_many(deps, tx, tellings)
    return [row is not None for row in rows]
