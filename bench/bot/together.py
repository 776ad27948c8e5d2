"""The stack that is measured, and waiting until its assistant is what a resident would meet."""

import json
import os
import time
import urllib.request
from pathlib import Path

from bench.figures import progress
from kit.embedded import DidNotStart
from miniapp_api.stack import Stack

READY_SECONDS = 400.0  # a first start trains the model
ITEMS_SECONDS = 600.0


def stack(data: Path, items: Path | None) -> Stack:
    """Stores of its own; the model is the one that `make run` trained or will use."""
    models = Path(os.environ.get("ZHANGBAN_DATA") or ".data").resolve()
    return Stack(data, items=items, extra={"ZHANGBAN_RATE_PER_SECOND": "1000000"}, assistant=True, models=models)


def start(stack: Stack, items: int) -> None:
    """All of the `items` can be found when it returns, and Rasa answers; where it does not, that is said and every answer will be a degraded one."""
    started = time.monotonic()
    stack.start(_say)
    _wait_items(stack, items)
    progress(f"  API {time.monotonic() - started:.0f} 秒；等助手…")
    try:
        stack.wait_assistant(READY_SECONDS, _say)
        progress(f"  助手 {time.monotonic() - started:.0f} 秒")
    except DidNotStart as exc:
        progress(f"  {exc}\n  没有 Rasa：以下都是降级的回答")


def _say(step: str) -> None:
    progress(f"  {step}")


def with_rasa(stack: Stack) -> bool:
    """Whether there is a Rasa process of the stack's own."""
    return stack.assistant_state == "ready" and "rasa" in stack.children


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
