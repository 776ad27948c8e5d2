"""Search over HTTP against the real API, and the feed that fills it, both with a city's 22,633 items."""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

import aiohttp
import orjson

from bench.figures import percentile, progress, report
from bench.search.engine import Item
from bench.search.grown import grow
from bench.search.questions import Question, rounds, warming
from content.store import INDEXES, Content
from content.sync import sync
from core.client import Core, CoreAccount
from kit.http import Http
from kit.mongo import connect
from miniapp_api.stack import Stack

SIZE = 22_633


def measure(items: list[Item], questions: list[Question]) -> None:
    """On a stack of its own: private stores, sandbox, API and worker."""
    folder = Path(tempfile.mkdtemp(prefix="zhangban-bench-"))
    catalogue = folder / "items.jsonl"
    catalogue.write_bytes(b"".join(orjson.dumps(item) + b"\n" for item in grow(items, SIZE)))
    stack = Stack(folder / "data", items=catalogue, extra={"ZHANGBAN_RATE_PER_SECOND": "1000000"})
    try:
        stack.start(lambda step: progress(f"  {step}"))
        asyncio.run(_asked(stack, [one.text for one in questions]))
        asyncio.run(_synced(stack))
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _asked(stack: Stack, texts: list[str]) -> None:
    """One caller, one connection, a question after the other: what a resident waits for, less the network."""
    samples = []
    async with aiohttp.ClientSession(stack.api) as http:
        before = warming(texts)
        for text in before + rounds(texts):
            started = time.perf_counter()
            async with http.get("/v1/items", params={"q": text, "limit": 10}) as reply:
                await reply.read()
            samples.append((time.perf_counter() - started) * 1000)
            if reply.status != 200:
                raise SystemExit(f"search_http: {reply.status} for {text!r}")
    del samples[: len(before)]
    beside = f"GET /v1/items?q= on one connection; p50 {percentile(samples, 0.5):.2f} ms"
    report(f"search_http_p95_ms_{SIZE}", percentile(samples, 0.95), "ms", "lower", None, beside, len(samples))


async def _synced(stack: Stack) -> None:
    """The whole feed once more, into an empty database beside the API's."""
    env = stack.env
    account = CoreAccount(env["ZHANGBAN_CORE_URL"], env["ZHANGBAN_CORE_CLIENT_ID"], env["ZHANGBAN_CORE_SECRET"].encode())
    http, mongo = Http([account.url]), connect(env["MONGO_URL"], "bench_sync")
    try:
        await mongo.create_indexes(INDEXES)
        started = time.perf_counter()
        done = await sync(Content(mongo), Core(http, account))
        seconds = time.perf_counter() - started
    finally:
        await http.close()
        await mongo.close()
    if done.applied != SIZE or not done.finished:
        raise SystemExit(f"sync: {done} instead of {SIZE} items")
    beside = f"{SIZE} records from the sandbox's feed into Mongo, guides included, {seconds:.1f} s"
    report("sync_items_per_s", done.applied / seconds, "items/s", "higher", None, beside, done.applied)
