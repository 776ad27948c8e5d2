"""Redis for what may vanish: hot copies, rate limits, short locks, platform tokens. The only file that imports the driver.

Losing all of it must cost nobody money or a message, so reads answer None and writes are dropped when it is away.
"""

import logging

import redis.asyncio as driver
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class Redis:
    """A small face over redis-py: 1 s time-outs, failures logged once per call and treated as absence."""

    def __init__(self, url: str) -> None:
        self._client = driver.Redis.from_url(url, decode_responses=True, socket_timeout=1, socket_connect_timeout=1, max_connections=64)

    async def get(self, key: str) -> str | None:
        try:
            value = await self._client.get(key)
        except (RedisError, OSError) as exc:
            self._away("get", exc)
            return None
        return None if value is None else str(value)

    async def put(self, key: str, value: str, seconds: int) -> None:
        try:
            await self._client.set(key, value, ex=seconds)
        except (RedisError, OSError) as exc:
            self._away("put", exc)

    async def forget(self, key: str) -> None:
        try:
            await self._client.delete(key)
        except (RedisError, OSError) as exc:
            self._away("forget", exc)

    async def add(self, key: str, value: str, seconds: int) -> bool | None:
        """Set only if absent: True taken, False somebody has it, None Redis is away."""
        try:
            return bool(await self._client.set(key, value, ex=seconds, nx=True))
        except (RedisError, OSError) as exc:
            self._away("add", exc)
            return None

    async def release(self, key: str, value: str) -> None:
        """Give a lock back, but only our own."""
        try:
            await self._client.eval(_RELEASE, 1, key, value)
        except (RedisError, OSError) as exc:
            self._away("release", exc)

    async def count(self, key: str, seconds: int) -> int | None:
        """Count one more in the window that started with the first; None when Redis is away."""
        try:
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.set(key, 0, ex=seconds, nx=True)
                pipe.incr(key)
                return int((await pipe.execute())[1])
        except (RedisError, OSError) as exc:
            self._away("count", exc)
            return None

    async def ping(self) -> bool:
        try:
            return bool(await self._client.ping())
        except (RedisError, OSError):
            return False

    async def close(self) -> None:
        await self._client.aclose()

    def _away(self, what: str, exc: Exception) -> None:
        log.warning("redis away", extra={"operation": what, "error": type(exc).__name__})
