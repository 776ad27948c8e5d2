"""States of an order and the moves between them. Pure: the store makes each move a compare-and-set, and nothing else changes a state.

created ──> awaiting ──> paid ──> settled ──> refunded
   │           │          │
   └─────┬─────┘          └──> returning ──> refunded        the core does not take it: the money goes back
         v                         ^
      closing ──> closed ──────────┘                         paid after it was closed
         └──> paid                                           the payment was faster
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from core.bills import Bill, BillState
from kit.clock import now


class OrderState(StrEnum):
    CREATED = "created"  # our intent is written; the gateway may or may not know of it
    AWAITING = "awaiting"  # the client has what it needs to pay
    CLOSING = "closing"  # nobody is to pay it any more; the gateway has not confirmed that yet
    CLOSED = "closed"
    PAID = "paid"  # the gateway has the money; the core has not booked it yet
    SETTLED = "settled"  # the core has booked it; part of it may be refunded
    RETURNING = "returning"  # the gateway has money that must go back without anybody asking
    REFUNDED = "refunded"  # all of it went back


ALLOWED: dict[OrderState, frozenset[OrderState]] = {
    OrderState.CREATED: frozenset({OrderState.AWAITING, OrderState.CLOSING, OrderState.PAID}),
    OrderState.AWAITING: frozenset({OrderState.CLOSING, OrderState.PAID}),
    OrderState.CLOSING: frozenset({OrderState.CLOSED, OrderState.PAID}),
    OrderState.CLOSED: frozenset({OrderState.RETURNING}),
    OrderState.PAID: frozenset({OrderState.SETTLED, OrderState.RETURNING}),
    OrderState.SETTLED: frozenset({OrderState.REFUNDED}),
    OrderState.RETURNING: frozenset({OrderState.REFUNDED}),
    OrderState.REFUNDED: frozenset(),
}
UNPAID = (OrderState.CREATED, OrderState.AWAITING, OrderState.CLOSING)
HELD = (OrderState.PAID, OrderState.SETTLED, OrderState.RETURNING)  # the gateway has money of it
LIVE = (*UNPAID, OrderState.PAID, OrderState.SETTLED)  # while one is live its bill gets no other order

TEXTS = {
    OrderState.CREATED: "等待支付",
    OrderState.AWAITING: "等待支付",
    OrderState.CLOSING: "支付结果确认中，请勿重复支付",
    OrderState.CLOSED: "未支付，已关闭",
    OrderState.PAID: "已支付，正在入账",
    OrderState.SETTLED: "已支付",
    OrderState.RETURNING: "款项正在原路退回",
    OrderState.REFUNDED: "已全部退款",
}
CONFIRMING = "支付结果确认中，请勿重复支付"


BILL_TEXTS = {"unpaid": "待缴", "paid": "已缴", "cancelled": "已取消", "confirming": CONFIRMING, "expired": "已过期，请到窗口咨询"}


def bill_state(bill: Bill, order: Mapping[str, Any] | None) -> str:
    """unpaid | paid | cancelled | confirming: the core's word, and ours where the core cannot know yet. `order`: the bill's live one."""
    if order is not None and bill.state is BillState.UNPAID:
        if order["state"] in HELD:
            return "paid"
        if order["state"] == OrderState.CLOSING:
            return "confirming"
    return bill.state.value


def bill_text(bill: Bill, order: Mapping[str, Any] | None) -> str:
    state = bill_state(bill, order)
    if bill.state is BillState.UNPAID and order is not None and order["state"] == OrderState.PAID:
        return TEXTS[OrderState.PAID]
    is_over = state == "unpaid" and bill.expires_at is not None and bill.expires_at <= now()
    return BILL_TEXTS["expired" if is_over else state]


def before(to: OrderState) -> tuple[str, ...]:
    """The states from which an order may move there."""
    return tuple(state.value for state, onward in ALLOWED.items() if to in onward)


class RefundState(StrEnum):
    """requested ──> approved ──> sending ──> done | failed | abnormal;  requested ──> rejected;  abnormal ──> done | failed"""

    REQUESTED = "requested"
    REJECTED = "rejected"
    APPROVED = "approved"
    SENDING = "sending"  # the gateway was asked, or is about to be
    DONE = "done"
    FAILED = "failed"  # nothing moved; the amount may be asked for again
    ABNORMAL = "abnormal"  # the gateway cannot return it by itself: a human must look


REFUND_TEXTS = {
    RefundState.REQUESTED: "退款申请待审核",
    RefundState.REJECTED: "退款申请未通过",
    RefundState.APPROVED: "退款已批准，正在办理",
    RefundState.SENDING: "正在退款",
    RefundState.DONE: "已退款",
    RefundState.FAILED: "退款没有成功，工作人员会与您联系",
    RefundState.ABNORMAL: "退款遇到问题，工作人员正在处理",
}
OPEN_REFUNDS = (RefundState.REQUESTED, RefundState.APPROVED, RefundState.SENDING, RefundState.ABNORMAL)
