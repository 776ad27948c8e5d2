"""A move of the core is taken over: newer ones over older ones, in whatever order they come. What the resident called off stays so, and so does
that somebody came whose code was read at the hall.
"""

import logging
from collections.abc import Mapping
from typing import Literal

from appointments.values import OF_CORE, Appointment, State
from appointments.work import Change, ChangeKind, Work
from core.appointments import AppointmentMove
from kit.mongo import Tx

log = logging.getLogger(__name__)

Outcome = Literal["applied", "repeated", "not_ours"]
TOLD: Mapping[State, ChangeKind] = {
    State.ARRIVED: "arrived",
    State.SERVED: "served",
    State.NO_SHOW: "no_show",
    State.CANCELLED: "cancelled",
    State.CLOSED: "closed",
}


async def apply(work: Work, tx: Tx, own: str, move: AppointmentMove) -> Outcome:
    """In the caller's transaction."""
    one = await work.store.appointment(own, tx)
    if one is None:
        return "not_ours"
    if one.state is State.ASKING and await work.store.heard(tx, own, move.version):  # whoever records the booking must have read this step
        return "applied"
    to = OF_CORE[move.state]
    if one.state in (State.CANCELLED, State.REFUSED):
        known = await work.store.newer(tx, own, move.version, {}, ends=False)
        return "applied" if known else "repeated"
    if to is State.NO_SHOW and one.arrived_at is not None:
        return await _denied(work, tx, one, move)
    if not await work.store.newer(tx, own, move.version, _facts(one, move, to), ends=to is not State.BOOKED):
        return "repeated"
    if to in TOLD and to is not one.state:
        after = await work.store.appointment(own, tx)
        await work.told(tx, Change(f"{own}:{move.version}", TOLD[to], after))
    return "applied"


async def _denied(work: Work, tx: Tx, one: Appointment, move: AppointmentMove) -> Outcome:
    """The core closed its day before it took the arrival. They came: nothing is told and nothing counted; staff see that the two books differ."""
    known = await work.store.newer(tx, one.id, move.version, {"denied_at": move.at}, ends=True)
    if known:
        log.warning("the core calls a no-show who checked in here", extra={"appointment": one.id})
    return "applied" if known else "repeated"


def _facts(one: Appointment, move: AppointmentMove, to: State) -> dict[str, object]:
    """What stays said by an older word: when they came, if the hall did not say so itself. Of nobody's appointment the hall's words are not kept."""
    came = {"arrived_at": move.at} if to is State.ARRIVED and one.arrived_at is None else {}
    said = {} if one.is_nobodys else {"note": move.text}
    return {"state": to.value, **said, **came}
