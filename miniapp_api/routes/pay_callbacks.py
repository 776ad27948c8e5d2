"""Notices of the payment gateways. Verified on the raw bytes, acknowledged last and in the gateway's own form, after the effect is durable."""

import logging
from contextlib import suppress

from sanic.exceptions import PayloadTooLarge

from kit import kill_points, metrics
from kit.errors import NotFound
from kit.mongo import PyMongoError
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.limiter import Limiter
from payments import refunds
from payments.gateways import Forged, Gateway, GatewayName, Notice
from payments.settle import Mismatch

log = logging.getLogger(__name__)
routes = Routes()

MOST = 64 * 1024  # bytes; real notices have two or three thousand
_WRITTEN_DOWN = Limiter(5)  # forged ones per second and gateway; a flood is counted, not written


@routes.add("POST", "/callbacks/wechat-pay/v2", who="gateway", summary="微信支付 v2 支付通知", hidden=True)
@routes.add("POST", "/callbacks/wechat-pay/v2/refund", who="gateway", summary="微信支付 v2 退款通知", hidden=True)
async def wechat_v2(call: Call) -> Raw:
    return await _take(call, "wechat_v2")


@routes.add("POST", "/callbacks/wechat-pay/v3", who="gateway", summary="微信支付 v3 通知", hidden=True)
async def wechat_v3(call: Call) -> Raw:
    return await _take(call, "wechat_v3")


@routes.add("POST", "/callbacks/alipay", who="gateway", summary="支付宝异步通知", hidden=True)
async def alipay(call: Call) -> Raw:
    return await _take(call, "alipay")


async def _take(call: Call, name: GatewayName) -> Raw:
    gateway, body = call.deps.paying.gateways.get(name), call.request.body
    if gateway is None:
        raise NotFound("closed", "此入口未开放")
    if len(body) > MOST:
        raise PayloadTooLarge("a notice is small")
    try:
        notice = gateway.read_notice({key.lower(): value for key, value in call.request.headers.items()}, body)
    except Forged as exc:
        return await _turned_away(call, gateway, exc.reason, None, 401)
    kill_points.reached("callback.after_verify")
    try:
        outcome = await _follow(call, notice)
    except Mismatch as exc:
        return await _turned_away(call, gateway, exc.reason, exc.order_no, None)
    kill_points.reached("callback.before_ack")
    metrics.payment_notices.labels(name, outcome).inc()
    ack = gateway.ack(True)
    return Raw(ack.body, ack.content_type, ack.status)


async def _follow(call: Call, notice: Notice) -> str:
    if notice.payment is not None:
        return await call.deps.paying.seen.paid(notice.payment, "notice")
    if notice.refund is not None and notice.gateway == "wechat_v2":  # sealed but not signed: it only says that it is time to ask
        await call.deps.outbox.hurry(refunds.row_key(notice.refund.refund_no))
        return "refund_hint"
    if notice.refund is not None:
        await call.deps.paying.seen.refunded(notice.refund)
        return "refund"
    return "nothing_to_do"


async def _turned_away(call: Call, gateway: Gateway, reason: str, order_no: str | None, status: int | None) -> Raw:
    """Refused, written down, and nothing changed. The gateway may repeat it: a genuine one that we cannot place is an operator's matter."""
    metrics.payment_notices.labels(gateway.name, reason).inc()
    log.warning("notice turned away", extra={"gateway": gateway.name, "reason": reason, "order_no": order_no})
    if order_no is not None or _WRITTEN_DOWN.admits(gateway.name):
        with suppress(PyMongoError):
            await call.deps.paying.orders.turned_away(gateway.name, reason, order_no)
    ack = gateway.ack(False)
    return Raw(ack.body, ack.content_type, status or ack.status)
