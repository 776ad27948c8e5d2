"""Checking a form of 60 fields and 12 materials over HTTP, everything that is wrong told at once, while the core is away: its own check is not counted."""

import asyncio
import time
from typing import Any

import aiohttp

from bench.figures import percentile, progress, report
from miniapp_api.stack import Stack
from tests.api.applying import begin, core_is_back, fill, make_item
from tests.api.house import House, make_resident

FIELDS, MATERIALS, ROUNDS = 60, 12, 300


def measure(stack: Stack) -> None:
    asyncio.run(_measure(stack))


async def _measure(stack: Stack) -> None:
    async with aiohttp.ClientSession() as http:
        house = House(stack, http)
        resident = await make_resident(house)
        item = await make_item(
            house, _form(), [{"name": f"材料{n}", "required": True, "licence_type": None, "situations": []} for n in range(MATERIALS)]
        )
        draft = await begin(resident, item, _answers())
        handed = [{"name": f"材料{n}", "hand_in": "window"} for n in range(MATERIALS // 2)] + [{"name": "没有的材料", "hand_in": "online"}]
        await fill(resident, draft, materials=handed)
        await house.faults(core={"down": True})
        progress(f"  {ROUNDS} checks")
        took, told = [], 0
        for turn in range(ROUNDS + 10):
            began = time.perf_counter()
            answer = await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})
            spent = (time.perf_counter() - began) * 1000
            if answer.status != 200 or answer.json["core_checked"]:
                raise SystemExit(f"precheck: {answer.status} {answer.body[:200]!r}")
            if turn >= 10:  # the breaker is open now: the core is not waited for
                took.append(spent)
                told = len(answer.json["findings"])
        await core_is_back(house, resident)
        if told < FIELDS // 2 + MATERIALS // 2:
            raise SystemExit(f"precheck: only {told} findings of a draft that is wrong in many places")
        baseline = f"POST precheck, {FIELDS} fields, {MATERIALS} materials, {told} findings, the core away"
        report("precheck_p95_ms", percentile(took, 0.95), "ms", "lower", 60, baseline, ROUNDS)


def _form() -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [
        {"type": "string", "minLength": 2, "maxLength": 50},
        {"type": "string", "pattern": "^1[3-9][0-9]{9}$"},
        {"type": "string", "enum": [f"选项{n}" for n in range(8)]},
        {"type": "string", "format": "date"},
    ]
    fields = {f"field{n}": {"title": f"第 {n} 项", **kinds[n % 4]} for n in range(FIELDS)}
    shape = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": fields, "required": list(fields)}
    return {**shape, "additionalProperties": False}


def _answers() -> dict[str, Any]:
    """Half of it filled in, half of that wrongly."""
    right = ["写对了", "13800138000", "选项1", "2026-11-28"]
    return {f"field{n}": "错" if n % 8 < 4 else right[n % 4] for n in range(FIELDS // 2)}
