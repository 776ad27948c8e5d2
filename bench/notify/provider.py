"""WeChat's two doors a push needs, in a process of its own that costs next to nothing: stable_token and subscribe/send, answered after a set time.

It judges nothing and remembers everything it was sent, with the world's time (seconds since 1970). The sandbox is not it: there each send is
judged, looked up and written down in SQLite, 0.20 ms of CPU instead of 0.03, on the very cores that are measured.
"""

import argparse
import asyncio
import hashlib
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
import uvloop

from kit.embedded import DidNotStart, child_options, free_port

SEND, TOKEN = b"/cgi-bin/message/subscribe/send", b"/cgi-bin/stable_token"
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass(frozen=True, slots=True)
class Call:
    """One send as it arrived. `at`: seconds since 1970; `body`: its digest."""

    openid: str
    template: str
    page: str
    body: str
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """`doubles`: calls that another one with the same openid, template and body came before."""

    calls: int
    doubles: int
    first: float
    last: float


class Records:
    def __init__(self) -> None:
        self.calls = list[Call]()

    def take(self, body: bytes, at: float) -> None:
        asked = orjson.loads(body)
        self.calls.append(Call(asked["touser"], asked["template_id"], asked.get("page", ""), digest(body), at))

    def seen(self) -> Seen:
        times = [one.at for one in self.calls]
        return Seen(len(self.calls), doubles(self.calls), min(times, default=0.0), max(times, default=0.0))


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def doubles(calls: Sequence[Call]) -> int:
    return len(calls) - len(Counter((one.openid, one.template, one.body) for one in calls))


class Talk(asyncio.Protocol):
    """One connection. Requests of one connection are answered in their order, each `seconds` after it was whole."""

    def __init__(self, records: Records, seconds: float) -> None:
        self._records, self._seconds = records, seconds
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._buffer, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._buffer) < whole:
                return
            head, body, self._buffer = self._buffer[:end], self._buffer[end + 4 : whole], self._buffer[whole:]
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, target: bytes, body: bytes) -> None:
        path, _, query = target.partition(b"?")
        if path == SEND and b"access_token=" in query:
            self._records.take(body, time.time())
            asyncio.get_running_loop().call_later(self._seconds, self._reply, b'{"errcode":0,"errmsg":"ok"}')
        elif path == SEND:
            self._reply(b'{"errcode":41001,"errmsg":"access_token missing"}')
        elif path == TOKEN:
            token = b'{"access_token":"bench","expires_in":7200}'
            asyncio.get_running_loop().call_later(self._seconds, self._reply, token)
        elif path == b"/calls":
            self._reply(orjson.dumps(self._records.calls))
        elif path == b"/forget":
            self._records.calls.clear()
            self._reply(b"{}")
        else:
            self._reply(orjson.dumps(self._records.seen()))

    def _reply(self, body: bytes) -> None:
        if not self._transport.is_closing():
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self._transport.write(head + body)


async def serve(port: int, seconds: float) -> None:
    records = Records()
    server = await asyncio.get_running_loop().create_server(lambda: Talk(records, seconds), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


class Provider:
    """That process, as the bench holds it. `ms`: how long it takes to answer."""

    def __init__(self, ms: float) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "bench.notify.provider", "--port", str(self.port), "--ms", str(ms)]

    def __enter__(self) -> "Provider":
        self._process = subprocess.Popen(self._command, **child_options())  # noqa: S603 - our own command
        until = time.monotonic() + 20
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self.seen()
                return self
            except OSError:
                time.sleep(0.02)
        raise DidNotStart("对照用的微信没有启动")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    @property
    def pid(self) -> int:
        return self._process.pid

    def seen(self) -> Seen:
        return Seen(**self._ask("/seen"))

    def calls(self) -> list[Call]:
        return [Call(**one) for one in self._ask("/calls")]

    def forget(self) -> None:
        self._ask("/forget")

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=20) as reply:  # noqa: S310 - our own loopback address
            return orjson.loads(reply.read())


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.notify.provider")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ms", type=float, required=True)
    given = parser.parse_args()
    uvloop.run(serve(given.port, given.ms / 1000))


if __name__ == "__main__":
    main()
