"""Making an order: the client names a bill, the core names the amount, one live order a bill. Nobody is asked to pay while an earlier try is not known."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.bills import Bill, BillState, PayChannel
from kit import kill_points
from kit.clock import now
from kit.errors import AppError, Conflict, Forbidden, InFlight, NotFound, NotReached, Outside, Refused, Unavailable, Unknown
from kit.ids import new_number
from kit.money import yuan
from kit.mongo import DuplicateKeyError, Tx
from payments import asking
from payments.gateways import PayAsk
from payments.order_store import digest
from payments.paying import Paying
from payments.states import CONFIRMING, UNPAID, OrderState

log = logging.getLogger(__name__)

LEAST_LEFT = timedelta(minutes=2)  # an order that ends sooner is not handed out again


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays: a real-name person, signed in on one channel."""

    person_id: str
    resident_id: str
    channel: PayChannel


@dataclass(frozen=True, slots=True)
class Placed:
    order: dict[str, Any]
    pay_params: dict[str, str]


async def place(paying: Paying, customer: Customer, bill_id: str, channel: PayChannel) -> Placed:
    """Raises NotFound, Conflict, Forbidden for what cannot be paid so; Unavailable while a gateway or the core is away (nothing is lost)."""
    account = await _account(paying, customer, channel)
    bill = await payable(paying, customer.person_id, bill_id)
    order = await paying.orders.live(bill_id)
    if order is not None and not _goes_on(paying, order, bill, customer):
        await _clear(paying, order)
        order = None
    if order is None:
        order = await _add(paying, customer, bill, account)
    return Placed(order, await _prepay(paying, order, account))


async def payable(paying: Paying, person_id: str, bill_id: str) -> Bill:
    """The bill as the core has it now. Raises Conflict when it is not what the resident was shown."""
    try:
        bill = await paying.core.bill(bill_id)
    except Outside as exc:
        raise Unavailable("core_unavailable", "政务平台暂时没有回应，请稍后再试", retry_after=3) from exc
    if bill is None or bill.person_id != person_id:
        raise NotFound("bill_unknown", "没有找到这张缴费单，请从“我的缴费”中重新打开")
    if bill.state is BillState.PAID:
        raise Conflict("bill_paid", "这张缴费单已经缴清，不用再付")
    if bill.state is BillState.CANCELLED or (bill.expires_at is not None and bill.expires_at <= now()):
        raise Conflict("bill_closed", "这张缴费单已取消或过期，请致电 12345 或到窗口咨询")
    shown = await paying.orders.last_shown(bill_id)
    if shown is not None and shown != digest(bill):
        await paying.orders.shown([bill])
        raise Conflict("bill_changed", f"缴费单有变动，现在应缴 {yuan(bill.amount_fen)} 元，请核对后再付")
    return bill


async def _account(paying: Paying, customer: Customer, channel: PayChannel) -> str:
    name = {"wechat": "微信", "alipay": "支付宝"}[channel]
    if channel not in paying.chosen:
        raise Unavailable("gateway_closed", "这个支付方式暂未开通，请换一种方式或到窗口缴费")
    if channel != customer.channel:
        raise Forbidden("other_channel", f"请在{name}里打开小程序，用{name}支付")
    account = await paying.payers.account(customer.person_id, customer.resident_id, channel)
    if account is None:
        raise Forbidden("other_channel", f"请在{name}里重新登录后再支付")
    return account


def _goes_on(paying: Paying, order: dict[str, Any], bill: Bill, customer: Customer) -> bool:
    """The same person on the same channel may be handed the same order again: the gateway takes the same content as the same order."""
    if order["state"] not in (OrderState.CREATED, OrderState.AWAITING):
        return False
    same = order["resident_id"] == customer.resident_id and order["gateway"] == paying.chosen.get(customer.channel)
    return bool(same and order["frozen"] == digest(bill) and order["expires_at"] - now() > LEAST_LEFT)


async def _clear(paying: Paying, order: dict[str, Any]) -> None:
    """The bill's earlier order is ended first. Raises Conflict when it turns out to be paid, InFlight while that is not known."""
    if order["state"] in UNPAID:
        try:
            ended = await asking.close(paying, order)
        except Outside as exc:
            raise InFlight("payment_confirming", CONFIRMING, retry_after=3) from exc
        if ended == "closed":
            return
    raise Conflict("bill_paid", "这张缴费单已经支付，正在入账，不用再付")


async def _add(paying: Paying, customer: Customer, bill: Bill, account: str) -> dict[str, Any]:
    """The intent, and the promise to ask about it, before any gateway hears of it."""
    order_no = new_number("Z")
    gateway = paying.gateways[paying.chosen[customer.channel]]
    payer = {"resident_id": customer.resident_id, "channel": customer.channel, "account": account}
    ends = now().replace(microsecond=0) + timedelta(minutes=paying.minutes)
    if bill.expires_at is not None:
        ends = min(ends, bill.expires_at)

    async def both(tx: Tx) -> dict[str, Any]:
        order = await paying.orders.add(tx, order_no, bill, payer, {"name": gateway.name, "merchant": gateway.merchant}, ends)
        await paying.outbox.put(tx, asking.KIND, asking.row_key(order_no), {"order_no": order_no}, delay=asking.FIRST)
        return order

    try:
        return await paying.mongo.transaction(both)
    except DuplicateKeyError as exc:
        raise InFlight("order_in_flight", "这张缴费单正在下单，请稍候再试", retry_after=1) from exc


async def _prepay(paying: Paying, order: dict[str, Any], account: str) -> dict[str, str]:
    what = PayAsk(order["_id"], order["amount_fen"], order["title"], account, order["expires_at"])
    try:
        params = await paying.gateway_of(order).prepay(what)
    except (NotReached, Unknown) as exc:
        raise Unavailable("gateway_unavailable", "支付平台暂时没有回应，没有扣款，请稍后再试", retry_after=3) from exc
    except Refused as exc:
        raise await _refused(paying, order, exc) from exc
    kill_points.reached("order.after_prepay")
    if await paying.orders.move(None, order["_id"], OrderState.AWAITING) is None:
        await _overtaken(paying, order)
    return params


async def _overtaken(paying: Paying, order: dict[str, Any]) -> None:
    """Somebody ended the order while its gateway was making it (another phone, another wallet): what was made so is closed, and nobody gets it."""
    fresh = await paying.orders.order(order["_id"]) or order
    if fresh["state"] == OrderState.AWAITING:  # handed out before
        return
    if fresh["live"] and fresh["state"] not in UNPAID:
        raise Conflict("bill_paid", "这张缴费单已经支付，正在入账，不用再付")
    with suppress(Outside):
        await paying.gateway_of(order).close(order["_id"])
    raise InFlight("order_in_flight", "这张缴费单正在下单，请稍候再试", retry_after=1)


async def _refused(paying: Paying, order: dict[str, Any], exc: Refused) -> AppError:
    """It is paid or closed there already, or does not want this order at all: the order is ended, and the resident may start anew."""
    log.warning("gateway refuses an order", extra={"order_no": order["_id"], "reason": exc.reason})
    try:
        ended = await asking.close(paying, order)
    except Outside:
        return InFlight("payment_confirming", CONFIRMING, retry_after=3)
    if ended == "paid":
        return Conflict("bill_paid", "这张缴费单已经支付，正在入账，不用再付")
    return Unavailable("gateway_refused", "支付平台没有接受这笔订单，没有扣款，请重新发起支付；多次不成请到窗口缴费", retry_after=5)
