"""Appointments that concern more than one: an agent's, a firm's, a department's. Who is told, who is told nothing, whose they are at the window."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from core.appointments import AppointmentMove, AppointmentState
from kit.clock import BEIJING, now
from kit.mongo import Mongo
from miniapp_api import core_events
from miniapp_api.reminding import remind
from miniapp_api.wiring import Deps
from notify.reminders import APPOINTMENT, moments
from staff.roles import Scope
from tests.api.booking import becomes, look, make_hall, move_to, saturday, take, taken, told
from tests.api.desk import Desk, make_desk
from tests.api.house import House, Json, Resident, make_resident, until
from tests.api.persons import grant
from tests.api.planted import inside
from tests.api.test_account_gone import gone
from tests.api.test_appointment_moves import make_event


@pytest.fixture
async def deps(house: House) -> AsyncIterator[Deps]:
    async with inside(house.stack) as own:
        yield own


async def acts(resident: Resident, kind: str, own_id: str | None = None) -> None:
    choices = (await resident.api("GET", "/v1/me/subjects")).json["items"]
    chosen = own_id or next(one["id"] for one in choices if one["kind"] == kind)
    assert (await resident.api("POST", "/v1/me/subject", {"kind": kind, "id": chosen})).status == 200


async def make_colleagues(house: House) -> tuple[Resident, Resident, str]:
    """Both act for the same firm."""
    one, other = await make_resident(house), await make_resident(house)
    firm = await house.world("POST", f"/world/people/{one.person['person']}/enterprises", {})
    await house.world("POST", f"/world/people/{other.person['person']}/enterprises", {"uscc": firm["uscc"], "role": "handler"})
    for who in (one, other):
        await acts(who, "enterprise", firm["uscc"])
    return one, other, firm["uscc"]


async def make_agent(giver: Resident) -> tuple[Resident, str]:
    """Acts for them from now on; and the grant's id."""
    agent = await make_resident(giver.house)
    given = await grant(giver, agent, purposes=["apply"], until=(now() + timedelta(days=90)).date().isoformat())
    await acts(agent, "agent", given)
    return agent, given


async def heard(resident: Resident, words: str, kind: str = "appointment_moved") -> list[str]:
    return [one["text"] for one in await resident.inbox() if one["kind"] == kind and words in one["text"]]


async def nothing_left_to_tell(deps: Deps, own: str) -> None:
    async def done() -> bool:
        return not await deps.mongo["outbox"].count_documents({"_id": {"$regex": f"^appointment:{own}:"}, "state": {"$ne": "done"}})

    await until(done)


async def row_of(mongo: Mongo, own: str) -> Json:
    return await mongo["appointments"].find_one({"_id": own})


async def test_a_colleague_who_moves_it_is_told_with_whoever_comes_and_learns_nothing_of_their_own_affairs(house: House, deps: Deps) -> None:
    one, other, _ = await make_colleagues(house)
    hall, own_hall = await make_hall(house), await make_hall(house, name="离婚登记")
    at = saturday()
    made = await taken(one, await hall.slot(at=at + timedelta(days=1)))
    assert (await one.api("POST", "/v1/me/subject", {"kind": "self"})).status == 200
    await taken(one, await own_hall.slot(at=at))
    in_the_way = await move_to(other, made["id"], await hall.slot(at=at + timedelta(minutes=30)))
    assert (in_the_way.status, in_the_way.json["code"]) == (409, "appointment_overlaps")
    assert in_the_way.json["title"] == "来办事的人在这段时间已有其他预约，请选择别的时间"
    moved = await move_to(other, made["id"], await hall.slot(at=at + timedelta(hours=3)))
    assert moved.status == 201, moved.body
    row = await row_of(deps.mongo, moved.json["id"])
    assert (row["visitor_id"], row["person_id"]) == (one.person["person"], other.person["person"])
    assert row["resident_id"] == (await other.api("GET", "/v1/me")).json["id"]
    for who in (one, other):
        await told(who, "已改到")


async def test_who_left_the_firm_hears_no_more_of_what_they_moved_for_it(house: House, deps: Deps) -> None:
    one, other, firm = await make_colleagues(house)
    hall = await make_hall(house)
    made, slot = await taken(one, await hall.slot(days=5)), await hall.slot(days=7)
    moved = await move_to(other, made["id"], slot)
    await told(other, "已改到")
    await house.world("DELETE", f"/world/people/{other.person['person']}/enterprises/{firm}")
    await hall.change(slot, closed=True, text="停电检修")
    await told(one, "被大厅取消")
    await nothing_left_to_tell(deps, moved.json["id"])
    assert await heard(other, "被大厅取消") == []


async def test_whoever_was_to_come_for_a_firm_leaves_no_trace_where_a_colleague_moved_it(house: House, deps: Deps) -> None:
    one, other, _ = await make_colleagues(house)
    hall = await make_hall(house)
    made = await taken(one, await hall.slot(days=5))
    moved = await move_to(other, made["id"], await hall.slot(days=7))
    assert (await other.api("DELETE", f"/v1/appointments/{moved.json['id']}")).json["state"] == "cancelled"
    await gone(one, deps.mongo)
    for own, acting in ((made["id"], "gone_"), (moved.json["id"], other.person["person"])):
        row = await row_of(deps.mongo, own)
        assert one.person["person"] not in repr(row) and row["visitor_id"].startswith("gone_") and row["person_id"].startswith(acting)
        assert "pseudonymised_at" not in row, "it is the firm's"


async def test_an_agent_learns_nothing_of_what_the_person_has_for_a_firm(house: House) -> None:
    giver, _, _ = await make_colleagues(house)
    hall, other_hall = await make_hall(house), await make_hall(house)
    at = saturday()
    await taken(giver, await hall.slot(at=at, capacity=2))
    assert (await giver.api("POST", "/v1/me/subject", {"kind": "self"})).status == 200
    agent, _ = await make_agent(giver)
    same_time = await take(agent, await other_hall.slot(at=at))
    assert same_time.json["title"] == "来办事的人在这段时间已有其他预约，请选择别的时间"
    same_item = await take(agent, await hall.slot(at=at + timedelta(days=1)))
    assert same_item.json["code"] == "appointment_exists" and "来办事的人" in same_item.json["title"] and "年" not in same_item.json["title"]


async def test_whose_grant_has_ended_hears_no_more_of_it_and_whoever_comes_is_reminded(house: House, deps: Deps) -> None:
    giver, hall = await make_resident(house), await make_hall(house)
    agent, given = await make_agent(giver)
    slot = await hall.slot(days=5)
    made = await taken(agent, slot)
    for who in (giver, agent):
        await told(who, "预约成功")
    assert (await giver.api("DELETE", f"/v1/me/grants/{given}")).status in (200, 204)
    await _reminded(deps, made)
    assert len(await heard(giver, "", APPOINTMENT)) == 1 and await heard(agent, "", APPOINTMENT) == []
    await hall.change(slot, closed=True, text="停电检修")
    await told(giver, "被大厅取消")
    await nothing_left_to_tell(deps, made["id"])
    assert await heard(agent, "被大厅取消") == []


async def test_the_evening_before_everybody_concerned_is_reminded_once_and_of_what_moved_only_there(house: House, deps: Deps) -> None:
    giver, hall = await make_resident(house), await make_hall(house)
    agent, _ = await make_agent(giver)
    first = await taken(agent, await hall.slot(days=5))
    moved = await move_to(agent, first["id"], await hall.slot(days=7))
    assert moved.status == 201, moved.body
    for one in (first, moved.json):
        await _reminded(deps, one)
    for who in (giver, agent):
        assert len(await heard(who, "", APPOINTMENT)) == 1


async def _reminded(deps: Deps, made: Json) -> None:
    row = await row_of(deps.mongo, made["id"])
    (evening,) = moments(APPOINTMENT, row["starts_at"], deps.workdays.current)
    for moment in (evening, evening + timedelta(minutes=30)):
        await remind(deps, moment)


async def test_a_core_that_is_away_does_not_keep_the_visitor_waiting_for_the_news(house: House, deps: Deps) -> None:
    """Whether a colleague is still of the firm is not known meanwhile: they are told when it is."""
    one, other, _ = await make_colleagues(house)
    hall = await make_hall(house)
    made = await taken(one, await hall.slot(days=5))
    moved = await move_to(other, made["id"], await hall.slot(days=7))
    await told(other, "已改到")
    await house.faults(core={"down": True})
    closed = AppointmentMove(version=2, state=AppointmentState.CLOSED, at=now(), text="停电检修")
    await core_events.take(deps, [make_event(moved.json["id"], closed)])
    await told(one, "被大厅取消")
    acting = f"appointment:{moved.json['id']}:2:acting"
    row = await deps.mongo["outbox"].find_one({"_id": acting})
    assert row is not None and row["state"] == "waiting" and other.person["person"] not in repr(row)
    await house.faults(core={})

    async def hears() -> bool:
        await deps.outbox.hurry(acting)
        return bool(await heard(other, "被大厅取消"))

    await until(hears, 40)


async def test_a_window_sees_and_handles_its_own_department_and_region(house: House, deps: Deps) -> None:
    hall = await make_hall(house)
    item = (await house.api("GET", f"/v1/items/{hall.code}")).json
    name, region = item["department"]["name"], (item["region"] or {}).get("code")
    own = Scope(frozenset({name}), frozenset({region} if region else {"*"}))
    mine, elsewhere = (
        await make_desk(house, "window", scope=own),
        await make_desk(house, "window", scope=Scope(frozenset({name}), frozenset({"999999"}))),
    )
    strangers = await make_desk(house, "window", scope=Scope(frozenset({"别的部门"}), frozenset({"*"})))
    resident = await make_resident(house)
    at = now().astimezone(BEIJING).replace(hour=23, minute=59, second=59, microsecond=0)
    made = await taken(resident, await hall.slot(at=at))
    row = await row_of(deps.mongo, made["id"])
    assert (row["department"], row["region"]) == (name, region)
    await _kept_apart(made, mine, (elsewhere, strangers))
    await deps.mongo["appointments"].update_one({"_id": made["id"]}, {"$unset": {"department": "", "region": ""}})  # from before it was kept
    await _kept_apart(made, mine, (elsewhere, strangers))
    assert (await look(resident, made["id"]))["state"] == "booked"
    assert (await mine.api("POST", "/staff/v1/appointments/check-in", {"code": made["code"]})).status == 200
    await _denied(deps, made)
    listed = await mine.api("GET", f"/staff/v1/appointments?date={made['starts_at'][:10]}&limit=100")
    (shown,) = [one for one in listed.json["items"] if one["id"] == made["id"]]
    assert shown["state"] == "arrived" and "以签到为准" in shown["remark"]
    assert (await look(resident, made["id"]))["state"] == "arrived" and await heard(resident, "记为未到") == []


async def _kept_apart(made: Json, mine: Desk, others: Sequence[Desk]) -> None:
    """It is there for its own window; for the others it is neither listed, nor read from its code, nor excused."""
    path = f"/staff/v1/appointments?date={made['starts_at'][:10]}&limit=100"
    assert made["id"] in [one["id"] for one in (await mine.api("GET", path)).json["items"]]
    for desk in others:
        assert (await desk.api("GET", path)).json["items"] == []
        for more in ({}, {"hall_id": "hall-1"}):
            scanned = await desk.api("POST", "/staff/v1/appointments/check-in", {"code": made["code"], **more})
            assert (scanned.status, scanned.json["code"]) == (404, "appointment_code_unknown")
        excused = await desk.api("POST", f"/staff/v1/appointments/{made['id']}/excuse", {"reason": "当天暴雨"})
        assert (excused.status, excused.json["code"]) == (404, "appointment_unknown")


async def _denied(deps: Deps, made: Json) -> None:
    """The core heard of the arrival, and its day ends with a no-show all the same."""

    async def told_there() -> bool:
        return bool((await row_of(deps.mongo, made["id"]))["version"] == 2)

    await until(told_there)
    no_show = AppointmentMove(version=3, state=AppointmentState.NO_SHOW, at=now())
    assert await core_events.take(deps, [make_event(made["id"], no_show)]) == ["applied"]
    await nothing_left_to_tell(deps, made["id"])


async def test_a_page_of_the_windows_own_goes_on_where_it_ended(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    item = (await house.api("GET", f"/v1/items/{hall.code}")).json
    scope = Scope(frozenset({item["department"]["name"]}), frozenset({"*"}))
    desk = await make_desk(house, "window", scope=scope)
    at = saturday() + timedelta(days=15, hours=-1)
    halls = [hall, await make_hall(house), await make_hall(house)]
    own = [(await taken(resident, await one.slot(at=at + timedelta(hours=2 * n))))["id"] for n, one in enumerate(halls)]
    found: list[str] = []
    query: dict[str, Any] = {"cursor": ""}
    for _ in range(20):
        listed = await desk.api("GET", f"/staff/v1/appointments?date={at.date().isoformat()}&limit=1&cursor={query['cursor']}")
        assert listed.status == 200, listed.body
        found += [one["id"] for one in listed.json["items"]]
        if listed.json["next_cursor"] is None:
            break
        query["cursor"] = listed.json["next_cursor"]
    assert [one for one in found if one in own] == own and len(set(found)) == len(found)
    await becomes(resident, own[0], "booked")
