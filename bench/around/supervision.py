"""The figures of supervision over 200,000 planted facts: the staff answer of the month they are all of, and of the year, through the API on a real mongod."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bench.around.stacked import on_a_stack
from bench.figures import median, percentile, progress, report
from kit.clock import BEIJING, now
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from supervision.facts import month_of
from supervision.store import Facts
from tests.api.desk import Desk, make_desk
from tests.api.house import House

STORED, LOOKS, WARM, AIM, BATCH, PAUSE, COUNTS = 200_000, 100, 5, 300.0, 10_000, 0.25, 7
DEPARTMENTS, REGIONS = 40, 7
OPEN, NEAR = 0.12, 0.25  # of all; of the open ones, near their due day or past it


def planted(count: int, month: datetime, moment: datetime) -> list[dict[str, Any]]:
    """Facts of one month as `supervision.facts.fact` makes them; seeded, so that every run looks at the same city."""
    rolls = random.Random(20_261_129)  # noqa: S311 - no secret
    return [_fact(n, rolls, month, moment) for n in range(count)]


def _fact(n: int, rolls: random.Random, month: datetime, moment: datetime) -> dict[str, Any]:
    place = int(DEPARTMENTS * rolls.random() ** 2)
    submitted = month + (moment - month) * rolls.random()
    is_open, withdrawn = rolls.random() < OPEN, rolls.random() < 0.03
    finished = None if is_open or withdrawn else submitted + (moment - submitted) * rolls.random()
    result = None if finished is None else rolls.choices(("approved", "rejected", "issued"), (5, 1, 14))[0]
    state = rolls.choice(("submitted", "accepted", "corrections")) if is_open else result or "withdrawn"
    late = is_open and rolls.random() < NEAR
    due = moment + timedelta(days=rolls.uniform(-6, 1)) if late else moment + timedelta(days=rolls.uniform(4, 30))
    again = [month_of(submitted)] if rolls.random() < 0.01 else []
    return {
        "_id": f"bench-{n:07d}",
        "case_no": f"B{n:09d}",
        "item_code": f"I{place:03d}",
        "item_version": 1,
        "department": f"第{place:02d}局",
        "region": f"4407{place % REGIONS:02d}",
        "channel": rolls.choice(("wechat", "alipay", "kiosk")),
        "month": month_of(submitted),
        "state": state,
        "open": is_open,
        "step": state,
        "submitted_at": submitted,
        "accepted_at": submitted,
        "finished_at": finished,
        "finished_month": None if finished is None else month_of(finished),
        "result": result,
        "online": None if finished is None else rolls.choices((True, False, None), (7, 2, 1))[0],
        "in_time": None if finished is None else rolls.choices((True, False, None), (17, 1, 2))[0],
        "second_months": again,
        "second_notices": len(again),
        "steps": {"submitted": 3600, "accepted": 86_400},
        "promised_due_at": due,
        "legal_due_at": due + timedelta(days=3),
        "due_at": due if is_open else None,
        "near_at": due - timedelta(days=2) if is_open else None,
        "due_kind": "promised" if is_open else None,
        "version": 3,
        "edition": "bench",
    }


async def plant(mongo: Mongo, rows: Sequence[dict[str, Any]]) -> None:
    for first in range(0, len(rows), BATCH):
        await mongo["case_facts"].insert_many(list(rows[first : first + BATCH]), ordered=False)
        progress(f"  {first + BATCH:,} facts")


async def look(desk: Desk, query: str) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = await desk.api("GET", f"/staff/v1/supervision?{query}")
    if answer.status != 200:
        raise SystemExit(f"supervision: {answer.status} {answer.body[:200]!r}")
    return (time.perf_counter() - began) * 1000, answer.json


async def _paced(desk: Desk, query: str) -> float:
    """With pauses, so that counts grow old and are made anew while others look."""
    await asyncio.sleep(PAUSE)
    return (await look(desk, query))[0]


async def _counting(mongo: Mongo, month: str) -> float:
    """Milliseconds of one count straight from the indexes, which readers share."""
    facts, took = Facts(mongo), list[float]()
    for _ in range(COUNTS):
        began = time.perf_counter()
        await facts.month(month)
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


async def _measure(stack: Stack, count: int, looks: int) -> float:
    mongo = connect(stack.env["MONGO_URL"], stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"))
    moment = now()
    begun = moment.astimezone(BEIJING).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    month = month_of(begun)
    try:
        rows = planted(count, begun, moment)
        await plant(mongo, rows)
        async with aiohttp.ClientSession() as http:
            desk = await make_desk(House(stack, http), "supervisor")
            took = dict[str, list[float]]()
            for name, query in (("month", f"month={month}"), ("year", f"year={month[:4]}")):
                for _ in range(WARM):
                    _, told = await look(desk, query)
                if told["received"] < count or told["finished"] < sum(row["finished_month"] is not None for row in rows):
                    raise SystemExit("supervision: not every planted case is counted")
                took[name] = [await _paced(desk, query) for _ in range(looks)]
                progress(f"  {name}: p50 {percentile(took[name], 0.5):.0f} ms, p95 {percentile(took[name], 0.95):.0f} ms")
            straight = await _counting(mongo, month)
    finally:
        await mongo.close()
    worst = max(percentile(one, 0.95) for one in took.values())
    told_of = f"GET /staff/v1/supervision of a month with all {count} cases in it and of the year, one after the other, the slower p95"
    report("supervision_p95_ms_200k", worst, "ms", "lower", AIM, told_of, 2 * looks)
    report("supervision_count_ms_200k", straight, "ms", "lower", None, "the same month counted straight from covered indexes, median", COUNTS)
    return worst


def measure(items: Path | None = None, *, count: int = STORED, looks: int = LOOKS) -> float:
    return on_a_stack(items, lambda stack: _measure(stack, count, looks))
