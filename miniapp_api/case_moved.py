"""Story: a case moved at the core. The case's timeline, the inbox entry and what must be pushed are one write; the second telling changes nothing."""

import logging
from typing import Literal

from pydantic import ValidationError

from core.types import CoreEvent
from kit.errors import Outside
from kit.mongo import DuplicateKeyError, Tx
from miniapp_api import telling
from miniapp_api.wiring import Deps
from notify.messages import inbox_text, template_key, wechat_values

log = logging.getLogger(__name__)

Outcome = Literal["applied", "repeated", "not_ours"]


async def case_moved(deps: Deps, event: CoreEvent) -> Outcome:
    """From the webhook and from the pull feed alike."""

    async def all_of_it(tx: Tx) -> Outcome:
        await deps.cases.first_time(tx, event.event_id, event.case_no)
        case = await deps.cases.apply_move(tx, event.request_id, event.case_no, event.move)
        if case is None:
            return "not_ours"  # filed at a window or through another channel
        content = {
            "kind": template_key(event.move.state),
            "template_key": template_key(event.move.state),
            "case_no": event.case_no,
            "text": inbox_text(case["item_name"], event.case_no, event.move),
            "values": wechat_values(case["item_name"], event.case_no, event.move),
        }
        await telling.put(deps, tx, event.event_id, case["person_id"], content, deps.pushing.channels)
        return "applied"

    try:
        return await deps.mongo.transaction(all_of_it)
    except DuplicateKeyError:
        return "repeated"


async def take_feed(deps: Deps, pages: int = 20) -> int:
    """Events nobody called about. The cursor moves after the page's effects; returns how many were new."""
    new = 0
    for _ in range(pages):
        cursor = await deps.cases.feed_cursor()
        page = await deps.core.events_page(cursor)
        known = await deps.cases.known_events([str(raw.get("event_id")) for raw in page.events])
        for raw in page.events:
            if raw.get("event_id") in known:
                continue
            try:
                event = CoreEvent.model_validate(raw)
            except ValidationError as exc:
                log.error("core event parked", extra={"problems": len(exc.errors()), "event_id": str(raw.get("event_id"))[:64]})
                await deps.cases.park_event(raw, "; ".join(".".join(str(part) for part in one["loc"]) for one in exc.errors())[:500])
                continue
            new += await case_moved(deps, event) == "applied"
        if page.next_cursor != cursor:
            await deps.cases.move_feed(cursor, page.next_cursor)
        if not page.has_more:
            break
    return new


async def look_at_feed(deps: Deps) -> None:
    """Edge of a job."""
    try:
        new = await take_feed(deps)
    except Outside as exc:
        log.warning("core feed not read", extra={"error": str(exc)})
        return
    if new:
        log.info("events found by asking", extra={"events": new})
