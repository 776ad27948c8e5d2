"""How items do online over 200,000 drafts of sixty days and 500 items: the list of all of them and one of them, through the API on a real mongod."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bench.around.stacked import on_a_stack
from bench.figures import percentile, progress, report
from kit.clock import now
from kit.mongo import Mongo, connect
from kit.workdays import day_of
from miniapp_api.item_days import begin_of
from miniapp_api.stack import Stack
from tests.api.desk import Desk, make_desk
from tests.api.house import House

STORED, ITEMS, DAYS = 200_000, 500, 30  # days of the period; the one before it is read as well
LOOKS, WARM, PAUSE, AIM, BATCH = 100, 3, 0.25, 500.0, 5_000
SEALED = "k1:" + "A" * 400  # what a resident wrote, as long as it usually is
STATES = ("accepted", "approved", "issued")
Row = dict[str, Any]


def planted(count: int, moment: datetime) -> Iterator[tuple[Row, Row | None]]:
    """(draft, its case or None) as drafts and cases are stored; seeded, so that every run looks at the same city. A fifth of all items is used most."""
    rolls = random.Random(20_261_129)  # noqa: S311 - no secret
    begun = begin_of(day_of(moment) - timedelta(days=2 * DAYS - 1))
    for n in range(count):
        yield _one(n, rolls, begun + (moment - begun) * rolls.random(), moment)


def code_of(n: int) -> str:
    return f"BENCH{n:06d}"


def _one(n: int, rolls: random.Random, opened: datetime, moment: datetime) -> tuple[Row, Row | None]:
    code, person = code_of(int(ITEMS * rolls.random() ** 2)), f"P{n % 50_000}"
    reached, at = list[datetime](), opened
    for share, longest in ((0.75, 3_600), (0.85, 600), (0.99, 60), (0.9, 2 * 86_400), (0.85, 9 * 86_400)):
        at += timedelta(seconds=1 + longest * rolls.random() ** 2)
        if rolls.random() > share or at > moment:
            break
        reached.append(at)
    item: Row = {"code": code, "version": 1, "name": "办件测试事项"}
    draft: Row = {
        "_id": f"d-bench-{n:07d}",
        "resident_id": f"R{n % 50_000}",
        "person_id": person,
        "subject_key": f"person:{person}",
        "item_code": code,
        "project_code": None,
        "begun_with": [item],
        "items": [item],
        "version": 3,
        "state": "submitted" if len(reached) > 1 else "open",
        "created_at": opened,
        "updated_at": reached[0] if reached else opened,
        "answers": SEALED,
        "former": SEALED[:80],
        "materials": [{"name": name, "file_id": f"f{n}"} for name in ("身份证", "合同")],
        "situations": [],
        "item_version": 1,
        "item_name": item["name"],
        **({"checked_at": reached[0]} if reached else {}),
    }
    return draft, _case(n, draft, reached) if len(reached) > 1 else None


def _case(n: int, draft: Row, reached: list[datetime]) -> Row:
    moves = [{"version": 1, "state": "submitted", "at": reached[2]}] if len(reached) > 2 else []
    moves += [{"version": 2 + place, "state": STATES[place], "at": at} for place, at in enumerate(reached[3:])]
    kept = ("resident_id", "person_id", "subject_key", "item_code", "item_version", "item_name", "answers", "materials", "project_code")
    return {name: draft[name] for name in kept} | {
        "_id": f"q-bench-{n:07d}",
        "draft_id": draft["_id"],
        "case_no": f"B{n:09d}",
        "channel": "wechat",
        "revision": 1 + len(moves),
        "version": len(moves),
        "state": moves[-1]["state"] if moves else "sending",
        "created_at": reached[1],
        "submitted_at": reached[2] if len(reached) > 2 else None,
        "moved_at": moves[-1]["at"] if moves else reached[1],
        "timeline": moves,
        "rounds": [],
    }


async def plant(mongo: Mongo, count: int, moment: datetime) -> tuple[Counter[str], int]:
    """(begun drafts of the period by item, cases)"""
    first = await mongo["items"].find_one({"item": {"$ne": None}})
    if first is None:
        raise SystemExit("health: the catalogue is empty")
    await mongo["items"].insert_many([{**first, "_id": code_of(n), "item": {**first["item"], "code": code_of(n)}} for n in range(ITEMS)])
    drafts, cases, begun, filed = list[Row](), list[Row](), Counter[str](), 0
    since = begin_of(day_of(moment) - timedelta(days=DAYS - 1))
    for draft, case in planted(count, moment):
        drafts.append(draft)
        cases += [case] if case is not None else []
        begun[draft["item_code"]] += draft["created_at"] >= since
        if len(drafts) == BATCH:
            filed += await _written(mongo, drafts, cases)
    filed += await _written(mongo, drafts, cases)
    for name in ("item_days", "item_tallies"):  # days without drafts, which the worker has counted while there were none
        await mongo[name].delete_many({})
    return begun, filed


async def _written(mongo: Mongo, drafts: list[Row], cases: list[Row]) -> int:
    for name, rows in (("drafts", drafts), ("cases", cases)):
        if rows:
            await mongo[name].insert_many(rows, ordered=False)
    count = len(cases)
    drafts.clear()
    cases.clear()
    return count


async def _look(desk: Desk, path: str) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = await desk.api("GET", f"/staff/v1/items/{path}?days={DAYS}")
    if answer.status != 200:
        raise SystemExit(f"health: {answer.status} {answer.body[:200]!r}")
    return (time.perf_counter() - began) * 1000, answer.json


async def _whole(desk: Desk, begun: Counter[str]) -> None:
    """Raises SystemExit unless the list counts every draft that was planted."""
    first, told = await _look(desk, "health")
    progress(f"  the first look: {first:.0f} ms")
    shown = {one["code"]: one["steps"][1]["total"] for one in told["items"]}
    if not shown or any(begun[code] != total for code, total in shown.items()):
        raise SystemExit("health: not every planted draft is counted")


async def _measure(stack: Stack, count: int, looks: int) -> tuple[float, float]:
    mongo = connect(stack.env["MONGO_URL"], stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"))
    try:
        began = time.perf_counter()
        begun, cases = await plant(mongo, count, now())
        progress(f"  {count:,} drafts and {cases:,} cases in {time.perf_counter() - began:.0f} s")
        async with aiohttp.ClientSession() as http:
            desk = await make_desk(House(stack, http), "supervisor")
            await _whole(desk, begun)
            worst = list[float]()
            paths = ["health"] * looks, [f"{code_of(n)}/health" for n in range(looks)]  # the items that are used most
            for path in paths:
                for one in path[:WARM]:
                    await _look(desk, one)
                took = list[float]()
                for one in path:
                    await asyncio.sleep(PAUSE)  # so that what is shared grows old meanwhile
                    took.append((await _look(desk, one))[0])
                worst.append(percentile(took, 0.95))
                progress(f"  {path[0]}: p50 {percentile(took, 0.5):.0f} ms, p95 {worst[-1]:.0f} ms")
    finally:
        await mongo.close()
    told_of = f"{count} drafts and {cases} cases over {2 * DAYS} days and {ITEMS} items"
    report("item_health_p95_ms_200k", worst[0], "ms", "lower", AIM, f"GET /staff/v1/items/health?days={DAYS} over {told_of}", looks)
    report("item_health_one_p95_ms_200k", worst[1], "ms", "lower", AIM, f"the same of one item, {looks} of them in turn", looks)
    return worst[0], worst[1]


def measure(items: Path | None = None, *, count: int = STORED, looks: int = LOOKS) -> tuple[float, float]:
    return on_a_stack(items, lambda stack: _measure(stack, count, looks))
