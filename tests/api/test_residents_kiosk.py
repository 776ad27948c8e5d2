"""Other ways in: kiosks of the halls, the hotline; and what people agreed to and prefer."""

import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import redirect_stdout
from typing import Any

import pytest

from kit.ids import new_nonce
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from miniapp_api.wiring import keyring
from residents import kiosks
from residents.store import Residents
from tests.api.desk import make_desk
from tests.api.house import Answer, House, Resident, make_resident, until
from tests.api.persons import confirm, kiosk_says, settings_of


@pytest.fixture
async def mongo_of_stack(stack: Stack) -> AsyncIterator[Mongo]:
    own = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    yield own
    await own.close()


@pytest.fixture
async def kiosk(house: House, mongo_of_stack: Mongo) -> tuple[str, bytes]:
    return await kiosks.add(Residents(mongo_of_stack, keyring(settings_of(house))), "市民之家一楼")


async def sign_in(house: House, kiosk: tuple[str, bytes], resident: Resident) -> Answer:
    who = {"name": resident.person["name"], "id_number": resident.person["id_number"]}
    started = await house.api("POST", "/v1/login/kiosk", {**kiosk_says(*kiosk, *who.values()), **who})
    assert started.status == 202, started.body
    await confirm(resident)
    challenge = started.json["challenge"]
    return await house.api("POST", f"/v1/login/kiosk/{challenge}", kiosk_says(*kiosk, challenge))


async def test_at_a_kiosk_a_person_sees_their_cases_and_changes_nothing_that_lasts(house: House, kiosk: tuple[str, bytes]) -> None:
    on_phone = await make_resident(house)
    case_no = await on_phone.case()
    done = await sign_in(house, kiosk, on_phone)
    assert (done.status, done.json["state"]) == (200, "signed_in")
    assert done.json["session"]["resident"]["channel"] == "kiosk" and done.json["session"]["resident"]["real_name"] is True
    here = Resident(house, on_phone.person, "kiosk", done.json["session"]["token"])
    assert (await here.api("GET", f"/v1/cases/{case_no}")).status == 200
    assert (await here.api("GET", "/v1/bills")).status == 200
    closed: list[tuple[str, str, Any]] = [
        ("POST", "/v1/me/links", {}),
        ("GET", "/v1/me/links", None),
        ("POST", "/v1/me/grants", {}),
        ("POST", "/v1/me/phone", {"channel": "wechat", "code": "x"}),
        ("POST", "/v1/bills/x/orders", {"channel": "wechat"}),
        ("POST", "/v1/me/step-up", {}),
        ("PUT", "/v1/me/preferences", {}),
        ("POST", "/v1/me/real-name", {"name": "王小明", "id_number": "11010519491231002X"}),
    ]
    for method, path, body in closed:
        assert (await here.api(method, path, body)).json["code"] == "not_at_kiosk", path
    assert [one["channel"] for one in (await on_phone.api("GET", "/v1/me/links")).json["items"]] == ["wechat"]
    assert (await here.api("POST", "/v1/logout")).status == 204

    async def told() -> bool:
        return any("市民之家一楼" in one["text"] for one in await on_phone.inbox())

    await until(told)


async def test_a_kiosk_waits_for_the_person_and_a_forged_one_gets_one_answer(house: House, kiosk: tuple[str, bytes]) -> None:
    person = await house.world("POST", "/world/people", {})
    who = {"name": person["name"], "id_number": person["id_number"]}
    said = kiosk_says(*kiosk, *who.values())
    started = await house.api("POST", "/v1/login/kiosk", {**said, **who})
    challenge = started.json["challenge"]
    waiting = await house.api("POST", f"/v1/login/kiosk/{challenge}", kiosk_says(*kiosk, challenge))
    assert (waiting.status, waiting.json["state"], waiting.json["session"]) == (202, "pending", None)
    for forged in (
        {**said, **who},
        {**kiosk_says(kiosk[0], bytes(32), *who.values()), **who},
        {**kiosk_says("k_nobody", kiosk[1], *who.values()), **who},
    ):
        refused = await house.api("POST", "/v1/login/kiosk", forged)
        assert (refused.status, refused.json["code"]) == (401, "kiosk_refused")


def test_a_kiosk_is_registered_listed_and_disabled_by_command(house_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from miniapp_api import kiosk_commands

    for name, value in house_env.items():
        monkeypatch.setenv(name, value)
    out = io.StringIO()
    with redirect_stdout(out):
        assert kiosk_commands.add("北区大厅") == 0
        device = out.getvalue().split("编号：")[1].split("\n")[0]
        assert kiosk_commands.disable(device) == 0 and kiosk_commands.listed() == 0
        assert kiosk_commands.disable("k_nobody") == 1 and kiosk_commands.add(" ") == 1
    assert f"{device}  停用" in out.getvalue() and "北区大厅" in out.getvalue()


@pytest.fixture
def house_env(stack: Stack) -> dict[str, str]:
    return {name: value for name, value in stack.env.items() if name.startswith(("ZHANGBAN_", "MONGO", "REDIS"))}


async def test_the_hotline_sees_state_and_next_step_and_every_look_is_audited(house: House, mongo_of_stack: Mongo) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    desk, who = await make_desk(house, "hotline"), {"name": resident.person["name"], "id_number": resident.person["id_number"]}
    reason = f"{who['name']}来电询问进度，身份证{who['id_number']}，手机13800138000"
    found = await desk.api("POST", "/staff/v1/hotline/cases", {**who, "reason": reason})
    assert found.status == 200, found.body
    (case,) = found.json["items"]
    assert case["case_no"] == f"****{case_no[-4:]}" and set(case) == {"item_name", "case_no", "state", "state_text", "next_step", "submitted_at"}
    assert who["name"].encode() not in found.body and case_no.encode() not in found.body and who["id_number"].encode() not in found.body
    entries = [row["object"] async for row in mongo_of_stack["staff_audit"].find({"who": desk.username, "action": "POST /staff/v1/hotline/cases"})]
    assert "来电询问进度" in entries[-1] and not any(secret in repr(entries) for secret in (*who.values(), "13800138000"))
    for nobody in ({**who, "name": "查无此人"}, {"name": "查无此人", "id_number": "11010519491231002X"}):
        empty = await desk.api("POST", "/staff/v1/hotline/cases", {**nobody, "reason": "来电询问"})
        assert (empty.status, empty.json) == (200, {"name": "***人", "items": []})


async def test_the_hotline_is_for_its_role_with_a_reason_and_sixty_an_hour(house: House, mongo_of_stack: Mongo) -> None:
    who = {"name": "查无此人", "id_number": "11010519491231002X"}
    cashier, desk = await make_desk(house, "cashier"), await make_desk(house, "hotline")
    assert (await cashier.api("POST", "/staff/v1/hotline/cases", {**who, "reason": "看看"})).json["code"] == "staff_not_allowed"
    assert (await desk.api("POST", "/staff/v1/hotline/cases", who)).json["errors"][0]["field"] == "reason"
    looks = [await desk.api("POST", "/staff/v1/hotline/cases", {**who, "reason": "来电询问"}) for _ in range(61)]
    assert [one.status for one in looks].count(200) == 60 and looks[-1].json["code"] == "too_many_tries"


async def test_texts_are_open_to_all_and_agreed_to_by_their_hash(house: House) -> None:
    texts = {one["purpose"]: one for one in (await house.api("GET", "/v1/policies")).json["items"]}
    assert set(texts) == {"privacy", "sensitive", "courier", "minor"}
    assert all(hashlib.sha256(one["text"].encode()).hexdigest() == one["text_hash"] for one in texts.values())
    resident = await make_resident(house, bound=False)
    shown = {"version": texts["sensitive"]["version"], "text_hash": texts["sensitive"]["text_hash"]}
    who = {"name": resident.person["name"], "id_number": resident.person["id_number"]}
    stale = await resident.api("POST", "/v1/me/real-name", {**who, "consent": {**shown, "text_hash": "0" * 64}})
    assert (stale.status, stale.json["code"]) == (409, "policy_changed")
    assert (await resident.api("POST", "/v1/me/real-name", {**who, "consent": shown})).status == 202
    await resident.api("POST", "/v1/me/consents", {"purpose": "courier", **{k: texts["courier"][k] for k in shown}})
    kept = (await resident.api("GET", "/v1/me/consents")).json["items"]
    assert [(one["purpose"], one["current"]) for one in kept] == [("courier", True), ("sensitive", True)]
    for _ in range(2):
        assert (await resident.api("DELETE", "/v1/me/consents/courier")).status == 204
    kept = (await resident.api("GET", "/v1/me/consents")).json["items"]
    assert [(one["purpose"], one["current"]) for one in kept] == [("courier", False), ("sensitive", True)]
    assert (await resident.api("DELETE", f"/v1/me/consents/{new_nonce()}")).json["code"] == "policy_unknown"


async def test_preferences_are_the_persons_on_every_channel(house: House) -> None:
    resident = await make_resident(house, bound=False)
    assert (await resident.api("GET", "/v1/me/preferences")).json == {
        "channels": ["wechat", "alipay", "sms"],
        "quiet_hours": None,
        "kinds_off": [],
        "recommendations": True,
        "recommendations_off": [],
    }
    wanted = {"channels": ["alipay", "wechat"], "quiet_hours": {"from": "22:00", "to": "07:30"}, "kinds_off": ["case_moved"]}
    kept = {**wanted, "recommendations": True, "recommendations_off": []}
    assert (await resident.api("PUT", "/v1/me/preferences", wanted)).json == kept
    await resident.bind()
    assert (await resident.api("GET", "/v1/me/preferences")).json == kept, "what the account said before"
    there = Resident(house, resident.person, "alipay")
    await there.log_in()
    await there.bind()
    assert (await there.api("PUT", "/v1/me/preferences", {**wanted, "quiet_hours": None})).status == 200
    assert (await resident.api("GET", "/v1/me/preferences")).json["quiet_hours"] is None
    for bad in ({"quiet_hours": {"from": "25:00", "to": "07:00"}}, {"channels": ["fax"]}, {"channels": ["wechat", "wechat"]}, {"other": 1}):
        assert (await resident.api("PUT", "/v1/me/preferences", bad)).status == 422
