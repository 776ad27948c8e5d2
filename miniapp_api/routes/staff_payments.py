"""Orders and refunds for staff. Who asks for a refund is never who approves it; staff see what their own departments are paid."""

from typing import Any

from kit.clock import at_edge, at_edge_or_none
from kit.errors import NotFound
from miniapp_api.gate import Call, Routes
from miniapp_api.routes.bills import refund_entry
from miniapp_api.shapes import NoBody
from miniapp_api.shapes_pay import Reason, StaffList, StaffOrder, StaffOrders, StaffRefund, StaffRefunds, StaffRefundWish
from payments import refunds
from payments.pages import cursor, place
from payments.states import TEXTS, OrderState
from staff.roles import ALL, of_department

routes = Routes()


@routes.add("GET", "/staff/v1/orders", who="staff", may="orders.read", summary="支付订单", query=StaffList, reply=StaffOrders)
async def orders(call: Call) -> StaffOrders:
    query: StaffList = call.query
    rows = await call.deps.paying.orders.listed([query.state] if query.state else [], _payees(call), place(query.cursor), query.limit)
    after = cursor(rows[-1]["created_at"], rows[-1]["_id"]) if len(rows) == query.limit else None
    return StaffOrders(items=[_order(row) for row in rows], next_cursor=after)


@routes.add("GET", "/staff/v1/orders/<order_no:str>", who="staff", may="orders.read", summary="一笔支付订单", reply=StaffOrder)
async def order(call: Call, order_no: str) -> StaffOrder:
    return _order(await _found(call, order_no))


@routes.add(
    "POST",
    "/staff/v1/orders/<order_no:str>/refunds",
    who="staff",
    may="refund.request",
    summary="提出退款",
    body=StaffRefundWish,
    reply=StaffRefund,
    status=201,
    idempotent=True,
    keep_days=None,
)
async def ask(call: Call, order_no: str) -> StaffRefund:
    found = await _found(call, order_no)
    wish = refunds.Wish(call.body.amount_fen, call.body.reason, call.staff.id, by_staff=True)
    made = await refunds.request(call.deps.paying, found, wish)
    call.acted_on(f"{order_no} {made['_id']}")
    return _refund(made)


@routes.add("GET", "/staff/v1/refunds", who="staff", may="orders.read", summary="退款申请", query=StaffList, reply=StaffRefunds)
async def listed(call: Call) -> StaffRefunds:
    query: StaffList = call.query
    rows = await call.deps.paying.refunds.listed([query.state] if query.state else [], _payees(call), place(query.cursor), query.limit)
    after = cursor(rows[-1]["requested_at"], rows[-1]["_id"]) if len(rows) == query.limit else None
    return StaffRefunds(items=[_refund(row) for row in rows], next_cursor=after)


@routes.add(
    "POST",
    "/staff/v1/refunds/<refund_no:str>/approve",
    who="staff",
    may="refund.approve",
    summary="批准退款（不能是提出的人）",
    body=NoBody,
    reply=StaffRefund,
)
async def approve(call: Call, refund_no: str) -> StaffRefund:
    await _wanted(call, refund_no)
    return _refund(await refunds.approve(call.deps.paying, refund_no, call.staff.id))


@routes.add(
    "POST", "/staff/v1/refunds/<refund_no:str>/reject", who="staff", may="refund.approve", summary="不批准退款", body=Reason, reply=StaffRefund
)
async def reject(call: Call, refund_no: str) -> StaffRefund:
    await _wanted(call, refund_no)
    return _refund(await refunds.reject(call.deps.paying, refund_no, call.staff.id, call.body.reason))


async def _found(call: Call, order_no: str) -> dict[str, Any]:
    row = await call.deps.paying.orders.order(order_no)
    if row is None or not _mine(call, row):
        raise NotFound("order_unknown", "没有找到这笔订单，请核对订单编号")
    return row


async def _wanted(call: Call, refund_no: str) -> None:
    row = await call.deps.paying.refunds.refund(refund_no)
    if row is None or not _mine(call, row):
        raise NotFound("refund_unknown", "没有找到这笔退款申请，请刷新列表")


def _payees(call: Call) -> list[str] | None:
    """None: of every department."""
    departments = call.staff.scope.departments
    return None if ALL in departments else sorted(departments)


def _mine(call: Call, row: dict[str, Any]) -> bool:
    """The payee is the department whose money it is."""
    return of_department(call.staff.scope, row["payee"])


def _order(row: dict[str, Any]) -> StaffOrder:
    paid_at, settled_at = row.get("paid_at"), row.get("settled_at")
    same = {key: row[key] for key in ("bill_id", "case_no", "title", "payee", "channel", "gateway", "amount_fen", "state", "transaction_id")}
    return StaffOrder(
        order_no=row["_id"],
        state_text=TEXTS[OrderState(row["state"])],
        created_at=at_edge(row["created_at"]),
        paid_at=at_edge_or_none(paid_at),
        settled_at=at_edge_or_none(settled_at),
        refunded_fen=row["refunded_fen"],
        reserved_fen=row["reserved_fen"],
        found_by=row.get("found_by"),
        **same,
    )


def _refund(row: dict[str, Any]) -> StaffRefund:
    same: dict[str, Any] = {key: row.get(key) for key in ("order_no", "payee", "reason", "requested_by", "approved_by", "failed_because")}
    return StaffRefund(**refund_entry(row).model_dump(), **same)
