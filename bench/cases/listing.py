"""A resident's list among 200,000 cases, and whether any query of a whole journey reads a collection from end to end."""

import asyncio
import random
import time
from typing import Any

import aiohttp

from bench.figures import percentile, progress, report
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from tests.api.house import House, Resident, make_resident

STORED, OWN, PEOPLE, LOOKS = 200_000, 50, 20, 600
GROWING = ("cases", "drafts", "files", "core_events", "outbox", "messages", "identities", "residents", "persons", "sessions", "orders", "refunds")


def measure(stack: Stack) -> None:
    asyncio.run(_measure(stack))


async def _measure(stack: Stack) -> None:
    database = connect(stack.env["MONGO_URL"], stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"))
    try:
        async with aiohttp.ClientSession() as http:
            house = House(stack, http)
            residents = [await make_resident(house) for _ in range(PEOPLE)]
            await _grow(database, residents)
            progress(f"  {LOOKS} looks at one's own cases")
            took = [await _look(residents[n % PEOPLE]) for n in range(LOOKS)]
            told = f"GET /v1/cases of somebody with {OWN} cases among {STORED}, one after the other"
            report("cases_list_p95_ms_200k", percentile(took, 0.95), "ms", "lower", 50, told, LOOKS)
            await _scans(database, house)
    finally:
        await database.close()


async def _grow(database: Mongo, residents: list[Resident]) -> None:
    """Copies of one real case, for people nobody is and, the last of them, for those who look."""
    pattern_no = await residents[0].case()
    pattern = await database["cases"].find_one({"case_no": pattern_no})
    if pattern is None:
        raise SystemExit("cases_list: the case that was just filed is not stored")
    people = []
    for resident in residents:
        own = await database["residents"].find_one({"_id": (await resident.api("GET", "/v1/me")).json["id"]})
        people.append(str((own or {})["person_id"]))
    rows: list[dict[str, Any]] = []
    mine = [person for person in people for _ in range(OWN)]
    for n in range(STORED):
        person = mine[n] if n < len(mine) else f"P{n // 10:016x}"
        key = {"subject_key": f"person:{person}"} if "subject_key" in pattern else {}
        rows.append({**pattern, "_id": f"grown-{n}", "case_no": f"{pattern_no[:-8]}{n:08d}", "person_id": person, **key})
        if len(rows) == 5_000:
            await database["cases"].insert_many(rows, ordered=False)
            progress(f"  {n + 1:,} cases")
            rows = []


async def _look(resident: Resident) -> float:
    began = time.perf_counter()
    answer = await resident.api("GET", "/v1/cases?limit=20")
    if answer.status != 200 or len(answer.json["items"]) != 20:
        raise SystemExit(f"cases_list: {answer.status} {answer.body[:200]!r}")
    return (time.perf_counter() - began) * 1000


async def _scans(database: Mongo, house: House) -> None:
    """Mongo's own profiler writes down the plan of every query while residents do everything once; reads of whole collections are counted."""
    await database.database.create_collection("system.profile", capped=True, size=64 << 20)  # its own 1 MB would forget the first queries
    await database.database.command({"profile": 2})
    progress("  everything once, every query's plan written down")
    for _ in range(3):
        await _everything(house)
    await asyncio.sleep(3)  # the worker's own questions
    await database.database.command({"profile": 0})
    found: dict[str, int] = {}
    # a getmore is a change stream's: it reads the oplog, whatever it is written under
    async for row in database["system.profile"].find({"planSummary": {"$regex": "COLLSCAN"}, "op": {"$ne": "getmore"}}):
        collection = row["ns"].split(".", 1)[1]
        if collection in GROWING:
            asked = f"{collection} {sorted((row['command'].get('filter') or row['command'].get('q') or {}).keys())}"
            found[asked] = found.get(asked, 0) + 1
    for asked, times in sorted(found.items()):
        progress(f"    whole collection read: {asked}, {times} times")
    report(
        "cases_collscans", len(found), "queries", "lower", 0, f"plans of every query of a journey, of collections that grow, {STORED} cases stored", 1
    )


async def _everything(house: House) -> None:
    resident = await make_resident(house)
    await resident.consent()
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    await house.move(case_no, "corrections", findings=[{"target": "material", "name": "照片", "problem": "不清晰", "fix": "重拍"}])
    for path in ("/v1/me", "/v1/cases", f"/v1/cases/{case_no}", "/v1/drafts", "/v1/messages", "/v1/messages/consents", "/v1/bills", "/v1/licences"):
        await resident.api("GET", path)
    await resident.api("POST", "/v1/progress", {"case_no": case_no, "secret": f"{random.randrange(10**8):08d}"})  # noqa: S311 - a wrong one
    await asyncio.sleep(1)
