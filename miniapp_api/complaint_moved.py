"""Story: a complaint moved at the core. What it is now and what the resident is told are one write, and each step is told once, however it came."""

import logging
from typing import Literal

from complaints import moves
from complaints.values import KINDS, Complaint, Move, Registered
from core.complaints import ComplaintMoved, ComplaintState
from kit.clock import now
from kit.mongo import Tx
from miniapp_api import telling
from miniapp_api.complaint_view import state_of
from miniapp_api.wiring import Deps
from notify import complaint_messages
from notify.told import Told

log = logging.getLogger(__name__)

_ANSWERED_FOR: frozenset[Registered] = frozenset({"told", "handed_over"})
_OUR_WORD: frozenset[Registered] = frozenset({"refused", "handed_over"})  # of which the core will never tell


async def apply(deps: Deps, tx: Tx, event: ComplaintMoved) -> Literal["applied", "repeated", "not_ours"]:
    """In the transaction in which the event's id is written down. Not ours: told to the hotline, or through another channel.

    Repeated: the step is known, from an event under another id or from an answer of the core. Raises LookupError where the complaint moved
    meanwhile; the caller takes the event once more.
    """
    before = await deps.complaining.store.complaint(event.complaint_id, tx)
    if before is None:
        return "not_ours"
    move = moves.of_core(event.move)
    known = next((one for one in before.moves if one.version == move.version), None)
    if known is not None:
        if (known.state, known.at) != (move.state, move.at):
            log.error("the core tells a step of a complaint otherwise than before", extra={"complaint_id": before.id, "version": move.version})
        return "repeated"
    after = moves.told(before, event.number, [move], deps.workdays.current)
    if not await taken_over(deps, tx, before, after):
        raise LookupError("the complaint moved meanwhile")
    return "applied"


async def taken_over(deps: Deps, tx: Tx, before: Complaint, after: Complaint) -> bool:
    """What it is now; of each step nobody knew before, and of what the core did not take, the resident is told. False: somebody was faster, and nothing is written.

    What was said to the assistant waits for a person until somebody answers for the complaint: the core, or whom staff handed it to.
    """
    if not await deps.complaining.store.change(tx, before, after):
        return False
    if after.said.conversation_id is not None and after.at_core in _ANSWERED_FOR and before.at_core not in _ANSWERED_FOR:
        await deps.assistant.store.landed(tx, after.said.conversation_id)
    known = {move.version for move in before.moves}
    news = [move for move in after.moves if move.version not in known and move.state is not ComplaintState.RECEIVED]
    tellings = [(f"complaint:{after.id}:{move.version}", after.person_id, _words(after, move)) for move in news]
    if after.at_core in _OUR_WORD and after.at_core != before.at_core:
        words = complaint_messages.told(after.id, after.number, KINDS[after.said.kind], state_of(after)[0], None, now())
        tellings.append((f"complaint:{after.id}:{after.at_core}", after.person_id, words))
    await telling.put_many(deps, tx, tellings)
    return True


def _words(one: Complaint, move: Move) -> Told:
    return complaint_messages.told(one.id, one.number, KINDS[one.said.kind], move.state.value, move.department or one.department, move.at)
