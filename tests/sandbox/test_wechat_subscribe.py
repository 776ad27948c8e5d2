"""Subscribe messages as the sandbox plays WeChat: quotas, one-time and for good, and every value by the rule of its type."""

import json
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientError

from notify.kinds import KINDS
from sandbox.accounts import accounts
from sandbox.templates import LONG_TERM, TEMPLATES
from sandbox.wechat_values import FIELDS, wrong_value
from tests.sandbox.outside import Outside

RID = re.compile(r"(.*) rid: [0-9a-f]+-[0-9a-f]+-[0-9a-f]+", re.DOTALL)
MOVED = {
    "thing1": {"value": "补领居民身份证"},
    "phrase2": {"value": "已受理"},
    "time3": {"value": "15:04"},
    "thing4": {"value": "请留意后续通知"},
    "character_string5": {"value": "A20260102-0001"},
}
NOTICE = {"thing1": {"value": "停水通知"}, "time2": {"value": "2026年1月2日 15:04"}, "thing3": {"value": "请提前储水"}}


def told(reply: Any) -> tuple[int, str]:
    """The code and the text before the request id, which every refusal must carry."""
    found = RID.fullmatch(reply["errmsg"])
    assert found is not None, reply
    assert len(found[1]) <= 48
    return reply["errcode"], found[1]


async def message(outside: Outside, person: Any, template: str = "case_moved", **other: Any) -> dict[str, Any]:
    template_id = outside.accounts["wechat"]["templates"][template]
    return {"touser": await outside.openid(person), "template_id": template_id, "data": MOVED} | other


async def test_a_message_goes_as_often_as_was_consented_and_is_in_the_ledger(outside: Outside) -> None:
    person = await outside.person(consents=2)
    sent = await message(outside, person, page="pages/case?id=1")
    assert [(await outside.subscribe_send(**sent))["errcode"] for _ in range(3)] == [0, 0, 43101]
    assert told(await outside.subscribe_send(**sent)) == (43101, "user refuse to accept the msg")
    mine = [one for one in await outside.ledger("messages") if one["person"] == person["person"]]
    assert len(mine) == 2
    assert {key: mine[0][key] for key in sent} == sent
    assert (mine[0]["channel"], mine[0]["template"]) == ("wechat", "case_moved")


async def test_an_accept_adds_one_message_a_reject_none_and_a_ban_takes_all_away(outside: Outside) -> None:
    person = await outside.person(consents=0)
    sent = await message(outside, person)

    async def tap(result: str) -> None:
        await outside.world("POST", "/wechat/consents", {"person": person["person"], "template_id": sent["template_id"], "result": result})

    assert (await outside.subscribe_send(**sent))["errcode"] == 43101
    await tap("accept")
    await tap("reject")
    assert [(await outside.subscribe_send(**sent))["errcode"] for _ in range(2)] == [0, 43101]
    await tap("accept")
    await tap("accept")
    await tap("ban")
    assert (await outside.subscribe_send(**sent))["errcode"] == 43101


async def test_a_refused_message_uses_up_no_consent(outside: Outside) -> None:
    person = await outside.person(consents=1)
    sent = await message(outside, person)
    assert (await outside.subscribe_send(**sent | {"data": {}}))["errcode"] == 47003
    assert (await outside.subscribe_send(**sent))["errcode"] == 0


async def test_consents_are_per_template(outside: Outside) -> None:
    person = await outside.person(consents=1)
    assert (await outside.subscribe_send(**await message(outside, person)))["errcode"] == 0
    corrections = MOVED | {"number6": {"value": 3}}
    assert (await outside.subscribe_send(**await message(outside, person, "case_corrections", data=corrections)))["errcode"] == 0


async def test_an_unknown_template_or_receiver_is_refused(outside: Outside) -> None:
    person = await outside.person()
    sent = await message(outside, person)
    assert told(await outside.subscribe_send(**sent | {"template_id": secrets.token_urlsafe(32)})) == (40037, "invalid template_id")
    for nobody in ("oNobody", None, (await outside.world("GET", "/people"))["people"][0]["person"]):
        assert told(await outside.subscribe_send(**sent | {"touser": nobody})) == (40003, "invalid openid")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"thing1": {"value": ""}}, "argument invalid! data.thing1.value is emtpy"),
        ({"thing1": {}}, "argument invalid! data.thing1.value is emtpy"),
        ({"thing4": "plain text"}, "argument invalid! data.thing4.value is emtpy"),
        ({"phrase2": {"value": "Accepted"}}, "argument invalid! data.phrase2.value invalid"),
        ({"character_string5": {"value": "办件"}}, "argument invalid! data.character_string5.value invalid"[:48]),
    ],
)
async def test_a_bad_value_is_refused_in_wechats_own_words_cut_at_48_characters(outside: Outside, change: Any, text: str) -> None:
    sent = await message(outside, await outside.person(), data=MOVED | change)
    assert told(await outside.subscribe_send(**sent)) == (47003, text)


async def test_data_that_is_json_in_a_text_is_refused(outside: Outside) -> None:
    sent = await message(outside, await outside.person(), data='{"thing1":{"value":"x"}}')
    assert told(await outside.subscribe_send(**sent))[0] == 47003


GOOD: dict[str, list[Any]] = {
    "thing": ["一" * 20, "a1，。（）《》 \U0001f600", 5],
    "number": ["0", "-12.5", "+3", "9" * 32, "1" * 30 + ".25", 7, 1.5],
    "letter": ["a", "Z" * 32],
    "symbol": ["★", "%%%%%"],
    "character_string": ["A-1_#", "~" * 32, 20260102],
    "time": ["15:01", "0:00", "23:59:59", "2019年10月1日 15:01", "2019年10月1日15:01", "08:00~17:30", "2019年10月1日 8:00 ~ 2019年10月2日 9:00"],
    "date": ["2019年10月1日", "2019年10月1日 15:01", "2019年10月1日~2019年10月3日", "2019-12-11 11:00:00"],
    "amount": ["100", "¥100.50", "$3", "12.5元", "1234567890"],
    "phone_number": ["13800001234", "+86-0990-1234567", "(0990)12345"],
    "car_number": ["临A12345", "临AD12345"],
    "name": ["欧阳某某", "一" * 10, "John Smith", "Anna-Maria Smith Ab", "张A"],
    "phrase": ["已受理", "一", "一二三四五"],
}
BAD: dict[str, list[Any]] = {
    "thing": ["一" * 21, "a\nb", "\x07", ["x"], {"a": 1}],
    "number": ["abc", "1" * 33, "1" * 31 + ".25", "1.", ".5", "1,000", "١٢", "一"],
    "letter": ["a1", "a b", "Z" * 33, "é"],
    "symbol": ["a", "%" * 6, "一", "1"],
    "character_string": ["办件", "a b", "~" * 33, "é"],
    "time": ["25:00", "12:60", "3点", "2019年10月1日", "15:01~", "now"],
    "date": ["10月1日", "2019/10/1", "2019年10月1日~", "15:01", "2019年10月1日 25:00"],
    "amount": ["元", "12345678901", "¥¥1", "abc", "1.2.3"],
    "phone_number": ["1" * 18, "138a", "电话"],
    "car_number": ["临AD1234567", "临A 123"],
    "name": ["一" * 11, "张" + "A" * 10, "A" * 21, "a\x00", "<b>"],
    "phrase": ["一二三四五六", "ok", "受理1", "受理 "],
}
EMPTY = ["", None]


def complaint(kind: str, value: Any) -> str | None:
    return wrong_value((f"{kind}12",), {f"{kind}12": {"value": value}})


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in GOOD.items() for value in values])
def test_a_value_that_keeps_the_rule_of_its_type_is_taken(kind: str, value: Any) -> None:
    assert complaint(kind, value) is None


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in BAD.items() for value in values])
def test_a_value_that_breaks_the_rule_of_its_type_is_refused(kind: str, value: Any) -> None:
    assert complaint(kind, value) == f"argument invalid! data.{kind}12.value invalid"


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("value", EMPTY)
def test_an_empty_value_of_any_type_is_emtpy(kind: str, value: Any) -> None:
    assert complaint(kind, value) == f"argument invalid! data.{kind}12.value is emtpy"


def test_every_type_wechat_documents_has_good_and_bad_examples_here() -> None:
    assert set(GOOD) == set(BAD)
    assert len(GOOD) == 12


# for good, and in the dialogue


async def tap(outside: Outside, person: Any, result: str, key: str = "notice", **other: Any) -> Any:
    asked = {"person": person["person"], "template_id": outside.accounts["wechat"]["templates"][key], "result": result}
    return await outside.world("POST", "/wechat/consents", asked | other)


@pytest.mark.parametrize("end", ["reject", "ban"])
async def test_a_long_term_template_is_allowed_once_for_many_messages_until_it_is_taken_back(outside: Outside, end: str) -> None:
    person = await outside.person(consents=0)
    sent = await message(outside, person, "notice", data=NOTICE)
    assert (await outside.subscribe_send(**sent))["errcode"] == 43101
    assert (await tap(outside, person, "accept"))["left"] == 1
    assert (await tap(outside, person, "accept"))["left"] == 1
    assert [(await outside.subscribe_send(**sent))["errcode"] for _ in range(4)] == [0] * 4
    assert (await tap(outside, person, end))["left"] == 0
    assert (await outside.subscribe_send(**sent))["errcode"] == 43101


async def test_what_is_filtered_changes_nothing_and_an_accept_with_sound_is_an_accept(outside: Outside) -> None:
    person = await outside.person(consents=0)
    lefts = [(await tap(outside, person, result, "bill_paid"))["left"] for result in ("filter", "acceptWithAudio", "accept", "filter", "reject")]
    assert lefts == [0, 1, 2, 2, 2]
    assert (await tap(outside, person, "reject", "bill_paid", where="settings"))["left"] == 0


async def test_several_templates_are_answered_in_one_dialogue(outside: Outside) -> None:
    person, ids = await outside.person(consents=0), outside.accounts["wechat"]["templates"]
    results = {ids["case_moved"]: "accept", ids["bill_paid"]: "reject", ids["bill_due"]: "accept"}
    given = await outside.world("POST", "/wechat/consents", {"person": person["person"], "results": results})
    assert [one["left"] for one in given["results"]] == [1, 0, 1]
    asked = {"person": person["person"], "template_ids": [ids["case_moved"], ids["bill_paid"]], "result": "accept"}
    assert [one["left"] for one in (await outside.world("POST", "/wechat/consents", asked))["results"]] == [2, 1]
    shown = {one["key"]: one["left"] for one in (await outside.world("GET", f"/people/{person['person']}/consents"))["wechat"]}
    assert {key: left for key, left in shown.items() if left} == {"case_moved": 2, "bill_paid": 1, "bill_due": 1}


async def test_a_tap_that_cannot_be_is_told_with_all_that_is_wrong_and_changes_nothing(outside: Outside) -> None:
    person, ids = await outside.person(consents=0), outside.accounts["wechat"]["templates"]
    asked = {"person": "nobody", "template_ids": ["t1", "t2"], "result": "perhaps", "where": "elsewhere"}
    assert len((await outside.call("POST", "/world/wechat/consents", asked)).json["errors"]) == 5
    for wrong in (
        {"template_ids": [ids["case_moved"], ids["notice"]], "result": "accept"},  # one-time and for good together
        {"template_ids": list(ids.values())[:6], "result": "accept"},
        {"template_ids": [], "result": "accept"},
        {"template_id": ids["case_moved"], "result": "accept", "where": "settings"},
        {"results": {ids["case_moved"]: "accept", ids["bill_paid"]: 1}},
    ):
        reply = await outside.call("POST", "/world/wechat/consents", {"person": person["person"], **wrong})
        assert (reply.status, len(reply.json["errors"])) == (422, 1), wrong
    shown = await outside.world("GET", f"/people/{person['person']}/consents")
    assert not any(one["left"] for one in shown["wechat"] + shown["alipay"])


@pytest.mark.parametrize("key", TEMPLATES)
async def test_every_template_takes_its_own_values_and_misses_each_one_that_is_left_out(outside: Outside, key: str) -> None:
    examples = {
        "thing": "一",
        "phrase": "已受理",
        "time": "15:04",
        "date": "2026年1月2日",
        "number": "2",
        "amount": "2.00元",
        "character_string": "A1",
    }
    data = {field: {"value": examples[re.sub(r"\d+$", "", field)]} for field in FIELDS[key]}
    sent = await message(outside, await outside.person(consents=1), key, data=data)
    for field in FIELDS[key]:
        without = {name: value for name, value in data.items() if name != field}
        assert told(await outside.subscribe_send(**sent | {"data": without})) == (47003, f"argument invalid! data.{field}.value is emtpy"[:48])
    assert (await outside.subscribe_send(**sent))["errcode"] == 0


@pytest.mark.parametrize(
    ("page", "errcode"), [("pages/case?id=1", 0), ("/index", 0), ("", 0), ("https://a.example/", 41030), ("a b", 41030), (5, 41030)]
)
async def test_a_page_is_a_path_of_the_mini_program(outside: Outside, page: Any, errcode: int) -> None:
    assert (await outside.subscribe_send(**await message(outside, await outside.person(), page=page)))["errcode"] == errcode


async def test_a_token_of_another_account_knows_nobody_here(outside: Outside) -> None:
    official = outside.accounts["wechat"]["messages"][1]
    token = (await outside.stable_token(appid=official["appid"], secret=official["secret"]))["access_token"]
    assert told(await outside.subscribe_send(token, **await message(outside, await outside.person())))[0] == 40003


async def test_a_used_up_quota_of_the_day_and_any_other_refusal_can_be_switched_on_and_use_up_no_consent(outside: Outside) -> None:
    sent = await message(outside, await outside.person(consents=1))
    async with outside.faults(wechat={"quota_used": True}):
        assert told(await outside.subscribe_send(**sent)) == (45009, "reach max api daily quota limit")
    async with outside.faults(wechat={"send_errcode": 43116}):
        assert told(await outside.subscribe_send(**sent)) == (43116, "user refuse to accept the msg")
    assert [(await outside.subscribe_send(**sent))["errcode"] for _ in range(2)] == [0, 43101]


async def test_a_lost_reply_is_a_message_sent(outside: Outside) -> None:
    person = await outside.person(consents=1)
    sent, token = await message(outside, person), (await outside.stable_token())["access_token"]
    async with outside.faults(wechat={"lose_replies": True}):
        with pytest.raises(ClientError):
            await outside.subscribe_send(token, **sent)
    assert len([one for one in await outside.ledger("messages") if one["person"] == person["person"]]) == 1
    assert (await outside.subscribe_send(**sent))["errcode"] == 43101


# the templates


async def test_the_accounts_templates_are_listed_as_documented(outside: Outside) -> None:
    query = urlencode({"access_token": (await outside.stable_token())["access_token"]})
    got = (await outside.call("GET", f"/wxaapi/newtmpl/gettemplate?{query}")).json
    assert (got["errcode"], got["errmsg"]) == (0, "ok")
    mine = outside.accounts["wechat"]
    assert {one["priTmplId"] for one in got["data"]} == set(mine["templates"].values())
    types = {key: one["type"] for one in got["data"] for key, own in mine["templates"].items() if own == one["priTmplId"]}
    assert [key for key, kind in types.items() if kind == 3] == mine["long_term"] == list(LONG_TERM) == ["notice"]
    moved = next(one for one in got["data"] if one["priTmplId"] == mine["templates"]["case_moved"])
    assert re.findall(r"\{\{(\w+)\.DATA\}\}\n", moved["content"]) == list(FIELDS["case_moved"])
    assert moved["title"] == "办件进度提醒"
    for one in got["data"]:
        fields, lines = re.findall(r"\{\{(\w+)\.DATA\}\}\n", one["content"]), one["example"].splitlines()
        shown = {field: {"value": line.partition(":")[2]} for field, line in zip(fields, lines, strict=True)}
        assert wrong_value(tuple(fields), shown) is None, one
    assert (await outside.call("GET", "/wxaapi/newtmpl/gettemplate")).json["errcode"] == 41001


def test_the_templates_are_those_our_own_kinds_were_written_for() -> None:
    ours = {key: kind for key, kind in KINDS.items() if kind.wechat and kind.template == key}
    assert {key: (one.title, set(one.fields), one.sms) for key, one in TEMPLATES.items()} == {
        key: (kind.title, set(kind.wechat), kind.sms) for key, kind in ours.items()
    }
    assert {key: len(one.fields) for key, one in TEMPLATES.items()} == {key: len(kind.alipay) for key, kind in ours.items()}
    assert all(list(one.fields) == list(ours[key].wechat) for key, one in TEMPLATES.items()), "Alipay's keywords are numbered in this order"


async def test_what_stands_in_a_message_where_can_be_looked_up(outside: Outside) -> None:
    shown = (await outside.world("GET", "/templates"))["templates"]
    assert set(shown) == set(TEMPLATES)
    assert shown["licence_expiring"] == {
        "title": "证照到期提醒",
        "fields": [
            {"field": "thing1", "keyword": "keyword1", "label": "证照名称"},
            {"field": "date2", "keyword": "keyword2", "label": "到期日期"},
            {"field": "thing3", "keyword": "keyword3", "label": "办理建议"},
        ],
    }


def test_a_folder_of_an_earlier_version_gets_the_templates_it_lacks_and_keeps_its_own(tmp_path: Path) -> None:
    made = accounts(tmp_path)
    old = json.loads((tmp_path / "accounts.json").read_text())
    del old["sms"], old["alipay"]["templates"], old["wechat"]["long_term"]
    old["wechat"]["templates"] = {"case_moved": "an-old-id", "given_up": "another"}
    (tmp_path / "accounts.json").write_text(json.dumps(old))
    again = accounts(tmp_path)
    assert again["wechat"]["templates"]["case_moved"] == "an-old-id" and set(again["wechat"]["templates"]) == set(TEMPLATES)
    assert set(again["alipay"]["templates"]) == set(TEMPLATES) and again["wechat"]["long_term"] == ["notice"]
    assert set(again["sms"]["templates"]) == {key for key, one in TEMPLATES.items() if one.sms}
    assert accounts(tmp_path) == again and again["wechat"]["secret"] == made["wechat"]["secret"]
