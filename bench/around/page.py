"""The personal page of somebody with fifty things open, on a whole stack, beside the list of their cases in the same run.

Cases, parcels, appointments, complaints and messages are copies of one real row each, put where real ones stand; bills and licences lie at the core.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bench.around.stacked import on_a_stack
from bench.figures import percentile, progress, report
from kit.clock import now
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from tests.api.applying import licence
from tests.api.house import House, Resident
from tests.api.mailing import Mail, make_mail

AIM, LOOKS, CALLERS, WARM = 150, 200, 4, 20
CASES, PARCELS, APPOINTMENTS, COMPLAINTS, MESSAGES, BILLS, LICENCES = 12, 6, 4, 4, 12, 6, 6
OTHERS = 20_000  # cases of other people


def measure(items: Path | None) -> None:
    on_a_stack(items, _measure)


async def _measure(stack: Stack) -> None:
    database = connect(stack.env["MONGO_URL"], stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"))
    try:
        async with aiohttp.ClientSession() as http:
            resident = await prepare(House(stack, http), database)
            await _check(resident)
            took = await looks(resident, "/v1/home", LOOKS)
            beside = await looks(resident, "/v1/cases?limit=20", LOOKS)
            page, cases = percentile(took, 0.95), percentile(beside, 0.95)
            told = f"GET /v1/home of somebody with {CASES + PARCELS + APPOINTMENTS + COMPLAINTS + MESSAGES + BILLS + LICENCES} things open, {CALLERS} callers; licences are asked of the core every 10 s, the rest at each look"
            report("page_p95_ms", page, "ms", "lower", AIM, told, LOOKS)
            report("page_p50_ms", percentile(took, 0.5), "ms", "lower", None, told, LOOKS)
            report("page_vs_cases_list", page / cases, "ratio of p95", "lower", None, f"GET /v1/cases of the same person, {cases:.1f} ms", LOOKS)
    finally:
        await database.close()


async def prepare(house: House, database: Mongo) -> Resident:
    mail = await make_mail(house)
    await mail.asked()
    resident = mail.resident
    row = await database["cases"].find_one({"case_no": mail.case_no})
    if row is None:
        raise SystemExit("page: the case that was just filed is not stored")
    person = str(row["person_id"])
    await _cases(database, row)
    await _parcels(database, person)
    await _appointments(database, person, row)
    await _complaints(resident, database, person)
    await _messages(database, person)
    await _at_core(mail)
    return resident


async def _copied(database: Mongo, name: str, pattern: dict[str, Any], changes: Sequence[dict[str, Any]]) -> None:
    """Copies of a real row with what tells them apart."""
    await database[name].insert_many([{**pattern, **change} for change in changes], ordered=False)


async def _cases(database: Mongo, row: dict[str, Any]) -> None:
    number = row["case_no"]
    moves = [{**move, "state": "accepted"} for move in row["timeline"] if move["state"] in ("submitted", "accepted")]
    mine = {"state": "accepted", "timeline": moves, "project_code": None}
    await _copied(database, "cases", row, [{**mine, "_id": f"open-{n}", "case_no": f"{number[:-8]}{n:08d}"} for n in range(CASES)])
    for begin in range(0, OTHERS, 5_000):
        others = [
            {**mine, "_id": f"other-{n}", "case_no": f"{number[:-8]}{n + 10**6:08d}", "person_id": f"P{n // 5}", "subject_key": f"person:P{n // 5}"}
            for n in range(begin, begin + 5_000)
        ]
        await _copied(database, "cases", row, others)


async def _parcels(database: Mongo, person: str) -> None:
    """Without what is sealed for the one they are copies of, and what only one may have."""
    row = await database["parcels"].find_one({"person_id": person})
    if row is None:
        raise SystemExit("page: the parcel that was just asked for is not stored")
    bare: dict[str, Any] = {"receiver": None, "sender": None, "only": None, "state": "at_pickup_point", "standing": False, "scans": []}
    await _copied(database, "parcels", row, [{**bare, "_id": f"J-open-{n}"} for n in range(PARCELS - 1)])


async def _appointments(database: Mongo, person: str, case: dict[str, Any]) -> None:
    for n in range(APPOINTMENTS):
        begins = now() + timedelta(days=2 + n)
        row = {
            "_id": f"A-open-{n}",
            "person_id": person,
            "visitor_id": person,
            "resident_id": case["resident_id"],
            "subject_key": f"person:{person}",
            "item_code": case["item_code"],
            "item_name": case["item_name"],
            "slot_id": f"S{n}",
            "hall": {"hall_id": "H1", "name": "市民服务中心", "address": "市民大道1号"},
            "starts_at": begins,
            "ends_at": begins + timedelta(minutes=30),
            "state": "booked",
            "version": 1,
            "number": f"A{n:03d}",
            "created_at": now(),
            "only": f"{person}/open-{n}",
        }
        await database["appointments"].insert_one(row)


async def _complaints(resident: Resident, database: Mongo, person: str) -> None:
    for n in range(COMPLAINTS):
        said = {"kind": "suggestion", "title": f"建议增加自助机 {n}", "text": f"大厅第 {n} 区排队时间长，建议增加一台自助机。"}
        made = await resident.api("POST", "/v1/complaints", said, headers={"Idempotency-Key": uuid.uuid4().hex})
        if made.status not in (201, 202):
            raise SystemExit(f"page: {made.status} {made.body[:200]!r}")
    if await database["complaints"].count_documents({"person_id": person}) != COMPLAINTS:
        raise SystemExit("page: complaints are not stored")


async def _messages(database: Mongo, person: str) -> None:
    row = await database["messages"].find_one({"person_id": person})
    if row is None:
        raise SystemExit("page: nobody was told of the case")
    changes: list[dict[str, Any]] = [{"_id": f"m_open_{n}", "event_id": f"e{n}", "read_at": None, "channels": {}} for n in range(MESSAGES)]
    await _copied(database, "messages", row, [{**one, "push": "done"} for one in changes])


async def _at_core(mail: Mail) -> None:
    house, person = mail.house, mail.resident.person["person"]
    for n in range(BILLS):
        await house.world("POST", f"/world/core/cases/{mail.case_no}/bills", {"amount_fen": 1000 + n})
    for n in range(LICENCES):
        ends = (now() + timedelta(days=20 * (n + 1))).isoformat()
        await licence(house, person, ("居民身份证", "机动车驾驶证", "普通护照", "居住证", "不动产权证书", "结婚证")[n % 6], expires_at=ends)


async def _check(resident: Resident) -> None:
    """What is measured is a whole page."""
    answer = await resident.api("GET", "/v1/home")
    if answer.status != 200:
        raise SystemExit(f"page: {answer.status} {answer.body[:200]!r}")
    told = answer.json
    counts = {name: told[name]["total"] for name in ("cases", "parcels", "appointments", "complaints", "bills", "licences", "to_do", "recommended")}
    progress(f"  {counts}, 未读 {told['unread']}")
    least = {"cases": CASES, "parcels": PARCELS, "appointments": APPOINTMENTS, "complaints": COMPLAINTS, "bills": BILLS, "licences": LICENCES}
    if any(counts[name] < number for name, number in least.items()) or told["unread"] < MESSAGES:
        raise SystemExit(f"page: not everything is on it: {counts}")
    if any(told[name]["unavailable"] for name in counts):
        raise SystemExit("page: a source did not answer")


async def looks(resident: Resident, path: str, count: int) -> list[float]:
    """Milliseconds each, `CALLERS` at a time."""
    waiting, took = iter(range(count + WARM)), list[float]()

    async def caller() -> None:
        for n in waiting:
            began = time.perf_counter()
            answer = await resident.api("GET", path)
            if answer.status != 200:
                raise SystemExit(f"page: {path}: {answer.status} {answer.body[:200]!r}")
            if n >= WARM:
                took.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return took
