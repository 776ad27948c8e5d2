"""Verbs of tests about ratings: a case that came to an end, rating it, the supervisor's and the department's desks."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from staff.roles import ALL, Scope
from tests.api.applying import FORM, make_item
from tests.api.desk import Desk, make_desk
from tests.api.house import Answer, House, Json, Resident, make_resident, until


@dataclass(slots=True)
class Rated:
    """A resident and a case of theirs. `desks`: made when they are first asked for."""

    resident: Resident
    case_no: str
    item: Json
    desks: dict[str, Desk] = field(default_factory=dict)

    @property
    def house(self) -> House:
        return self.resident.house

    @property
    def department(self) -> str:
        return str(self.item["department"]["name"])

    async def rate(self, grade: int = 2, key: str | None = None, by: Resident | None = None, **more: Any) -> Answer:
        asked = {"stage": "result", "grade": grade, **more}
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return await (by or self.resident).api("POST", f"/v1/cases/{self.case_no}/rating", asked, headers=headers)

    async def bad(self, **more: Any) -> str:
        answer = await self.rate(2, **more)
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    async def stages(self, by: Resident | None = None) -> dict[str, Json]:
        answer = await (by or self.resident).api("GET", f"/v1/cases/{self.case_no}/ratings")
        assert answer.status == 200, answer.body
        return {one["stage"]: one for one in answer.json["stages"]}

    async def right(self) -> Json:
        """How far the putting right of the result's rating is, as whoever rated sees it."""
        return (await self.stages())["result"]["rating"]["rectification"]

    async def supervisor(self) -> Desk:
        if "supervisor" not in self.desks:
            self.desks["supervisor"] = await make_desk(self.house, "supervisor")
        return self.desks["supervisor"]

    async def clerk(self) -> Desk:
        """Of the department whose item it is."""
        if "department" not in self.desks:
            self.desks["department"] = await make_desk(self.house, "department", scope=Scope(frozenset({self.department}), frozenset({ALL})))
        return self.desks["department"]

    async def look(self, own: str) -> Json:
        answer = await (await self.supervisor()).api("GET", f"/staff/v1/rectifications/{own}")
        assert answer.status == 200, answer.body
        return answer.json

    async def act(self, own: str, act: str, desk: Desk | None = None, revision: int | None = None, **body: Any) -> Answer:
        """With the revision of this moment, if none is given."""
        who = desk or await (self.clerk() if act in ("reply", "appeal") else self.supervisor())
        seen = revision if revision is not None else (await self.look(own))["revision"]
        return await who.api("POST", f"/staff/v1/rectifications/{own}/{act}", {**body, "revision": seen})

    async def acted(self, own: str, act: str, **more: Any) -> Json:
        answer = await self.act(own, act, **more)
        assert answer.status == 200, answer.body
        return answer.json

    async def called_back(self, own: str, satisfied: bool, by: Resident | None = None, **more: Any) -> Answer:
        return await (by or self.resident).api("POST", f"/v1/ratings/{own}/call-back", {"satisfied": satisfied, **more})

    async def at_core(self, own: str) -> Json:
        """None: the core holds no such rating."""
        held: list[Json] = (await self.house.world("GET", "/world/core/ratings"))["ratings"]
        return next((one for one in held if one["rating_id"] == own), None)

    async def given(self, own: str) -> list[Json]:
        """Lines of the core's own ledger."""
        return [one for one in await self.house.ledger("core") if one["kind"] == "rating.given" and one["rating_id"] == own]

    async def told(self) -> list[str]:
        return [one["text"] for one in await self.resident.inbox() if one["kind"] == "rating_moved"]

    async def until_ended_at_core(self, own: str, state: str) -> Json:
        async def there() -> Json:
            held = await self.at_core(own)
            return held if held is not None and held["outcome"] is not None and held["outcome"]["state"] == state else None

        return await until(there)


async def make_rated(house: House, *, to: str = "issued", resident: Resident | None = None, item: Json = None) -> Rated:
    """A case in the state `to`."""
    made = item or await make_item(house, FORM, [], **{"name": "评价测试事项"})
    somebody = resident or await make_resident(house)
    started = await somebody.api("POST", "/v1/drafts", {"item_code": made["code"]})
    draft = (await somebody.api("PATCH", f"/v1/drafts/{started.json['id']}", {"answers": {"street": "和平路"}})).json
    filed = await somebody.submit(draft["id"])
    assert filed.status == 201, filed.body
    case_no = str(filed.json["case_no"])
    for state in {"issued": ("accepted", "approved", "issued"), "accepted": ("accepted",), "submitted": ()}[to]:
        await house.move(case_no, state)

    async def there() -> bool:
        return bool((await somebody.api("GET", f"/v1/cases/{case_no}")).json["state"] == to)

    await until(there)
    return Rated(somebody, case_no, made)
