"""The core's webhook. Verified on the raw bytes, acknowledged after the effect is durable."""

import time

import orjson
from pydantic import ValidationError

from core.events import read_event
from core.signature import WINDOW, Forged, check_event
from kit.errors import Invalid, NotFound, Unauthorized
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.settings import secret

routes = Routes()


@routes.add("POST", "/callbacks/core", who="core", summary="核心平台事件", hidden=True, status=204)
async def core_event(call: Call) -> Raw:
    request, key = call.request, secret(call.deps.settings.core_webhook_secret)
    if not key:
        raise NotFound("closed", "此入口未开放")
    headers = request.headers
    nonce = headers.get("x-core-nonce", "")
    try:
        check_event(key.encode(), headers.get("x-core-timestamp", ""), nonce, headers.get("x-core-signature", ""), request.body, time.time())
        if await call.deps.redis.add(f"core-nonce:{nonce}", "1", 2 * WINDOW) is False:
            raise Forged("nonce_replayed")
    except Forged as exc:
        raise Unauthorized(exc.reason, "签名校验未通过") from exc
    try:
        event = read_event(orjson.loads(request.body))
    except (ValidationError, orjson.JSONDecodeError) as exc:
        raise Invalid("event_invalid", "事件内容不符合约定") from exc
    try:
        await call.request.app.ctx.intake.take(event)
    except BaseException:
        await call.deps.redis.forget(f"core-nonce:{nonce}")  # it did not count: the same delivery may come again
        raise
    return Raw(b"", status=204)
