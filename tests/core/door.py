"""Our client's door to the core as tests watch it: how long each call was given, and a core that answers what a test says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from kit.http import Http, Reply


class Watched(Http):
    """The real client; remembers how long each call was given."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(allowed)
        self.calls: list[tuple[str, float]] = []

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
        self.calls.append((method, seconds))
        return await super().send(party, method, url, headers=headers, body=body, seconds=seconds, exact=exact)


@dataclass
class Answers:
    status: int = 200
    body: bytes = b"{}"
    calls: list[str] = field(default_factory=list)

    async def give(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        return web.Response(status=self.status, body=self.body)
