"""Jobs that come again and again while a process lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kit.errors import Outside
from kit.mongo import PyMongoError

log = logging.getLogger(__name__)


async def every(seconds: float, job: Callable[[], Awaitable[None]], put_off: str = "job put off") -> None:
    """The edge of a repeated job: it may fail, it may not stop. `put_off` is logged while somebody it needs is away. Runs until cancelled."""
    while True:
        try:
            await job()
        except (Outside, PyMongoError, TimeoutError) as exc:
            log.warning(put_off, extra={"error": str(exc) if isinstance(exc, Outside) else type(exc).__name__})
        except Exception:
            log.exception("job failed")
        await asyncio.sleep(seconds)
