"""Fault switches: what goes wrong only when somebody asks for it.

`PARTIES` names every switch with its healthy value; the kind of that value is the kind a switch takes.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import refused

SERVER: dict[str, Any] = {"latency_ms": 0, "error_rate": 0.0, "lose_replies": False, "down": False}
PARTIES: dict[str, dict[str, Any]] = {
    "wechat": {**SERVER, "quota_used": False, "send_errcode": 0},
    "alipay": {**SERVER, "refund_unknown": False, "next_cert": False},
    "sms": {**SERVER, "flow_control": False, "no_balance": False, "hide_details_ms": 0},
    "wechat_pay": {**SERVER, "sign_test": False, "mixed_serials": False, "refund_processing": False, "refund_abnormal": False, "not_enough": False},
    "sf": {**SERVER, "hide_orders_ms": 0},
    "ems": {**SERVER, "hide_orders_ms": 0},
    "kuaidi100": {**SERVER},
    "core": {"latency_ms": 0, "error_rate": 0.0, "lose_replies": False, "down": False, "not_idempotent": False, "hide_settlements_ms": 0},
    "alipay_notices": {"duplicate": 0, "forge": False, "late_ms": 0, "shuffle": False, "down": False, "gbk": False},
    "wechat_messages": {"duplicate": 0, "forge": False, "late_ms": 0, "down": False},
    "wechat_events": {"off": False, "duplicate": 0, "late_ms": 0, "json": False},
    "wechat_pay_notices": {"duplicate": 0, "forge": False, "late_ms": 0, "shuffle": False, "md5": False, "down": False},
    "courier_pushes": {"duplicate": 0, "forge": False, "late_ms": 0, "shuffle": False, "down": False},
    "core_webhook": {"duplicate": 0, "forge": False, "late_ms": 0, "shuffle": False, "down": False},
}

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse]]


class Faults:
    """Kept in memory: a restarted world is a healthy one."""

    def __init__(self) -> None:
        self.now: dict[str, dict[str, Any]] = {}
        self.clear()

    def clear(self) -> None:
        self.now = {party: dict(switches) for party, switches in PARTIES.items()}

    def set(self, wanted: dict[str, Any]) -> list[str]:
        """A party named gets exactly these switches, the rest of its own off. Everything or nothing; returns all that is wrong, in Chinese."""
        wrong = [problem for party, switches in wanted.items() for problem in _problems(party, switches)]
        if not wrong:
            self.now.update({party: {**PARTIES[party], **switches} for party, switches in wanted.items()})
        return wrong

    def around(self, party: str, handler: Handler, failed: Callable[[], HTTPResponse] | None = None) -> Handler:
        """The handler as this party behaves today; `failed`: how it says that it failed itself."""

        async def faulty(request: Request, **path: str) -> HTTPResponse:
            on = self.now[party]
            if on["latency_ms"]:
                await asyncio.sleep(on["latency_ms"] / 1000)
            if on["down"]:
                return refused(503, "down", "对方停机（故障开关）")
            if on["error_rate"] and random.random() < on["error_rate"]:  # noqa: S311 - chance, not a secret
                return failed() if failed is not None else refused(500, "system_error", "对方出错（故障开关）")
            response = await handler(request, **path)
            abort: Callable[[], None] | None = getattr(request.transport, "abort", None)  # no asyncio class of uvloop's has it
            if on["lose_replies"] and abort is not None:
                abort()
            return response

        return faulty


def _problems(party: str, switches: Any) -> list[str]:
    if party not in PARTIES:
        return [f"没有“{party}”这一方，可用：{'、'.join(PARTIES)}"]
    if not isinstance(switches, dict):
        return [f"{party} 的开关应写成对象"]
    wrong = []
    for name, value in switches.items():
        if name not in PARTIES[party]:
            wrong.append(f"{party} 没有“{name}”这个开关，可用：{'、'.join(PARTIES[party])}")
        elif not _fits(PARTIES[party][name], value):
            wrong.append(f"{party} 的“{name}”应为{_kind(PARTIES[party][name])}")
    return wrong


def _fits(standard: Any, value: Any) -> bool:
    """A switch is a bool, numbers are not negative, and a share is at most 1."""
    if isinstance(standard, bool):
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return False
    return value <= 1 if isinstance(standard, float) else value <= 600_000


def _kind(standard: Any) -> str:
    if isinstance(standard, bool):
        return " true 或 false"
    return " 0 到 1 的数" if isinstance(standard, float) else " 0 到 600000 的数"
