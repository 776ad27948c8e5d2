"""A town of two departments nobody else has, with cases of both, and what a count by hand over the sandbox's ledger says of it."""

import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import pytest

from kit.clock import BEIJING, now
from miniapp_api import settings, wiring
from miniapp_api.stack import Stack
from miniapp_api.wiring import Deps
from tests.api.applying import begin, make_item, post
from tests.api.desk import Desk
from tests.api.house import House, Json, Resident, make_resident, until

FINDINGS = [{"target": "field", "name": "street", "problem": "缺少门牌号", "fix": "写到门牌号"}]
FINISHED = ("approved", "rejected", "issued")
WAYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "first": (
        (),
        ("accepted",),
        ("corrections", "accepted", "corrections", "approved"),
        ("accepted", "approved"),
        ("accepted", "rejected"),
        ("accepted", "approved", "issued"),
        ("withdrawn",),
    ),
    "second": (("accepted",), ("accepted", "issued"), ("corrections",), ("accepted", "corrections", "accepted", "corrections"), ("rejected",)),
}


@dataclass(slots=True)
class Town:
    """Two departments nobody else has. `cases`: which -> case numbers."""

    house: House
    resident: Resident
    month: str
    departments: dict[str, str]
    items: dict[str, Json]
    cases: dict[str, list[str]]

    async def by_hand(self) -> dict[str, Counter[str]]:
        """department -> what the ledger of the core says of it, line by line."""
        codes = {item["code"]: self.departments[which] for which, item in self.items.items()}
        whose: dict[str, str] = {}
        done, notices = set[str](), Counter[str]()
        told: dict[str, Counter[str]] = {name: Counter() for name in codes.values()}
        for line in await self.house.ledger("core"):
            if not _in(line["at"], self.month):
                continue
            if line["kind"] == "case.submitted" and line["item_code"] in codes:
                whose[line["case_no"]] = codes[line["item_code"]]
                told[codes[line["item_code"]]]["received"] += 1
            if line["kind"] == "case.moved" and line["case_no"] in whose:
                own, counted = line["case_no"], told[whose[line["case_no"]]]
                if line["to"] in FINISHED and own not in done:
                    done.add(own)
                    counted["finished"] += 1
                    counted[f"result {line['to']}"] += 1
                if line["to"] == "corrections":
                    notices[own] += 1
                    counted["second"] += notices[own] > 1
                counted["withdrawn"] += line["to"] == "withdrawn"
            if line["kind"] == "window_cases.counted" and line["department"] in told:
                told[line["department"]]["window received"] += line.get("received") or 0
                told[line["department"]]["window finished"] += line.get("finished") or 0
        return told


def _in(at: str, month: str) -> bool:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone(BEIJING).strftime("%Y-%m") == month


async def make_town(house: House) -> Town:
    """With cases that went every way there is."""
    town = await found_town(house)
    town.cases = {which: [await walk(town, which, way) for way in ways] for which, ways in WAYS.items()}
    return town


async def found_town(house: House) -> Town:
    """No cases yet. `first`: nobody has to come, three working days; `second`: one visit, no limit. The core counts the windows of both."""
    resident, own = await make_resident(house), uuid.uuid4().hex[:8]
    departments = {"first": f"测试一局{own}", "second": f"测试二局{own}"}
    three = {"days": 3, "unit": "working_days", "text": "3 个工作日"}
    elements: dict[str, Json] = {
        "first": {"visits": 0, "promised_limit": three, "statutory_limit": {**three, "days": 20}},
        "second": {"visits": 1, "promised_limit": None, "statutory_limit": None},
    }
    items = {which: await make_item(house, materials=[], department={"name": name}, **elements[which]) for which, name in departments.items()}
    month = now().astimezone(BEIJING).strftime("%Y-%m")
    return Town(house, resident, month, departments, items, {which: [] for which in items})


async def walk(town: Town, which: str, way: tuple[str, ...] = ()) -> str:
    """A case of that department, filed and moved; its number."""
    resident = town.resident
    filed = await resident.submit((await begin(resident, town.items[which], {"street": "和平路 1 号"}))["id"])
    assert filed.status == 201, filed.body
    case_no = str(filed.json["case_no"])
    for to in way:
        if to == "withdrawn":
            assert (await post(resident, f"/v1/cases/{case_no}/withdraw", {})).status == 200
        else:
            await move(town, case_no, to)
    return case_no


async def move(town: Town, case_no: str, to: str) -> None:
    await town.house.move(case_no, to, **({"findings": FINDINGS} if to == "corrections" else {}))


async def windows(town: Town, which: str, **told: int | None) -> None:
    await town.house.world("POST", "/world/core/window-cases", {"department": town.departments[which], "month": town.month, **told})


async def shown(desk: Desk, department: str, **query: str) -> Json:
    asked = "&".join(f"{name}={value}" for name, value in {"department": department, **query}.items() if value)
    answer = await desk.api("GET", f"/staff/v1/supervision?{asked}")
    assert answer.status == 200, answer.body
    return answer.json


def figure(told: Json, own: str) -> Json:
    return next(one for one in told["figures"] if one["id"] == own)


async def all_told(desk: Desk, town: Town, seconds: float = 40) -> None:
    """Every move of the ledger has become a fact, and what is shown is exactly that."""
    by_hand = await town.by_hand()

    async def same() -> bool:
        told = [await shown(desk, name) for name in town.departments.values()]
        return [(one["received"], one["finished"], one["withdrawn"], one["second_notices"]) for one in told] == [
            (by_hand[name]["received"], by_hand[name]["finished"], by_hand[name]["withdrawn"], by_hand[name]["second"])
            for name in town.departments.values()
        ]

    await until(same, seconds)


@asynccontextmanager
async def inside(stack: Stack) -> AsyncIterator[Deps]:
    """What the worker has, from the same environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.env.items():
            patch.setenv(name, value)
        deps = wiring.build(settings.load())
    try:
        yield deps
    finally:
        await deps.close()
