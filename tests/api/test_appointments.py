"""Appointments over HTTP with the real stores and the sandbox's halls: one place each, moved, missed, waited for, attended."""

import asyncio
import uuid
from collections import Counter
from datetime import timedelta

from kit.clock import BEIJING, now
from tests.api.applying import core_is_back
from tests.api.booking import (
    accept,
    becomes,
    crowd,
    look,
    make_hall,
    move_to,
    offered,
    rows_of,
    saturday,
    standing,
    take,
    taken,
    told,
    wait_for,
)
from tests.api.desk import Desk, make_desk
from tests.api.house import House, Json, make_resident, until
from tests.api.persons import grant, step_up


async def test_a_place_is_found_booked_and_told_with_its_number(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    slot = await hall.slot(capacity=2)
    assert (await hall.shown(slot))["left"] == 2
    made = await taken(resident, slot)
    assert (made["state"], made["hall"]["hall_id"]) == ("booked", "hall-1") and made["number"].startswith("A")
    assert made["cancel_until"] < made["starts_at"] and made["can_cancel"] and made["code"].startswith("YY1.")
    assert (await hall.shown(slot))["left"] == 1 == await hall.left_at_core(slot)
    assert made["number"] in (await told(resident, "预约成功"))["text"]
    listed = (await resident.api("GET", "/v1/appointments")).json["items"]
    assert [one["id"] for one in listed] == [made["id"]]


async def test_the_calendar_says_which_days_are_worked(house: House) -> None:
    hall = await make_hall(house)
    answer = await house.api("GET", f"/v1/items/{hall.code}/slots")
    assert answer.status == 200 and len(answer.json["days"]) == 14 and not answer.json["stale"]
    assert {one["working_day"] for one in answer.json["days"] if one["slots"]} <= {True, None}
    far = (await house.api("GET", f"/v1/items/{hall.code}/slots?from=2027-01-11&to=2027-01-12")).json["days"]
    assert [one["working_day"] for one in far] == [None, None] or now().year > 2026
    only = (await house.api("GET", f"/v1/items/{hall.code}/slots?hall=hall-2")).json["days"]
    assert {one["hall"]["hall_id"] for day in only for one in day["slots"]} == {"hall-2"}


async def test_days_that_cannot_be_asked_for_are_told_at_once(house: House) -> None:
    hall = await make_hall(house)
    for query, field in (("from=2020-01-01&to=2020-01-02", "from"), ("from=2026-13-01", "from"), ("from=tomorrow", "from")):
        answer = await house.api("GET", f"/v1/items/{hall.code}/slots?{query}")
        assert answer.status == 422 and field in [one["field"] for one in answer.json["errors"]], answer.body
    assert (await house.api("GET", "/v1/items/none/slots")).status == 404


async def test_the_same_key_is_the_same_place(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    slot, key = await hall.slot(capacity=5), uuid.uuid4().hex
    first, again = await take(resident, slot, key), await take(resident, slot, key)
    assert first.status == again.status == 201 and first.body == again.body
    assert len(await hall.at_core(slot)) == 1
    other = await take(resident, slot)
    assert (other.status, other.json["code"]) == (409, "appointment_exists")


async def test_fifty_takers_get_one_place_once_though_replies_are_lost(house: House) -> None:
    hall, people = await make_hall(house), await crowd(house, 50)
    slot = await hall.slot(capacity=1)
    await hall.shown(slot)
    await house.faults(core={"lose_replies": True})
    answers = await asyncio.gather(*(take(one, slot) for one in people))
    await house.faults(core={})
    counts = Counter(one.status for one in answers)
    assert counts[409] == 49 and counts[201] + counts[202] == 1, counts
    assert {one.json["code"] for one in answers if one.status == 409} == {"slot_full"}
    winner, got = next((who, one.json) for who, one in zip(people, answers, strict=True) if one.status != 409)
    await becomes(winner, got["id"], "booked")
    assert [one["appointment_id"] for one in await hall.at_core(slot)] == [got["id"]]
    assert [row["_id"] for row in await rows_of(house, slot) if row["state"] == "booked"] == [got["id"]]


async def test_one_person_at_fifty_windows_of_their_phone_has_one_appointment(house: House) -> None:
    """The same item at different times, and another item at the same time."""
    hall, other, resident = await make_hall(house), await make_hall(house), await make_resident(house)
    at = (now() + timedelta(days=4)).replace(second=0, microsecond=0)
    slots = [await hall.slot(capacity=9, at=at + timedelta(hours=n)) for n in range(3)]
    slots.append(await other.slot(capacity=9, at=at + timedelta(minutes=30)))
    answers = await asyncio.gather(*(take(resident, slots[n % 4]) for n in range(20)))
    assert Counter(one.status for one in answers)[201] in (1, 2)
    live = [one for one in (await resident.api("GET", "/v1/appointments?limit=50")).json["items"] if one["state"] == "booked"]
    assert len({one["item_code"] for one in live}) == len(live)
    assert all(one["ends_at"] <= two["starts_at"] or two["ends_at"] <= one["starts_at"] for one in live for two in live if one is not two)


async def test_a_full_slot_names_other_times(house: House) -> None:
    hall, first, second = await make_hall(house), await make_resident(house), await make_resident(house)
    slot, later = await hall.slot(), await hall.slot(days=4, hall="hall-2")
    await hall.shown(later)
    await taken(first, slot)
    refused = await take(second, slot)
    assert (refused.status, refused.json["code"]) == (409, "slot_full") and "还可以约" in refused.json["title"]


async def test_a_place_taken_at_the_window_is_the_cores_word(house: House) -> None:
    """Ours says that one is left; the core knows better."""
    hall, resident = await make_hall(house), await make_resident(house)
    slot = await hall.slot()
    assert (await hall.shown(slot))["left"] == 1
    await hall.change(slot, capacity=0)
    refused = await take(resident, slot)
    assert (refused.status, refused.json["code"]) == (409, "slot_full")
    await hall.change(slot, capacity=1)

    async def free() -> bool:
        return bool((await hall.shown(slot))["left"] == 1)

    await until(free)
    assert (await take(resident, slot)).status == 201


async def test_a_core_that_is_away_confirms_later_and_lists_are_dated(house: House) -> None:
    hall, resident, unseen = await make_hall(house), await make_resident(house), await make_resident(house)
    slot = await hall.slot()
    day = slot["starts_at"][:10]
    await hall.shown(slot)
    await house.faults(core={"down": True})
    stale = await house.api("GET", f"/v1/items/{hall.code}/slots?from={day}&to={day}")
    assert stale.status == 200 and (stale.json["stale"] or await _goes_stale(house, hall.code, day))
    made = await take(resident, slot)
    assert (made.status, made.json["state"], made.json["number"]) == (202, "confirming", None)
    assert (await unseen.api("GET", f"/v1/items/{hall.code}/slots?from=2027-03-01&to=2027-03-02")).json["code"] == "slots_unavailable"
    await core_is_back(house, resident)
    await becomes(resident, made.json["id"], "booked", 60)
    assert len(await hall.at_core(slot)) == 1
    await told(resident, "预约成功")


async def _goes_stale(house: House, code: str, day: str) -> bool:
    async def dated() -> bool:
        return bool((await house.api("GET", f"/v1/items/{code}/slots?from={day}&to={day}")).json["stale"])

    return bool(await until(dated))


async def test_a_slot_nobody_has_seen_is_not_called_unknown_while_the_core_is_away(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    await hall.shown(await hall.slot())
    new = await hall.slot(at=saturday() + timedelta(hours=3))
    await house.faults(core={"down": True})
    try:
        early = await take(resident, new)
        assert (early.status, early.json["code"], early.json["retryable"]) == (503, "slots_unavailable", True)
    finally:
        await house.faults(core={})

    async def taken() -> bool:
        return (await take(resident, new)).status == 201

    await until(taken)
    none = await take(resident, {**new, "slot_id": "none-such"})
    assert (none.status, none.json["code"]) == (404, "slot_unknown")


async def test_calling_off_gives_the_place_back_until_the_deadline(house: House) -> None:
    hall, resident, other = await make_hall(house), await make_resident(house), await make_resident(house)
    slot = await hall.slot()
    made = await taken(resident, slot)
    path = f"/v1/appointments/{made['id']}"
    assert (await other.api("DELETE", path)).json["code"] == "appointment_unknown"
    assert [(await resident.api("DELETE", path)).json["state"] for _ in range(2)] == ["cancelled", "cancelled"]

    async def free() -> bool:
        return await hall.left_at_core(slot) == 1 and (await hall.shown(slot))["left"] == 1

    await until(free)
    await taken(other, slot)
    soon = await hall.slot(minutes=90)
    late = await taken(resident, soon)
    refused = await resident.api("DELETE", f"/v1/appointments/{late['id']}")
    assert (refused.status, refused.json["code"]) == (409, "appointment_too_late") and "致电" in refused.json["title"]
    assert (await move_to(resident, late["id"], await hall.slot())).json["code"] == "appointment_too_late"


async def test_moving_takes_the_new_place_first_and_gives_the_old_one_back(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    old, new = await hall.slot(), await hall.slot(days=5, hall="hall-2")
    made, key = await taken(resident, old), uuid.uuid4().hex
    moved = await move_to(resident, made["id"], new, key)
    assert (moved.status, moved.json["state"], moved.json["replaces"]) == (201, "booked", made["id"]), moved.body
    assert (await move_to(resident, made["id"], new, key)).json["id"] == moved.json["id"]
    gone = await look(resident, made["id"])
    assert (gone["state"], gone["moved_to"], gone["code"]) == ("cancelled", moved.json["id"], None)

    async def free() -> bool:
        return await hall.left_at_core(old) == 1 and await hall.left_at_core(new) == 0

    await until(free)
    await told(resident, "已改到")
    again = await move_to(resident, moved.json["id"], old)
    assert again.status == 201, again.body


async def test_the_old_place_stays_where_the_new_one_is_full(house: House) -> None:
    hall, resident, other = await make_hall(house), await make_resident(house), await make_resident(house)
    old, new = await hall.slot(), await hall.slot(days=5)
    made = await taken(resident, old)
    await taken(other, new)
    refused = await move_to(resident, made["id"], new)
    assert (refused.status, refused.json["code"]) == (409, "slot_full")
    assert (await look(resident, made["id"]))["state"] == "booked" and await hall.left_at_core(old) == 0


async def test_two_moves_at_once_leave_one_appointment(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    old, news = await hall.slot(), [await hall.slot(days=5 + n) for n in range(4)]
    made = await taken(resident, old)
    answers = await asyncio.gather(*(move_to(resident, made["id"], news[n % 4]) for n in range(8)))
    assert sum(one.status == 201 for one in answers) >= 1, [one.body for one in answers]

    async def one_left() -> bool:
        return sum([1 - await hall.left_at_core(slot) for slot in (old, *news)]) == 1

    await until(one_left)


async def test_two_no_shows_are_explained_and_an_excused_one_does_not_count(house: House) -> None:
    hall, resident, window = await make_hall(house), await make_resident(house), await make_desk(house, "window")
    missed = []
    for n in range(2):
        made = await taken(resident, await hall.slot(days=2 + n))
        await hall.desk(made["id"], "no_show")
        await becomes(resident, made["id"], "no_show")
        missed.append(made["id"])
    await told(resident, "记为未到")
    slot = await hall.slot(days=6)
    refused = await take(resident, slot)
    assert (refused.status, refused.json["code"]) == (409, "appointment_suspended")
    assert all(words in refused.json["title"] for words in ("2 次", "以前不能在线预约", "直接到窗口", "12345", "月"))
    assert (await wait_for(resident, slot)).json["code"] == "appointment_suspended"
    path = f"/staff/v1/appointments/{missed[0]}/excuse"
    assert (await window.api("POST", path, {"reason": ""})).status == 422
    excused = await window.api("POST", path, {"reason": "当天因暴雨停运"})
    assert excused.status == 200 and excused.json["excused"], excused.body
    assert (await window.api("POST", path, {"reason": "再说一次"})).status == 200
    await told(resident, "经核实已取消")
    assert (await take(resident, slot)).status == 201


async def test_a_hall_that_closes_tells_everybody_and_nobody_is_a_no_show(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    slot = await hall.slot()
    made = await taken(resident, slot)
    await hall.change(slot, closed=True, text="停电检修")
    closed = await becomes(resident, made["id"], "closed")
    assert closed["note"] == "停电检修" and closed["code"] is None
    assert "停电检修" in (await told(resident, "被大厅取消"))["text"]
    await taken(resident, await hall.slot(days=5))


async def test_the_code_is_shown_at_the_hall_once_on_its_day(house: House) -> None:
    hall, resident, window = await make_hall(house), await make_resident(house), await make_desk(house, "window")
    today, later = await hall.slot(minutes=3), await make_hall(house)
    if today["starts_at"][:10] != now().astimezone(BEIJING).date().isoformat():
        return  # three minutes before midnight
    made, other = await taken(resident, today), await taken(resident, await later.slot(days=3))
    picture = await resident.api("GET", f"/v1/appointments/{made['id']}/qr")
    assert picture.body.startswith(b"\x89PNG") and picture.headers["cache-control"] == "private, no-store"
    assert (await resident.api("GET", f"/v1/appointments/{made['id']}/qr?form=svg")).body.startswith(b"<?xml")
    assert await _scan(window, other["code"]) == (409, "appointment_not_today")
    forged = made["code"][:-4] + ("AAAA" if made["code"][-4:] != "AAAA" else "BBBB")
    assert await _scan(window, forged) == (404, "appointment_code_unknown")
    assert await _scan(window, made["code"], "hall-2") == (409, "appointment_other_hall")
    first = await window.api("POST", "/staff/v1/appointments/check-in", {"code": made["code"], "hall_id": "hall-1"})
    assert (first.status, first.json["again"], first.json["number"]) == (200, False, made["number"]), first.body
    assert resident.person["name"].encode() not in first.body and first.json["visitor"].endswith(resident.person["name"][-1])
    again = await window.api("POST", "/staff/v1/appointments/check-in", {"code": made["code"]})
    assert (again.status, again.json["again"]) == (200, True) and "不要重复取号" in again.json["text"]

    async def core_knows() -> list[Json]:
        return [one for one in await house.ledger("core") if one["kind"] == "appointment.moved" and one["appointment_id"] == made["id"]]

    assert [one["to"] for one in await until(core_knows)] == ["arrived"]
    await resident.api("DELETE", f"/v1/appointments/{other['id']}")
    assert await _scan(window, other["code"]) == (409, "appointment_cancelled")


async def _scan(window: Desk, code: str, hall_id: str | None = None) -> tuple[int, str]:
    answer = await window.api("POST", "/staff/v1/appointments/check-in", {"code": code, "hall_id": hall_id})
    return answer.status, answer.json["code"]


async def test_the_window_sees_a_day_with_masked_names(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    made = await taken(resident, await hall.slot(days=9))
    window, department = await make_desk(house, "window"), await make_desk(house, "department")
    path = f"/staff/v1/appointments?date={made['starts_at'][:10]}&hall=hall-1&limit=100"
    listed = await window.api("GET", path)
    mine = next(one for one in listed.json["items"] if one["id"] == made["id"])
    assert (mine["number"], mine["state"]) == (made["number"], "booked") and resident.person["name"].encode() not in listed.body
    assert (await department.api("GET", path)).status == 403
    assert (await window.api("GET", "/staff/v1/appointments?date=gestern")).status == 422


async def test_what_becomes_free_is_offered_to_the_first_in_line_and_to_nobody_else(house: House) -> None:
    hall, people = await make_hall(house), await crowd(house, 4)
    slot = await hall.slot(at=saturday())
    holder, first, second, late = people
    made = await taken(holder, slot)
    for one in (first, second):
        joined = await wait_for(one, slot)
        assert (joined.status, joined.json["state"]) == (201, "waiting"), joined.body
    assert [one["before"] for one in await standing(second)] == [1]
    assert (await wait_for(first, slot)).json["code"] == "waiting_already"
    await holder.api("DELETE", f"/v1/appointments/{made['id']}")
    offer = await offered(first)
    await told(first, "有号了")
    assert [one["state"] for one in await standing(second)] == ["waiting"]
    assert (await take(late, slot)).json["code"] == "slot_full"
    got = await accept(first, offer["id"])
    assert (got.status, got.json["state"]) == (201, "booked"), got.body
    assert (await accept(second, (await standing(second))[0]["id"])).json["code"] == "no_offer"
    assert await standing(first) == [] and len(await hall.at_core(slot)) == 2


async def test_who_leaves_the_line_makes_room_for_the_next(house: House) -> None:
    hall, people = await make_hall(house), await crowd(house, 3)
    slot = await hall.slot(at=saturday())
    made = await taken(people[0], slot)
    for one in people[1:]:
        await wait_for(one, slot)
    await people[0].api("DELETE", f"/v1/appointments/{made['id']}")
    offer = await offered(people[1])
    assert (await people[1].api("DELETE", f"/v1/appointments/waiting/{offer['id']}")).json["state"] == "left"
    await offered(people[2])


async def test_what_the_core_frees_is_seen_and_offered(house: House) -> None:
    """A window gives a place back: nobody tells us."""
    hall, resident = await make_hall(house), await make_resident(house)
    slot = await hall.slot(capacity=0, at=saturday())
    await wait_for(resident, slot, hall_id="hall-1")
    await hall.change(slot, capacity=1)
    assert (await offered(resident))["offer"]["slot_id"] == slot["slot_id"]


async def test_an_agent_books_for_who_granted_it_and_a_stranger_does_not(house: House) -> None:
    hall, giver, agent = await make_hall(house), await make_resident(house), await make_resident(house)
    await grant(giver, agent, purposes=["apply"], until=(now() + timedelta(days=90)).date().isoformat())
    choices = (await agent.api("GET", "/v1/me/subjects")).json["items"]
    chosen = next(one for one in choices if one["kind"] == "agent")
    assert (await agent.api("POST", "/v1/me/subject", {"kind": "agent", "id": chosen["id"]})).status == 200
    made = await taken(agent, await hall.slot())
    assert [one["id"] for one in (await giver.api("GET", "/v1/appointments")).json["items"]] == [made["id"]]
    await told(giver, "预约成功")
    stranger = await make_resident(house, bound=False)
    assert (await take(stranger, await hall.slot(days=7))).json["code"] in ("real_name_needed", "not_bound")


async def test_bad_input_is_told_whole_and_nothing_is_taken(house: House) -> None:
    resident = await make_resident(house)
    answer = await resident.api("POST", "/v1/appointments", {"slot_id": "", "item_code": "../x"}, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status == 422 and {one["field"] for one in answer.json["errors"]} == {"slot_id", "item_code"}
    hall = await make_hall(house)
    slot = await hall.slot()
    assert (await take(resident, {**slot, "slot_id": "none"})).json["code"] == "slot_unknown"
    assert (await take(resident, slot, case_no="none")).json["code"] == "case_unknown"
    assert (await resident.api("POST", "/v1/appointments", {"slot_id": "a", "item_code": hall.code})).status == 422
    await step_up(resident)
