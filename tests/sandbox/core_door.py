"""Our own clients of the core at a running sandbox, and what they ask of it: whole and right unless a test says otherwise."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from core.appointments import Appointment, AppointmentAsk, CoreAppointments, Slot
from core.client import Core, CoreAccount
from core.complaints import ComplaintAsk
from core.ratings import RatingAsk
from kit.clock import now
from kit.http import Http
from kit.ids import new_id
from tests.sandbox.outside import Json, Outside


@asynccontextmanager
async def core_of(world: Outside) -> AsyncIterator[Core]:
    mine, http = world.accounts["core"], Http([world.process.url])
    try:
        yield Core(http, CoreAccount(f"{world.process.url}/core/v1", mine["client_id"], mine["secret"].encode()))
    finally:
        await http.close()


async def an_item(world: Outside) -> Json:
    return (await world.core("GET", "/items?limit=1")).json["records"][0]["item"]


async def a_slot(world: Outside, *, capacity: int = 1, minutes: float = 90, **other: Any) -> Slot:
    """Of one place unless told otherwise; it begins in so many minutes."""
    asked = {"item_code": (await an_item(world))["code"], "starts_at": (now() + timedelta(minutes=minutes)).isoformat(), "capacity": capacity}
    return Slot.model_validate(await world.world("POST", "/core/slots", asked | other))


def place_in(slot: Slot, person: Json, **other: Any) -> AppointmentAsk:
    fields = {"appointment_id": new_id("ap"), "slot_id": slot.slot_id, "item_code": slot.item_code, "person_id": person["person"]}
    return AppointmentAsk.model_validate(fields | other)


async def booked(world: Outside, core: Core, **slot: Any) -> Appointment:
    return await CoreAppointments(core).book(place_in(await a_slot(world, **slot), await world.person()))


def rating(case: Json, person: Json, **other: Any) -> RatingAsk:
    fields = {"rating_id": new_id("ra"), "case_no": case["case_no"], "stage": "result", "grade": 2, "indicators": ("slow",), "text": "等了太久"}
    return RatingAsk.model_validate(fields | {"person_id": person["person"], "channel": "wechat", "rated_at": now()} | other)


def complaint(person: Json, **other: Any) -> ComplaintAsk:
    fields = {"complaint_id": new_id("co"), "kind": "complaint", "title": "窗口中午没有人", "text": "周三十二点半去，没有人值班。"}
    return ComplaintAsk.model_validate(fields | {"person_id": person["person"], "channel": "wechat", "told_at": now()} | other)


async def told_of(world: Outside, kind: str, **about: Any) -> list[Json]:
    """Events of a kind about these, in the order of the feed."""
    found = []
    cursor = ""
    while True:
        page = (await world.core("GET", f"/events?limit=500&cursor={cursor}")).json
        found += [one for one in page["events"] if one["type"] == kind and about.items() <= one.items()]
        if not page["has_more"]:
            return found
        cursor = page["next_cursor"]


async def lines_of(world: Outside, kind: str, **about: Any) -> list[Json]:
    return [one for one in await world.ledger("core") if one["kind"] == kind and about.items() <= one.items()]
