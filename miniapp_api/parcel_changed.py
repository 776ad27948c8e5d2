"""Story: a parcel changed. What is told of it, to whom, is written down in the transaction that makes the change true; parcel_told.py tells it."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.deliveries import OutcomeState
from delivery.shipping import Change, ChangeKind
from kit.mongo import Tx
from kit.outbox import Outbox
from notify import parcel_messages

TELL, TELL_CORE = "parcel.tell", "parcel.core"
ON_ITS_WAY = frozenset[ChangeKind]({"handed_over", "collected", "ready_at_hall"})
ENDS: Mapping[ChangeKind, OutcomeState] = {
    "delivered": "delivered",
    "returned": "returned",
    "lost": "lost",
    "arrived_at_hall": "arrived",
    "picked_up": "picked_up",
}


@dataclass(frozen=True, slots=True)
class ParcelChanged:
    """Fulfils delivery.shipping.Told."""

    outbox: Outbox

    async def __call__(self, tx: Tx, change: Change) -> None:
        what = {"what": change.kind, "parcel_id": change.parcel_id, "at": change.at}
        if change.kind in parcel_messages.KINDS:
            await self.outbox.put(tx, TELL, f"parcel:{change.own}", what)
        if change.kind in ON_ITS_WAY or change.kind in ENDS:
            await self.outbox.put(tx, TELL_CORE, f"parcel-core:{change.own}", what)
