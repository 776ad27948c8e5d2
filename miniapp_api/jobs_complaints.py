"""What the worker does for complaints: kinds of outbox rows, and what is looked at again and again."""

from collections.abc import Awaitable, Callable, Sequence

from kit.outbox import Handler
from miniapp_api import complaint_told
from miniapp_api.wiring import Deps


def handlers(deps: Deps) -> dict[str, Handler]:
    return {
        complaint_told.FILE: lambda row: complaint_told.file(deps, row),
        complaint_told.ACT: lambda row: complaint_told.act(deps, row),
    }


def repeated(deps: Deps) -> Sequence[tuple[float, Callable[[], Awaitable[object]], str]]:
    """(seconds between two looks, what is done, what the log says when it fails)"""
    return ()
