"""Every query of refunds. One row per refund; its number is what makes repetition harmless at the gateway and at the core."""

from datetime import datetime
from typing import Any, cast

from kit.clock import now
from kit.mongo import AFTER, ASCENDING, DESCENDING, IndexModel, Mongo, Tx
from payments.pages import Place, after
from payments.states import RefundState

INDEXES = {
    "refunds": [
        IndexModel([("order_no", ASCENDING)], name="of_an_order"),
        IndexModel([("state", ASCENDING), ("requested_at", DESCENDING), ("_id", DESCENDING)], name="newest_of_a_state"),
        IndexModel([("requested_at", DESCENDING), ("_id", DESCENDING)], name="newest_first"),
    ]
}


class Refunds:
    def __init__(self, mongo: Mongo) -> None:
        self._refunds = mongo["refunds"]

    async def add(self, tx: Tx, row: dict[str, Any]) -> None:
        await self._refunds.insert_one(row, session=tx)

    async def refund(self, refund_no: str, tx: Tx | None = None) -> dict[str, Any] | None:
        return await self._refunds.find_one({"_id": refund_no}, session=tx)

    async def of_order(self, order_no: str) -> list[dict[str, Any]]:
        return [row async for row in self._refunds.find({"order_no": order_no}).sort("requested_at", 1)]

    async def listed(self, states: list[str], payees: list[str] | None, last: Place | None, limit: int) -> list[dict[str, Any]]:
        wanted: dict[str, Any] = {"state": {"$in": states}} if states else {}
        if payees is not None:
            wanted["payee"] = {"$in": payees}
        wanted |= after("requested_at", last)
        return [row async for row in self._refunds.find(wanted).sort([("requested_at", -1), ("_id", -1)]).limit(limit)]

    async def move(self, tx: Tx | None, refund_no: str, before: tuple[RefundState, ...], to: RefundState, **facts: Any) -> dict[str, Any] | None:
        """Compare-and-set; None if it was in none of the states `before`."""
        seen = {"_id": refund_no, "state": {"$in": [state.value for state in before]}}
        change = {"$set": {"state": to.value, f"{to.value}_at": now(), **facts}}
        return cast("dict[str, Any] | None", await self._refunds.find_one_and_update(seen, change, return_document=AFTER, session=tx))

    async def approve(self, tx: Tx, refund_no: str, staff_id: str) -> dict[str, Any] | None:
        """Maker is not checker: nobody approves what they asked for, in the same compare-and-set."""
        seen = {"_id": refund_no, "state": RefundState.REQUESTED.value, "requested_by": {"$ne": staff_id}}
        change = {"$set": {"state": RefundState.APPROVED.value, "approved_by": staff_id, "approved_at": now()}}
        return cast("dict[str, Any] | None", await self._refunds.find_one_and_update(seen, change, return_document=AFTER, session=tx))

    async def reversing(self, refund_no: str, seen: datetime | None, at: datetime | None) -> bool:
        """When the core was last asked to take its booking back and may have. False if somebody else asked since `seen`."""
        changed = await self._refunds.update_one({"_id": refund_no, "reverse_tried_at": seen}, {"$set": {"reverse_tried_at": at}})
        return bool(changed.matched_count)

    async def mark_reversed(self, tx: Tx, refund_no: str) -> bool:
        """False if that is written already."""
        open_one = {"_id": refund_no, "reversed_at": None}
        return bool((await self._refunds.update_one(open_one, {"$set": {"reversed_at": now()}}, session=tx)).modified_count)
