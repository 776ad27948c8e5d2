"""An answer too large to hold: sent piece by piece, as fast as its reader takes it. A reader who takes nothing for 30 s is cut off (RESPONSE_TIMEOUT)."""

import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from sanic import HTTPResponse, Request
from sanic.response import ResponseStream

log = logging.getLogger(__name__)

Response = HTTPResponse | ResponseStream


@dataclass(slots=True)
class Stream:
    """`pieces` is closed whatever happens to the reader; None: the headers alone (HEAD). Content-Length is among `headers` where it is known."""

    pieces: AsyncGenerator[bytes, None] | None
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


async def begun(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same pieces, the first one fetched before anything is answered: a store that is away can still be told of."""
    first = await anext(pieces, b"")

    async def all_of() -> AsyncGenerator[bytes, None]:
        async with aclosing(pieces):
            if first:
                yield first
            async for piece in pieces:
                yield piece

    return all_of()


class _HeadersAlone(HTTPResponse):
    """The answer to HEAD without the Content-Length of 0 that Sanic adds: nobody knows the length, and its streams cannot answer HEAD (25.12)."""

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        return ((name, value) for name, value in super().processed_headers if name.lower() != b"content-length")


def streamed(answer: Stream, request: Request) -> Response:
    """Once the first piece has left there is no other answer: what breaks then cuts the connection, so that half never looks like all."""
    if answer.pieces is None:
        alone = HTTPResponse if "Content-Length" in answer.headers else _HeadersAlone
        return alone(b"", 200, dict(answer.headers), answer.content_type)
    given = answer.pieces

    async def send(response: Any) -> None:
        async with aclosing(given) as pieces:
            try:
                async for piece in pieces:
                    await response.write(piece)
            except Exception:
                log.exception("stream broken off", extra={"path": request.path})
                transport: Any = request.transport
                transport.abort()

    return ResponseStream(send, 200, dict(answer.headers), answer.content_type)
