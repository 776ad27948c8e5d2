"""What WeChat tells the account about subscribe messages: dialogues, withdrawals and sends, on the wire and in both formats."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import check_signature
from xmltodict import parse  # type: ignore[import-untyped]  # nobody ships its types here

from tests.sandbox.outside import Json, Outside, until
from tests.sandbox.push_server import Server

NOTICE = {"thing1": {"value": "停水通知"}, "time2": {"value": "15:04"}, "thing3": {"value": "请提前储水"}}


@pytest.fixture
def world(server: Server, private: Callable[..., Outside]) -> Outside:
    return private("--wechat-messages", server.url)


def opened(world: Outside, push: tuple[str, dict[str, str], bytes]) -> Any:
    """As an independent library verifies and opens it."""
    path, query, body = push
    assert path == "/push/miniprogram"
    own, is_json = world.accounts["wechat"]["messages"][0], body.startswith(b"{")
    check_signature(own["token"], query["signature"], query["timestamp"], query["nonce"])
    crypto = WeChatCrypto(own["token"], own["aes_keys"][0], own["appid"])
    sealed = json.loads(body) if is_json else body.decode()
    inner = crypto.decrypt_message(sealed, query["msg_signature"], query["timestamp"], query["nonce"])
    return json.loads(inner) if is_json else parse(inner)["xml"]


async def events(world: Outside, server: Server, count: int) -> list[Any]:
    async def enough() -> bool:
        return len(server.got) >= count

    await until(enough, 10)
    return [opened(world, one) for one in server.got]


async def tap(world: Outside, person: Json, *keys: str, result: str = "accept") -> None:
    ids = [world.accounts["wechat"]["templates"][key] for key in keys]
    await world.world("POST", "/wechat/consents", {"person": person["person"], "template_ids": ids, "result": result})


async def send_notice(world: Outside, person: Json) -> Json:
    template = world.accounts["wechat"]["templates"]["notice"]
    return await world.subscribe_send(touser=await world.openid(person), template_id=template, data=NOTICE, page="pages/notice")


async def test_one_template_in_a_dialogue_is_one_element_and_several_are_many(world: Outside, server: Server) -> None:
    person, ids = await world.person(consents=0), world.accounts["wechat"]["templates"]
    await tap(world, person, "case_moved")
    await events(world, server, 1)
    await tap(world, person, "bill_paid", "bill_due", result="reject")
    one, two = await events(world, server, 2)
    assert (one["MsgType"], one["Event"], one["FromUserName"]) == ("event", "subscribe_msg_popup_event", await world.openid(person))
    accepted = {"TemplateId": ids["case_moved"], "SubscribeStatusString": "accept", "PopupScene": "0"}
    assert one["SubscribeMsgPopupEvent"] == {"List": accepted}
    assert [(entry["TemplateId"], entry["SubscribeStatusString"]) for entry in two["SubscribeMsgPopupEvent"]["List"]] == [
        (ids["bill_paid"], "reject"),
        (ids["bill_due"], "reject"),
    ]


async def test_in_json_the_list_stands_at_the_top_and_a_list_of_one_is_none(world: Outside, server: Server) -> None:
    person, ids = await world.person(consents=0), world.accounts["wechat"]["templates"]
    await world.world("PUT", "/faults", {"wechat_events": {"json": True}})
    await tap(world, person, "case_moved")
    await events(world, server, 1)
    await tap(world, person, "bill_paid", "bill_due")
    one, two = await events(world, server, 2)
    assert one["List"] == {"TemplateId": ids["case_moved"], "SubscribeStatusString": "accept", "PopupScene": "0"}
    assert [entry["TemplateId"] for entry in two["List"]] == [ids["bill_paid"], ids["bill_due"]]
    assert isinstance(one["CreateTime"], int) and "SubscribeMsgPopupEvent" not in one


async def test_a_message_taken_is_followed_by_what_became_of_it_and_one_refused_by_nothing(world: Outside, server: Server) -> None:
    person, refused = await world.person(consents=1), await world.person(consents=0)
    assert (await send_notice(world, refused))["errcode"] == 43101
    sent = await send_notice(world, person)
    (event,) = await events(world, server, 1)
    assert event["Event"] == "subscribe_msg_sent_event"
    about = {"TemplateId": world.accounts["wechat"]["templates"]["notice"], "MsgID": str(sent["msgid"]), "ErrorCode": "0", "ErrorStatus": "success"}
    assert event["SubscribeMsgSentEvent"] == {"List": about}
    assert [(one["person"], one["msgid"]) for one in await world.ledger("messages")] == [(person["person"], sent["msgid"])]


@pytest.mark.parametrize("result", ["reject", "ban"])
async def test_taking_back_what_was_allowed_for_good_is_a_change(world: Outside, server: Server, result: str) -> None:
    person = await world.person(consents=0)
    await tap(world, person, "notice")
    await events(world, server, 1)
    await tap(world, person, "notice", result=result)
    told = (await events(world, server, 2))[1]
    assert (told["Event"], told["FromUserName"]) == ("subscribe_msg_change_event", await world.openid(person))
    entry = {"TemplateId": world.accounts["wechat"]["templates"]["notice"], "SubscribeStatusString": "reject"}
    assert told["SubscribeMsgChangeEvent"] == {"List": entry}
    assert (await send_notice(world, person))["errcode"] == 43101


async def test_what_was_never_shown_is_not_told_and_a_refusal_of_what_was_not_allowed_is_only_a_dialogue(world: Outside, server: Server) -> None:
    person = await world.person(consents=0)
    for result in ("filter", "ban", "reject"):
        await tap(world, person, "notice", result=result)
    (event,) = await events(world, server, 1)
    assert event["Event"] == "subscribe_msg_popup_event"
    deliveries = [one for one in await world.ledger("wechat") if one["kind"] == "message.delivery"]
    assert [one["event"] for one in deliveries] == ["subscribe_msg_popup_event"]


async def test_an_event_comes_again_until_it_is_taken_and_twice_or_late_or_never_when_asked_to(world: Outside, server: Server) -> None:
    person = await world.person(consents=0)
    await world.world("POST", "/clock", {"speed": 1000})
    server.answers = [500, 503]
    await tap(world, person, "case_moved")
    await events(world, server, 3)
    assert len({body for _, _, body in server.got}) == 1
    await world.world("PUT", "/faults", {"wechat_events": {"duplicate": 2}})
    await tap(world, person, "case_moved")
    await events(world, server, 6)
    assert len({body for _, _, body in server.got[3:]}) == 1
    await world.world("PUT", "/faults", {"wechat_events": {"late_ms": 300}})
    before = asyncio.get_running_loop().time()
    await tap(world, person, "case_moved")
    await events(world, server, 7)
    assert asyncio.get_running_loop().time() - before >= 0.3
    await world.world("PUT", "/faults", {"wechat_events": {"off": True}})
    await tap(world, person, "case_moved")
    await world.world("PUT", "/faults", {"wechat_events": {}})
    await tap(world, person, "bill_paid")
    last = (await events(world, server, 8))[7]
    assert last["SubscribeMsgPopupEvent"]["List"]["TemplateId"] == world.accounts["wechat"]["templates"]["bill_paid"]


async def test_without_a_server_of_the_account_nothing_is_told(outside: Outside) -> None:
    person = await outside.person(consents=0)
    await tap(outside, person, "case_moved")
    assert [one for one in await outside.ledger("wechat") if one["kind"] == "message.delivery" and one["person"] == person["person"]] == []


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("kind", ["subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"])
async def test_a_made_up_event_has_the_same_shape(world: Outside, server: Server, kind: str, form: str) -> None:
    person = await world.person()
    await world.world("POST", "/wechat/messages", {"person": person["person"], "kind": kind, "format": form})
    (event,) = await events(world, server, 1)
    name = "List" if form == "json" else kind.title().replace("_", "")
    entries = event[name] if form == "json" else event[name]["List"]
    assert event["Event"] == kind and (entries if isinstance(entries, dict) else entries[0])["TemplateId"] == "t1"
