"""Story: an appointment moved at the core: somebody arrived, was served, did not come, or the hall closed."""

from typing import Literal

from core.appointments import AppointmentMoved
from kit.mongo import Tx
from miniapp_api.wiring import Deps


async def apply(deps: Deps, tx: Tx, event: AppointmentMoved) -> Literal["applied", "repeated", "not_ours"]:
    """In the transaction in which the event's id is written down. Not ours: made at a window or through another channel."""
    return "not_ours"
