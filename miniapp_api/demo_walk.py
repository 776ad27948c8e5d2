"""How the demo walks: over HTTP only, each step printed and checked, stopping at the first surprise."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

from miniapp_api.stack import Stack

Json = dict[str, Any]


class Surprise(Exception):
    """A step's result was not what a resident may expect."""


class Walk:
    """Prints what a person would read; stops at the first surprise."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.token = ""
        self._step = 0

    def say(self, title: str, *lines: str) -> None:
        self._step += 1
        print(f"\n{self._step:2d}. {title}", *[f"    {line}" for line in lines if line], sep="\n", flush=True)

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            raise Surprise(what)

    def call(
        self, method: str, path: str, body: Any = None, *, status: int = 200, headers: dict[str, str] | None = None, world: bool = False
    ) -> Json:
        """One HTTP call; any other status than `status` is a surprise."""
        url = (self.stack.sandbox if world else self.stack.api) + path
        sent = {
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {self.token}"} if self.token and not world else {}),
            **(headers or {}),
        }
        request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), sent, method=method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310 - loopback
                got, raw = reply.status, reply.read()
        except HTTPError as exc:
            got, raw = exc.code, exc.read()
        self.expect(got == status, f"{method} {path}：得到 {got}，应为 {status}：{raw[:400].decode(errors='replace')}")
        answer: Json = json.loads(raw) if raw else {}
        return answer

    def world(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Json:
        return self.call(method, path, body, status=status, world=True)

    def until(self, look: Callable[[], Any], what: str, seconds: float = 10) -> Any:
        """Ask again until `look` gives something."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.05)
        raise Surprise(f"{seconds:.0f} 秒内没有等到：{what}")
