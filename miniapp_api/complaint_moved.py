"""Story: a complaint moved at the core. What it is now and what the resident is told are one write with the event's id."""

from typing import Literal

from complaints import moves
from complaints.values import KINDS
from core.complaints import ComplaintMoved, ComplaintState
from kit.mongo import Tx
from miniapp_api import telling
from miniapp_api.wiring import Deps
from notify import complaint_messages


async def apply(deps: Deps, tx: Tx, event: ComplaintMoved) -> Literal["applied", "repeated", "not_ours"]:
    """In the transaction in which the event's id is written down. Not ours: told to the hotline, or through another channel.

    Raises LookupError where it moved meanwhile; the caller takes the event once more.
    """
    store = deps.complaining.store
    before = await store.complaint(event.complaint_id, tx)
    if before is None:
        return "not_ours"
    after = moves.told(before, event.number, [moves.of_core(event.move)], deps.workdays.current)
    if not await store.change(tx, before, after):
        raise LookupError("the complaint moved meanwhile")
    move = event.move
    if move.state is not ComplaintState.RECEIVED:
        told = complaint_messages.told(before.id, event.number, KINDS[before.said.kind], move.state.value, after.department, move.at)
        await telling.put(deps, tx, event.event_id, before.person_id, told)
    return "applied"
