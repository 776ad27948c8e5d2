"""Outbound HTTP: one aiohttp session, an egress allow-list, time-outs, bounded retries and a breaker per party.

Every failure leaves as NotReached (nothing happened there), Unknown (it may have) or an HTTP status the caller judges.
Bodies, queries and tokens are never logged.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import orjson
import stamina

from kit.errors import NotReached, Unknown

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BODY = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers (lower-case names) and raw bytes."""

    party: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The JSON object, whatever the content type says. Raises Unknown for anything else: a garbled reply proves nothing."""
        try:
            parsed = orjson.loads(self.body)
        except orjson.JSONDecodeError as exc:
            raise Unknown(self.party, "garbled_reply") from exc
        if not isinstance(parsed, dict):
            raise Unknown(self.party, "garbled_reply")
        return parsed


@dataclass(slots=True)
class Breaker:
    """Opens after `limit` failures in a row; lets one probe through every `pause` seconds. Never opens on a clear answer."""

    limit: int = 5
    pause: float = 2.0
    failures: int = 0
    probe_at: float = field(default=0.0)

    def admits(self, at: float) -> bool:
        if self.failures < self.limit:
            return True
        if at < self.probe_at:
            return False
        self.probe_at = at + self.pause
        return True

    def failed(self, at: float) -> None:
        self.failures += 1
        if self.failures >= self.limit:
            self.probe_at = at + self.pause

    def worked(self) -> None:
        self.failures = 0

    @property
    def is_open(self) -> bool:
        return self.failures >= self.limit


class Http:
    """The only way out. `allowed` holds the scheme://host[:port] of every party; anything else is refused before DNS."""

    def __init__(self, allowed: Iterable[str], *, connections: int = 100) -> None:
        self._allowed = frozenset(origin(url) for url in allowed)
        self._breakers: dict[str, Breaker] = {}
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, party: str, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None, seconds: float = 5.0
    ) -> Reply:
        """One attempt, no redirects, at most 8 MiB back. Raises NotReached, Unknown."""
        if origin(url) not in self._allowed:
            raise NotReached(party, "not_on_the_egress_list")
        breaker = self._breakers.setdefault(party, Breaker())
        if not breaker.admits(time.monotonic()):
            raise NotReached(party, "breaker_open")
        started = time.monotonic()
        outcome = "cancelled"
        try:
            reply = await self._exchange(party, method, url, headers, body, seconds)
            outcome = str(reply.status)
            if reply.status >= 500:
                breaker.failed(time.monotonic())
            else:
                breaker.worked()
            return reply
        except (NotReached, Unknown) as exc:
            outcome = exc.reason
            breaker.failed(time.monotonic())
            raise
        finally:
            log.info("call", extra={"party": party, "method": method, "outcome": outcome, "ms": round((time.monotonic() - started) * 1000, 1)})

    async def _exchange(self, party: str, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | None, seconds: float) -> Reply:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, 3.0))
        try:
            async with self._open().request(method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False) as response:
                received = await response.content.read(MAX_BODY + 1)
                while len(received) <= MAX_BODY and (more := await response.content.read(MAX_BODY)):
                    received += more
                if len(received) > MAX_BODY:
                    raise Unknown(party, "reply_too_large")
                return Reply(party, response.status, {k.lower(): v for k, v in response.headers.items()}, received)
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as exc:
            # sock_connect ran out or the connection was refused: not one byte of ours was read there
            if isinstance(exc, aiohttp.SocketTimeoutError):
                raise Unknown(party, "timeout") from exc
            raise NotReached(party, "no_connection") from exc
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            raise Unknown(party, "timeout" if isinstance(exc, TimeoutError) else "connection_lost") from exc

    def is_open(self, party: str) -> bool:
        """True while the breaker of this party keeps calls back."""
        breaker = self._breakers.get(party)
        return breaker is not None and breaker.is_open

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, limit_per_host=self._connections, keepalive_timeout=15, force_close=False)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True, trust_env=False)
        return self._session


async def repeated(call: Callable[[], Awaitable[T]], *, on: tuple[type[Exception], ...], attempts: int = 3, seconds: float = 6.0) -> T:
    """Call again with growing, jittered gaps while it raises one of `on`; for calls whose repetition is harmless."""
    async for attempt in stamina.retry_context(on=on, attempts=attempts, timeout=seconds, wait_initial=0.1, wait_max=1.0):
        with attempt:
            return await call()
    raise asyncio.CancelledError  # pragma: no cover - the context above returns or raises


def origin(url: str) -> str:
    """scheme://host:port in lower case, the unit of the egress list."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
