"""What both the core and WeChat do: post to whoever listens, beside everything else, until told to stop."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import aiohttp

TIMEOUT = 5  # seconds to answer


class Deliveries:
    """Posts under way, over one session of their own."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[str, bytes]:
        """(status, answer), or the error's name and nothing."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as reply:
                return str(reply.status), await reply.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            return type(exc).__name__, b""

    async def stop(self) -> None:
        """Ends the deliveries under way; what nobody took stays undelivered."""
        under_way = list(self._running)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def close(self) -> None:
        await self.stop()
        if self._session is not None:
            await self._session.close()
