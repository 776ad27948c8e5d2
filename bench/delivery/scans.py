"""Scans per second, durable, with all that follows of them, beside the bare majority write of the same line on the same mongod in the same run.

Ours: each push finds its parcel, is merged into what is known, seals its text, moves the state, and plants the rows that tell of it, in a
transaction. The limit: one update each that appends the line, prepared before the clock runs, and looks at nothing.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench.delivery.prepared import TELL, WAY, booked, indexes, shipping_on, way
from bench.figures import median, progress, report
from delivery.couriers import Scan
from delivery.parcels import Parcel, State
from delivery.shipping import Shipping
from delivery.tracking import take_scans
from kit.embedded import Mongod
from kit.mongo import Mongo, connect

PAIRS, PARCELS, WARM, CALLERS, AIM = 9, 150, 40, 16, 0.6
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """Parcels and their pushes, mixed as many parcels' ways mix; a parcel's own come in their order."""

    parcels: list[Parcel]
    scans: list[tuple[Parcel, Scan]]


async def prepare(shipping: Shipping, count: int) -> Round:
    parcels = [await booked(shipping) for _ in range(count)]
    ways = [way(parcel) for parcel in parcels]
    return Round(parcels, [(parcel, ways[n][step]) for step in range(len(WAY)) for n, parcel in enumerate(parcels)])


def writes(shipping: Shipping, one: Round) -> list[tuple[str, Document]]:
    """The limit's: (parcel id, the line as ours stands there)."""
    store = shipping.store.tracks
    return [(parcel.id, store.kept([store.seal_scan(parcel.id, 1, scan, polled=False)])[0]) for parcel, scan in one.scans]


async def ours(shipping: Shipping, one: Round, callers: int) -> float:
    async def push(scan: Scan) -> None:
        if await take_scans(shipping, "sf", [scan], source="push") != 1:
            raise LookupError("a scan found no parcel")

    return await _in_turn([scan for _, scan in one.scans], push, callers)


async def bare(mongo: Mongo, lines: Sequence[tuple[str, Document]], callers: int) -> float:
    async def write(line: tuple[str, Document]) -> None:
        await mongo["parcels"].update_one({"_id": line[0]}, {"$push": {"scans": line[1]}})

    return await _in_turn(lines, write, callers)


async def _in_turn(what: Sequence[Any], act: Callable[[Any], Awaitable[None]], callers: int) -> float:
    """Seconds for all of them; each caller does the next one when its last one is durable."""
    waiting = iter(what)
    started = time.perf_counter()
    await asyncio.gather(*(_caller(waiting, act) for _ in range(callers)))
    return time.perf_counter() - started


async def _caller(waiting: Iterator[Any], act: Callable[[Any], Awaitable[None]]) -> None:
    for one in waiting:
        await act(one)


async def whole(shipping: Shipping, one: Round) -> int:
    """Parcels that stand where their way ended, each line once and with the rows that tell of it."""
    ids = [parcel.id for parcel in one.parcels]
    stand = {
        row["_id"] async for row in shipping.mongo["parcels"].find({"_id": {"$in": ids}, "state": State.DELIVERING.value, "scans": {"$size": 8}})
    }
    told: dict[str, set[str]] = {}
    async for row in shipping.mongo["outbox"].find({"kind": TELL, "payload.parcel_id": {"$in": ids}}):
        told.setdefault(row["payload"]["parcel_id"], set()).add(row["payload"]["kind"])
    return sum({"collected", "delivering"} <= told.get(own, set()) for own in stand)


async def lines_of(mongo: Mongo, one: Round) -> int:
    found = mongo["parcels"].find({"_id": {"$in": [parcel.id for parcel in one.parcels]}}, {"scans": 1})
    return sum([len(row["scans"]) async for row in found])


async def pair(shipping: Shipping, beside: Shipping, count: int, callers: int) -> tuple[float, float]:
    """(ours, limit) in scans/s. Both are prepared before either runs, in databases of their own."""
    mine, other = await prepare(shipping, count), await prepare(beside, count)
    prepared = writes(beside, other)
    spent_bare = await bare(beside.mongo, prepared, callers)
    spent = await ours(shipping, mine, callers)
    if await whole(shipping, mine) != count or await lines_of(beside.mongo, other) != len(prepared):
        raise SystemExit("scans: not every scan is where it belongs")
    return len(mine.scans) / spent, len(prepared) / spent_bare


async def _measure(url: str) -> None:
    mongo, other = connect(url, "bench_scans"), connect(url, "bench_scans_limit")
    shipping, beside = shipping_on(mongo, {}), shipping_on(other, {})
    for one in (mongo, other):
        await indexes(one)
    await pair(shipping, beside, WARM, CALLERS)
    pairs = list[tuple[float, float]]()
    for turn in range(PAIRS):
        whole_rate, bare_rate = await pair(shipping, beside, PARCELS, CALLERS)
        pairs.append((whole_rate, bare_rate))
        progress(f"  {turn + 1}/{PAIRS}: 本项目 {whole_rate:.0f}/s，极限 {bare_rate:.0f}/s，{whole_rate / bare_rate:.2f}")
    told = f"one bare majority write a scan, same loop and mongod, {CALLERS} callers"
    report("scans_vs_limit", median([mine / limit for mine, limit in pairs]), "ratio of scans/s", "higher", AIM, told, PAIRS)
    about = f"{PARCELS * len(WAY)} pushes of one scan over {CALLERS} callers, state moved, telling planted, durable"
    report("scans_per_s", median([mine for mine, _ in pairs]), "1/s", "higher", None, about, PAIRS)
    report("scans_limit_per_s", median([limit for _, limit in pairs]), "1/s", "higher", None, told, PAIRS)
    for one in (mongo, other):
        await one.close()


def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="zhangban-bench-") as folder, Mongod(Path(folder)) as server:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # what Sanic serves with
            runner.run(_measure(server.url))
