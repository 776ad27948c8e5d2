"""The first journey over HTTP: log in, find, apply, be told; each act with its repeat and its refusals."""

import asyncio
import json
import uuid

from tests.api.house import House, Resident, an_item, make_resident, until


async def test_a_login_code_works_once_and_a_made_up_one_never(house: House) -> None:
    person = await house.world("POST", "/world/people", {})
    code = (await house.world("POST", "/world/wechat/codes", {"person": person["person"], "kind": "login"}))["code"]
    first = await house.api("POST", "/v1/login/wechat", {"code": code})
    assert first.status == 200 and first.json["resident"]["real_name"] is False
    for wrong in (code, "made-up"):
        refused = await house.api("POST", "/v1/login/wechat", {"code": wrong})
        assert (refused.status, refused.json["code"]) == (401, "login_code_refused")
    assert b"session_key" not in first.body and b"openid" not in first.body


async def test_a_phone_code_is_no_login_code(house: House) -> None:
    person = await house.world("POST", "/world/people", {})
    code = (await house.world("POST", "/world/wechat/codes", {"person": person["person"], "kind": "phone"}))["code"]
    assert (await house.api("POST", "/v1/login/wechat", {"code": code})).status == 401


async def test_an_alipay_code_works_once_too(house: House) -> None:
    person = await house.world("POST", "/world/people", {})
    code = (await house.world("POST", "/world/alipay/auth-codes", {"person": person["person"]}))["auth_code"]
    assert (await house.api("POST", "/v1/login/alipay", {"auth_code": code})).status == 200
    assert (await house.api("POST", "/v1/login/alipay", {"auth_code": code})).status == 401


async def test_logging_in_twice_at_once_makes_one_resident(house: House) -> None:
    person = await house.world("POST", "/world/people", {})

    async def log_in() -> str:
        code = (await house.world("POST", "/world/wechat/codes", {"person": person["person"], "kind": "login"}))["code"]
        return str((await house.api("POST", "/v1/login/wechat", {"code": code})).json["resident"]["id"])

    assert len(set(await asyncio.gather(*(log_in() for _ in range(8))))) == 1


async def test_nothing_but_the_session_says_who_is_calling(house: House) -> None:
    resident = await make_resident(house, bound=False)
    me = await resident.api("GET", "/v1/me", headers={"X-Openid": "o" + "A" * 27})
    assert me.json["real_name"] is False
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {resident.token}"}):
        assert (await house.api("GET", "/v1/me", headers=header)).status == 401
    assert (await resident.api("POST", "/v1/logout")).status == 204
    assert (await resident.api("GET", "/v1/me")).status == 401


async def test_the_contact_phone_comes_from_wechat_and_is_shown_masked(house: House) -> None:
    resident = await make_resident(house, bound=False)
    code = (await house.world("POST", "/world/wechat/codes", {"person": resident.person["person"], "kind": "phone"}))["code"]
    kept = await resident.api("POST", "/v1/me/phone", {"channel": "wechat", "code": code})
    assert kept.status == 200 and "****" in kept.json["phone"]
    again = await resident.api("POST", "/v1/me/phone", {"channel": "wechat", "code": code})
    assert (again.status, again.json["code"]) == (422, "phone_code_refused")


async def test_a_right_name_and_number_bind_nobody_until_their_owner_confirms(house: House) -> None:
    owner = await house.world("POST", "/world/people", {})
    thief = await make_resident(house, bound=False)
    started = await thief.api("POST", "/v1/me/real-name", {"name": owner["name"], "id_number": owner["id_number"]})
    assert started.status == 202
    waiting = await thief.api("POST", f"/v1/me/real-name/{started.json['challenge']}", {})
    assert (waiting.status, waiting.json["state"]) == (202, "pending")
    await house.world("POST", f"/world/people/{owner['person']}/refuse-real-name", {})
    refused = await thief.api("POST", f"/v1/me/real-name/{started.json['challenge']}", {})
    assert (refused.status, refused.json["code"]) == (403, "identity_not_confirmed")
    assert (await thief.api("GET", "/v1/me")).json["real_name"] is False


async def test_a_pair_that_does_not_exist_is_answered_like_one_that_does(house: House) -> None:
    resident = await make_resident(house, bound=False)
    answer = await resident.api("POST", "/v1/me/real-name", {"name": "查无此人", "id_number": "11010519491231002X"})
    assert answer.status == 202 and set(answer.json) == {"challenge", "method", "expires_at", "text"}


async def test_a_challenge_belongs_to_whoever_started_it(house: House) -> None:
    mine, other = await make_resident(house, bound=False), await make_resident(house, bound=False)
    who = {"name": mine.person["name"], "id_number": mine.person["id_number"]}
    challenge = (await mine.api("POST", "/v1/me/real-name", who)).json["challenge"]
    await house.world("POST", f"/world/people/{mine.person['person']}/approve-real-name", {})
    assert (await other.api("POST", f"/v1/me/real-name/{challenge}", {})).status == 404
    assert (await mine.api("POST", f"/v1/me/real-name/{challenge}", {})).status == 200
    assert (await mine.api("POST", f"/v1/me/real-name/{challenge}", {})).status == 200
    assert (await mine.api("POST", "/v1/me/real-name", who)).json["code"] == "already_real_name"


async def test_a_case_reaches_the_core_once_however_often_it_is_submitted(house: House) -> None:
    resident = await make_resident(house)
    draft = await resident.draft()
    key = uuid.uuid4().hex
    answers = await asyncio.gather(*(resident.submit(draft["id"], key) for _ in range(5)), *(resident.submit(draft["id"]) for _ in range(5)))
    assert {one.status for one in answers} <= {201, 409, 503}
    done = [one for one in answers if one.status == 201]
    assert len({one.json["case_no"] for one in done}) == 1
    again = await resident.submit(draft["id"], key)
    assert again.status == 201 and len(await house.filed(again.json["receipt"]["receipt_no"])) == 1
    assert (await resident.submit(draft["id"], key)).body == again.body


async def test_the_same_key_with_another_body_is_refused(house: House) -> None:
    resident = await make_resident(house)
    draft = await resident.draft()
    key = {"Idempotency-Key": uuid.uuid4().hex}
    assert (await resident.api("POST", f"/v1/drafts/{draft['id']}/submit", {}, headers=key)).status == 201
    other = await resident.api("POST", f"/v1/drafts/{draft['id']}/submit", raw=b"{ }", headers=key)
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


async def test_nobody_submits_without_a_key_or_a_real_name(house: House) -> None:
    resident = await make_resident(house, bound=False)
    draft = await resident.draft()
    missing = await resident.api("POST", f"/v1/drafts/{draft['id']}/submit", {})
    assert (missing.status, missing.json["errors"][0]["field"]) == (422, "Idempotency-Key")
    key = uuid.uuid4().hex
    assert (await resident.submit(draft["id"], key)).json["code"] == "real_name_needed"
    await resident.bind()
    assert (await resident.submit(draft["id"], key)).status == 201


async def test_a_draft_is_seen_and_changed_by_its_owner_only_and_one_version_at_a_time(house: House) -> None:
    mine, other = await make_resident(house), await make_resident(house)
    draft = await mine.draft()
    path, seen = f"/v1/drafts/{draft['id']}", draft["version"]
    assert (await other.api("GET", path)).status == 404
    assert (await other.api("PATCH", path, {"answers": {"a": 1}})).status == 404
    assert (await other.submit(draft["id"])).status == 404
    changed = await mine.api("PATCH", path, {"answers": {"note": "甲"}}, headers={"If-Match": f'"{seen}"'})
    assert (changed.status, changed.json["version"], changed.json["answers"]["note"]) == (200, seen + 1, "甲")
    late = await mine.api("PATCH", path, {"answers": {"note": "乙"}}, headers={"If-Match": f'"{seen}"'})
    assert (late.status, late.json["code"]) == (412, "draft_changed")
    removed = await mine.api("PATCH", path, {"answers": {"note": None}})
    assert "note" not in removed.json["answers"]
    assert [one["id"] for one in (await mine.api("GET", "/v1/drafts")).json["items"]] == [draft["id"]]


async def test_every_move_is_told_once_in_the_inbox_and_at_most_once_on_the_phone(house: House) -> None:
    resident = await make_resident(house)
    await resident.consent()
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    message = await until(lambda: first_message(resident, "sent"))
    assert message["case_no"] == case_no and "已受理" in message["text"] and message["read"] is False
    assert len(await pushes(house, case_no)) == 1
    assert (await resident.api("POST", f"/v1/messages/{message['id']}/read")).status == 204
    assert (await resident.inbox())[0]["read"] is True
    case = (await resident.api("GET", f"/v1/cases/{case_no}")).json
    assert (case["state"], [one["version"] for one in case["timeline"]]) == ("accepted", [1, 2])
    assert [one["case_no"] for one in (await resident.api("GET", "/v1/cases")).json["items"]] == [case_no]


async def test_without_consent_the_inbox_is_told_and_says_why_the_phone_was_not(house: House) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    message = await until(lambda: first_message(resident, "skipped"))
    assert {one["channel"]: (one["outcome"], one["reason"]) for one in message["channels"]} == {
        "inbox": ("delivered", None),
        "wechat": ("skipped", "no_consent"),
        "alipay": ("skipped", "no_account"),
        "sms": ("skipped", "no_template"),
    }
    assert await pushes(house, case_no) == []


async def test_a_consent_used_up_at_wechat_is_believed(house: House) -> None:
    resident = await make_resident(house)
    asked = (await resident.api("GET", "/v1/messages/consents")).json["items"]
    key = next(one["template_key"] for one in asked if one["template_key"] == "case_moved")
    for _ in range(3):  # the client says three, WeChat knows of fewer
        await resident.api("POST", "/v1/messages/consents", [{"template_key": key, "result": "accept"}])
    case_no = await resident.case()
    for to in ("accepted", "approved", "issued"):
        await house.move(case_no, to)
    message = await until(lambda: first_message(resident, "refused"))
    assert next(one for one in message["channels"] if one["channel"] == "wechat")["reason"] == "no_consent_at_platform"
    rows = (await resident.api("GET", "/v1/messages/consents")).json["items"]
    assert next(one for one in rows if one["template_key"] == key)["remaining"] == 0


async def test_another_residents_case_and_messages_are_not_there(house: House) -> None:
    mine, other = await make_resident(house), await make_resident(house)
    case_no = await mine.case()
    await house.move(case_no, "accepted")
    message = await until(lambda: first_message(mine, "skipped"))
    assert (await other.api("GET", f"/v1/cases/{case_no}")).status == 404
    assert (await other.api("POST", f"/v1/messages/{message['id']}/read")).status == 404
    assert await other.inbox() == []


async def test_the_same_person_on_alipay_sees_the_same_case_after_confirming(house: House) -> None:
    on_wechat = await make_resident(house)
    case_no = await on_wechat.case()
    on_alipay = Resident(house, on_wechat.person, "alipay")
    await on_alipay.log_in()
    assert (await on_alipay.api("GET", f"/v1/cases/{case_no}")).status == 404
    await on_alipay.bind()
    assert (await on_alipay.api("GET", f"/v1/cases/{case_no}")).status == 200


async def test_a_guide_names_its_date_and_an_unknown_item_is_404(house: House) -> None:
    code = await an_item(house)
    guide = (await house.api("GET", f"/v1/items/{code}/guide")).json
    assert guide["as_of"].endswith("+08:00") and set(guide["parts"]) >= {"materials", "fee", "time_limit", "location", "process", "conditions"}
    for wrong in ("NO-SUCH", "%00", "..%2f", json.dumps({"$ne": None})):
        answer = await house.api("GET", f"/v1/items/{wrong}/guide")
        assert answer.status == 404 and answer.json["request_id"]


async def first_message(resident: Resident, outcome: str) -> dict[str, object] | None:
    rows = await resident.inbox()
    return next((row for row in rows if any(one["channel"] == "wechat" and one["outcome"] == outcome for one in row["channels"])), None)


async def pushes(house: House, case_no: str) -> list[dict[str, object]]:
    return [one for one in await house.ledger("messages") if case_no[-20:] in json.dumps(one)]
