"""Notices settled per second, durable, beside the physical limit on the same mongod in the same run."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from bench.figures import median, progress, report
from bench.pay.limit import Child
from bench.pay.notices import Teller
from bench.pay.posting import in_turn
from bench.pay.prepared import keyring, made_up_bills, paid, prepare
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack

PAIRS, EACH, WARM, CALLERS, AIM = 9, 500, 100, 16, 0.6
T = TypeVar("T")


def measure(stack: Stack, callers: int = CALLERS) -> None:
    """Pairs of rounds, limit and ours, of as many notices and callers; the ratio of each pair, then the median."""
    # The worker would carry out what each notice leaves behind, on the same cores and the same mongod, and the limit leaves nobody that work.
    stack.children["worker"].stop()
    limit = Child(stack.env["MONGO_URL"], "pay_limit")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            ours = Ours(stack, runner)
            for count in (WARM, WARM):
                _pair(limit, ours, count, callers)
            pairs = list[tuple[float, float]]()
            for turn in range(PAIRS):
                bare, whole = _pair(limit, ours, EACH, callers)
                pairs.append((whole, bare))
                progress(f"  {turn + 1}/{PAIRS}: 本项目 {whole:.0f}/s，极限 {bare:.0f}/s，{whole / bare:.2f}")
            ours.close()
    finally:
        limit.close()
    told = f"one transaction of the same writes, nothing else, own process, {callers} callers"
    report("pay_settle_vs_limit", median([whole / bare for whole, bare in pairs]), "ratio of notices/s", "higher", AIM, told, PAIRS)
    about = f"{EACH} genuine WeChat v3 notices over {callers} connections, each acknowledged when durable"
    report("pay_settle_per_s", median([whole for whole, _ in pairs]), "1/s", "higher", None, about, PAIRS)
    report("pay_limit_per_s", median([bare for _, bare in pairs]), "1/s", "higher", None, told, PAIRS)


class Ours:
    """The API as it stands, under notices that are signed before the clock runs."""

    def __init__(self, stack: Stack, runner: asyncio.Runner) -> None:
        self._base, self._runner = stack.api, runner
        self._teller, self._keys = Teller.of(stack.data / "sandbox"), keyring(stack.env)
        self._mongo: Mongo = connect(stack.env["MONGO_URL"], stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"))
        self._requests = list[bytes]()

    def prepare(self, count: int) -> None:
        self._payments = self._do(prepare(self._mongo, self._keys, made_up_bills(count), self._teller.keys.mchid))
        self._requests = [self._teller.request(self._base, one) for one in self._payments]

    def go(self, callers: int) -> tuple[float, int]:
        """(seconds, how many stand as paid)"""
        sent = self._do(in_turn(self._base, self._requests, connections=callers))
        if wrong := {status: times for status, times in sent.statuses.items() if status // 100 != 2}:
            raise SystemExit(f"pay_settle: notices were not acknowledged: {wrong}")
        return sent.seconds, self._do(paid(self._mongo, self._payments))

    def close(self) -> None:
        self._do(self._mongo.close())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


def _pair(limit: Child, ours: Ours, count: int, callers: int) -> tuple[float, float]:
    """(limit, ours) per second. Both are prepared before either runs."""
    limit.prepare(count)
    ours.prepare(count)
    rates = list[float]()
    for side in (limit, ours):
        seconds, stand = side.go(callers)
        if stand != count:
            raise SystemExit(f"pay_settle: {stand} of {count} orders are paid with all that must follow")
        rates.append(count / seconds)
    return rates[0], rates[1]
