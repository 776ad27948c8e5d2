"""Complaints over HTTP with the real stores and the sandbox's core: under one number, in any order, from the assistant, and what cannot be sent on."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from core.complaints import ComplaintMove, ComplaintMoved, ComplaintState
from kit.clock import now
from kit.ids import new_nonce
from miniapp_api import core_events, jobs_complaints
from staff.roles import ALL, Scope
from tests.api.applying import FORM, make_item, post, upload
from tests.api.desk import make_desk
from tests.api.house import House, Json, Resident, make_resident, until
from tests.api.planted import inside
from tests.api.rated import make_rated

TEXT = "上午九点取号，等到十一点半没有叫到，窗口说系统坏了。"


def make_words(**change: Json) -> Json:
    return {"kind": "complaint", "title": "窗口排队太久", "text": f"{TEXT}{uuid.uuid4().hex[:6]}", **change}


async def filed(resident: Resident, **change: Json) -> Json:
    answer = await post(resident, "/v1/complaints", make_words(**change))
    assert answer.status == 201, answer.body
    return answer.json


async def at_core(house: House, own: str) -> Json:
    held: list[Json] = (await house.world("GET", "/world/core/complaints"))["complaints"]
    return next((one for one in held if one["complaint_id"] == own), None)


async def moved(house: House, own: str, to: str, **more: Json) -> None:
    await house.world("POST", f"/world/core/complaints/{own}/moves", {"to": to, **more})


async def is_now(resident: Resident, own: str, state: str) -> Json:
    async def look() -> Json:
        found = (await resident.api("GET", f"/v1/complaints/{own}")).json
        return found if found["state"] == state else None

    return await until(look)


async def told(resident: Resident) -> list[str]:
    return [one["text"] for one in await resident.inbox() if one["kind"] == "complaint_moved"]


async def test_a_complaint_is_answered_asked_about_and_closed_under_one_number(house: House) -> None:
    resident = await make_resident(house)
    one = await filed(resident)
    assert one["number"] and one["state"] == "received" and not one["can_follow_up"], one
    early = await post(resident, f"/v1/complaints/{one['id']}/questions", {"text": "什么时候有答复？"})
    assert (early.status, early.json["code"]) == (409, "complaint_not_replied")
    await moved(house, one["id"], "assigned", department="临江市政务服务中心")
    await moved(house, one["number"], "transferred", department="临江市公安局")
    await moved(house, one["id"], "replied", text="已增开两个窗口，系统已修复。")
    seen = await is_now(resident, one["id"], "replied")
    assert seen["department"] == "临江市公安局" and seen["timeline"][-1]["text"] == "已增开两个窗口，系统已修复。" and seen["can_rate"]
    asked = await post(resident, f"/v1/complaints/{one['id']}/questions", {"text": "周六也开吗？"})
    assert (asked.status, asked.json["state"], asked.json["acts"][0]["registered"]) == (201, "reopened", "told"), asked.body
    await moved(house, one["id"], "replied", text="周六上午也开。")
    await is_now(resident, one["id"], "replied")
    rated = await post(resident, f"/v1/complaints/{one['id']}/satisfaction", {"grade": 5})
    assert rated.status == 201, rated.body
    again = await post(resident, f"/v1/complaints/{one['id']}/satisfaction", {"grade": 1})
    assert (again.status, again.json["code"]) == (409, "complaint_rated")
    ended = await is_now(resident, one["id"], "closed")
    assert (ended["can_follow_up"], ended["can_rate"], ended["number"]) == (True, False, one["number"])
    held = await at_core(house, one["id"])
    assert held["number"] == one["number"] and len([line for line in await house.ledger("core") if line.get("complaint_id") == one["id"]]) >= 7
    await until(lambda: _as_many(resident, 6))
    assert len(set(await told(resident))) == 6 - 1  # two replies read alike


async def _as_many(resident: Resident, count: int) -> bool:
    return len(await told(resident)) == count


async def test_the_same_key_is_one_complaint_and_the_same_words_are_told_so(house: House) -> None:
    resident = await make_resident(house)
    words, key = make_words(), uuid.uuid4().hex
    answers = await asyncio.gather(*(post(resident, "/v1/complaints", words, key) for _ in range(4)))
    assert {one.status for one in answers} <= {201, 409} and any(one.status == 201 for one in answers)
    first = (await post(resident, "/v1/complaints", words, key)).json
    other = await post(resident, "/v1/complaints", words)
    assert (other.status, other.json["code"]) == (409, "complaint_repeated") and first["number"] in other.json["title"]
    assert len((await resident.api("GET", "/v1/complaints")).json["items"]) == 1


async def test_everything_wrong_is_told_at_once_and_nothing_is_kept(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    theirs = await upload(other)
    wrong_parts = {"kind": "praise", "case_no": "NO-SUCH", "item_code": "NO-ITEM"}
    asked = make_words(title="<script>alert(1)</script>", text="长" * 10_000, files=[theirs, "f_none"], **wrong_parts)
    answer = await post(resident, "/v1/complaints", {**asked, "conversation_id": "c_none"})
    assert answer.status == 422, answer.body
    wrong = {one["field"]: one["message"] for one in answer.json["errors"]}
    assert set(wrong) == {"kind", "title", "text", "files.0", "files.1", "case_no", "item_code", "conversation_id"}
    assert "10000 个字" in wrong["text"] and "网页代码" in wrong["title"]
    assert (await resident.api("GET", "/v1/complaints")).json["items"] == []
    many = await post(resident, "/v1/complaints", make_words(files=[f"f_{n}" for n in range(10)]))
    assert many.status == 422 and "最多带 9 个附件，现在是 10 个" in many.json["errors"][0]["message"] and len(many.json["errors"]) == 11


async def test_files_go_along(house: House) -> None:
    resident = await make_resident(house)
    one = await filed(resident, files=[await upload(resident)])
    assert one["number"] and len((await at_core(house, one["id"]))["files"]) == 1


async def test_what_the_core_cannot_hear_now_it_hears_later(house: House) -> None:
    resident = await make_resident(house)
    await house.faults(core={"down": True})
    try:
        one = await filed(resident)
        assert one["number"] is None and one["state_text"] == "正在登记" and "不用再次提交" in one["note"]
    finally:
        await house.faults(core={})

    async def numbered() -> Json:
        return (await resident.api("GET", f"/v1/complaints/{one['id']}")).json["number"]

    await until(numbered, 40)


async def test_a_lost_reply_files_once(house: House) -> None:
    resident = await make_resident(house)
    await house.faults(core={"lose_replies": True})
    try:
        one = await filed(resident)
    finally:
        await house.faults(core={})

    async def numbered() -> Json:
        return (await resident.api("GET", f"/v1/complaints/{one['id']}")).json["number"]

    await until(numbered, 40)
    assert len([line for line in await house.ledger("core") if line["kind"] == "complaint.filed" and line["complaint_id"] == one["id"]]) == 1


async def test_nobody_elses_is_seen_and_staff_who_open_one_are_seen(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    one = await filed(resident)
    for method, path in (("GET", ""), ("POST", "/questions"), ("POST", "/satisfaction")):
        body = {"text": "不是我的"} if path == "/questions" else {"grade": 1} if path else None
        answer = await (
            post(other, f"/v1/complaints/{one['id']}{path}", body) if method == "POST" else other.api("GET", f"/v1/complaints/{one['id']}")
        )
        assert (answer.status, answer.json["code"]) == (404, "complaint_unknown")
    supervisor = await make_desk(house, "supervisor")
    listed = (await supervisor.api("GET", "/staff/v1/complaints?limit=100")).json["items"]
    mine = next(row for row in listed if row["id"] == one["id"])
    assert "text" not in mine and "title" not in mine
    strangers = await make_desk(house, "department", scope=Scope(frozenset({"临江市气象局"}), frozenset({ALL})))
    assert (await strangers.api("GET", f"/staff/v1/complaints/{one['id']}")).status == 404
    opened = await supervisor.api("GET", f"/staff/v1/complaints/{one['id']}")
    assert opened.status == 200 and opened.json["text"].startswith(TEXT)
    looks = (await resident.api("GET", "/v1/me/access-log")).json["items"]
    assert [row["by"] for row in looks] == [supervisor.username]
    odd = await supervisor.api("GET", "/staff/v1/complaints?state=none_such")
    assert odd.status == 422


@pytest.mark.parametrize("departments", ["临江市公安局", ALL])
async def test_staff_of_one_region_see_what_is_about_its_items_alone(house: House, departments: str) -> None:
    rated = await make_rated(house, to="submitted", item=await item_in(house, "440703"))
    resident = rated.resident
    by_item = await filed(resident, item_code=rated.item["code"])
    by_case = await filed(resident, case_no=rated.case_no)
    there = await filed(resident, item_code=(await item_in(house, "440704"))["code"])
    nothing = await filed(resident)
    for one in (by_item, by_case, there, nothing):
        await moved(house, one["id"], "assigned", department="临江市公安局")
        await is_now(resident, one["id"], "assigned")
    desk = await make_desk(house, "department", scope=Scope(frozenset({departments}), frozenset({"440703"})))
    seen = {one["id"] for one in (await desk.api("GET", "/staff/v1/complaints?limit=100")).json["items"]}
    assert {by_item["id"], by_case["id"]} <= seen and not seen & {there["id"], nothing["id"]}
    for one, status in ((by_item, 200), (by_case, 200), (there, 404), (nothing, 404)):
        assert (await desk.api("GET", f"/staff/v1/complaints/{one['id']}")).status == status
    everywhere = await make_desk(house, "department", scope=Scope(frozenset({"临江市公安局"}), frozenset({ALL})))
    seen = {one["id"] for one in (await everywhere.api("GET", "/staff/v1/complaints?limit=100")).json["items"]}
    assert {one["id"] for one in (by_item, by_case, there, nothing)} <= seen
    nobody = await make_desk(house, "department", scope=Scope(frozenset({ALL}), frozenset()))
    assert (await nobody.api("GET", "/staff/v1/complaints")).json["items"] == []


async def item_in(house: House, region: str) -> Json:
    return await make_item(house, FORM, [], name="诉求测试事项", region={"code": region, "name": "测试区"})


async def test_a_key_that_asked_a_question_does_not_swallow_what_one_thinks_of_the_reply(house: House) -> None:
    resident, key = await make_resident(house), uuid.uuid4().hex
    one = await filed(resident)
    await moved(house, one["id"], "replied", text="已处理。")
    await is_now(resident, one["id"], "replied")
    path = f"/v1/complaints/{one['id']}"
    assert (await post(resident, f"{path}/questions", {"text": "周六也开吗？"}, key)).json["state"] == "reopened"
    await moved(house, one["id"], "replied", text="也开。")
    await is_now(resident, one["id"], "replied")
    rated = await post(resident, f"{path}/satisfaction", {"grade": 2}, key)
    assert rated.status == 201 and [(act["kind"], act["grade"]) for act in rated.json["acts"]] == [("question", None), ("satisfaction", 2)]
    async with inside(house.stack) as deps:
        await deps.mongo["idempotency"].delete_many({})  # as after a process that died, or after its days
    for where, other in ((f"{path}/questions", {"text": "别的问题"}), (f"{path}/satisfaction", {"grade": 5})):
        reused = await post(resident, where, other, key)
        assert (reused.status, reused.json["code"]) == (422, "idempotency_key_reused")
    again = await post(resident, f"{path}/satisfaction", {"grade": 2}, key)
    assert again.status == 201 and len(again.json["acts"]) == 2


async def test_a_key_of_one_complaint_takes_no_other(house: House) -> None:
    resident, key, words = await make_resident(house), uuid.uuid4().hex, make_words()
    first = await post(resident, "/v1/complaints", words, key)
    async with inside(house.stack) as deps:
        await deps.mongo["idempotency"].delete_many({})
    other = await post(resident, "/v1/complaints", make_words(), key)
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert (await post(resident, "/v1/complaints", words, key)).json["id"] == first.json["id"]


async def test_what_was_said_to_the_assistant_goes_along_and_nobody_elses(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    said = (await resident.api("POST", "/v1/assistant/messages", {"text": "我要投诉，居住证窗口态度很差，电话13812345678"})).json
    assert said["intent"] == "complaint" and "投诉建议" in said["replies"][0]["text"]
    assert [one["action"] for one in said["replies"][0]["buttons"]] == ["complaint"]
    asked = (await resident.api("POST", "/v1/assistant/messages", {"text": "转人工", "conversation_id": said["conversation_id"]})).json
    assert asked["intent"] == "human" and [one["action"] for one in asked["replies"][0]["buttons"]] == ["complaint"]
    assert await waits(house, said["conversation_id"])
    stolen = await post(other, "/v1/complaints", make_words(conversation_id=said["conversation_id"]))
    assert stolen.status == 422 and [one["field"] for one in stolen.json["errors"]] == ["conversation_id"]
    one = await filed(resident, conversation_id=said["conversation_id"])
    lines = [line["text"] for line in one["conversation"]]
    assert len(lines) == 4 and "态度很差" in lines[0] and "13812345678" not in lines[0] and lines[2] == "转人工"
    held = await at_core(house, one["id"])
    assert [line["text"] for line in held["conversation"]] == lines
    assert not await waits(house, said["conversation_id"]), "whoever answers the complaint has it now"


async def waits(house: House, conversation_id: str) -> bool:
    async with inside(house.stack) as deps:
        return bool(await deps.mongo["bot_handovers"].count_documents({"conversation_id": conversation_id, "state": "waiting"}))


async def test_what_was_forgotten_but_waits_for_a_person_goes_along_too(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    own = (await resident.api("POST", "/v1/assistant/messages", {"text": "居住证一直没有人理"})).json["conversation_id"]
    await resident.api("POST", "/v1/assistant/messages", {"text": "转人工", "conversation_id": own})
    async with inside(house.stack) as deps:
        await deps.mongo["conversations"].delete_one({"_id": own})
    assert (await post(other, "/v1/complaints", make_words(conversation_id=own))).status == 422
    one = await filed(resident, conversation_id=own)
    assert one["conversation"][0]["text"] == "居住证一直没有人理" and not await waits(house, own)


async def test_ten_a_day_are_enough_however_fast_they_come(house: House) -> None:
    resident = await make_resident(house)
    answers = await asyncio.gather(*(post(resident, "/v1/complaints", make_words()) for _ in range(13)))
    assert sorted(one.status for one in answers) == [201] * 10 + [429] * 3
    assert {one.json["code"] for one in answers if one.status == 429} == {"complaints_too_many"}
    assert len((await resident.api("GET", "/v1/complaints?limit=50")).json["items"]) == 10


async def test_the_same_words_before_midnight_are_the_same_words_after_it(house: House) -> None:
    resident = await make_resident(house)
    words = make_words()
    first = await post(resident, "/v1/complaints", words)
    async with inside(house.stack) as deps:
        store = deps.complaining.store
        one = await store.complaint(first.json["id"])
        assert one is not None
        day = (now() + timedelta(hours=8) - timedelta(days=1)).date().isoformat()
        rows, as_yesterday = deps.mongo["complaints"], store.same(one.person_id, one.said, day)
        await rows.update_one({"_id": one.id}, {"$set": {"same": as_yesterday, "nth": f"{day}:0", "told_at": now() - timedelta(hours=23)}})
        again = await post(resident, "/v1/complaints", {**words, "title": "换个标题"})
        assert (again.status, again.json["code"]) == (409, "complaint_repeated") and first.json["number"] in again.json["title"]
        await rows.update_one({"_id": one.id}, {"$set": {"told_at": now() - timedelta(hours=25)}})
    assert (await post(resident, "/v1/complaints", words)).status == 201


def make_event(one: Json, version: int, state: ComplaintState, **more: Json) -> ComplaintMoved:
    move = ComplaintMove(version=version, state=state, at=now(), **more)
    about = {"complaint_id": one["id"], "number": one["number"] or "LJ-LATER", "seq": 10_000_000 + version}
    return ComplaintMoved(event_id=f"ev_{new_nonce()}", type="complaint.moved", move=move, **about)


async def test_late_repeated_and_reordered_events_never_take_it_back(house: House) -> None:
    resident = await make_resident(house)
    one = await filed(resident)
    events = [make_event(one, n, state) for n, state in ((4, ComplaintState.CLOSED), (2, ComplaintState.ASSIGNED), (3, ComplaintState.REPLIED))]
    async with inside(house.stack) as deps:
        await core_events.take(deps, events)
        assert await core_events.take(deps, events[1:]) == ["repeated", "repeated"]
        strange = make_event({"id": "co_made_elsewhere", "number": "LJ-OTHER"}, 2, ComplaintState.REPLIED)
        assert await core_events.take(deps, [strange]) == ["not_ours"]
    seen = (await resident.api("GET", f"/v1/complaints/{one['id']}")).json
    assert seen["state"] == "closed" and [move["state"] for move in seen["timeline"]] == ["received", "assigned", "replied", "closed"]
    await until(lambda: _as_many(resident, 3))


def again(event: ComplaintMoved, **change: Json) -> ComplaintMoved:
    """The same step under another event id."""
    return event.model_copy(update={"event_id": f"ev_{new_nonce()}", "seq": event.seq + 1_000, **change})


async def test_a_step_that_comes_under_another_event_id_is_told_once(house: House) -> None:
    resident = await make_resident(house)
    one = await filed(resident)
    assigned = make_event(one, 2, ComplaintState.ASSIGNED, department="临江市公安局")
    replied = make_event(one, 3, ComplaintState.REPLIED, text="已增开窗口。")
    async with inside(house.stack) as deps:
        assert await core_events.take(deps, [assigned, again(assigned)]) == ["applied", "repeated"]
        assert await core_events.take(deps, [again(assigned)]) == ["repeated"]
        many = await asyncio.gather(*(core_events.take(deps, [again(replied)]) for _ in range(4)))
        assert sorted(became for (became,) in many) == ["applied", "repeated", "repeated", "repeated"]
        other = again(replied, move=ComplaintMove(version=3, state=ComplaintState.CLOSED, at=now()))
        assert await core_events.take(deps, [other]) == ["repeated"], "what was told of a step stands"
    seen = (await resident.api("GET", f"/v1/complaints/{one['id']}")).json
    assert [move["state"] for move in seen["timeline"]] == ["received", "assigned", "replied"]
    assert [("已分派给临江市公安局" in text, "已有答复" in text) for text in await told(resident)] == [(False, True), (True, False)]


async def test_what_an_answer_of_the_core_tells_before_its_event_is_told_once(house: House) -> None:
    resident = await make_resident(house)
    await house.faults(core={"lose_replies": True}, core_webhook={"down": True})
    one = await filed(resident)
    await moved(house, one["id"], "replied", text="已处理。")
    await house.faults(core={}, core_webhook={"down": True})
    await until(lambda: _as_many(resident, 1), 40)
    assert (await is_now(resident, one["id"], "replied"))["number"]
    asked = await post(resident, f"/v1/complaints/{one['id']}/questions", {"text": "具体是怎样处理的？"})
    assert (asked.status, asked.json["state"]) == (201, "reopened"), asked.body
    assert await _as_many(resident, 2), "told with the answer, in the same write"
    steps = (await at_core(house, one["id"]))["timeline"]
    async with inside(house.stack) as deps:
        for step in steps:
            move = ComplaintMove.model_validate(step)
            assert await core_events.take(deps, [again(make_event(one, 1, ComplaintState.RECEIVED), move=move)]) == ["repeated"]
    assert [("收到您的追问" in text, "已有答复" in text) for text in await told(resident)] == [(True, False), (False, True)]


async def test_whoever_is_gone_is_told_nothing(house: House) -> None:
    resident = await make_resident(house)
    one = await filed(resident)
    async with inside(house.stack) as deps:
        gone = {"person_id": f"gone_{new_nonce()}", "pseudonymised_at": now()}  # as miniapp_api/privacy/held.py leaves it
        await deps.mongo["complaints"].update_one({"_id": one["id"]}, {"$set": gone})
        assert await core_events.take(deps, [make_event(one, 2, ComplaintState.REPLIED)]) == ["applied"]
        assert await deps.mongo["messages"].count_documents({"person_id": gone["person_id"]}) == 0


async def test_a_move_tells_the_number_of_one_whose_filing_was_not_answered(house: House) -> None:
    resident = await make_resident(house)
    await house.faults(core={"down": True})
    try:
        one = await filed(resident)
        assert one["number"] is None and one["due_at"], "a day for the reply is there all the same"
        async with inside(house.stack) as deps:
            await core_events.take(deps, [make_event(one, 2, ComplaintState.ASSIGNED, department="临江市公安局")])
        seen = (await resident.api("GET", f"/v1/complaints/{one['id']}")).json
        assert (seen["number"], seen["state"], seen["department"]) == ("LJ-LATER", "assigned", "临江市公安局")
    finally:
        await house.faults(core={})


async def test_a_forged_event_moves_nothing(house: House) -> None:
    resident = await make_resident(house)
    one = await filed(resident)
    event = make_event(one, 2, ComplaintState.CLOSED).model_dump(mode="json")
    for headers in ({}, {"X-Core-Timestamp": str(int(now().timestamp())), "X-Core-Nonce": new_nonce(), "X-Core-Signature": f"sha256={'0' * 64}"}):
        answer = await house.api("POST", "/callbacks/core", event, headers=headers)
        assert answer.status == 401, answer.body
    assert (await resident.api("GET", f"/v1/complaints/{one['id']}")).json["state"] == "received"


async def test_one_that_is_overdue_says_so_to_both_sides_and_is_counted(house: House) -> None:
    resident = await make_resident(house)
    one = await filed(resident, kind="consultation")
    began = now()
    await moved(house, one["id"], "assigned", department="临江市公安局", due_at=(now() - timedelta(minutes=1)).isoformat())
    seen = await is_now(resident, one["id"], "assigned")
    assert seen["overdue"] and "12345" in seen["note"]
    clerk = await make_desk(house, "department", scope=Scope(frozenset({"临江市公安局"}), frozenset({ALL})))
    listed = (await clerk.api("GET", "/staff/v1/complaints?overdue=true&kind=consultation")).json["items"]
    assert [row["id"] for row in listed if row["id"] == one["id"]] and {row["department"] for row in listed} == {"临江市公安局"}
    assert not (await clerk.api("GET", "/staff/v1/complaints?overdue=true&state=replied")).json["items"]
    async with inside(house.stack) as deps:
        assert await jobs_complaints.look_for_overdue(deps) >= 1
        since = began - timedelta(minutes=1)
        before = await deps.complaining.store.tally(since, now())
        await moved(house, one["id"], "replied", text="周一到周五，早九点到晚五点。")
        await is_now(resident, one["id"], "replied")
        after = await deps.complaining.store.tally(since, now())
    ours = [sum(row["overdue"] for row in rows if row["department"] == "临江市公安局" and row["kind"] == "consultation") for rows in (before, after)]
    assert ours[0] == ours[1] >= 1, "a late reply was late"


async def test_a_closed_one_is_asked_about_again(house: House) -> None:
    resident = await make_resident(house)
    one = await filed(resident)
    await moved(house, one["id"], "replied", text="已处理。")
    await is_now(resident, one["id"], "replied")
    assert (await post(resident, f"/v1/complaints/{one['id']}/satisfaction", {"grade": 2, "text": "没有说清楚"})).status == 201
    await is_now(resident, one["id"], "closed")
    asked = await post(resident, f"/v1/complaints/{one['id']}/questions", {"text": "具体是怎样处理的？"})
    assert (asked.status, asked.json["state"]) == (201, "reopened"), asked.body
    async with inside(house.stack) as deps:
        await core_events.take(
            deps, [make_event(one, version, state) for version, state in ((20, ComplaintState.REPLIED), (21, ComplaintState.CLOSED))]
        )
        long_ago = ComplaintMove(version=22, state=ComplaintState.CLOSED, at=now() - timedelta(days=16))
        await core_events.take(deps, [make_event(one, 22, ComplaintState.CLOSED).model_copy(update={"move": long_ago})])
    over = await post(resident, f"/v1/complaints/{one['id']}/questions", {"text": "还有一个问题"})
    assert (over.status, over.json["code"]) == (409, "complaint_over"), over.body


async def test_without_real_name_nothing_is_filed(house: House) -> None:
    resident = await make_resident(house, bound=False)
    answer = await post(resident, "/v1/complaints", make_words())
    assert (answer.status, answer.json["code"]) == (403, "real_name_needed")
    assert (await resident.api("GET", "/v1/complaints")).json["items"] == []
