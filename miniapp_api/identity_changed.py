"""Story, its first half: who stands behind an account changed. In the same transaction drafts and files follow their person, and the telling is put down."""

from dataclasses import dataclass

from cases.drafts import Desk
from cases.file_store import Owner
from core.subjects import person_key
from kit.clock import now
from kit.mongo import Tx
from kit.outbox import Outbox
from residents.changes import Change

TELL = "identity.tell"


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """What `residents` calls inside the transaction of a change."""

    outbox: Outbox
    desk: Desk

    async def __call__(self, tx: Tx, change: Change) -> None:
        resident_id = change.resident_id or ""
        if change.kind == "joined":
            await self.desk.drafts.hand_over_drafts(tx, change.detail, resident_id)
            await self.desk.files.adopt(tx, change.detail, Owner(f"resident:{resident_id}", None, resident_id))
        if change.kind in ("joined", "bound", "linked") and change.person_id is not None:
            await self.desk.drafts.move_drafts(tx, resident_id, change.person_id)
            await self.desk.files.adopt(tx, resident_id, Owner(person_key(change.person_id), change.person_id, resident_id))
        if change.kind in ("joined", "bound"):
            return  # nobody else to tell: still one account, or the first, in front of whose owner it happened
        payload = {"kind": change.kind, "person_id": change.person_id, "resident_id": change.resident_id, "detail": change.detail, "at": now()}
        await self.outbox.put(tx, TELL, f"identity:{change.own}", payload)
