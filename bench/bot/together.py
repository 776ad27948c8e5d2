"""The stack that is measured, and waiting until its assistant is what a resident would meet."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from bench.figures import progress
from kit.embedded import DidNotStart
from miniapp_api.stack import Stack

READY_SECONDS = 400.0  # a first start trains the model
ITEMS_SECONDS = 600.0
_WITH_ASSISTANT: dict[str, Any] = {"assistant": True} if "assistant" in Stack.__dataclass_fields__ else {}


def stack(data: Path, items: Path | None) -> Stack:
    return Stack(data, items=items, extra={"ZHANGBAN_RATE_PER_SECOND": "1000000"}, **_WITH_ASSISTANT)


def start(stack: Stack, items: int) -> float | None:
    """All of the `items` can be found when it returns. Seconds until the assistant answered with Rasa; None where it does not, and every answer will be a degraded one."""
    started = time.monotonic()
    stack.start(lambda step: progress(f"  {step}"))
    _wait_items(stack, items)
    progress(f"  API {time.monotonic() - started:.0f} 秒；等助手…")
    if not with_rasa(stack):
        progress("  没有 Rasa：以下都是降级的回答")
        return None
    tend = getattr(stack, "tend", lambda _: None)
    while time.monotonic() - started < READY_SECONDS:
        tend(lambda step: progress(f"  {step}"))
        if is_ready(stack):
            seconds = time.monotonic() - started
            progress(f"  助手 {seconds:.0f} 秒")
            return seconds
        time.sleep(0.2)
    progress(f"  {READY_SECONDS:.0f} 秒后助手仍未就绪：以下都是降级的回答")
    return None


def with_rasa(stack: Stack) -> bool:
    return bool(stack.env.get("RASA_URL"))


def is_ready(stack: Stack) -> bool:
    try:
        with urllib.request.urlopen(f"{stack.api}/readyz?assistant=1", timeout=5) as reply:  # noqa: S310 - loopback
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait_items(stack: Stack, expected: int) -> None:
    """The API is ready with the first of a large catalogue; questions about the rest would be counted against it. Raises DidNotStart."""
    until = time.monotonic() + ITEMS_SECONDS
    found = -1
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{stack.api}/v1/items?limit=1", timeout=30) as reply:  # noqa: S310 - loopback
            found = json.loads(reply.read())["total"]
        if found >= expected:
            return
        time.sleep(0.2)
    raise DidNotStart(f"{ITEMS_SECONDS:.0f} 秒后只能查到 {found} 项，目录里有 {expected} 项")
