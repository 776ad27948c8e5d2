"""Asking for a refund, approving it, and the refunds nobody has to ask for. What is spoken for never exceeds what was paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kit.clock import now
from kit.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from kit.ids import new_number
from kit.money import yuan
from kit.mongo import Tx
from kit.outbox import Outbox
from payments.order_store import Orders
from payments.paying import Paying
from payments.refund_store import Refunds
from payments.states import OrderState, RefundState

KIND = "pay.refund"
SYSTEM = "system"
MOST = 50  # partial refunds of one order (WeChat Pay, refund rules)


@dataclass(frozen=True, slots=True)
class Wish:
    """`amount_fen` None: all that is left. `by`: resident or staff id."""

    amount_fen: int | None
    reason: str
    by: str
    by_staff: bool


def row_key(refund_no: str) -> str:
    return f"refund:{refund_no}"


async def request(paying: Paying, order: Mapping[str, Any], wish: Wish) -> dict[str, Any]:
    """A refund that waits for approval; its amount is reserved. Raises Conflict (not settled, nothing left), Invalid (more than is left)."""
    if order["state"] == OrderState.PAID:
        raise Conflict("refund_too_early", "这笔缴费正在入账，入账后才能申请退款，请稍后再试")
    left = order["amount_fen"] - order["reserved_fen"]
    if order["state"] != OrderState.SETTLED or left <= 0:
        raise Conflict("nothing_to_refund", "这笔订单没有可以申请退款的金额")
    if len(await paying.refunds.of_order(order["_id"])) >= MOST:
        raise Conflict("too_many_refunds", f"这笔订单的退款申请已达 {MOST} 次，请到窗口办理")
    amount = left if wish.amount_fen is None else wish.amount_fen
    if amount > left:
        raise _more_than_left(left)
    row = _row(new_number("R"), order, amount, wish.reason) | {"requested_by": wish.by, "by_staff": wish.by_staff}

    async def both(tx: Tx) -> bool:
        if await paying.orders.reserve(tx, order["_id"], amount) is None:
            return False
        await paying.refunds.add(tx, row)
        return True

    if not await paying.mongo.transaction(both):
        fresh = await paying.orders.order(order["_id"]) or order
        raise _more_than_left(fresh["amount_fen"] - fresh["reserved_fen"])
    return row


async def approve(paying: Paying, refund_no: str, staff_id: str) -> dict[str, Any]:
    """Maker is not checker. Raises NotFound, Forbidden (one's own), Conflict (decided already)."""

    async def both(tx: Tx) -> dict[str, Any] | None:
        refund = await paying.refunds.approve(tx, refund_no, staff_id)
        if refund is not None:
            await paying.outbox.put(tx, KIND, row_key(refund_no), {"refund_no": refund_no})
        return refund

    approved = await paying.mongo.transaction(both)
    if approved is not None:
        return approved
    known = await _known(paying, refund_no)
    if known["state"] == RefundState.REQUESTED:
        raise Forbidden("own_refund", "退款不能由提出的人自己审批，请交给另一位审批人")
    raise _decided()


async def reject(paying: Paying, refund_no: str, staff_id: str, reason: str) -> dict[str, Any]:
    """The amount is free again."""

    async def both(tx: Tx) -> dict[str, Any] | None:
        facts = {"approved_by": staff_id, "rejected_because": reason}
        refund = await paying.refunds.move(tx, refund_no, (RefundState.REQUESTED,), RefundState.REJECTED, **facts)
        if refund is not None:
            await paying.orders.release(tx, refund["order_no"], refund["amount_fen"])
        return refund

    rejected = await paying.mongo.transaction(both)
    if rejected is None:
        await _known(paying, refund_no)
        raise _decided()
    return rejected


async def send_back(orders: Orders, refunds: Refunds, outbox: Outbox, tx: Tx, order: Mapping[str, Any]) -> None:
    """All that is left of an order goes back without anybody asking, once: its number follows from the order's. In the caller's transaction."""
    amount = order["amount_fen"] - order["reserved_fen"]
    if amount <= 0 or await orders.reserve(tx, order["_id"], amount) is None:
        return
    row = _row(f"RS{order['_id']}", order, amount, str(order["returning_because"]))
    await refunds.add(tx, row | {"requested_by": SYSTEM, "approved_by": SYSTEM, "by_staff": False, "state": RefundState.APPROVED.value})
    await outbox.put(tx, KIND, row_key(row["_id"]), {"refund_no": row["_id"]})


def _row(refund_no: str, order: Mapping[str, Any], amount_fen: int, reason: str) -> dict[str, Any]:
    return {
        "_id": refund_no,
        "order_no": order["_id"],
        "bill_id": order["bill_id"],
        "person_id": order["person_id"],
        "payee": order["payee"],
        "amount_fen": amount_fen,
        "reason": reason,
        "state": RefundState.REQUESTED.value,
        "requested_at": now(),
        "approved_by": None,
        "reversed_at": None,
    }


async def _known(paying: Paying, refund_no: str) -> dict[str, Any]:
    found = await paying.refunds.refund(refund_no)
    if found is None:
        raise NotFound("refund_unknown", "没有找到这笔退款申请，请刷新列表")
    return found


def _decided() -> Conflict:
    return Conflict("refund_decided", "这笔退款申请已有人处理，请刷新后查看")


def _more_than_left(left: int) -> Invalid:
    told = FieldError("amount_fen", f"最多可退 {yuan(max(0, left))} 元")
    return Invalid("refund_too_large", "申请的金额超过可退的金额", errors=(told,))
