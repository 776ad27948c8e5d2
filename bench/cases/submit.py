"""Submitting end to end, over HTTP, while the core takes 50 ms for each answer: 20 a second, each at its own time whatever became of the others."""

import asyncio
import time

import aiohttp

from bench.figures import percentile, progress, report
from miniapp_api.stack import Stack
from tests.api.house import House, Resident, make_resident

RATE, SECONDS, PEOPLE, CORE_MS = 20, 30, 20, 50


def measure(stack: Stack) -> None:
    asyncio.run(_measure(stack))


async def _measure(stack: Stack) -> None:
    async with aiohttp.ClientSession() as http:
        house = House(stack, http)
        progress(f"  {PEOPLE} residents prepare {RATE * SECONDS} drafts")
        residents = [await make_resident(house) for _ in range(PEOPLE)]
        drafts = await asyncio.gather(*(_drafts(resident, RATE * SECONDS // PEOPLE) for resident in residents))
        ready = [(residents[n % PEOPLE], drafts[n % PEOPLE][n // PEOPLE]) for n in range(RATE * SECONDS)]
        await house.faults(core={"latency_ms": CORE_MS})
        progress(f"  {RATE} submits/s for {SECONDS} s")
        taken = await asyncio.gather(*(_submit(n / RATE, *one) for n, one in enumerate(ready)))
        await house.faults(core={})
        filed = [one for one in await house.ledger("core") if one["kind"] == "case.submitted"]
        if len(filed) != len(ready):
            raise SystemExit(f"cases_submit: the core has {len(filed)} cases for {len(ready)} submissions")
        told = f"draft to case number, the core answering in {CORE_MS} ms, {RATE} submits/s; client, core and stores on the same machine"
        report("cases_submit_p95_ms", percentile(taken, 0.95), "ms", "lower", 400, told, len(taken))


async def _drafts(resident: Resident, wanted: int) -> list[str]:
    return [str((await resident.draft())["id"]) for _ in range(wanted)]


async def _submit(after: float, resident: Resident, draft: str) -> float:
    """Milliseconds from when it was due; lateness counts."""
    due = time.perf_counter() + after
    await asyncio.sleep(after)
    answer = await resident.submit(draft)
    if answer.status != 201:
        raise SystemExit(f"cases_submit: {answer.status} {answer.body[:200]!r}")
    return (time.perf_counter() - due) * 1000
