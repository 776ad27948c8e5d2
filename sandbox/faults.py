"""Fault switches: what goes wrong only when somebody asks for it.

    party        switches
    wechat, alipay, core   latency_ms, error_rate (0..1), lose_replies, down
    core_webhook           duplicate (extra deliveries), forge, late_ms, shuffle
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import refused

PARTIES = {
    "wechat": {"latency_ms": 0, "error_rate": 0.0, "lose_replies": False, "down": False},
    "alipay": {"latency_ms": 0, "error_rate": 0.0, "lose_replies": False, "down": False},
    "core": {"latency_ms": 0, "error_rate": 0.0, "lose_replies": False, "down": False},
    "core_webhook": {"duplicate": 0, "forge": False, "late_ms": 0, "shuffle": False, "down": False},
}

Handler = Callable[..., Awaitable[HTTPResponse]]


class Faults:
    """Kept in memory: a restarted world is a healthy one."""

    def __init__(self) -> None:
        self.now: dict[str, dict[str, Any]] = {}
        self.clear()

    def clear(self) -> None:
        self.now = {party: dict(switches) for party, switches in PARTIES.items()}

    def set(self, wanted: dict[str, Any]) -> list[str]:
        """A party named gets exactly these switches, the rest of its own off. Returns what was not understood, in Chinese."""
        wrong = []
        for party, switches in wanted.items():
            if party not in PARTIES or not isinstance(switches, dict):
                wrong.append(f"没有“{party}”这一方，可用：{'、'.join(PARTIES)}")
                continue
            wrong += [f"{party} 没有“{name}”这个开关，可用：{'、'.join(PARTIES[party])}" for name in switches if name not in PARTIES[party]]
            wrong += [f"{party} 的“{name}”不能是 {value!r}" for name, value in switches.items() if not _fits(PARTIES[party].get(name), value)]
        if not wrong:
            self.now |= {party: {**PARTIES[party], **switches} for party, switches in wanted.items()}
        return wrong

    def around(self, party: str, handler: Handler) -> Handler:
        """The handler as this party behaves today."""

        async def faulty(request: Request, **path: str) -> HTTPResponse:
            on = self.now[party]
            if on["latency_ms"]:
                await asyncio.sleep(on["latency_ms"] / 1000)
            if on["down"]:
                return refused(503, "down", "对方停机（故障开关）")
            if on["error_rate"] and random.random() < on["error_rate"]:  # noqa: S311 - chance, not a secret
                return refused(500, "system_error", "对方出错（故障开关）")
            response = await handler(request, **path)
            if on["lose_replies"] and request.transport is not None:
                request.transport.abort()
            return response

        return faulty


def _fits(usual: Any, value: Any) -> bool:
    """Yes or no stays yes or no, a number a number of at least 0; of an unknown switch nothing is said."""
    if usual is None:
        return True
    if isinstance(usual, bool):
        return isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
