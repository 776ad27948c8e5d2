"""What a resident owes, and paying it: bills as the core has them, orders, refund requests."""

import logging
from typing import Any

from core.bills import Bill, BillState
from kit.clock import at_edge, at_edge_or_none
from kit.errors import NotFound, Outside, Unavailable
from miniapp_api.gate import Call, Routes
from miniapp_api.may import may_pay
from miniapp_api.shapes_pay import BillEntries, BillEntry, NewOrder, OrderPlaced, OrderState, RefundEntry, RefundWish
from payments import asking, orders, refunds, states
from payments.states import REFUND_TEXTS, TEXTS, RefundState
from residents import cooling, subjects

log = logging.getLogger(__name__)
routes = Routes()

ASK_AGAIN = 2  # seconds between two questions about one order, however often its page is looked at


@routes.add("GET", "/v1/bills", who="resident", summary="我的缴费单", reply=BillEntries)
async def mine(call: Call) -> BillEntries:
    person_id, paying = _whose(call), call.deps.paying
    as_of = None
    try:
        bills = list(await paying.core.bills(person_id, "all"))
        await paying.orders.shown([bill for bill in bills if bill.state is BillState.UNPAID])
    except Outside as exc:
        seen = await paying.orders.bills_shown(person_id)
        if not seen:
            raise Unavailable("core_unavailable", "政务平台暂时没有回应，请稍后再试", retry_after=3) from exc
        bills, as_of = [bill for bill, _ in seen], min(at for _, at in seen)
    live = await paying.orders.live_of([bill.bill_id for bill in bills])
    return BillEntries(items=[_bill(bill, live.get(bill.bill_id)) for bill in bills], as_of=at_edge_or_none(as_of))


@routes.add(
    "POST",
    "/v1/bills/<bill_id:str>/orders",
    who="resident",
    summary="支付这张缴费单",
    body=NewOrder,
    reply=OrderPlaced,
    status=201,
    idempotent=True,
    keep_days=None,
)
async def pay(call: Call, bill_id: str) -> OrderPlaced:
    caller = call.resident
    customer = orders.Customer(await may_pay(call), caller.resident_id, "wechat" if caller.channel == "wechat" else "alipay")
    placed = await orders.place(call.deps.paying, customer, bill_id, call.body.channel)
    order = placed.order
    return OrderPlaced(
        order_no=order["_id"],
        bill_id=bill_id,
        channel=order["channel"],
        amount_fen=order["amount_fen"],
        expires_at=at_edge(order["expires_at"]),
        pay_params=placed.pay_params,
    )


@routes.add("GET", "/v1/orders/<order_no:str>", who="resident", summary="支付结果", reply=OrderState)
async def look(call: Call, order_no: str) -> OrderState:
    return await _shape(call, *await _looked(call, await own(call, order_no)))


@routes.add(
    "POST",
    "/v1/orders/<order_no:str>/refund-requests",
    who="resident",
    summary="申请退款",
    body=RefundWish,
    reply=RefundEntry,
    status=201,
    idempotent=True,
    keep_days=None,
)
async def ask_back(call: Call, order_no: str) -> RefundEntry:
    await may_pay(call)
    await cooling.check(call.deps.residents, call.resident.resident_id, "refund")
    order, asked = await own(call, order_no), call.body
    wish = refunds.Wish(asked.amount_fen, asked.reason, call.resident.resident_id, by_staff=False)
    return refund_entry(await refunds.request(call.deps.paying, order, wish))


async def own(call: Call, order_no: str) -> dict[str, Any]:
    """Only the person whose bill it is can see the order, on whichever channel."""
    order = await call.deps.paying.orders.own(order_no, _whose(call))
    if order is None:
        raise NotFound("order_unknown", "没有找到这笔订单，请从“我的缴费”中重新打开")
    return order


def refund_entry(row: dict[str, Any]) -> RefundEntry:
    state = RefundState(row["state"])
    refunded_at = row.get("refunded_at")
    return RefundEntry(
        refund_no=row["_id"],
        amount_fen=row["amount_fen"],
        state=state,
        state_text=REFUND_TEXTS[state],
        requested_at=at_edge(row["requested_at"]),
        refunded_at=at_edge_or_none(refunded_at),
    )


def _whose(call: Call) -> str:
    """Whose bills are looked at: reading needs no right beyond standing for that person."""
    own, subject = subjects.bound(call.resident), call.resident.subject
    return subject.key.removeprefix("person:") if subject is not None and subject.key.startswith("person:") else own


async def _looked(call: Call, order: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The order, asked for at its gateway when somebody waits for it; True while the gateway does not say."""
    paying, order_no = call.deps.paying, order["_id"]
    if order["state"] not in states.UNPAID:
        return order, False
    if await call.deps.redis.add(f"pay-look:{order_no}", "1", ASK_AGAIN) is False:
        return order, order["state"] == states.OrderState.CLOSING
    try:
        await asking.ask(paying, order)
    except Outside as exc:
        log.info("order not known yet", extra={"order_no": order_no, "error": str(exc)})
        return order, order["state"] != states.OrderState.CREATED
    fresh = await paying.orders.order(order_no) or order
    return fresh, fresh["state"] == states.OrderState.CLOSING


async def _shape(call: Call, order: dict[str, Any], confirming: bool) -> OrderState:
    state = states.OrderState(order["state"])
    given_back = await call.deps.paying.refunds.of_order(order["_id"])
    e_bill, paid_at, settled_at = order.get("e_bill"), order.get("paid_at"), order.get("settled_at")
    return OrderState(
        order_no=order["_id"],
        bill_id=order["bill_id"],
        title=order["title"],
        payee=order["payee"],
        channel=order["channel"],
        amount_fen=order["amount_fen"],
        state=state,
        state_text=states.CONFIRMING if confirming else TEXTS[state],
        confirming=confirming,
        paid_at=at_edge_or_none(paid_at),
        settled_at=at_edge_or_none(settled_at),
        refunded_fen=order["refunded_fen"],
        refunds=[refund_entry(row) for row in given_back],
        e_bill_no=e_bill["number"] if e_bill else None,
        receipt=settled_at is not None,
    )


def _bill(bill: Bill, order: dict[str, Any] | None) -> BillEntry:
    return BillEntry(
        bill_id=bill.bill_id,
        title=bill.title,
        item_name=bill.item_name,
        payee=bill.payee,
        case_no=bill.case_no,
        amount_fen=bill.amount_fen,
        state=states.bill_state(bill, order),  # type: ignore[arg-type]  # one of its literals
        state_text=states.bill_text(bill, order),
        order_no=order["_id"] if order is not None else None,
        issued_at=at_edge(bill.issued_at),
        expires_at=at_edge_or_none(bill.expires_at),
    )
