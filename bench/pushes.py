"""From a core event to the call that puts it on a phone, at 50 events a second."""

import asyncio
import time
from datetime import datetime

import aiohttp

from bench.figures import percentile, progress, report
from miniapp_api.stack import Stack
from tests.api.house import House, Resident, make_resident

RATE, SECONDS, CASES = 50, 20, 50


def measure(stack: Stack) -> None:
    asyncio.run(_measure(stack))


async def _measure(stack: Stack) -> None:
    async with aiohttp.ClientSession() as http:
        house = House(stack, http)
        progress(f"  {CASES} residents log in, bind, consent and apply")
        residents = [await make_resident(house) for _ in range(CASES)]
        cases = await asyncio.gather(*(_ready(resident) for resident in residents))
        progress(f"  {RATE} events/s for {SECONDS} s")
        moves = [asyncio.create_task(_move(house, cases, n)) for n in range(RATE * SECONDS)]
        await asyncio.gather(*moves)
        gaps = await _gaps(house, RATE * SECONDS)
        report("event_to_push_p95_ms", percentile(gaps, 0.95), "ms", "lower", 200, f"core event to subscribe call, {RATE} events/s", len(gaps))


async def _ready(resident: Resident) -> str:
    await resident.consent(SECONDS + 2, ("case_moved", "case_corrections"))
    return await resident.case()


async def _move(house: House, cases: list[str], n: int) -> None:
    """The n-th event, at its own time whatever became of the others (open model); every case moves once a second."""
    await asyncio.sleep(n / RATE)
    turn = n // len(cases)
    await house.move(cases[n % len(cases)], "accepted" if turn % 2 == 0 else "corrections")


async def _gaps(house: House, wanted: int) -> list[float]:
    """Milliseconds from each event's own time to its message's. A push that never came is no sample and is told."""
    end = time.monotonic() + 30
    while True:
        pushed = [one for one in await house.ledger("messages") if one["channel"] == "wechat"]
        if len(pushed) >= wanted or time.monotonic() > end:
            break
        await asyncio.sleep(0.5)
    if len(pushed) != wanted:
        raise SystemExit(f"event_to_push: {len(pushed)} pushes for {wanted} events")
    moved: dict[str, list[datetime]] = {}
    for one in await house.ledger("core"):
        if one["kind"] == "case.moved":
            moved.setdefault(one["case_no"], []).append(datetime.fromisoformat(one["at"]))
    gaps = []
    for case_no, events in moved.items():
        arrived = sorted(datetime.fromisoformat(one["at"]) for one in pushed if one["page"].endswith(case_no))
        gaps += [(push - event).total_seconds() * 1000 for event, push in zip(sorted(events), arrived, strict=True)]
    return gaps
