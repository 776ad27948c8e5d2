"""The stack that is measured, and waiting until its assistant is what a resident would meet."""

import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from bench.figures import progress
from miniapp_api.stack import Stack

READY_SECONDS = 400.0  # a first start trains the model
_WITH_ASSISTANT: dict[str, Any] = {"assistant": True} if "assistant" in Stack.__dataclass_fields__ else {}


def stack(data: Path, items: Path | None) -> Stack:
    return Stack(data, items=items, extra={"ZHANGBAN_RATE_PER_SECOND": "1000000"}, **_WITH_ASSISTANT)


def start(stack: Stack) -> float | None:
    """Seconds until the assistant answered with Rasa; None where it does not, and every answer will be a degraded one."""
    started = time.monotonic()
    stack.start(lambda step: progress(f"  {step}"))
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
