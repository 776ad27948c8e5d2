"""Story: money came, or went back; the resident is told. One inbox entry per order or refund, and a push where there is consent."""

from typing import Any

from kit.outbox import Row
from miniapp_api import telling
from miniapp_api.wiring import Deps
from notify import payment_messages
from notify.told import Told


async def tell(deps: Deps, row: Row) -> None:
    """Worker; payload {what: paid | refunded, order_no, refund_no?}."""
    order = await deps.paying.orders.order(row.payload["order_no"])
    if order is None:
        await deps.outbox.done(row.key)
        return
    await telling.of_row(deps, row, [order["person_id"]], await _told(deps, order, row.payload))


async def _told(deps: Deps, order: dict[str, Any], what: dict[str, Any]) -> Told:
    title, order_no, case_no = order["title"], order["_id"], order["case_no"]
    if what["what"] == "paid":
        return payment_messages.paid(title, order["payee"], order["amount_fen"], order["paid_at"], order_no, case_no)
    refund = await deps.paying.refunds.refund(what["refund_no"]) or {}
    by_itself = refund["requested_by"] == "system"
    return payment_messages.refunded(title, refund["amount_fen"], refund["refunded_at"], order_no, case_no, by_itself=by_itself)
