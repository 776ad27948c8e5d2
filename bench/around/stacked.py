"""A whole stack for one measurement, gone afterwards."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bench.figures import progress
from miniapp_api.stack import Stack

T = TypeVar("T")


def on_a_stack(items: Path | None, act: Callable[[Stack], Coroutine[Any, Any, T]]) -> T:
    """`items`: a catalogue file; None: our own. Raises DidNotStart."""
    with tempfile.TemporaryDirectory(prefix="zhangban-bench-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), items=items)
        try:
            stack.start(progress)
            return asyncio.run(act(stack))
        finally:
            stack.stop()
