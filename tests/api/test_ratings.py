"""Ratings over HTTP with the real stores and the sandbox's core: once for a stage, in one's own name, and the bad ones put right to the end."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from kit.clock import now
from miniapp_api import rectifying
from staff.roles import ALL, Scope
from tests.api.applying import FORM, make_item, put_item
from tests.api.desk import make_desk
from tests.api.house import House, Json, make_resident, until
from tests.api.persons import grant
from tests.api.planted import inside
from tests.api.rated import Rated, make_rated


async def test_a_case_rated_bad_is_put_right_to_the_end_and_the_core_knows(house: House) -> None:
    rated = await make_rated(house)
    stages = await rated.stages()
    assert [(one["may_rate"], one["asks"], one["rating"]) for one in stages.values()] == [(True, True, None)] * 2
    answer = await rated.rate(2, indicators=["slow", "guide_wrong"], text="等了两周")
    assert answer.status == 201 and answer.json["grade_text"] == "不满意", answer.body
    own = answer.json["id"]
    assert answer.json["rectification"]["state"] == "triage" and answer.json["counted"]

    clerk = await rated.clerk()
    early = await rated.act(own, "reply", text="马上改")
    assert (early.status, early.json["code"]) == (409, "rectification_moved")
    assert {one["field"]: one["message"] for one in early.json["errors"]} == {"state": "triage", "revision": "1"}
    sent = await rated.acted(own, "triage", to=rated.department, note="请核实")
    assert (sent["state"], sent["department"], sent["rating"]["text"]) == ("with_department", rated.department, "等了两周")
    assert own in [one["id"] for one in (await clerk.api("GET", "/staff/v1/rectifications")).json["items"]]
    await rated.acted(own, "reply", text="已缩短办理时间，向您致歉")
    seen = await rated.right()
    assert (seen["state"], seen["can_call_back"], seen["replies"][0]["text"]) == ("call_back", True, "已缩短办理时间，向您致歉")

    again = await rated.called_back(own, satisfied=False, text="还是慢")
    assert (again.status, again.json["state"]) == (200, "with_department"), again.body
    await rated.acted(own, "reply", text="已换人专办")
    done = await rated.called_back(own, satisfied=True)
    assert (done.status, done.json["state"], done.json["due_at"]) == (200, "closed_satisfied", None)
    assert len((await rated.right())["replies"]) == 2
    held = await rated.until_ended_at_core(own, "rectified")
    assert held["outcome"]["text"] == "已换人专办" and held["indicators"] == ["slow", "guide_wrong"]
    assert len(await rated.given(own)) == 1
    assert [("已经答复" in one, "已整改完毕" in one) for one in await rated.told()] == [(False, True), (True, False), (True, False)]


async def test_a_stage_is_rated_once_whoever_tries_and_however_often(house: House) -> None:
    rated = await make_rated(house)
    key = uuid.uuid4().hex
    first = await rated.rate(5, key)
    assert first.status == 201 and first.json["rectification"] is None
    assert (await rated.rate(5, key)).body == first.body
    others = await asyncio.gather(*(rated.rate(grade) for grade in (5, 1, 3, 2, 5)))
    assert {(one.status, one.json["code"]) for one in others} == {(409, "already_rated")}
    assert "办结环节评价为“非常满意”" in others[0].json["title"]
    assert (await rated.stages())["result"]["why_not"] == "already_rated"
    assert (await rated.rate(4, stage="acceptance")).status == 201

    async def known() -> bool:
        return await rated.at_core(first.json["id"]) is not None

    await until(known)
    assert len(await rated.given(first.json["id"])) == 1


async def test_ten_who_rate_at_once_leave_one_rating_and_one_rectification(house: House) -> None:
    rated = await make_rated(house)
    answers = await asyncio.gather(*(rated.rate(1) for _ in range(10)))
    assert sorted(one.status for one in answers) == [201] + [409] * 9
    (made,) = [one.json["id"] for one in answers if one.status == 201]
    async with inside(house.stack) as deps:
        request_id = (await deps.cases.by_number(rated.case_no) or {})["_id"]
        assert await deps.mongo["rectifications"].count_documents({"request_id": request_id}) == 1
        assert [one.id for one in await deps.rating.store.of_cases([request_id])] == [made]


async def test_nobody_rates_a_case_that_is_not_theirs(house: House) -> None:
    rated, other = await make_rated(house), await make_resident(house)
    assert (await other.api("GET", f"/v1/cases/{rated.case_no}/ratings")).json["code"] == "case_unknown"
    stolen = await rated.rate(1, by=other)
    assert (stolen.status, stolen.json["code"]) == (404, "case_unknown")
    refused = await other.api("POST", f"/v1/cases/{rated.case_no}/rating/decline", {"stage": "result"})
    assert (refused.status, refused.json["code"]) == (404, "case_unknown")
    own = await rated.bad()
    assert (await rated.called_back(own, True, by=other)).json["code"] == "rating_unknown"
    guest = await make_resident(house, bound=False)
    assert (await rated.rate(1, by=guest)).json["code"] == "real_name_needed"


async def test_a_rating_of_an_agent_is_marked_as_theirs(house: House) -> None:
    giver, agent = await make_resident(house), await make_resident(house)
    own = await grant(giver, agent, purposes=["apply"], until=(now() + timedelta(days=30)).isoformat())
    assert (await agent.api("POST", "/v1/me/subject", {"kind": "agent", "id": own})).status == 200
    rated = await make_rated(house, resident=agent)
    assert (await rated.rate(5)).json["by_agent"] is True
    late = await rated.rate(1, by=giver)
    assert (late.status, late.json["code"]) == (409, "already_rated") and "授权的代办人" in late.json["title"]
    assert (await rated.stages(by=giver))["result"]["rating"]["by_agent"] is True


async def test_a_stage_that_was_not_reached_is_not_rated(house: House) -> None:
    rated = await make_rated(house, to="accepted")
    seen = (await rated.stages())["result"]
    assert (seen["may_rate"], seen["asks"], seen["why_not"], seen["until"]) == (False, False, "stage_not_reached", None)
    early = await rated.rate(1)
    assert (early.status, early.json["code"]) == (409, "stage_not_reached")
    assert (await rated.rate(3, stage="acceptance")).status == 201


async def test_after_the_window_nothing_is_rated_and_nobody_is_asked(house: House) -> None:
    rated = await make_rated(house)
    async with inside(house.stack) as deps:
        row = await deps.mongo["cases"].find_one({"case_no": rated.case_no})
        assert row is not None
        earlier = [{**move, "at": move["at"] - timedelta(days=31)} for move in row["timeline"]]
        await deps.mongo["cases"].update_one({"_id": row["_id"]}, {"$set": {"timeline": earlier, "moved_at": now() - timedelta(days=31)}})
    late = await rated.rate(1)
    assert (late.status, late.json["code"]) == (409, "rating_closed") and "12345" in late.json["title"]
    assert {one["why_not"] for one in (await rated.stages()).values()} == {"rating_closed"}
    assert (await rated.resident.api("GET", "/v1/ratings/to-do")).json["items"] == []


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"stage": "never", "grade": 6, "text": "多" * 501, "indicators": ["Bad!"], "more": 1}, {"stage", "grade", "text", "indicators.0", "more"}),
        ({"grade": "2"}, {"grade"}),
        ({"grade": True}, {"grade"}),
        ({"text": "\x00"}, {"text"}),
        ({"indicators": ["on_time", "slow", "service_rude", "no_such"]}, {"indicators.0", "indicators.2", "indicators.3"}),
    ],
)
async def test_everything_wrong_is_told_at_once_and_nothing_is_kept(house: House, asked: dict[str, object], fields: set[str]) -> None:
    rated = await make_rated(house)
    answer = await rated.rate(**{"grade": 2, **asked})  # type: ignore[arg-type]  # what is wrong with it is the point
    assert (answer.status, {one["field"] for one in answer.json["errors"]}) == (422, fields), answer.body
    assert (await rated.stages())["result"]["rating"] is None


async def test_a_script_is_text_like_any_other(house: House) -> None:
    rated = await make_rated(house)
    said = "<script>alert(1)</script> {{7*7}} $where"
    assert (await rated.rate(2, text=said)).json["text"] == said


async def test_who_declines_is_not_asked_again_and_may_still_rate(house: House) -> None:
    rated = await make_rated(house)

    async def to_do() -> set[str]:
        items = (await rated.resident.api("GET", "/v1/ratings/to-do")).json["items"]
        return {one["stage"] for one in items if one["case_no"] == rated.case_no}

    assert await to_do() == {"acceptance", "result"}
    for _ in range(2):
        assert (await rated.resident.api("POST", f"/v1/cases/{rated.case_no}/rating/decline", {"stage": "result"})).status == 200
    result = (await rated.stages())["result"]
    assert (result["asks"], result["may_rate"], result["declined"]) == (False, True, True)
    assert await to_do() == {"acceptance"}
    assert (await rated.rate(5)).status == 201
    assert await rated.told() == []


async def test_a_department_nobody_knows_is_not_asked_and_those_near_are_named(house: House) -> None:
    rated = await make_rated(house)
    own = await rated.bad()
    for asked, told in (("公安局", "临江市公安局"), (f" {rated.department[:-1]} ", rated.department), ("人社局", "临江市人力资源和社会保障局")):
        refused = await rated.act(own, "triage", to=asked)
        assert (refused.status, refused.json["code"], [one["field"] for one in refused.json["errors"]]) == (422, "input_invalid", ["to"]), (
            refused.body
        )
        (words,) = [one["message"] for one in refused.json["errors"]]
        assert f"“{asked.strip()}”" in words and told in words.partition("：")[2].split("、") and words.count("、") < 5
    for asked, told in (("甲" * 200, f"“{'甲' * 40}…”"), ("zz$where", "也没有名称相近的")):
        assert told in (await rated.act(own, "triage", to=asked)).json["errors"][0]["message"]
    assert ((await rated.look(own))["state"], (await rated.look(own))["revision"]) == ("triage", 1)
    elsewhere = await rated.acted(own, "triage", to=" 临江市公安局出入境管理支队 ")
    assert elsewhere["department"] == "临江市公安局出入境管理支队"
    assert (await rated.acted(own, "triage", to=rated.department))["department"] == rated.department


async def test_the_items_own_department_answers_though_the_catalogue_names_it_no_more(house: House) -> None:
    item = await make_item(house, FORM, [], name="评价测试事项", department={"name": "临江市旧日事务局"})
    rated = await make_rated(house, item=item)
    own = await rated.bad()
    await put_item(house, {**item, "department": {"name": "临江市公安局"}})
    assert (await rated.acted(own, "triage", to="临江市旧日事务局"))["department"] == "临江市旧日事务局"
    assert (await rated.acted(own, "triage", to="临江市公安局"))["department"] == "临江市公安局"
    assert (await rated.acted(own, "triage", to="临江市旧日事务局"))["state"] == "with_department"


async def test_an_upheld_appeal_marks_the_rating_and_tells_why(house: House) -> None:
    rated = await make_rated(house)
    own = await rated.bad()
    await rated.acted(own, "triage", to=rated.department)
    due = (await rated.look(own))["due_at"]
    appealed = await rated.acted(own, "appeal", kind="mistaken", reason="评价的是另一个部门的事项")
    assert (appealed["state"], appealed["due_at"]) == ("appealed", due)
    both = await make_desk(house, "supervisor", "department")
    own_word = await rated.act(own, "appeal-decision", desk=both, uphold=True, reason="我说了算")
    assert (own_word.status, own_word.json["code"]) == (403, "appeal_of_ones_own")
    assert (await rated.act(own, "appeal-decision", desk=await rated.clerk(), uphold=True, reason="我说了算")).json["code"] == "staff_not_allowed"
    done = await rated.acted(own, "appeal-decision", uphold=True, reason="所评事项不由该部门办理")
    assert (done["state"], done["rating"]["counted"]) == ("upheld", False)
    rating = (await rated.stages())["result"]["rating"]
    assert (rating["counted"], rating["grade"], rating["rectification"]["not_counted_because"]) == (False, 2, "所评事项不由该部门办理")
    (told,) = await rated.told()
    assert "所评事项不由该部门办理" in told and "12345" in told
    assert (await rated.until_ended_at_core(own, "mistaken"))["grade"] == 2


async def test_a_dismissed_appeal_stops_no_clock_and_is_not_made_twice(house: House) -> None:
    rated = await make_rated(house)
    own = await rated.bad()
    due = (await rated.acted(own, "triage", to=rated.department))["due_at"]
    await rated.acted(own, "appeal", kind="malicious", reason="没有事实依据")
    back = await rated.acted(own, "appeal-decision", uphold=False, reason="情况属实")
    assert (back["state"], back["due_at"], back["decision"]["uphold"]) == ("with_department", due, False)
    assert (await rated.act(own, "appeal", kind="malicious", reason="再申诉一次")).json["code"] == "rectification_moved"
    assert await rated.told() == []


async def test_a_second_press_and_a_stale_revision_change_nothing(house: House) -> None:
    rated = await make_rated(house)
    own = await rated.bad()
    pressed = await asyncio.gather(*(rated.act(own, "triage", revision=1, to=rated.department) for _ in range(5)))
    assert sorted(one.status for one in pressed) == [200] + [409] * 4
    assert {one.json["code"] for one in pressed if one.status == 409} == {"rectification_moved"}
    stale = await rated.act(own, "reply", revision=1, text="按旧的页面答复")
    assert (stale.status, stale.json["errors"][1]["message"]) == (409, "2")
    assert (await rated.look(own))["replies"] == []


async def test_a_second_press_tells_nobody_twice(house: House) -> None:
    rated = await make_rated(house)
    own = await rated.bad()
    sent = await rated.acted(own, "triage", to=rated.department)
    await rated.clerk()
    pressed = await asyncio.gather(*(rated.act(own, "reply", revision=sent["revision"], text="已整改") for _ in range(4)))
    assert sorted(one.status for one in pressed) == [200] + [409] * 3
    assert len(await rated.told()) == 1
    called = await asyncio.gather(*(rated.called_back(own, satisfied=True) for _ in range(4)))
    assert sorted(one.status for one in called) == [200] + [409] * 3
    assert [("已经答复" in one, "已整改完毕" in one) for one in await rated.told()] == [(False, True), (True, False)]


async def test_another_department_sees_and_does_nothing(house: House) -> None:
    rated = await make_rated(house)
    own = await rated.bad()
    await rated.acted(own, "triage", to=rated.department)
    other = await make_desk(house, "department", scope=Scope(frozenset({"别的局"}), frozenset({ALL})))
    for path in ("/staff/v1/ratings", "/staff/v1/rectifications"):
        assert (await other.api("GET", path)).json["items"] == []
    assert (await rated.act(own, "reply", desk=other, text="不是我们的")).json["code"] == "rectification_unknown"
    assert own in [one["id"] for one in (await (await rated.clerk()).api("GET", "/staff/v1/ratings")).json["items"]]
    window = await make_desk(house, "window")
    assert (await window.api("GET", "/staff/v1/ratings")).status == 403


@pytest.mark.parametrize("departments", ["own", ALL])
async def test_a_department_of_one_region_sees_what_was_rated_there_alone(house: House, departments: str) -> None:
    here, there, nowhere = [
        await _rated_in(house, region) for region in ({"code": "440703", "name": "蓬江区"}, {"code": "440704", "name": "江海区"}, None)
    ]
    desk = await make_desk(house, "department", scope=Scope(frozenset({here[0].department if departments == "own" else ALL}), frozenset({"440703"})))
    for path in ("/staff/v1/ratings?limit=100", "/staff/v1/rectifications?limit=100"):
        seen = {one["id"] for one in (await desk.api("GET", path)).json["items"]}
        assert here[1] in seen and not seen & {there[1], nowhere[1]}, path
    for (rated, own), status in ((here, 200), (there, 404), (nowhere, 404)):
        assert (await desk.api("GET", f"/staff/v1/rectifications/{own}")).status == status
        assert (await rated.act(own, "reply", desk=desk, text="已整改")).status == (status if status == 404 else 409)
    nobody = await make_desk(house, "department", scope=Scope(frozenset({ALL}), frozenset()))
    assert (await nobody.api("GET", "/staff/v1/ratings")).json["items"] == []
    supervisor = await here[0].supervisor()
    assert {here[1], there[1], nowhere[1]} <= {one["id"] for one in (await supervisor.api("GET", "/staff/v1/ratings?limit=100")).json["items"]}


async def _rated_in(house: House, region: Json) -> tuple[Rated, str]:
    """(a case of an item there, its bad rating); all of one department."""
    item = await make_item(house, FORM, [], name="评价测试事项", region=region, department={"name": "临江市分区测试局"})
    rated = await make_rated(house, item=item)
    return rated, await rated.bad()


async def test_staff_never_learn_who_rated(house: House) -> None:
    rated = await make_rated(house)
    person = rated.resident.person
    own = await rated.bad(text=f"我是{person['name']}，电话13800001234，身份证{person['id_number']}")
    for desk in (await rated.supervisor(), await rated.clerk()):
        answer = await desk.api("GET", f"/staff/v1/rectifications/{own}")
        assert answer.status == 200 and "<name>" in answer.json["rating"]["text"]
        assert not any(one.encode() in answer.body for one in (person["name"], "13800001234", person["id_number"], person["person"]))


async def test_what_is_published_was_approved_and_names_nobody(house: House) -> None:
    rated = await make_rated(house)
    own = await _closed(rated)
    for words in (f"{rated.resident.person['name']}反映办理慢", "来电13800001234反映办理慢", f"办件{rated.case_no}办理慢"):
        refused = await rated.act(own, "publish", text=words)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, "text")
    await rated.acted(own, "publish", text="办理时间已由十日缩短为五日")
    answer = await house.api("GET", "/open/v1/ratings")
    (told,) = [one for one in answer.json["rectified"] if one["text"] == "办理时间已由十日缩短为五日" and one["department"] == rated.department]
    assert (told["grade"], told["item_name"], len(told["rated_on"])) == (2, "评价测试事项", 10)
    assert not any(one.encode() in answer.body for one in (rated.resident.person["name"], rated.case_no, own, "我的原话"))


async def test_few_ratings_are_in_no_figure_of_their_item_nor_of_their_department(house: House) -> None:
    item = await make_item(house, FORM, [], name="评价测试事项", department={"name": f"临江市{uuid.uuid4().hex[:8]}局"})
    rated = await make_rated(house, item=item)
    assert (await rated.rate(4)).status == 201
    month = (await house.api("GET", "/open/v1/ratings")).json
    assert rated.item["code"] not in [one["item_code"] for one in month["items"]] and month["items_suppressed"] >= 1
    (own,) = [one for one in month["departments"] if one["department"] == rated.department]
    assert (own["count"], own["grades"], own["satisfied_share"]) == (1, [], None)
    await _rated_by_many(rated, 4)
    month = (await house.api("GET", "/open/v1/ratings")).json
    (own,) = [one for one in month["departments"] if one["department"] == rated.department]
    hidden = [one["count"] for one in month["departments"] if one["count"] and not one["grades"]]
    assert own["count"] == 5 and (own["grades"] == [] or sum(one["count"] for one in own["grades"]) == 5)
    assert len(hidden) != 1 and (not hidden or sum(hidden) >= 5 or not [one for one in month["departments"] if one["grades"]])
    assert (await house.api("GET", "/open/v1/ratings?month=2024-02")).json["departments"] == []
    assert (await house.api("GET", "/open/v1/ratings?month=2024-13")).status == 422


async def test_what_misses_its_limit_is_escalated_once_and_whoever_is_not_reached_ends_it(house: House) -> None:
    rated = await make_rated(house)
    own = await rated.bad()
    await rated.acted(own, "triage", to=rated.department)
    await rated.acted(own, "reply", text="已整改")
    early = await rated.act(own, "call-back", by_phone=True, satisfied=None, note="没有人接")
    assert (early.status, early.json["code"]) == (409, "call_back_not_over")
    async with inside(house.stack) as deps:
        await deps.mongo["rectifications"].update_one({"_id": own}, {"$set": {"due_at": now() - timedelta(minutes=1)}})
        await rectifying.escalate(deps)
        await rectifying.escalate(deps)
    listed = (await (await rated.supervisor()).api("GET", "/staff/v1/rectifications?overdue=true&state=call_back")).json["items"]
    (one,) = [each for each in listed if each["id"] == own]
    assert (one["overdue"], one["missed_limits"]) == (True, 1) and one["escalated_at"]
    ended = await rated.acted(own, "call-back", by_phone=True, satisfied=None, note="三次没有人接")
    assert ended["state"] == "closed_unreached"
    await rated.until_ended_at_core(own, "rectified")


async def test_twice_unsatisfied_closes_it_as_it_is(house: House) -> None:
    rated = await make_rated(house)
    own = await rated.bad()
    await rated.acted(own, "triage", to=rated.department)
    for state in ("with_department", "closed_unsatisfied"):
        await rated.acted(own, "reply", text="我们已经改了")
        done = await rated.acted(own, "call-back", by_phone=True, satisfied=False, note="仍不满意")
        assert done["state"] == state
    assert (await rated.called_back(own, True)).json["code"] == "rectification_moved"
    await rated.until_ended_at_core(own, "unsatisfied")


async def test_a_core_that_is_away_or_forgets_loses_no_rating_and_gets_it_once(house: House) -> None:
    rated = await make_rated(house)
    await house.faults(core={"down": True})
    answer = await rated.rate(1)
    assert answer.status == 201
    await house.faults(core={})

    async def known() -> bool:
        return await rated.at_core(answer.json["id"]) is not None

    await until(known, 40)
    assert len(await rated.given(answer.json["id"])) == 1


async def _rated_by_many(rated: Rated, count: int) -> None:
    """As so many others would have left it."""
    async with inside(rated.house.stack) as deps:
        row = await deps.mongo["ratings"].find_one({"item_code": rated.item["code"]})
        assert row is not None
        more = [{**row, "_id": f"rt_{uuid.uuid4().hex[:26]}", "request_id": f"rq_{uuid.uuid4().hex}"} for _ in range(count)]
        await deps.mongo["ratings"].insert_many([{**one, "text": deps.keys.seal("", f"ratings/text/{one['_id']}")} for one in more])


async def _closed(rated: Rated) -> str:
    own = await rated.bad(text="我的原话")
    await rated.acted(own, "triage", to=rated.department)
    await rated.acted(own, "reply", text="已整改")
    assert (await rated.called_back(own, True)).json["state"] == "closed_satisfied"
    return own
