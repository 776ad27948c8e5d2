"""Story: an appointment moved at the core: somebody arrived, was served, did not come, or the hall closed."""

from typing import Literal

from appointments import moves
from core.appointments import AppointmentMoved
from kit.mongo import Tx
from miniapp_api.appointment_changed import work_of
from miniapp_api.wiring import Deps


async def apply(deps: Deps, tx: Tx, event: AppointmentMoved) -> Literal["applied", "repeated", "not_ours"]:
    """In the transaction in which the event's id is written down. Not ours: made at a window or through another channel."""
    return await moves.apply(work_of(deps), tx, event.appointment_id, event.move)
