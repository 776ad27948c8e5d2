"""How an item does online, over HTTP, against numbers counted by hand."""

import uuid
from datetime import timedelta

from kit.clock import now
from kit.mongo import connect
from staff.roles import Scope
from tests.api.applying import begin, core_is_back, make_item, post
from tests.api.desk import Desk, make_desk
from tests.api.house import House, Json, make_resident, until


async def health(desk: Desk, code: str, reads: int, attempts: int = 0) -> Json:
    """Once the processes have written their counts down, which they do every five seconds, in the middle of a test too."""

    async def written() -> Json:
        answer = await desk.api("GET", f"/staff/v1/items/{code}/health?days=7")
        assert answer.status == 200, answer.body
        return answer.json if answer.json["steps"][0]["total"] >= reads and answer.json["attempts"] >= attempts else None

    return await until(written)


async def test_the_steps_of_one_item_are_those_counted_by_hand(house: House) -> None:
    desk, resident = await make_desk(house, "supervisor"), await make_resident(house)
    item = await make_item(house, materials=[])
    code = item["code"]
    for _ in range(6):
        assert (await house.api("GET", f"/v1/items/{code}/guide")).status == 200
    full = [await begin(resident, item, {"street": "和平路"}) for _ in range(4)]
    empty = await begin(resident, item)
    for draft in (full[0], full[0], full[1], empty):
        assert (await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})).status == 200
    assert (await post(resident, f"/v1/drafts/{empty['id']}/submit")).status == 422
    cases = [(await post(resident, f"/v1/drafts/{one['id']}/submit")).json["case_no"] for one in full[1:]]
    again = await post(resident, f"/v1/drafts/{full[1]['id']}/submit")
    assert again.json["case_no"] == cases[0]  # a repetition is no attempt
    for case_no, moves in ((cases[0], ("accepted", "approved")), (cases[1], ("accepted",))):
        for to in moves:
            await house.move(case_no, to)

    async def moved() -> bool:
        seen = {one: (await resident.api("GET", f"/v1/cases/{one}")).json["state"] for one in cases[:2]}
        return list(seen.values()) == ["approved", "accepted"]

    await until(moved)
    told = await health(desk, code, 6, attempts=8)
    steps = {one["step"]: (one["total"], one["under_way"], one["dropped"]) for one in told["steps"]}
    assert steps == {
        "read": (6, 0, 0),
        "draft": (5, 0, 1),
        "checked": (4, 1, 0),  # one was checked, three were handed in; the empty one is being filled in
        "submitted": (3, 1, 0),
        "filed": (3, 0, 0),
        "accepted": (2, 1, 0),
        "finished": (1, 1, 0),
    }
    assert (told["attempts"], told["errors"], told["error_rate"]) == (8, 0, 0)  # four checks, four submissions
    assert {one["reason"]: one["total"] for one in told["refusals"]} == {"check/blocked": 1, "submit/refused/draft_incomplete": 1}
    assert all(one["median_seconds"] is not None and one["p90_seconds"] >= one["median_seconds"] >= 0 for one in told["steps"][2:])
    assert (told["over"], told["suggestion"], told["closed"]) == ([], None, None)
    assert all(one["previous_total"] == 0 and one["previous_drop_off"] is None for one in told["steps"])
    env = house.stack.env
    mongo = connect(env["MONGO_URL"], env["ZHANGBAN_MONGO_DATABASE"])
    ids = [full[0]["id"], empty["id"]]
    await mongo["drafts"].update_many({"_id": {"$in": ids}}, {"$set": {"updated_at": now() - timedelta(days=2)}})
    await mongo.close()
    later = {one["step"]: (one["dropped"], one["drop_off"]) for one in (await health(desk, code, 6))["steps"]}
    assert (later["checked"], later["submitted"]) == ((1, 0.2), (1, 0.25))


async def test_a_core_that_does_not_answer_is_an_error_and_over_the_limit_a_suggestion_that_closes_nothing(house: House) -> None:
    desk, resident = await make_desk(house, "supervisor"), await make_resident(house)
    item = await make_item(house, materials=[])
    draft = await begin(resident, item, {"street": "和平路"})
    for _ in range(18):
        assert (await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})).json["core_checked"] is True
    await house.faults(core={"down": True})
    silent = 0
    for _ in range(4):
        answer = await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})
        silent += answer.status == 200 and answer.json["core_checked"] is False
    await core_is_back(house, resident)
    assert silent == 4
    await house.api("GET", f"/v1/items/{item['code']}/guide")
    told = await health(desk, item["code"], 1, attempts=22)
    assert (told["attempts"], told["errors"], told["error_rate"]) == (22, 4, 0.1818)
    assert [(one["reason"], one["total"]) for one in told["reasons"]] == [("check/core_silent", 4)]
    assert [one["step"] for one in told["over"]] == [None] and "22 次，出错 4 次" in told["suggestion"]
    listed = (await desk.api("GET", "/staff/v1/items/health?days=1&limit=5")).json
    assert listed["items"][0]["over"] and item["code"] in [one["code"] for one in listed["items"]]
    assert (await resident.api("POST", "/v1/drafts", {"item_code": item["code"]})).status == 201  # nothing closes by itself
    await desk.api("PUT", f"/staff/v1/items/{item['code']}/closure", {"message": "接口故障"})
    known = await health(desk, item["code"], 1)
    assert known["suggestion"] is None and known["over"] and known["closed"]["message"] == "接口故障"


async def test_staff_see_only_their_own_items_and_need_the_right_to(house: House) -> None:
    item = await make_item(house, department={"name": f"测试{uuid.uuid4().hex[:6]}局", "uscc": None})
    department, region = item["department"]["name"], item["region"]["code"]
    own = await make_desk(house, "department", scope=Scope(frozenset({department}), frozenset({region})))
    other = await make_desk(house, "department", scope=Scope(frozenset({"别的局"}), frozenset({region})))
    await house.api("GET", f"/v1/items/{item['code']}/guide")
    await health(own, item["code"], 1)
    assert [one["code"] for one in (await own.api("GET", "/staff/v1/items/health")).json["items"]] == [item["code"]]
    assert (await other.api("GET", "/staff/v1/items/health")).json["items"] == []
    assert (await other.api("GET", f"/staff/v1/items/{item['code']}/health")).status == 404
    everywhere = await make_desk(house, "supervisor")
    assert (await everywhere.api("GET", f"/staff/v1/items/health?department={department}")).json["total"] == 1
    assert (await everywhere.api("GET", "/staff/v1/items/health?days=0")).status == 422
    assert (await (await make_desk(house, "window")).api("GET", "/staff/v1/items/health")).status == 403
