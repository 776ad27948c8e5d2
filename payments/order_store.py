"""Every query of orders, the ledger's lines, what residents were shown, and notices that were turned away. States move by compare-and-set."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, cast

from core.bills import EBill, Settlement
from core.types import Bill
from kit.clock import BEIJING, now
from kit.crypto import Keyring
from kit.mongo import AFTER, ASCENDING, DESCENDING, IndexModel, Mongo, Tx
from payments import ledger
from payments.gateways import GatewayName, Payment
from payments.pages import Place, after
from payments.states import HELD, LIVE, OrderState, before

_LIVE = {"live": True}
INDEXES = {
    "orders": [
        IndexModel([("bill_id", ASCENDING)], name="one_live_order_a_bill", unique=True, partialFilterExpression=_LIVE),
        IndexModel(
            [("gateway", ASCENDING), ("transaction_id", ASCENDING)],
            name="one_order_a_transaction",
            unique=True,
            partialFilterExpression={"transaction_id": {"$type": "string"}},
        ),
        IndexModel([("person_id", ASCENDING), ("created_at", DESCENDING)], name="mine"),
        IndexModel([("state", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="newest_of_a_state"),
        IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="newest_first"),
    ],
    "ledger_entries": [IndexModel([("day", ASCENDING), ("kind", ASCENDING), ("gateway", ASCENDING), ("_id", ASCENDING)], name="of_a_day")],
    "bills_seen": [IndexModel([("person_id", ASCENDING)]), IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=30 * 86400)],
    "payment_refusals": [IndexModel([("last_at", ASCENDING)], expireAfterSeconds=200 * 86400)],
}


class Orders:
    """Money keys are never deleted: `orders` and `ledger_entries` have no time to live."""

    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._orders = mongo["orders"]
        self._entries = mongo["ledger_entries"]
        self._seen = mongo["bills_seen"]
        self._refusals = mongo["payment_refusals"]
        self._keys = keys

    # making and reading

    async def add(
        self, tx: Tx, order_no: str, bill: Bill, payer: Mapping[str, str], gateway: Mapping[str, str], expires_at: datetime
    ) -> dict[str, Any]:
        """`payer`: resident_id, channel, account; `gateway`: name, merchant. Raises DuplicateKeyError while the bill has a live order."""
        row = {
            "_id": order_no,
            "bill_id": bill.bill_id,
            "bill_version": bill.version,
            "amount_fen": bill.amount_fen,
            "currency": bill.currency,
            "frozen": digest(bill),
            "title": bill.title,
            "item_name": bill.item_name,
            "payee": bill.payee,
            "case_no": bill.case_no,
            "person_id": bill.person_id,
            "resident_id": payer["resident_id"],
            "channel": payer["channel"],
            "payer": self._keys.seal(payer["account"], f"orders/payer/{order_no}"),
            "gateway": gateway["name"],
            "merchant": gateway["merchant"],
            "state": OrderState.CREATED.value,
            "live": True,
            "transaction_id": None,
            "reserved_fen": 0,
            "refunded_fen": 0,
            "reversed_fen": 0,
            "expires_at": expires_at,
            "created_at": now(),
        }
        await self._orders.insert_one(row, session=tx)
        return row

    async def order(self, order_no: str, tx: Tx | None = None) -> dict[str, Any] | None:
        return await self._orders.find_one({"_id": order_no}, session=tx)

    async def own(self, order_no: str, person_id: str) -> dict[str, Any] | None:
        """Only the person whose bill it is can see it."""
        return await self._orders.find_one({"_id": order_no, "person_id": person_id})

    async def live(self, bill_id: str) -> dict[str, Any] | None:
        return await self._orders.find_one({"bill_id": bill_id, **_LIVE})

    async def live_of(self, bill_ids: list[str]) -> dict[str, dict[str, Any]]:
        """bill id -> its live order."""
        return {row["bill_id"]: row async for row in self._orders.find({"bill_id": {"$in": bill_ids}, **_LIVE})}

    async def listed(self, states: list[str], payees: list[str] | None, last: Place | None, limit: int) -> list[dict[str, Any]]:
        """For staff: newest first after `last`, of these states or of all, of these payees or (None) of all."""
        wanted: dict[str, Any] = {"state": {"$in": states}} if states else {}
        if payees is not None:
            wanted["payee"] = {"$in": payees}
        wanted |= after("created_at", last)
        return [row async for row in self._orders.find(wanted, {"payer": 0}).sort([("created_at", -1), ("_id", -1)]).limit(limit)]

    def payer(self, order: Mapping[str, Any]) -> str:
        return self._keys.open(order["payer"], f"orders/payer/{order['_id']}")

    # moves

    async def move(self, tx: Tx | None, order_no: str, to: OrderState, **facts: Any) -> dict[str, Any] | None:
        """The order after it, or None when it was in no state from which that is allowed. `live` follows from the state."""
        change = {"state": to.value, "live": to in LIVE, f"{to.value}_at": now(), **facts}
        seen = {"_id": order_no, "state": {"$in": list(before(to))}}
        found = await self._orders.find_one_and_update(seen, {"$set": change}, return_document=AFTER, session=tx)
        return cast("dict[str, Any] | None", found)

    async def mark_paid(self, tx: Tx, payment: Payment, found_by: str, to: OrderState, **more: Any) -> dict[str, Any] | None:
        """The order's move and the ledger's line, in the caller's transaction. None when the order was elsewhere."""
        facts = {"transaction_id": payment.transaction_id, "paid_at": payment.paid_at, "found_by": found_by, **more}
        order = await self.move(tx, payment.order_no, to, **facts)
        if order is not None:
            await self._entries.insert_one(ledger.line("paid", order, payment.amount_fen, payment.paid_at), session=tx)
        return order

    async def mark_settled(self, tx: Tx, order: Mapping[str, Any], settlement: Settlement) -> bool:
        e_bill = settlement.e_bill.model_dump() if settlement.e_bill else None
        moved = await self.move(tx, order["_id"], OrderState.SETTLED, e_bill=e_bill)
        if moved is None:
            return False
        await self._entries.insert_one(ledger.line("settled", moved, settlement.amount_fen, moved["paid_at"]), session=tx)
        return True

    async def settling(self, order_no: str, seen: datetime | None, at: datetime | None) -> bool:
        """When the core was last asked to book it and may have. False if somebody else asked since `seen`."""
        changed = await self._orders.update_one({"_id": order_no, "settle_tried_at": seen}, {"$set": {"settle_tried_at": at}})
        return bool(changed.matched_count)

    # refunds, as far as the order knows of them

    async def reserve(self, tx: Tx, order_no: str, amount_fen: int) -> dict[str, Any] | None:
        """Part of what is left is spoken for, in one compare-and-set: what is refunded or may be never exceeds what was paid."""
        left = {"$gte": [{"$subtract": ["$amount_fen", "$reserved_fen"]}, amount_fen]}
        held = {"_id": order_no, "state": {"$in": [state.value for state in HELD]}, "$expr": left}
        change = {"$inc": {"reserved_fen": amount_fen}}
        return cast("dict[str, Any] | None", await self._orders.find_one_and_update(held, change, return_document=AFTER, session=tx))

    async def release(self, tx: Tx, order_no: str, amount_fen: int) -> None:
        await self._orders.update_one({"_id": order_no}, {"$inc": {"reserved_fen": -amount_fen}}, session=tx)

    async def mark_refunded(self, tx: Tx, order: Mapping[str, Any], refund_no: str, amount_fen: int, at: datetime) -> None:
        """Money went back at the gateway; the last of it ends the order."""
        total = order["refunded_fen"] + amount_fen
        change: dict[str, Any] = {"refunded_fen": total}
        if total == order["amount_fen"]:
            change |= {"state": OrderState.REFUNDED.value, "live": False, "refunded_at": now()}
        seen = {"_id": order["_id"], "refunded_fen": order["refunded_fen"]}
        if (await self._orders.update_one(seen, {"$set": change}, session=tx)).matched_count == 0:
            raise LookupError("another refund of this order was written at the same time")
        await self._entries.insert_one(ledger.line("refunded", dict(order), amount_fen, at, refund_no=refund_no), session=tx)

    async def mark_reversed(self, tx: Tx, order: Mapping[str, Any], refund_no: str, amount_fen: int, at: datetime) -> None:
        await self._orders.update_one({"_id": order["_id"]}, {"$inc": {"reversed_fen": amount_fen}}, session=tx)
        await self._entries.insert_one(ledger.line("reversed", dict(order), amount_fen, at, refund_no=refund_no), session=tx)

    # the ledger

    async def entries(self, order_no: str) -> list[dict[str, Any]]:
        found = self._entries.find({"_id": {"$in": [f"paid:{order_no}", f"settled:{order_no}"]}})
        return [row async for row in found]

    def entries_of(self, day: str, kind: str, gateway: GatewayName | None = None) -> AsyncIterator[dict[str, Any]]:
        """In the order of their ids, streamed."""
        wanted = {"day": day, "kind": kind} | ({"gateway": gateway} if gateway else {})
        cursor: AsyncIterator[dict[str, Any]] = self._entries.find(wanted).sort([("gateway", 1), ("_id", 1)])
        return cursor

    # what a resident was shown

    async def shown(self, bills: list[Bill]) -> None:
        """The amount somebody is about to agree to; also what is shown while the core is away."""
        for bill in bills:
            row = {"person_id": bill.person_id, "bill": bill.model_dump(mode="python") | {"state": bill.state.value}, "frozen": digest(bill)}
            await self._seen.update_one({"_id": bill.bill_id}, {"$set": {**row, "seen_at": now()}}, upsert=True)

    async def last_shown(self, bill_id: str) -> str | None:
        """The digest of what was shown last, or None if nothing was."""
        row = await self._seen.find_one({"_id": bill_id}, {"frozen": 1})
        return None if row is None else str(row["frozen"])

    async def bills_shown(self, person_id: str) -> list[tuple[Bill, datetime]]:
        return [(Bill.model_validate(row["bill"]), row["seen_at"]) async for row in self._seen.find({"person_id": person_id}).limit(200)]

    # notices that were turned away

    async def turned_away(self, gateway: GatewayName, reason: str, order_no: str | None) -> None:
        """One row per gateway, reason, order and hour, counted: a flood of forged notices writes no flood of rows."""
        hour = now().astimezone(BEIJING).strftime("%Y-%m-%dT%H")
        own = f"{gateway}/{reason}/{order_no or '-'}/{hour}"
        fresh = {"gateway": gateway, "reason": reason, "order_no": order_no, "first_at": now()}
        await self._refusals.update_one({"_id": own}, {"$setOnInsert": fresh, "$inc": {"times": 1}, "$set": {"last_at": now()}}, upsert=True)

    async def refusals(self, limit: int) -> list[dict[str, Any]]:
        return [row async for row in self._refusals.find().sort("last_at", -1).limit(limit)]


def digest(bill: Bill) -> str:
    """What is frozen of a bill: whom it is for, what it is for and how much."""
    text = "\n".join((bill.bill_id, bill.person_id, bill.title, bill.payee, str(bill.amount_fen), bill.currency))
    return hashlib.sha256(text.encode()).hexdigest()


def e_bill_of(order: Mapping[str, Any]) -> EBill | None:
    return EBill.model_validate(order["e_bill"]) if order.get("e_bill") else None
