"""When somebody outside is slow, down or silent: clear answers, nothing lost, nothing twice."""

import asyncio
import uuid

from tests.api.house import House, Json, Resident, an_item, make_resident, until


async def test_a_core_that_is_down_is_a_retryable_503_while_reads_go_on(house: House) -> None:
    resident = await make_resident(house)
    draft = await resident.draft()
    key = uuid.uuid4().hex
    await house.faults(core={"down": True})
    refused = await resident.submit(draft["id"], key)
    assert (refused.status, refused.json["code"], refused.json["retryable"]) == (503, "core_unavailable", True)
    assert refused.headers["retry-after"]
    code = await an_item(house)
    assert (await house.api("GET", f"/v1/items/{code}/guide")).json["as_of"]
    waiting = (await resident.api("GET", "/v1/cases")).json["items"]
    assert [(one["state"], one["case_no"]) for one in waiting] == [("sending", None)]
    await house.faults(core={})
    done = await until(lambda: accepted(resident, draft["id"], key))
    assert len(await house.filed(done["receipt"]["receipt_no"])) == 1


async def test_a_submit_nobody_repeats_is_carried_out_when_the_core_is_back(house: House) -> None:
    resident = await make_resident(house)
    draft = await resident.draft()
    await house.faults(core={"down": True})
    assert (await resident.submit(draft["id"])).status == 503
    await house.faults(core={})
    case = await until(lambda: numbered(resident), 40)
    assert case["state"] == "submitted" and len(await house.filed(case["receipt_no"])) == 1


async def test_a_lost_reply_is_asked_for_and_never_files_twice(house: House) -> None:
    resident = await make_resident(house)
    draft = await resident.draft()
    await house.faults(core={"lose_replies": True})
    assert (await resident.submit(draft["id"])).status == 503
    await house.faults(core={})
    case = await until(lambda: numbered(resident), 40)
    assert len(await house.filed(case["receipt_no"])) == 1
    assert (await resident.submit(draft["id"])).json["case_no"] == case["case_no"]


async def test_a_webhook_told_many_times_late_and_out_of_order_counts_once_each(house: House) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    await house.faults(core_webhook={"duplicate": 3, "forge": True, "late_ms": 300, "shuffle": True})
    for to in ("accepted", "corrections", "accepted", "approved", "issued"):
        await house.move(case_no, to)
    case = await until(lambda: at_version(resident, case_no, 6))
    assert case["state"] == "issued"
    assert [one["version"] for one in case["timeline"]] == [1, 2, 3, 4, 5, 6]
    await asyncio.sleep(0.5)
    assert len(await resident.inbox()) == 5


async def test_an_event_nobody_called_about_is_found_by_asking(house: House) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    await house.faults(core_webhook={"down": True})
    await house.move(case_no, "accepted")
    assert (await until(lambda: at_version(resident, case_no, 2)))["state"] == "accepted"
    assert len(await resident.inbox()) == 1


async def test_a_lost_reply_of_wechat_is_an_unknown_outcome_and_is_not_sent_again(house: House) -> None:
    resident = await make_resident(house)
    await resident.consent(2)
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    assert (await until(lambda: settled(resident)))["wechat"] == "sent"
    await house.faults(wechat={"lose_replies": True})
    await house.move(case_no, "approved")
    outcomes = await until(lambda: settled(resident, 2))
    await house.faults(wechat={})
    assert outcomes["wechat"] == "unknown"
    await asyncio.sleep(1.5)
    sent = [one for one in await house.ledger("messages") if one["person"] == resident.person["person"]]
    assert len(sent) == 2


async def test_a_500_of_wechat_may_have_acted_and_is_never_blindly_repeated(house: House) -> None:
    resident = await make_resident(house)
    await resident.consent(2)
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    assert (await until(lambda: settled(resident)))["wechat"] == "sent"
    await house.faults(wechat={"error_rate": 1.0})
    await house.move(case_no, "approved")
    assert (await until(lambda: settled(resident, 2)))["wechat"] == "unknown"


async def test_wechat_and_core_outages_at_login_are_told_as_such(house: House) -> None:
    person = await house.world("POST", "/world/people", {})
    code = (await house.world("POST", "/world/wechat/codes", {"person": person["person"], "kind": "login"}))["code"]
    await house.faults(wechat={"down": True}, core={"down": True})
    answer = await house.api("POST", "/v1/login/wechat", {"code": code})
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (503, "channel_unavailable", True)
    await house.faults(wechat={})
    await asyncio.sleep(0.1)
    session = await until(lambda: logged_in(house, code))
    header = {"Authorization": f"Bearer {session['token']}"}
    who = {"name": person["name"], "id_number": person["id_number"]}
    answer = await house.api("POST", "/v1/me/real-name", who, headers=header)
    assert (answer.status, answer.json["code"]) == (503, "core_unavailable")


async def test_a_changed_item_is_served_within_seconds_and_a_removed_one_is_closed(house: House) -> None:
    code = await an_item(house)
    item = (await house.api("GET", f"/v1/items/{code}")).json
    fresh = {**item, "code": f"{code[:25]}999901", "name": "测试专用事项"}
    fresh.pop("as_of")
    await house.world("POST", "/world/core/items", fresh)
    await until(lambda: guide_version(house, fresh["code"], 1))
    await house.world("POST", "/world/core/items", {**fresh, "conditions": "改过的条件"})
    guide = await until(lambda: guide_version(house, fresh["code"], 2))
    assert guide["parts"]["conditions"]["text"] == "改过的条件"
    await house.world("POST", "/world/core/items/raw", {"code": "BAD-ITEM", "item": {"code": "BAD-ITEM", "version": 1}})
    await house.world("DELETE", f"/world/core/items/{fresh['code']}")
    await until(lambda: withdrawn(house, fresh["code"]))


async def accepted(resident: Resident, draft_id: str, key: str) -> Json:
    answer = await resident.submit(draft_id, key)
    return answer.json if answer.status == 201 else None


async def numbered(resident: Resident) -> Json:
    rows = (await resident.api("GET", "/v1/cases")).json["items"]
    return rows[0] if rows and rows[0]["case_no"] and rows[0]["state"] != "sending" else None


async def at_version(resident: Resident, case_no: str, version: int) -> Json:
    case = (await resident.api("GET", f"/v1/cases/{case_no}")).json
    return case if case["version"] == version and len(case["timeline"]) == version else None


async def settled(resident: Resident, messages: int = 1) -> Json:
    """The newest message's outcomes once it is settled and `messages` have come."""
    rows = await resident.inbox()
    if len(rows) < messages:
        return None
    outcomes = {one["channel"]: one["outcome"] for one in rows[0]["channels"]} if rows else {}
    return outcomes if outcomes.get("wechat") not in (None, "pending", "sending") else None


async def logged_in(house: House, code: str) -> Json:
    answer = await house.api("POST", "/v1/login/wechat", {"code": code})
    return answer.json if answer.status == 200 else None


async def guide_version(house: House, code: str, version: int) -> Json:
    answer = await house.api("GET", f"/v1/items/{code}/guide")
    return answer.json if answer.status == 200 and answer.json["version"] == version else None


async def withdrawn(house: House, code: str) -> bool:
    """It says so, and is on no list any more."""
    answer = await house.api("GET", f"/v1/items/{code}/guide")
    listed = (await house.api("GET", "/v1/items?q=测试专用事项")).json["items"]
    return answer.json["state"] == "withdrawn" and code not in {one["code"] for one in listed}
