"""Where WeChat's pushes arrive: keeps what came and answers as told."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Server:
    """Where pushes arrive: (path, query, body) of each; answers as told."""

    url: str = ""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)  # statuses, or texts with 200; "success" when there are none left
    gate: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.path, dict(request.query), await request.read()))
        answer = self.answers.pop(0) if self.answers else "success"
        if self.gate is not None:
            await self.gate.wait()
        return web.Response(status=answer) if isinstance(answer, int) else web.Response(text=answer)
