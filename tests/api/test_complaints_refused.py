"""A complaint the core does not take: whoever wrote it reads so, nothing waits for it, and a person passes it on."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from cases import files
from core.complaints import ComplaintMove, ComplaintMoved, ComplaintState
from kit.clock import now
from kit.ids import new_nonce
from miniapp_api import core_events
from miniapp_api.privacy.retention import forget_what_is_due
from miniapp_api.wiring import Deps
from tests.api.applying import post, upload
from tests.api.desk import make_desk
from tests.api.house import House, Json, Resident, make_resident, until
from tests.api.planted import inside

NOTE = {"text": "已转 12345 热线，工单号 20261129001"}


def make_words(**change: Json) -> Json:
    return {"kind": "complaint", "title": "窗口排队太久", "text": f"上午九点取号，十一点半没有叫到。{uuid.uuid4().hex[:6]}", **change}


@asynccontextmanager
async def an_item_of_ours_alone(deps: Deps) -> AsyncIterator[str]:
    """The core has taken it down, and we have not heard of it."""
    row = await deps.mongo["items"].find_one({"item": {"$ne": None}})
    assert row is not None
    code = f"{row['_id'][:20]}{uuid.uuid4().hex[:11]}"
    await deps.mongo["items"].insert_one({**row, "_id": code})
    try:
        yield code
    finally:
        await deps.mongo["items"].delete_one({"_id": code})


async def refused(house: House, resident: Resident, **change: Json) -> tuple[Json, Json]:
    """(what was written, how it stands)."""
    async with inside(house.stack) as deps, an_item_of_ours_alone(deps) as code:
        words = make_words(item_code=code, **change)
        answer = await post(resident, "/v1/complaints", words)
    assert answer.status == 201, answer.body
    return words, answer.json


async def look(resident: Resident, own: str) -> Json:
    return (await resident.api("GET", f"/v1/complaints/{own}")).json


async def test_what_the_core_refuses_says_so_and_what_to_do(house: House) -> None:
    resident = await make_resident(house)
    words, one = await refused(house, resident)
    for seen in (one, (await resident.api("GET", "/v1/complaints")).json["items"][0]):
        told = (seen["state"], seen["state_text"], seen["number"], seen["due_at"], seen["can_follow_up"], seen["can_rate"])
        assert told == ("not_registered", "没有登记成", None, None, False, False)
    assert "重新提交" in one["note"] and "12345" in one["note"]
    again = await post(resident, "/v1/complaints", {**words, "item_code": None})
    assert again.status == 201 and again.json["number"] and again.json["id"] != one["id"], again.body
    third = await post(resident, "/v1/complaints", {**words, "item_code": None})
    assert (third.status, third.json["code"]) == (409, "complaint_repeated") and again.json["number"] in third.json["title"]
    home = (await resident.api("GET", "/v1/home")).json["complaints"]["items"]
    assert [each["id"] for each in home] == [again.json["id"]]


async def test_nobody_is_late_with_what_was_refused(house: House) -> None:
    resident, desk = await make_resident(house), await make_desk(house, "supervisor")
    began = now()
    _, one = await refused(house, resident)
    async with inside(house.stack) as deps:
        store = deps.complaining.store

        async def late() -> tuple[int, int]:
            return await store.count_overdue(now()), sum(row["overdue"] for row in await store.tally(began, now() + timedelta(seconds=1)))

        before = await late()
        await deps.mongo["complaints"].update_one({"_id": one["id"]}, {"$set": {"due_at": now() - timedelta(days=1)}})
        assert await late() == before
        await deps.mongo["complaints"].update_one({"_id": one["id"]}, {"$set": {"at_core": "waiting"}})
        assert await late() == (before[0] + 1, before[1] + 1), "the same, if it were only on its way"
        await deps.mongo["complaints"].update_one({"_id": one["id"]}, {"$set": {"at_core": "refused"}})
    for query, there in (("overdue=true", False), ("state=received", False), ("at_core=refused", True)):
        listed = (await desk.api("GET", f"/staff/v1/complaints?limit=100&{query}")).json["items"]
        assert (one["id"] in [row["id"] for row in listed]) is there, query
    (row,) = [row for row in listed if row["id"] == one["id"]]
    assert (row["state_text"], row["overdue"], row["at_core"]) == ("没有登记成", False, "refused")


async def test_staff_pass_it_on_once_and_the_resident_reads_where_to(house: House) -> None:
    resident, hotline = await make_resident(house), await make_desk(house, "hotline")
    _, one = await refused(house, resident)
    path = f"/staff/v1/complaints/{one['id']}/handed-over"
    clerk = await make_desk(house, "department")
    assert (await clerk.api("POST", path, NOTE)).json["code"] == "staff_not_allowed"
    empty = await hotline.api("POST", path, {"text": ""})
    assert (empty.status, [wrong["field"] for wrong in empty.json["errors"]]) == (422, ["text"])
    assert (await look(resident, one["id"]))["state"] == "not_registered"
    pressed = await asyncio.gather(*(hotline.api("POST", path, NOTE) for _ in range(4)))
    assert sorted(answer.status for answer in pressed) == [200, 409, 409, 409]
    assert {answer.json["code"] for answer in pressed if answer.status == 409} <= {"complaint_not_refused", "complaint_busy"}
    late = await hotline.api("POST", path, {"text": "又转了一次"})
    assert (late.status, late.json["code"]) == (409, "complaint_not_refused") and "已人工转交" in late.json["title"]
    seen = await look(resident, one["id"])
    assert (seen["state"], seen["state_text"]) == ("handed_over", "已人工转交") and NOTE["text"] in seen["note"]
    opened = (await hotline.api("GET", f"/staff/v1/complaints/{one['id']}")).json
    assert (opened["at_core"], opened["handed_over"]) == ("handed_over", NOTE["text"])
    async with inside(house.stack) as deps:
        rows = [row async for row in deps.mongo["staff_audit"].find({"object": one["id"]})]
        kept = await deps.mongo["complaints"].find_one({"_id": one["id"]})
    assert [row["result"] for row in rows if "handed-over" in row["action"]].count("done") == 1
    said = [row["text"] for row in (await resident.api("GET", "/v1/messages")).json["items"] if row["kind"] == "complaint_moved"]
    assert len(said) == 2 and "已由工作人员转交办理" in said[0] and "没有登记成，请打开查看怎么办" in said[1]
    assert NOTE["text"] not in repr(kept) and NOTE["text"] not in repr(rows)


async def test_what_the_core_has_is_not_passed_on_by_hand(house: House) -> None:
    resident, desk = await make_resident(house), await make_desk(house, "supervisor")
    one = (await post(resident, "/v1/complaints", make_words())).json
    answer = await desk.api("POST", f"/staff/v1/complaints/{one['id']}/handed-over", NOTE)
    assert (answer.status, answer.json["code"]) == (409, "complaint_not_refused") and "已登记" in answer.json["title"]
    assert (await desk.api("POST", "/staff/v1/complaints/co_none/handed-over", NOTE)).json["code"] == "complaint_unknown"


async def test_the_core_has_the_last_word(house: House) -> None:
    resident = await make_resident(house)
    _, one = await refused(house, resident)
    move = ComplaintMove(version=1, state=ComplaintState.ASSIGNED, at=now(), department="临江市公安局")
    event = ComplaintMoved(event_id=f"ev_{new_nonce()}", seq=20_000_001, type="complaint.moved", complaint_id=one["id"], number="LJ-LATER", move=move)
    async with inside(house.stack) as deps:
        assert await core_events.take(deps, [event]) == ["applied"]
    seen = await look(resident, one["id"])
    assert (seen["state"], seen["number"], seen["note"]) == ("assigned", "LJ-LATER", "")


async def talked(resident: Resident) -> str:
    """A talk that waits for a person."""
    own = str((await resident.api("POST", "/v1/assistant/messages", {"text": "居住证一直没有人理"})).json["conversation_id"])
    await resident.api("POST", "/v1/assistant/messages", {"text": "转人工", "conversation_id": own})
    return own


async def waits(house: House, conversation_id: str) -> bool:
    async with inside(house.stack) as deps:
        return bool(await deps.mongo["bot_handovers"].count_documents({"conversation_id": conversation_id, "state": "waiting"}))


async def test_what_waits_for_a_person_waits_until_the_core_has_the_complaint(house: House) -> None:
    resident = await make_resident(house)
    own = await talked(resident)
    await house.faults(core={"down": True})
    try:
        one = (await post(resident, "/v1/complaints", make_words(conversation_id=own))).json
        assert one["state_text"] == "正在登记" and await waits(house, own)
    finally:
        await house.faults(core={})

    async def has_it() -> bool:
        return (await look(resident, one["id"]))["number"] is not None

    await until(has_it, 40)
    assert not await waits(house, own)


async def test_what_waits_for_a_person_waits_on_where_the_core_refuses_until_staff_pass_it_on(house: House) -> None:
    resident, desk = await make_resident(house), await make_desk(house, "hotline")
    own = await talked(resident)
    _, one = await refused(house, resident, conversation_id=own)
    assert one["state"] == "not_registered" and await waits(house, own)
    assert (await desk.api("POST", f"/staff/v1/complaints/{one['id']}/handed-over", NOTE)).status == 200
    assert not await waits(house, own)


async def test_after_its_years_it_goes_and_its_files_with_it_and_what_is_still_open_stays(house: House) -> None:
    resident = await make_resident(house)
    papers = [await upload(resident) for _ in range(2)]
    _, one = await refused(house, resident, files=[papers[0]])
    still = (await post(resident, "/v1/complaints", make_words(files=[papers[1]]))).json
    young = (await post(resident, "/v1/complaints", make_words())).json
    async with inside(house.stack) as deps:
        rows, stored = deps.mongo["complaints"], deps.mongo["files"]
        await rows.update_many({"_id": {"$in": [one["id"], still["id"]]}}, {"$set": {"told_at": now() - timedelta(days=1096)}})
        await rows.update_one({"_id": young["id"]}, {"$set": {"state": "closed"}})
        await forget_what_is_due(deps)
        await forget_what_is_due(deps)
        kept = {row["_id"] async for row in rows.find({"_id": {"$in": [one["id"], still["id"], young["id"]]}})}
        assert kept == {still["id"], young["id"]}
        await stored.update_many({"_id": {"$in": papers}, "forget_at": {"$gt": now()}}, {"$set": {"forget_at": now() - timedelta(seconds=1)}})
        await files.sweep(deps.files)
        assert [row["_id"] async for row in stored.find({"_id": {"$in": papers}})] == [papers[1]]
