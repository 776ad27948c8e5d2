"""Story: money came, or went back; the resident is told. One inbox entry per order or refund, and a push where there is consent."""

from typing import Any

from kit.outbox import Row
from miniapp_api import telling
from miniapp_api.wiring import Deps
from notify import payment_messages


async def tell(deps: Deps, row: Row) -> None:
    """Worker; payload {what: paid | refunded, order_no, refund_no?}."""
    order = await deps.paying.orders.order(row.payload["order_no"])
    if order is None:
        await deps.outbox.done(row.key)
        return
    await telling.of_row(deps, row, [order["person_id"]], await _content(deps, order, row.payload), deps.pushing.channels)


async def _content(deps: Deps, order: dict[str, Any], what: dict[str, Any]) -> dict[str, Any]:
    title, order_no = order["title"], order["_id"]
    if what["what"] == "paid":
        text = payment_messages.paid_text(title, order["payee"], order["amount_fen"], order_no)
        kind, amount, at = payment_messages.PAID, order["amount_fen"], order["paid_at"]
    else:
        refund = await deps.paying.refunds.refund(what["refund_no"]) or {}
        amount, at = refund["amount_fen"], refund["refunded_at"]
        text = payment_messages.refunded_text(title, amount, order_no, by_itself=refund["requested_by"] == "system")
        kind = payment_messages.REFUNDED
    values = payment_messages.values(title, amount, at, order_no)
    return {
        "kind": kind,
        "template_key": kind,
        "case_no": order["case_no"],
        "page": f"pages/order/detail?no={order_no}",
        "text": text,
        "values": values,
    }
