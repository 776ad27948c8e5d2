"""What `zhangban notify parked` and `retry` do. Exit codes: 0 nothing is parked (or all of it goes again), 1 something is, 2 could not look."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from kit.clock import at_edge
from kit.mongo import PyMongoError
from miniapp_api import settings as house
from miniapp_api.settings import BadSettings
from miniapp_api.wiring import build
from notify import parking, receipts
from notify.parking import Parked
from notify.pushing import Pushing

SHOWN = 50
T = TypeVar("T")


def listed() -> int:
    found = _with(parking.parked)
    if found is None:
        return 2
    print(table(found), end="")
    return 1 if found else 0


def again(only: Sequence[str]) -> int:
    async def retried(pushing: Pushing) -> int:
        return await parking.retry(pushing, only)

    done = _with(retried)
    if done is None:
        return 2
    print(f"{done} 条会再发一次" if done else "没有可以再发的：先看 zhangban notify parked")
    return 0 if done or not only else 1


def table(found: Sequence[Parked]) -> str:
    """Totals by what went wrong, then the oldest of them, one a line."""
    if not found:
        return "没有搁置的推送\n"
    counts = Counter((one.channel, one.kind, one.reason, one.code) for one in found)
    lines = [f"搁置 {len(found)} 条："]
    for (channel, kind, reason, code), count in counts.most_common():
        why = receipts.reason_in_words(reason)
        lines.append(f"  {count:>6} 条  {channel or '任务'}  {parking.title(kind)}  {why}{f'（{code}）' if code else ''}")
    lines += [f"  {one.own}  {at_edge(one.at)}" for one in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"  …… 还有 {len(found) - SHOWN} 条")
    lines.append("处理好原因以后：zhangban notify retry")
    return "".join(f"{line}\n" for line in lines)


def _with(act: Callable[[Pushing], Awaitable[T]]) -> T | None:
    """None: it could not be done, and has been said why."""

    async def run() -> T:
        deps = build(settings)
        try:
            return await act(deps.pushing)
        finally:
            await deps.close()

    try:
        settings = house.load()
        house.check(settings)
        return asyncio.run(run())
    except BadSettings as exc:
        print(*exc.problems, sep="\n", file=sys.stderr)
    except PyMongoError:
        print("数据库没有回应，请稍后再试", file=sys.stderr)
    return None
