"""Pushes of the couriers. Verified on the raw bytes, acknowledged last and in the courier's own form, after their scans are durable.

SF signs nothing: the last part of the path is a secret of ours. An end that is pushed is never believed by itself (delivery/tracking.py).
"""

import logging

from sanic.exceptions import PayloadTooLarge

from delivery.couriers import Courier, CourierName, ForgedNotice, Notice, UnreadableNotice
from delivery.sf import SfCourier
from delivery.tracking import take_scans
from kit import kill_points, metrics
from kit.errors import NotFound
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.limiter import Limiter

log = logging.getLogger(__name__)
routes = Routes()

MOST = 512 * 1024  # bytes; Kuaidi100 sends the whole way each time
_WRITTEN_DOWN = Limiter(5)  # forged ones per second and courier; a flood is counted, not logged


@routes.add("POST", "/callbacks/sf/<secret:str>", who="gateway", summary="顺丰路由推送", hidden=True)
async def sf(call: Call, secret: str) -> Raw:
    courier = call.deps.delivering.shipping.couriers.get("sf")
    if not isinstance(courier, SfCourier) or not courier.is_ours(secret):
        if courier is not None:
            _count(call, "sf", "other_path")
        raise NotFound("closed", "此入口未开放")
    return await _take(call, "sf")


@routes.add("POST", "/callbacks/ems", who="gateway", summary="EMS 轨迹推送", hidden=True)
async def ems(call: Call) -> Raw:
    return await _take(call, "ems")


@routes.add("POST", "/callbacks/kuaidi100", who="gateway", summary="快递100 轨迹推送", hidden=True)
async def kuaidi100(call: Call) -> Raw:
    return await _take(call, "kuaidi100")


async def _take(call: Call, name: CourierName) -> Raw:
    courier = call.deps.delivering.shipping.couriers.get(name)
    if courier is None:
        raise NotFound("closed", "此入口未开放")
    if len(call.request.body) > MOST:
        raise PayloadTooLarge("a notice is small")
    query = dict(call.request.query_args)
    notice = Notice(call.request.body, query, {key.lower(): value for key, value in call.request.headers.items()})
    try:
        scans = courier.read_notice(notice)
    except ForgedNotice as exc:
        return _turned_away(call, courier, str(exc), 401)
    except UnreadableNotice as exc:
        return _turned_away(call, courier, str(exc), 200)
    kill_points.reached("callback.after_verify")
    known = await take_scans(call.deps.delivering.shipping, name, scans, source="push")
    kill_points.reached("callback.before_ack")
    taken = bool(known) or not scans  # not ours (yet): the reply to our booking may be on its way, and the courier comes again
    _count(call, name, "taken" if taken else "not_ours")
    return _said(courier, taken=taken, status=200)


def _turned_away(call: Call, courier: Courier, reason: str, status: int) -> Raw:
    """Nothing changed. One word, nothing of its content."""
    _count(call, courier.name, reason)
    if _WRITTEN_DOWN.admits(courier.name):
        log.warning("push turned away", extra={"courier": courier.name, "reason": reason})
    return _said(courier, taken=False, status=status)


def _said(courier: Courier, *, taken: bool, status: int) -> Raw:
    body, media = courier.answer(taken=taken)
    return Raw(body, media, status)


def _count(call: Call, name: CourierName, outcome: str) -> None:
    metrics.courier_pushes.labels(name, outcome.replace(" ", "_")).inc()
