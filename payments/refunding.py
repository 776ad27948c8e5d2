"""Worker: an approved refund is carried out at the gateway, then taken back at the core. Its number makes every repetition harmless."""

import logging
from collections.abc import Mapping
from typing import Any

from core.bills import Reversal
from core.money import ReversalAsk
from kit import kill_points
from kit.errors import NotReached, Refused, Unknown
from kit.mongo import Tx
from kit.outbox import Row
from payments.booking import Later, booked, patience
from payments.gateways import Refund, RefundAsk
from payments.paying import Paying
from payments.refunds import SYSTEM
from payments.settlement import settlement_id
from payments.states import RefundState

log = logging.getLogger(__name__)

REVERSE = "pay.reverse"
NO_FUNDS = "not_enough_funds"  # every adapter's word for an empty merchant account; tomorrow's payments may cover it
NO_FUNDS_AGAIN = 600.0  # seconds
PROCESSING_AGAIN = 30.0
ABNORMAL_AGAIN = 3600.0


def reverse_key(refund_no: str) -> str:
    return f"reverse:{refund_no}"


async def refund_at_gateway(paying: Paying, row: Row) -> None:
    """Payload {refund_no}. Asks what became of it before it sends again; never given up while it may still succeed."""
    refund = await paying.refunds.refund(row.payload["refund_no"])
    order = await paying.orders.order(refund["order_no"]) if refund is not None else None
    open_states = (RefundState.APPROVED, RefundState.SENDING, RefundState.ABNORMAL)
    if refund is None or order is None or refund["state"] not in open_states:
        await paying.outbox.done(row.key)
        return
    try:
        told = await _told(paying, refund, order)
    except Later as later:
        await paying.outbox.put_off(row, later.seconds)
    except NotReached:
        await paying.outbox.put_off(row, patience(refund["requested_at"]))
    except Unknown:
        await paying.outbox.put_off(row, 1.0)
    except Refused as exc:
        await _refused(paying, row, refund, exc.reason)
    else:
        await _follow(paying, row, refund, told)


async def _told(paying: Paying, refund: Mapping[str, Any], order: Mapping[str, Any]) -> Refund:
    gateway, ask = paying.gateway_of(order), ask_for(order, refund)
    if refund["state"] != RefundState.APPROVED:
        try:
            known = await gateway.query_refund(ask)
        except Refused as exc:  # a refusal to say is no word about the refund: the money may have moved
            log.error("the gateway does not say what became of a refund", extra={"refund_no": refund["_id"], "reason": exc.reason})
            raise Later(PROCESSING_AGAIN) from exc
        if known is not None:
            return known
    await paying.refunds.move(None, refund["_id"], (RefundState.APPROVED,), RefundState.SENDING)
    kill_points.reached("refund.before_gateway")
    told = await gateway.refund(ask)
    kill_points.reached("refund.after_gateway")
    return told


async def _follow(paying: Paying, row: Row, refund: Mapping[str, Any], told: Refund) -> None:
    if told.state == "done":
        await paying.seen.refunded(told)
        await paying.outbox.done(row.key)
    elif told.state == "failed":
        await _refused(paying, row, refund, "gateway_failed")
    elif told.state == "abnormal":
        await paying.refunds.move(None, refund["_id"], (RefundState.SENDING,), RefundState.ABNORMAL)
        log.error("refund abnormal at the gateway", extra={"refund_no": refund["_id"]})
        await paying.outbox.put_off(row, ABNORMAL_AGAIN)
    else:
        await paying.outbox.put_off(row, PROCESSING_AGAIN)


async def _refused(paying: Paying, row: Row, refund: Mapping[str, Any], reason: str) -> None:
    """Nothing moved. Without funds it waits for them; otherwise the amount is free again, unless the money is not ours to keep."""
    if reason == NO_FUNDS:
        log.error("refund waits for funds", extra={"refund_no": refund["_id"]})
        await paying.outbox.put_off(row, NO_FUNDS_AGAIN)
        return
    must_go_back = refund["requested_by"] == SYSTEM
    to = RefundState.ABNORMAL if must_go_back else RefundState.FAILED

    async def all_of_it(tx: Tx) -> None:
        before = (RefundState.APPROVED, RefundState.SENDING, RefundState.ABNORMAL)
        moved = await paying.refunds.move(tx, refund["_id"], before, to, failed_because=reason)
        if moved is not None and not must_go_back:
            await paying.orders.release(tx, refund["order_no"], refund["amount_fen"])

    await paying.mongo.transaction(all_of_it)
    log.error("refund refused by the gateway", extra={"refund_no": refund["_id"], "reason": reason})
    await (paying.outbox.put_off(row, ABNORMAL_AGAIN) if must_go_back else paying.outbox.done(row.key))


async def reverse_at_core(paying: Paying, row: Row) -> None:
    """Payload {refund_no}: the core takes back what it booked. Only for what it had booked."""
    refund = await paying.refunds.refund(row.payload["refund_no"])
    order = await paying.orders.order(refund["order_no"]) if refund is not None else None
    if refund is None or order is None or refund["reversed_at"] is not None:
        await paying.outbox.done(row.key)
        return
    try:
        reversal = await _reversed(paying, refund)
    except Later as later:
        await paying.outbox.put_off(row, later.seconds)
        return
    except NotReached:
        await paying.outbox.put_off(row, patience(refund["done_at"]))
        return

    async def both(tx: Tx) -> None:
        if await paying.refunds.mark_reversed(tx, refund["_id"]):
            await paying.orders.mark_reversed(tx, order, refund["_id"], reversal.amount_fen, refund["refunded_at"])
        await paying.outbox.done(row.key, tx)

    await paying.mongo.transaction(both)


async def _reversed(paying: Paying, refund: Mapping[str, Any]) -> Reversal:
    ask = ReversalAsk(
        reversal_id=refund["_id"],
        settlement_id=settlement_id(refund["order_no"]),
        amount_fen=refund["amount_fen"],
        reason=refund["reason"],
        refunded_at=refund["refunded_at"],
    )

    async def book() -> Reversal:
        kill_points.reached("reverse.before_core")
        made = await paying.core.reverse(ask)
        kill_points.reached("reverse.after_core")
        return made

    return await booked(
        refund.get("reverse_tried_at"),
        lambda: paying.core.find_reversal(refund["_id"]),
        book,
        lambda seen, at: paying.refunds.reversing(refund["_id"], seen, at),
    )


def ask_for(order: Mapping[str, Any], refund: Mapping[str, Any]) -> RefundAsk:
    """The reason is what the gateway shows the payer; what was typed by a person stays with us."""
    reason = "重复或超时支付，自动退款" if refund["requested_by"] == SYSTEM else "政务缴费退款"
    return RefundAsk(order["_id"], refund["_id"], order["transaction_id"], refund["amount_fen"], order["amount_fen"], reason)
