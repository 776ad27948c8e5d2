"""Broadcasts over HTTP: one writes, another approves, workers tell everybody once, anybody in charge stops it, and the audit tells who did what."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kit.mongo import Mongo, connect
from miniapp_api import broadcasting
from miniapp_api.stack import Stack
from staff.roles import Scope
from tests.api.desk import Desk, make_desk
from tests.api.house import Answer, House, Resident, an_item, make_resident, until
from tests.api.planted import inside

PATH = "/staff/v1/broadcasts"


@pytest.fixture
async def store(stack: Stack) -> AsyncIterator[Mongo]:
    own = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    yield own
    await own.close()


def wish(**changes: Any) -> dict[str, Any]:
    given = {"title": "窗口调整通知", "body": "12月1日起，不动产登记窗口搬到二楼，请留意指引。", "page": "pages/index/index", "rate": 200}
    return {**given, **changes}


async def acts(desk: Desk, broadcast_id: str, act: str, body: Any = None) -> Answer:
    return await desk.api("POST", f"{PATH}/{broadcast_id}/{act}", body or {})


async def submitted(editor: Desk, **changes: Any) -> str:
    made = await editor.api("POST", PATH, wish(**changes))
    assert made.status == 201, made.body
    answer = await acts(editor, made.json["id"], "submit")
    assert answer.status == 200, answer.body
    return str(made.json["id"])


async def carried_out(house: House, desk: Desk, broadcast_id: str, *, workers: int = 3) -> Any:
    """By workers in this process, beside whatever the stack's own does; what staff see of it then."""

    async def over() -> Any:
        seen = (await desk.api("GET", f"{PATH}/{broadcast_id}")).json
        return seen if seen["state"] == "done" else None

    async with inside(house.stack) as deps:

        async def work() -> Any:
            await asyncio.gather(*(broadcasting.run_due(deps) for _ in range(workers)))
            return await over()

        return await until(work, 60)


async def entries(resident: Resident, body: str) -> list[Any]:
    return [one for one in await resident.inbox() if body in one["text"]]


async def test_written_by_one_approved_by_another_told_once_and_seen_by_everybody_concerned(house: House, store: Mongo) -> None:
    editor, approver = await make_desk(house, "content_editor"), await make_desk(house, "approver")
    bound, alone = await make_resident(house), await make_resident(house, "alipay", bound=False)
    broadcast_id = await submitted(editor, urgent=True)
    seen = (await approver.api("GET", f"{PATH}/{broadcast_id}")).json
    assert seen["state_text"] == "待审批" and seen["progress"] is None and seen["preview"]["count"] >= 2
    assert seen["preview"]["wechat"]["thing1"] == "窗口调整通知" and len(seen["preview"]["wechat"]["thing3"]) <= 20
    assert (await acts(approver, broadcast_id, "approve")).json["approved_by"] == approver.id
    done = await carried_out(house, approver, broadcast_id)
    progress = done["progress"]
    assert (progress["left"], progress["already"], progress["estimated_end"]) == (0, 0, None) and progress["started_at"] <= progress["finished_at"]
    people = [row["person_id"] async for row in store["messages"].find({"broadcast_id": broadcast_id})]
    assert progress["told"] == len(people) == len(set(people)) >= 2
    for resident in (bound, alone):
        [entry] = await entries(resident, "窗口搬到二楼")
        assert entry["text"] == seen["preview"]["inbox"] and entry["kind"] == "notice_urgent"
    told = {
        row["object"] async for row in store["staff_audit"].find({"who": {"$in": [editor.username, approver.username]}, "action": {"$regex": PATH}})
    }
    assert broadcast_id in told
    story = [
        (row["who"], row["action"].removeprefix("POST ").replace(PATH, ""), row["result"])
        async for row in store["staff_audit"].find({"object": broadcast_id, "action": {"$regex": "^POST"}}).sort("_id", 1)
    ]
    mine, other = "/<broadcast_id:str>", (editor.username, approver.username)
    assert story == [
        (other[0], "", "done"),  # what it began with had no id yet
        *((other[0], f"{mine}/submit", result) for result in ("begun", "done")),
        *((other[1], f"{mine}/approve", result) for result in ("begun", "done")),
    ]


async def test_the_progress_tells_what_became_of_the_pushes(house: House, store: Mongo) -> None:
    editor, approver = await make_desk(house, "content_editor"), await make_desk(house, "approver")
    await make_resident(house)
    broadcast_id = await submitted(editor, segment={"channel": "wechat"})
    await acts(approver, broadcast_id, "approve")
    await carried_out(house, approver, broadcast_id)
    sent = {"channels.wechat": {"outcome": "sent", "reason": None}, "channels.sms": {"outcome": "not_needed", "reason": None}}
    await store["messages"].update_many({"broadcast_id": broadcast_id}, {"$set": {**sent, "push": "done"}})
    progress = (await editor.api("GET", f"{PATH}/{broadcast_id}")).json["progress"]
    assert progress["pushed"]["wechat"] == {"sent": progress["told"]} and progress["pushed"]["sms"] == {"not_needed": progress["told"]}
    assert progress["waiting"] == 0


async def test_a_segment_of_cases_reaches_those_people_and_nobody_else(house: House) -> None:
    editor, approver = await make_desk(house, "content_editor"), await make_desk(house, "approver")
    applied, other = await make_resident(house), await make_resident(house)
    await applied.case()
    segment = {"item_code": await an_item(house), "states": "open", "since": datetime.now(UTC).date().isoformat()}
    words = f"给办件人的话{applied.person['person'][-6:]}"
    broadcast_id = await submitted(editor, body=words, segment=segment)
    await acts(approver, broadcast_id, "approve")
    done = await carried_out(house, approver, broadcast_id)
    assert done["segment"] == {"channel": None, **segment} and done["department"]
    assert len(await entries(applied, words)) == 1 and await entries(other, words) == []


async def test_who_may_not_may_not_and_whoever_wrote_it_never_approves_it(house: House, store: Mongo) -> None:
    editor, approver, both = [await make_desk(house, *roles) for roles in (("content_editor",), ("approver",), ("content_editor", "approver"))]
    cashier, supervisor = await make_desk(house, "cashier"), await make_desk(house, "supervisor")
    broadcast_id = await submitted(both)
    own = await acts(both, broadcast_id, "approve")
    assert (own.status, own.json["code"]) == (403, "own_broadcast")
    for desk, act in ((editor, "approve"), (editor, "reject"), (approver, "submit"), (supervisor, "approve"), (cashier, "stop")):
        assert (await acts(desk, broadcast_id, act)).json["code"] == "staff_not_allowed"
    assert (await cashier.api("GET", PATH)).status == 403 and (await approver.api("POST", PATH, wish())).status == 403
    assert (await house.api("GET", PATH)).status == 401
    rejected = await acts(approver, broadcast_id, "reject", {"reason": "请写明日期"})
    assert (rejected.json["state"], rejected.json["rejected_because"]) == ("rejected", "请写明日期")
    for desk, act in ((approver, "approve"), (both, "submit"), (supervisor, "stop")):
        assert (await acts(desk, broadcast_id, act)).json["code"] == "broadcast_decided"
    refused = {row["result"] async for row in store["staff_audit"].find({"object": broadcast_id, "result": {"$regex": "^refused"}})}
    assert refused == {"refused own_broadcast", "refused staff_not_allowed", "refused broadcast_decided"}


async def test_stopped_by_a_supervisor_before_it_begins_nobody_is_told(house: House, store: Mongo) -> None:
    editor, approver, supervisor = [await make_desk(house, role) for role in ("content_editor", "approver", "supervisor")]
    broadcast_id = await submitted(editor)
    stopped = await acts(supervisor, broadcast_id, "stop")
    assert (stopped.status, stopped.json["state"], stopped.json["stopped_by"]) == (200, "stopped", supervisor.id)
    assert (await acts(editor, broadcast_id, "stop")).json["stopped_by"] == supervisor.id, "the second time changes nothing"
    assert (await acts(approver, broadcast_id, "approve")).json["code"] == "broadcast_decided"
    async with inside(house.stack) as deps:
        await broadcasting.run_due(deps)
    assert await store["messages"].count_documents({"broadcast_id": broadcast_id}) == 0


async def test_a_draft_may_be_changed_and_what_was_submitted_may_not(house: House) -> None:
    editor, other = await make_desk(house, "content_editor"), await make_desk(house, "content_editor")
    made = (await editor.api("POST", PATH, wish())).json
    assert made["preview"] is None and made["state"] == "draft" and made["rate"] == 200
    changed = await other.api("PUT", f"{PATH}/{made['id']}", wish(title="窗口再次调整", rate=50))
    assert (changed.json["title"], changed.json["rate"], changed.json["made_by"]) == ("窗口再次调整", 50, editor.id)
    await acts(editor, made["id"], "submit")
    assert (await other.api("PUT", f"{PATH}/{made['id']}", wish())).json["code"] == "broadcast_decided"
    assert (await acts(editor, made["id"], "submit")).json["code"] == "broadcast_decided"
    assert (await editor.api("PUT", f"{PATH}/bc_none", wish())).json["code"] == "broadcast_unknown"


async def test_everything_that_is_wrong_with_it_is_told_at_once(house: House) -> None:
    editor = await make_desk(house, "content_editor")
    bad = wish(
        title="长" * 21, body="详见 http://a.example", page="https://a.example", rate=0, segment={"item_code": "no-such", "since": "2999-01-01"}
    )
    answer = await editor.api("POST", PATH, bad)
    assert answer.status == 422
    assert [one["field"] for one in answer.json["errors"]] == ["title", "body", "page", "rate", "segment.since", "segment.item_code"]
    for wrong in ({"segment": {"channel": "sms"}}, {"segment": {"who": "all"}}, {"rate": "50"}, {"urgent": "yes"}, {"title": None}, {"to": "all"}):
        assert (await editor.api("POST", PATH, wish(**wrong))).status == 422
    for query in ("state=%24ne", "cursor=1", "cursor=1.%7B", "limit=101"):
        assert (await editor.api("GET", f"{PATH}?{query}")).status == 422


async def test_a_department_tells_its_own_applicants_and_sees_no_other_departments_broadcasts(house: House) -> None:
    item = (await house.api("GET", f"/v1/items/{await an_item(house)}")).json
    department, region = item["department"], (item.get("region") or {}).get("code") or "*"
    department = department if isinstance(department, str) else department["name"]
    own = await make_desk(house, "content_editor", scope=Scope(frozenset({department}), frozenset({region})))
    other = await make_desk(house, "content_editor", "approver", scope=Scope(frozenset({"别的局"}), frozenset({"*"})))
    refused = await own.api("POST", PATH, wish())
    assert [one["field"] for one in refused.json["errors"]] == ["segment.item_code"], "the whole city is not theirs"
    made = await own.api("POST", PATH, wish(segment={"item_code": item["code"]}))
    assert (made.status, made.json["department"]) == (201, department)
    assert (await other.api("POST", PATH, wish(segment={"item_code": item["code"]}))).status == 422
    broadcast_id = made.json["id"]
    whole = await make_desk(house, "content_editor")
    city = (await whole.api("POST", PATH, wish())).json["id"]
    lists = [{one["id"] for one in (await desk.api("GET", f"{PATH}?limit=100")).json["items"]} for desk in (own, other, whole)]
    assert [(broadcast_id in one, city in one) for one in lists] == [(True, False), (False, False), (True, True)]
    nobodys = await other.api("GET", f"{PATH}/bc_none")
    for act in ("submit", "stop", "approve"):
        answer = await acts(other, broadcast_id, act)
        assert answer.json | {"request_id": ""} == nobodys.json | {"request_id": ""}, "no way to tell that it exists"
    assert (await own.api("GET", f"{PATH}/{city}")).status == 404


async def test_no_answer_and_no_row_says_who_was_told(house: House, store: Mongo) -> None:
    editor, approver = await make_desk(house, "content_editor"), await make_desk(house, "approver")
    resident = await make_resident(house)
    broadcast_id = await submitted(editor)
    await acts(approver, broadcast_id, "approve")
    await carried_out(house, approver, broadcast_id)
    row = await store["broadcasts"].find_one({"_id": broadcast_id})
    whose = {one["person_id"] async for one in store["messages"].find({"broadcast_id": broadcast_id})}
    shown = (await editor.api("GET", f"{PATH}/{broadcast_id}")).body.decode() + (await editor.api("GET", PATH)).body.decode() + str(row)
    assert all(value not in shown for value in (*whose, resident.person["name"], resident.person["id_number"], resident.person["phone"]))


async def test_the_pages_of_the_list_hold_every_broadcast_once(house: House, store: Mongo) -> None:
    editor = await make_desk(house, "content_editor")
    made = [one.json["id"] for one in await asyncio.gather(*(editor.api("POST", PATH, wish()) for _ in range(7)))]
    await store["broadcasts"].update_many({"_id": {"$in": made}}, {"$set": {"made_at": datetime.now(UTC).replace(microsecond=0)}})
    seen, cursor = [], ""
    while True:
        page = (await editor.api("GET", f"{PATH}?limit=3&state=draft&cursor={cursor}")).json
        seen += [one["id"] for one in page["items"]]
        if not (cursor := page["next_cursor"]):
            break
    assert sorted(one for one in seen if one in made) == sorted(made) and len(seen) == len(set(seen))
