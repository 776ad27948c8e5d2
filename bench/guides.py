"""A guide GET beside the same read in bare Sanic and in FastAPI, and a repeated one beside the same bytes from memory."""

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.figures import median, progress, report
from bench.load import Load, get
from kit.embedded import child_options, free_port
from miniapp_api.stack import Stack

ROUNDS, SECONDS, CONNECTIONS = 7, 2.0, 32
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Side:
    """One server under the same load."""

    name: str
    base: str
    paths: list[str]


def measure(stack: Stack) -> None:
    """Interleaved runs, the order turned round every other time; the ratio of each round's pair, then the median."""
    codes = _codes(stack)
    hot = f"/v1/items/{quote(codes[0])}/guide"
    with ExitStack() as running:
        uncached = _api_without_copies(stack, running)
        bare = _peer("bare_sanic.py", stack, running, f"{stack.api}{hot}")
        fastapi = _peer("fastapi_same.py", stack, running)
        ours = Side("ours, no copies kept", uncached, [f"/v1/items/{quote(code)}/guide" for code in codes])
        reads = [f"/read/{quote(code)}" for code in codes]
        _ratio("guide_get_vs_sanic_same_read", ours, Side("bare Sanic, same Motor read and encoding", bare, reads), 0.8)
        _ratio("guide_get_vs_fastapi_same_read", ours, Side("FastAPI + uvicorn, same Motor read and encoding", fastapi, reads), 1.05)
        _ratio(
            "guide_get_hot_vs_bare_sanic",
            Side("ours, as configured", stack.api, [hot]),
            Side("bare Sanic, same bytes from memory", bare, ["/bytes"]),
            0.5,
        )


def _ratio(name: str, ours: Side, peer: Side, aim: float) -> None:
    ratios = []
    for side in (ours, peer):
        _load(side, 0.5)  # warm: connections, caches, branch by branch
    for turn in range(ROUNDS):
        first, second = (ours, peer) if turn % 2 == 0 else (peer, ours)
        results = {first.name: _load(first, SECONDS), second.name: _load(second, SECONDS)}
        mine, theirs = results[ours.name], results[peer.name]
        if mine.wrong or theirs.wrong:
            raise SystemExit(f"{name}: {mine.wrong} and {theirs.wrong} answers were not 200")
        ratios.append(mine.per_second / theirs.per_second)
        progress(f"  {name} {turn + 1}/{ROUNDS}: {mine.per_second:.0f}/s and {theirs.per_second:.0f}/s")
    report(name, median(ratios), "ratio of requests/s", "higher", aim, peer.name, ROUNDS)


def _load(side: Side, seconds: float) -> Load:
    return asyncio.run(get(side.base, side.paths, seconds=seconds, connections=CONNECTIONS))


def _codes(stack: Stack) -> list[str]:
    with urllib.request.urlopen(f"{stack.api}/v1/items?limit=50", timeout=10) as reply:  # noqa: S310 - loopback
        return [one["code"] for one in json.loads(reply.read())["items"]]


def _api_without_copies(stack: Stack, running: ExitStack) -> str:
    """The same API with no guide kept in memory, so that every request reads Mongo."""
    port = free_port()
    env = {**stack.env, "ZHANGBAN_PORT": str(port), "ZHANGBAN_GUIDE_CACHE_SECONDS": "0"}
    _start([sys.executable, "-m", "miniapp_api.cli", "api"], env, port, running)
    base = f"http://127.0.0.1:{port}"
    _wait_ready(base)
    return base


def _wait_ready(base: str) -> None:
    """As a load balancer does: a process that still builds its first search index gets no readers."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5) as reply:  # noqa: S310 - loopback
                if reply.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{base} did not get ready")


def _peer(file: str, stack: Stack, running: ExitStack, *more: str) -> str:
    port = free_port()
    _start([sys.executable, str(PEERS / file), str(port), *more], stack.env, port, running)
    return f"http://127.0.0.1:{port}"


def _start(command: list[str], env: dict[str, str], port: int, running: ExitStack) -> None:
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **child_options())  # noqa: S603 - our own
    running.callback(process.wait, 20)
    running.callback(process.terminate)
    for _ in range(400):
        with socket.socket() as probe:
            probe.settimeout(0.1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    raise SystemExit(f"{command} did not start")
