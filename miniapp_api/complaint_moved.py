"""Story: a complaint moved at the core."""

from typing import Literal

from core.complaints import ComplaintMoved
from kit.mongo import Tx
from miniapp_api.wiring import Deps


async def apply(deps: Deps, tx: Tx, event: ComplaintMoved) -> Literal["applied", "repeated", "not_ours"]:
    """In the transaction in which the event's id is written down. Not ours: made at a window or through another channel."""
    return "not_ours"
