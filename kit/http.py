"""Outbound HTTP: one aiohttp session, an egress allow-list, time-outs, bounded retries and a breaker per party.

Every failure leaves as NotReached (nothing happened there), Unknown (it may have) or an HTTP status the caller judges.
Bodies, queries and tokens are never logged.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import orjson
import stamina
from yarl import URL

from kit.errors import NotReached, Unknown

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BODY = 8 * 1024 * 1024
_LARGE = 1024 * 1024


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


@dataclass(frozen=True, slots=True)
class _Call:
    party: str
    method: str
    url: str
    headers: Mapping[str, str] | None
    body: bytes | None
    seconds: float
    exact: bool


class Http:
    """The only way out. `allowed` holds the scheme://host[:port] of every party; anything else is refused before DNS.

    `identities`: by origin, the TLS context to call it with: a client certificate, a CA of its own.
    """

    def __init__(self, allowed: Iterable[str], *, connections: int = 100, identities: Mapping[str, ssl.SSLContext] | None = None) -> None:
        self._allowed = frozenset(origin(url) for url in allowed)
        self._identities = {origin(url): context for url, context in (identities or {}).items()}
        self._breakers: dict[str, Breaker] = {}
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self,
        party: str,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = 5.0,
        exact: bool = False,
    ) -> Reply:
        """One attempt, no redirects, at most 8 MiB back. `exact`: the address is encoded already and signed so. Raises NotReached, Unknown."""
        return await self._watched(_Call(party, method, url, headers, body, seconds, exact), self._exchange)

    async def download(
        self,
        party: str,
        url: str,
        to: Path,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = 60.0,
        most: int = 1 << 30,
    ) -> Reply:
        """The body of a 200 goes into `to`, at most `most` bytes (decompressed), and the Reply's is empty; any other answer is as from `send`.

        GET, or POST where there is a `body`. The address is sent exactly as given, which signed ones need. `to` is there whole or not at all.
        """

        async def exchange(call: _Call) -> Reply:
            return await self._fetch(call, to, most)

        return await self._watched(_Call(party, "GET" if body is None else "POST", url, headers, body, seconds, True), exchange)

    async def _watched(self, call: _Call, exchange: Callable[[_Call], Awaitable[Reply]]) -> Reply:
        """The list, the breaker and the log around one exchange."""
        if origin(call.url) not in self._allowed:
            raise NotReached(call.party, "not_on_the_egress_list")
        breaker = self._breakers.setdefault(call.party, Breaker())
        if not breaker.admits(time.monotonic()):
            raise NotReached(call.party, "breaker_open")
        started = time.monotonic()
        outcome = "cancelled"
        try:
            reply = await exchange(call)
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
            took = round((time.monotonic() - started) * 1000, 1)
            log.info("call", extra={"party": call.party, "method": call.method, "outcome": outcome, "ms": took})

    async def _exchange(self, call: _Call) -> Reply:
        try:
            async with self._asked(call) as response:
                return await _whole(call, response)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise _ours(call.party, exc) from exc

    async def _fetch(self, call: _Call, to: Path, most: int) -> Reply:
        part = to.with_name(f"{to.name}.part")
        try:
            async with self._asked(call) as response:
                if response.status != 200:
                    return await _whole(call, response)
                await _into(part, call.party, response.content, most)
                part.replace(to)
                return Reply(call.party, 200, _lower(response.headers), b"")
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise _ours(call.party, exc) from exc
        finally:
            with suppress(FileNotFoundError):
                part.unlink()

    def _asked(self, call: _Call) -> "aiohttp.client._RequestContextManager":
        url = URL(call.url, encoded=True) if call.exact else call.url
        body = BytesIO(call.body) if call.body and len(call.body) > _LARGE else call.body  # no copy; a large one leaves the loop room in between
        context = self._identities.get(origin(call.url), True)
        return self._open().request(
            call.method, url, headers=call.headers, data=body, timeout=_within(call.seconds), allow_redirects=False, ssl=context
        )

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


@cache
def _within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, 3.0))


async def _whole(call: _Call, response: aiohttp.ClientResponse) -> Reply:
    received = await response.content.read(MAX_BODY + 1)
    while len(received) <= MAX_BODY and (more := await response.content.read(MAX_BODY)):
        received += more
    if len(received) > MAX_BODY:
        raise Unknown(call.party, "reply_too_large")
    return Reply(call.party, response.status, _lower(response.headers), received)


async def _into(part: Path, party: str, content: aiohttp.StreamReader, most: int) -> None:
    """Written off the loop; no more than one chunk is held."""
    received = 0
    with await asyncio.to_thread(part.open, "wb") as file:
        async for chunk in content.iter_chunked(256 * 1024):
            received += len(chunk)
            if received > most:
                raise Unknown(party, "reply_too_large")
            await asyncio.to_thread(file.write, chunk)


def _ours(party: str, exc: Exception) -> NotReached | Unknown:
    """sock_connect ran out or the connection was refused: not one byte of ours was read there. Everything else proves nothing."""
    if isinstance(exc, aiohttp.ClientConnectorError | aiohttp.ServerTimeoutError) and not isinstance(exc, aiohttp.SocketTimeoutError):
        return NotReached(party, "no_connection")
    return Unknown(party, "timeout" if isinstance(exc, TimeoutError) else "connection_lost")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


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
