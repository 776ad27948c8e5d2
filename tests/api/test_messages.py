"""Messages through the whole stack: consents from both sides, fallback, what became of each channel, and what staff see of it."""

import asyncio
from typing import Any

from kit.ids import new_nonce
from staff.roles import Scope
from tests.api.desk import make_desk
from tests.api.house import House, Resident, make_resident, until

KEY = "case_moved"


async def template_of(resident: Resident, key: str = KEY) -> str:
    items = (await resident.api("GET", "/v1/messages/consents")).json["items"]
    return next(str(one["template_id"]) for one in items if one["template_key"] == key)


async def state_of(resident: Resident, key: str = KEY) -> dict[str, Any]:
    items: list[dict[str, Any]] = (await resident.api("GET", "/v1/messages/consents")).json["items"]
    return next(one for one in items if one["template_key"] == key)


async def tap(house: House, resident: Resident, result: str = "accept", key: str = KEY, **more: Any) -> None:
    given = {"person": resident.person["person"], "template_id": await template_of(resident, key), "result": result, **more}
    await house.world("POST", "/world/wechat/consents", given)


async def channels_of(resident: Resident, case_no: str, text: str = "已受理") -> dict[str, Any] | None:
    """Of the one message about it, once its walk is over."""
    found = [one for one in await resident.inbox() if one["case_no"] == case_no and text in one["text"]]
    if not found or len(found[0]["channels"]) < 4:
        return None
    return {one["channel"]: one for one in found[0]["channels"]}


async def test_a_tap_told_by_the_platform_alone_is_a_consent(house: House) -> None:
    """The mini-program's own report was lost; WeChat's event comes by its push."""
    resident = await make_resident(house)
    await tap(house, resident)
    heard = await until(lambda: _allowed(resident))
    assert (heard["remaining"], heard["last_result"]) == (1, "accept")


async def _allowed(resident: Resident) -> dict[str, Any] | None:
    state = await state_of(resident)
    return state if state["allowed"] else None


async def test_a_tap_told_by_both_sides_and_an_event_told_three_times_is_one_send(house: House) -> None:
    resident = await make_resident(house)
    await house.faults(wechat_events={"duplicate": 2})
    await asyncio.gather(tap(house, resident), resident.api("POST", "/v1/messages/consents", [{"template_key": KEY, "result": "accept"}]))
    await until(lambda: _heard(house, resident, 3))
    assert (await state_of(resident))["remaining"] == 1


async def _heard(house: House, resident: Resident, times: int) -> bool:
    """Every delivery of this person's event was answered."""
    mine = [one for one in await house.ledger("wechat") if one["kind"] == "message.delivery" and one["person"] == resident.person["person"]]
    return len(mine) >= times and all(one["result"] == "200" for one in mine)


async def test_what_is_switched_off_in_wechats_settings_is_not_used_any_more(house: House) -> None:
    resident = await make_resident(house)
    await tap(house, resident, key="notice")
    await until(lambda: _for_good(resident, True))
    await tap(house, resident, "reject", "notice", where="settings")
    assert (await until(lambda: _for_good(resident, False)))["last_result"] == "off"


async def _for_good(resident: Resident, allowed: bool) -> dict[str, Any] | None:
    state = await state_of(resident, "notice")
    return state if state["long_term"] and state["allowed"] is allowed else None


async def test_a_push_says_what_became_of_it_on_every_channel_and_wechats_receipt_follows(house: House) -> None:
    resident = await make_resident(house)
    await tap(house, resident)
    await until(lambda: _allowed(resident))
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    channels = await until(lambda: channels_of(resident, case_no))
    assert (channels["wechat"]["outcome"], channels["alipay"]["reason"]) == ("sent", "sent_by_wechat")
    assert channels["alipay"]["text"] == "不需要：已由其他渠道送达" and channels["inbox"]["text"] == "已放入收件箱"
    (pushed,) = [one for one in await house.ledger("messages") if one.get("page", "").endswith(case_no)]
    assert channels["wechat"]["answer"] == str(pushed["msgid"])

    async def received() -> bool:
        return bool(((await channels_of(resident, case_no)) or {})["wechat"]["receipt"] == "delivered")

    await until(received)


async def test_a_consent_that_is_used_up_falls_back_and_says_so(house: House) -> None:
    """The person's Alipay takes over; both accounts stand for one person."""
    resident = await make_resident(house)
    other = Resident(house, resident.person, "alipay")
    await other.log_in()
    await other.bind()
    for asked in (await other.api("GET", "/v1/messages/consents")).json["items"]:
        if asked["template_key"] == KEY:
            given = {"person": resident.person["person"], "template_id": asked["template_id"], "result": "accept"}
            await house.world("POST", "/world/alipay/consents", given)
    await other.api("POST", "/v1/messages/consents", [{"template_key": KEY, "result": "accept"}])
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    channels = await until(lambda: channels_of(resident, case_no))
    assert (channels["wechat"]["outcome"], channels["wechat"]["reason"]) == ("skipped", "no_consent")
    assert channels["alipay"]["outcome"] == "sent"
    assert [one["channel"] for one in await house.ledger("messages") if str(one.get("page", "")).endswith(case_no)] == ["alipay"]


async def test_a_resident_chooses_the_channels_and_their_order(house: House) -> None:
    resident = await make_resident(house)
    wanted = {"channels": ["sms"], "kinds_off": []}
    assert (await resident.api("PUT", "/v1/me/preferences", wanted)).status == 200
    await tap(house, resident)
    await until(lambda: _allowed(resident))
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    channels = await until(lambda: channels_of(resident, case_no))
    assert channels["wechat"]["reason"] == "turned_off" and channels["sms"]["outcome"] == "skipped"


async def test_staff_see_what_was_sent_about_a_case_of_their_own_and_no_words(house: House) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    await until(lambda: channels_of(resident, case_no))
    window = await make_desk(house, "window")
    seen = await window.api("GET", f"/staff/v1/cases/{case_no}/messages")
    assert seen.status == 200 and {one["kind"] for one in seen.json["items"]} == {KEY}
    assert resident.person["name"] not in seen.body.decode() and "办件" not in seen.body.decode()
    elsewhere = await make_desk(house, "window", scope=Scope(frozenset({"别的部门"}), frozenset({"*"})))
    for path in (f"/staff/v1/cases/{case_no}/messages", f"/staff/v1/cases/{new_nonce()}/messages"):
        assert (await elsewhere.api("GET", path)).json["code"] == "case_unknown"
    assert (await (await make_desk(house, "cashier")).api("GET", f"/staff/v1/cases/{case_no}/messages")).status == 403
