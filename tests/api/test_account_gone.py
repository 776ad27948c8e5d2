"""Whoever deletes their account while something is still to come: what stands in the way, what is given up with it, and what is heard of it later."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from appointments import waiting
from core.appointments import AppointmentMove, AppointmentMoved, AppointmentState
from core.complaints import ComplaintMove, ComplaintMoved, ComplaintState
from core.types import CaseMove, CaseState, CoreEvent, Finding
from kit.clock import in_words, now
from kit.ids import new_nonce
from kit.mongo import Mongo, connect
from miniapp_api import core_events
from miniapp_api.appointment_changed import work_of
from miniapp_api.privacy import erasure
from miniapp_api.privacy.whose import whose_of
from miniapp_api.wiring import Deps
from tests.api.applying import core_is_back, post
from tests.api.booking import Hall, accept, crowd, make_hall, offered, saturday, standing, take, taken, told, wait_for
from tests.api.desk import make_desk
from tests.api.house import Answer, House, Json, Resident, make_resident, until
from tests.api.persons import grant, step_up
from tests.api.planted import everything_stored, inside, word
from tests.api.purse import due_now
from tests.api.rated import Rated, make_rated


@pytest.fixture
async def database(house: House) -> AsyncIterator[Mongo]:
    """The stack's own."""
    own = connect(house.stack.env["MONGO_URL"], house.stack.env["ZHANGBAN_MONGO_DATABASE"])
    yield own
    await own.close()


async def delete(resident: Resident) -> Answer:
    return await resident.api("DELETE", "/v1/me", {"confirm": "注销账号"})


async def gone(resident: Resident, database: Mongo) -> None:
    """Their account is deleted, both passes, the second without its minute of waiting."""
    await step_up(resident)
    deleted = await delete(resident)
    assert deleted.status == 202, deleted.body
    await finished(database, deleted.json["erasure"])


async def finished(database: Mongo, own: str) -> None:
    async def done() -> bool:
        row = await database["erasures"].find_one({"_id": own}) or {}
        if row.get("step") == "again":
            await due_now(database, f"erase:{own}")
        return row.get("step") == "done"

    await until(done, 60)


async def in_the_way(resident: Resident) -> dict[str, str]:
    """Field -> what is said."""
    refused = await delete(resident)
    assert (refused.status, refused.json["code"]) == (409, "erasure_blocked"), refused.body
    return {one["field"]: one["message"] for one in refused.json["errors"]}


def moved(own: str, version: int, state: AppointmentState, text: str = "") -> AppointmentMoved:
    move = AppointmentMove(version=version, state=state, at=now(), text=text)
    return AppointmentMoved(event_id=f"ev_{new_nonce()}", seq=1, type="appointment.moved", appointment_id=own, move=move)


def answered(one: Json, version: int, state: ComplaintState, text: str) -> ComplaintMoved:
    move = ComplaintMove(version=version, state=state, at=now(), text=text, department="临江市公安局")
    return ComplaintMoved(event_id=f"ev_{new_nonce()}", seq=1, type="complaint.moved", complaint_id=one["id"], number=one["number"], move=move)


def in_words_of(edge: str) -> str:
    return in_words(datetime.fromisoformat(edge))


async def test_what_is_still_to_come_stands_in_the_way_and_all_of_it_says_what_to_do(house: House) -> None:
    rated, hall, soon_hall = await make_rated(house), await make_hall(house), await make_hall(house)
    resident, new_hall = rated.resident, await make_hall(house)
    far, soon, new = await hall.slot(), await soon_hall.slot(minutes=60), await new_hall.slot(days=5)
    booked, late = await taken(resident, far), await taken(resident, soon)
    await new_hall.shown(new)
    await step_up(resident)
    await house.faults(core={"down": True})
    try:
        asking = await take(resident, new)
        assert asking.status == 202, asking.body
        words = {"kind": "consultation", "title": "周六开吗", "text": f"想问一下周六上午大厅开不开。{word()}"}
        filed, thought = await post(resident, "/v1/complaints", words), await rated.bad()
        found = await in_the_way(resident)
        fields = [f"appointments.{one['id']}" for one in (booked, late, asking.json)]
        assert set(found) == {*fields, f"complaints.{filed.json['id']}", f"ratings.{thought}"}
        for field, one in zip(fields, (booked, late, asking.json), strict=True):
            assert one["hall"]["name"] in found[field] and in_words_of(one["starts_at"]) in found[field]
        assert "请先取消" in found[fields[0]] and "请先取消" in found[fields[2]] and "之后再来" not in found[fields[0]] + found[fields[2]]
        assert f"请等到 {in_words_of(late['ends_at'])} 之后再来" in found[fields[1]] and "请先取消" not in found[fields[1]]
        assert (await resident.api("DELETE", f"/v1/appointments/{asking.json['id']}")).status == 200
        assert "正在取消" in (await in_the_way(resident))[fields[2]]
        assert await in_the_way(resident) == await in_the_way(resident), "asking again changes nothing"
    finally:
        await core_is_back(house, resident)
    assert (await resident.api("DELETE", f"/v1/appointments/{booked['id']}")).json["state"] == "cancelled"

    async def only_the_late_one() -> bool:
        return set(await in_the_way(resident)) == {fields[1]}

    await until(only_the_late_one, 60)
    assert (await resident.api("GET", f"/v1/appointments/{late['id']}")).json["state"] == "booked", "nothing was called off by itself"


async def test_what_was_booked_for_somebody_else_is_called_off_by_whoever_booked_it(house: House) -> None:
    hall, giver, agent = await make_hall(house), await make_resident(house), await make_resident(house)
    grant_id = await grant(giver, agent, purposes=["apply"], until=(now() + timedelta(days=60)).date().isoformat())
    assert (await agent.api("POST", "/v1/me/subject", {"kind": "agent", "id": grant_id})).status == 200
    made = await taken(agent, await hall.slot())
    await step_up(agent)
    message = (await in_the_way(agent))[f"appointments.{made['id']}"]
    assert "代别人" in message and "取消" in message and f"请等到 {in_words_of(made['ends_at'])} 之后再来" in message
    assert "请先取消" in (await in_the_way(giver))[f"appointments.{made['id']}"]


async def in_a_line(house: House, people: list[Resident]) -> tuple[Hall, Json]:
    """A place that is kept for the first of them; the others wait behind."""
    hall, holder = await make_hall(house), await make_resident(house)
    slot = await hall.slot(at=saturday())
    made = await taken(holder, slot)
    for one in people:
        assert (await wait_for(one, slot)).status == 201
    await holder.api("DELETE", f"/v1/appointments/{made['id']}")
    await offered(people[0])
    return hall, slot


async def test_who_goes_leaves_the_line_and_what_was_kept_for_them_is_the_next_ones(house: House, database: Mongo) -> None:
    first, of_a_firm, last = people = await crowd(house, 3)
    firm = await house.world("POST", f"/world/people/{of_a_firm.person['person']}/enterprises", {})
    assert (await of_a_firm.api("POST", "/v1/me/subject", {"kind": "enterprise", "id": firm["uscc"]})).status == 200
    hall, slot = await in_a_line(house, people)
    own, theirs = [(await standing(one))[0]["id"] for one in (first, of_a_firm)]
    person_id = (await database["appointment_waits"].find_one({"_id": theirs}) or {})["person_id"]
    await gone(of_a_firm, database)
    left = await database["appointment_waits"].find_one({"_id": theirs})
    assert left is not None and left["state"] == "left" and person_id not in repr(left) and firm["uscc"] in left["subject_key"]
    await gone(first, database)
    assert await database["appointment_waits"].count_documents({"_id": own}) == 0
    offer = await offered(last)
    await told(last, "有号了")
    row = await database["slots"].find_one({"_id": slot["slot_id"]})
    assert row is not None and row["holds"] == [f"wait:{offer['id']}"] and offer["offer"]["slot_id"] == slot["slot_id"]
    got = await accept(last, offer["id"])
    assert (got.status, got.json["state"]) == (201, "booked"), got.body
    assert await hall.left_at_core(slot) == 0


async def test_a_worker_that_died_half_way_gives_a_place_on_once_and_calls_off_what_was_booked_meanwhile(house: House, database: Mongo) -> None:
    first, second = people = await crowd(house, 2)
    _, slot = await in_a_line(house, people)
    other_hall = await make_hall(house)
    other = await other_hall.slot()
    made = await taken(first, other)
    async with inside(house.stack) as deps:
        whose = await whose_of(deps, (await first.api("GET", "/v1/me")).json["id"])
        own = await deps.mongo.transaction(lambda tx: deps.privacy.begin_erasure(tx, whose, "gone_halfway_in_line", []))
        (wait,) = await deps.appointing.waits.of_visitor(str(whose.person_id))
        await waiting.leave(work_of(deps), wait)
        await deps.mongo.transaction(lambda tx: deps.outbox.put(tx, erasure.ERASE, f"erase:{own}", {"erasure_id": own}))
    await finished(database, own)
    row = await database["appointments"].find_one({"_id": made["id"]})
    assert row is not None and (row["state"], row["person_id"]) == ("cancelled", "gone_halfway_in_line")

    async def given_back() -> bool:
        return await other_hall.left_at_core(other) == 1

    await until(given_back)
    offer = await offered(second)
    row, line = await database["slots"].find_one({"_id": slot["slot_id"]}), await database["appointment_waits"].find_one({"_id": offer["id"]})
    assert row is not None and line is not None and (row["holds"], line["offers"]) == ([f"wait:{offer['id']}"], 1)
    assert await database["appointment_waits"].count_documents({"_id": wait.id}) == 0


async def test_what_is_heard_after_the_deletion_counts_brings_nothing_back_and_tells_nobody(house: House, database: Mongo) -> None:
    hall, rated, secret = await make_hall(house), await make_rated(house), word()
    made = await taken(rated.resident, await hall.slot())
    past = {"starts_at": now() - timedelta(hours=2), "ends_at": now() - timedelta(hours=1)}
    await database["appointments"].update_one({"_id": made["id"]}, {"$set": past})  # in nobody's way any more
    words = {"kind": "complaint", "title": "窗口排队太久", "text": f"等到十一点半没有叫到号。{secret}"}
    complaint = (await post(rated.resident, "/v1/complaints", words)).json
    assert complaint["number"], complaint
    thought = await rated.bad(text=secret)
    await until(lambda: rated.at_core(thought))
    await rated.acted(thought, "triage", to=rated.department)
    await rated.acted(thought, "reply", text="已增开窗口")
    async with inside(house.stack) as deps:
        assert await core_events.take(deps, [answered(complaint, 2, ComplaintState.ASSIGNED, secret)]) == ["applied"]
        before = await database["messages"].count_documents({"person_id": {"$regex": "^gone_"}})
        await gone(rated.resident, database)
        await _the_appointment_is_missed(deps, made["id"], secret)
        await _the_complaint_is_answered(deps, complaint, secret)
        await _the_case_is_sent_back(deps, rated.case_no, secret)
    await _the_rating_is_put_right(rated, database, thought)
    window = await make_desk(house, "window")
    excused = await window.api("POST", f"/staff/v1/appointments/{made['id']}/excuse", {"reason": f"住院{secret}"})
    assert excused.status == 200 and excused.json["excused"], excused.body
    assert {name for name, text in (await everything_stored(database, house.stack)).items() if secret in text} == set()
    assert await database["messages"].count_documents({"person_id": {"$regex": "^gone_"}}) == before
    ours = {"$regex": "|".join((made["id"], complaint["id"], thought))}

    async def nothing_left_to_do() -> bool:
        return not await database["outbox"].count_documents({"_id": ours, "state": {"$ne": "done"}})

    await until(nothing_left_to_do)


async def _the_appointment_is_missed(deps: Deps, own: str, secret: str) -> None:
    version = (await deps.mongo["appointments"].find_one({"_id": own}) or {})["version"]
    missed = moved(own, version + 2, AppointmentState.NO_SHOW, f"未到：{secret}")
    assert await core_events.take(deps, [missed]) == ["applied"]
    assert await core_events.take(deps, [missed]) == ["repeated"]
    assert await core_events.take(deps, [moved(own, version + 1, AppointmentState.ARRIVED, secret)]) == ["repeated"]
    row = await deps.mongo["appointments"].find_one({"_id": own})
    assert row is not None and (row["state"], row["person_id"][:5], "note" in row) == ("no_show", "gone_", False)


async def _the_complaint_is_answered(deps: Deps, one: Json, secret: str) -> None:
    replied = answered(one, 3, ComplaintState.REPLIED, secret)
    assert await core_events.take(deps, [answered(one, 2, ComplaintState.ASSIGNED, secret)]) == ["repeated"]
    assert await core_events.take(deps, [replied]) == ["applied"]
    assert await core_events.take(deps, [replied]) == ["repeated"]
    kept = await deps.complaining.store.complaint(one["id"])
    assert kept is not None and kept.is_nobodys and (kept.state, kept.version, kept.department) == (ComplaintState.REPLIED, 3, "临江市公安局")
    assert [move.text for move in kept.moves] == [""] * 3 and kept.person_id.startswith("gone_")


async def _the_case_is_sent_back(deps: Deps, case_no: str, secret: str) -> None:
    before = await deps.mongo["cases"].find_one({"case_no": case_no})
    assert before is not None and before["person_id"].startswith("gone_")
    finding = Finding(target="field", name="street", problem=f"{secret}不全", fix=f"写到{secret}")
    move = CaseMove(version=before["version"] + 1, state=CaseState.CORRECTIONS, at=now(), text=f"{secret}您好", findings=(finding,))
    event = CoreEvent(event_id=f"ev_{new_nonce()}", seq=1, type="case.moved", case_no=case_no, request_id=before["_id"], move=move)
    assert await core_events.take(deps, [event]) == ["applied"]
    assert await core_events.take(deps, [event]) == ["repeated"]
    after = await deps.mongo["cases"].find_one({"case_no": case_no})
    assert after is not None and (after["state"], after["version"], len(after["timeline"])) == (
        *("corrections", before["version"] + 1),
        len(before["timeline"]) + 1,
    )


async def _the_rating_is_put_right(rated: Rated, database: Mongo, own: str) -> None:
    """It waits for a call-back, and there is nobody to call."""
    nobody: Json = {"by_phone": True, "satisfied": None, "note": "无法联系"}
    early = await rated.act(own, "call-back", **nobody)
    assert (early.status, early.json["code"]) == (409, "call_back_not_over")
    await database["rectifications"].update_one({"_id": own}, {"$set": {"due_at": now() - timedelta(seconds=1)}})
    assert (await rated.acted(own, "call-back", **nobody))["state"] == "closed_unreached"
    await rated.until_ended_at_core(own, "rectified")
    again = await rated.act(own, "call-back", **nobody)
    assert (again.status, again.json["code"]) == (409, "rectification_moved")
