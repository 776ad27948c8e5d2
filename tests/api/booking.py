"""Verbs of tests about appointments: a slot of one's own at the sandbox's hall, a place in it, what the hall does, both books."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kit.clock import BEIJING, now
from kit.mongo import connect
from tests.api.applying import FORM, make_item
from tests.api.house import Answer, House, Json, Resident, make_resident, until


def saturday() -> datetime:
    """On which the sandbox's halls have no slots but a test's own."""
    day = now().astimezone(BEIJING).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=2)
    return day + timedelta(days=(5 - day.weekday()) % 7)


@dataclass(slots=True)
class Hall:
    """An item of a test's own, and its slots."""

    house: House
    code: str
    slots: list[str] = field(default_factory=list)

    async def slot(self, *, capacity: int = 1, at: datetime | None = None, hall: str = "hall-1", **ahead: float) -> Json:
        begins = at or (now() + timedelta(**(ahead or {"days": 3}))).replace(second=0, microsecond=0)
        asked = {"item_code": self.code, "hall_id": hall, "starts_at": begins.astimezone(BEIJING).isoformat(), "capacity": capacity}
        made = await self.house.world("POST", "/world/core/slots", asked)
        self.slots.append(made["slot_id"])
        return made

    async def change(self, slot: Json, **news: Any) -> None:
        await self.house.world("PUT", f"/world/core/slots/{slot['slot_id']}", news)

    async def left_at_core(self, slot: Json) -> int:
        day = slot["starts_at"][:10]
        found = (await self.house.world("GET", f"/world/core/slots?item_code={self.code}&from={day}&to={day}"))["slots"]
        return int(next(one["left"] for one in found if one["slot_id"] == slot["slot_id"]))

    async def at_core(self, slot: Json) -> list[Json]:
        """Bookings of this slot in the core's own book."""
        return [one for one in await self.house.ledger("core") if one["kind"] == "appointment.booked" and one["slot_id"] == slot["slot_id"]]

    async def shown(self, slot: Json) -> Json:
        day = slot["starts_at"][:10]
        answer = await self.house.api("GET", f"/v1/items/{self.code}/slots?from={day}&to={day}")
        assert answer.status == 200, answer.body
        return next((one for each in answer.json["days"] for one in each["slots"] if one["id"] == slot["slot_id"]), None)

    async def desk(self, appointment_id: str, to: str, text: str = "") -> None:
        await self.house.world("POST", f"/world/core/appointments/{appointment_id}/moves", {"to": to, "text": text})


async def make_hall(house: House, **item: Any) -> Hall:
    return Hall(house, (await make_item(house, FORM, [], **item))["code"])


async def take(resident: Resident, slot: Json, key: str | None = None, **more: Any) -> Answer:
    wish = {"slot_id": slot["slot_id"], "item_code": slot["item_code"], **more}
    return await resident.api("POST", "/v1/appointments", wish, headers={"Idempotency-Key": key or uuid.uuid4().hex})


async def taken(resident: Resident, slot: Json) -> Json:
    answer = await take(resident, slot)
    assert answer.status == 201, answer.body
    return answer.json


async def look(resident: Resident, own: str) -> Json:
    answer = await resident.api("GET", f"/v1/appointments/{own}")
    assert answer.status == 200, answer.body
    return answer.json


async def becomes(resident: Resident, own: str, state: str, seconds: float = 30) -> Json:
    async def there() -> Json:
        one = await look(resident, own)
        return one if one["state"] == state else None

    return await until(there, seconds)


async def move_to(resident: Resident, own: str, slot: Json, key: str | None = None) -> Answer:
    path = f"/v1/appointments/{own}/reschedule"
    return await resident.api("POST", path, {"slot_id": slot["slot_id"]}, headers={"Idempotency-Key": key or uuid.uuid4().hex})


async def wait_for(resident: Resident, slot: Json, **more: Any) -> Answer:
    day = slot["starts_at"][:10]
    wish = {"item_code": slot["item_code"], "from": day, "to": day, **more}
    return await resident.api("POST", "/v1/appointments/waiting", wish, headers={"Idempotency-Key": uuid.uuid4().hex})


async def standing(resident: Resident) -> list[Json]:
    items: list[Json] = (await resident.api("GET", "/v1/appointments/waiting")).json["items"]
    return items


async def accept(resident: Resident, own: str) -> Answer:
    return await resident.api("POST", f"/v1/appointments/waiting/{own}/accept", {}, headers={"Idempotency-Key": uuid.uuid4().hex})


async def offered(resident: Resident) -> Json:
    async def there() -> Json:
        return next((one for one in await standing(resident) if one["state"] == "offered"), None)

    return await until(there, 30)


async def told(resident: Resident, words: str) -> Json:
    async def said() -> Json:
        return next((one for one in await resident.inbox() if one["kind"] == "appointment_moved" and words in one["text"]), None)

    return await until(said)


async def crowd(house: House, many: int) -> list[Resident]:
    """Some on either channel."""
    return [await make_resident(house, "wechat" if n % 2 else "alipay") for n in range(many)]


async def rows_of(house: House, slot: Json) -> list[Json]:
    """Appointments of this slot in our own store, and the places it still holds."""
    mongo = connect(house.stack.env["MONGO_URL"], house.stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"))
    try:
        return [row async for row in mongo["appointments"].find({"slot_id": slot["slot_id"]})]
    finally:
        await mongo.close()
