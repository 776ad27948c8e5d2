"""WeChat as the sandbox plays it: codes spent once, tokens that die as documented, templates with WeChat's own rules."""

import base64
import re
import secrets
from typing import Any

import pytest

from sandbox.wechat_values import wrong_value
from tests.sandbox.outside import Outside

RID = re.compile(r"(.*) rid: [0-9a-f]+-[0-9a-f]+-[0-9a-f]+", re.DOTALL)
MOVED = {
    "thing1": {"value": "补领居民身份证"},
    "phrase2": {"value": "已受理"},
    "time3": {"value": "15:04"},
    "thing4": {"value": "请留意后续通知"},
    "character_string5": {"value": "A20260102-0001"},
}


def told(reply: Any) -> tuple[int, str]:
    """The code and the text before the request id, which every refusal must carry."""
    found = RID.fullmatch(reply["errmsg"])
    assert found is not None, reply
    assert len(found[1]) <= 48
    return reply["errcode"], found[1]


# login


async def test_a_login_code_gives_the_same_openid_every_time_and_a_fresh_session_key(outside: Outside) -> None:
    person = await outside.person()
    first, second = [await outside.log_in(await outside.wechat_code(person)) for _ in range(2)]
    assert first["openid"] == second["openid"]
    assert first["session_key"] != second["session_key"]
    assert len(base64.b64decode(first["session_key"])) == 16
    assert "errcode" not in first
    assert await outside.openid(await outside.person()) != first["openid"]


async def test_a_login_code_works_once(outside: Outside) -> None:
    code = await outside.wechat_code(await outside.person())
    assert "openid" in await outside.log_in(code)
    assert told(await outside.log_in(code)) == (40163, "code been used")


async def test_an_unknown_login_code_is_invalid(outside: Outside) -> None:
    assert told(await outside.log_in("never-made")) == (40029, "invalid code")


async def test_a_login_code_is_no_phone_code_and_a_phone_code_no_login_code(outside: Outside) -> None:
    person = await outside.person()
    token = await outside.plain_token()
    login, phone = await outside.wechat_code(person), await outside.wechat_code(person, "phone")
    assert told(await outside.phone_of(login, token))[0] == 40029
    assert told(await outside.log_in(phone))[0] == 40029
    assert "openid" in await outside.log_in(login)  # a wrong use spends nothing
    assert (await outside.phone_of(phone, token))["errcode"] == 0


async def test_a_login_code_dies_after_5_minutes_of_the_worlds_clock(outside: Outside) -> None:
    person = await outside.person()
    code, late = await outside.wechat_code(person), await outside.wechat_code(person)
    await outside.pass_time(240)
    assert "openid" in await outside.log_in(code)
    await outside.pass_time(61)
    assert told(await outside.log_in(late))[0] == 40029


@pytest.mark.parametrize(
    ("wrong", "errcode"),
    [
        ({"appid": None}, 41002),
        ({"secret": None}, 41004),
        ({"js_code": None}, 41008),
        ({"js_code": ""}, 41008),
        ({"appid": "wx0000000000000000"}, 40013),
        ({"secret": "0" * 32}, 40125),
    ],
)
async def test_a_login_with_wrong_or_missing_parameters_is_refused_and_spends_no_code(outside: Outside, wrong: Any, errcode: int) -> None:
    code = await outside.wechat_code(await outside.person())
    assert told(await outside.log_in(code, **wrong))[0] == errcode
    assert "openid" in await outside.log_in(code)


async def test_login_answers_are_text_plain_although_json(outside: Outside) -> None:
    reply = await outside.call("GET", "/sns/jscode2session?appid=x")
    assert (reply.status, reply.kind.split(";")[0]) == (200, "text/plain")
    assert told(reply.json)[0] == 41004


async def test_a_phone_code_gives_the_persons_phone_once(outside: Outside) -> None:
    person = await outside.person(phone="13800001234")
    code, token = await outside.wechat_code(person, "phone"), await outside.plain_token()
    got = await outside.phone_of(code, token)
    assert (got["errcode"], got["errmsg"]) == (0, "ok")
    assert got["phone_info"]["phoneNumber"] == got["phone_info"]["purePhoneNumber"] == "13800001234"
    assert got["phone_info"]["watermark"]["appid"] == outside.accounts["wechat"]["appid"]
    assert told(await outside.phone_of(code, token))[0] == 40163


# tokens


async def usable(outside: Outside, token: str) -> int:
    """0: the token was taken (and the made-up code refused); else WeChat's complaint about the token."""
    errcode: int = (await outside.phone_of("never-made", token))["errcode"]
    return 0 if errcode == 40029 else errcode


async def test_the_stable_token_is_the_same_when_asked_twice(outside: Outside) -> None:
    first, second = [await outside.stable_token() for _ in range(2)]
    assert first["access_token"] == second["access_token"]
    assert 300 <= second["expires_in"] <= first["expires_in"] <= 7200
    assert await usable(outside, first["access_token"]) == 0


async def test_a_forced_stable_token_is_another_and_kills_the_old_one_but_not_twice_within_30_seconds(outside: Outside) -> None:
    await outside.pass_time(30)
    old = (await outside.stable_token())["access_token"]
    new = (await outside.stable_token(force_refresh=True))["access_token"]
    assert new != old
    assert (await usable(outside, old), await usable(outside, new)) == (40001, 0)
    assert (await outside.stable_token(force_refresh=True))["access_token"] == new
    assert await usable(outside, new) == 0
    await outside.pass_time(31)
    assert (await outside.stable_token(force_refresh=True))["access_token"] != new


async def test_a_stable_token_is_forced_20_times_a_day_and_no_more(outside: Outside) -> None:
    await outside.pass_time(86_400)
    seen = [(await outside.stable_token())["access_token"]]
    for _ in range(21):
        await outside.pass_time(31)
        seen.append((await outside.stable_token(force_refresh=True))["access_token"])
    assert len(set(seen[:21])) == 21
    assert seen[21] == seen[20]
    await outside.pass_time(86_400 - 21 * 31)
    fresh = (await outside.stable_token())["access_token"]
    await outside.pass_time(31 * 20)
    assert (await outside.stable_token(force_refresh=True))["access_token"] != fresh


async def test_near_its_end_the_stable_token_is_followed_by_another_and_both_are_good_for_5_minutes(outside: Outside) -> None:
    await outside.pass_time(7200)
    old = await outside.stable_token()
    await outside.pass_time(7200 - 310)
    assert (await outside.stable_token())["access_token"] == old["access_token"]
    await outside.pass_time(20)
    new = await outside.stable_token()
    assert new["access_token"] != old["access_token"]
    assert (await usable(outside, old["access_token"]), await usable(outside, new["access_token"])) == (0, 0)
    await outside.pass_time(300)
    assert (await usable(outside, old["access_token"]), await usable(outside, new["access_token"])) == (42001, 0)


async def test_a_plain_token_is_new_each_time_and_the_old_one_good_for_5_minutes_more(outside: Outside) -> None:
    old, new = await outside.plain_token(), await outside.plain_token()
    assert old != new
    await outside.pass_time(240)
    assert (await usable(outside, old), await usable(outside, new)) == (0, 0)
    await outside.pass_time(61)
    assert (await usable(outside, old), await usable(outside, new)) == (42001, 0)


async def test_plain_and_stable_tokens_do_not_touch_each_other(outside: Outside) -> None:
    await outside.pass_time(31)
    stable, plain = (await outside.stable_token())["access_token"], await outside.plain_token()
    await outside.plain_token()
    assert (await outside.stable_token())["access_token"] == stable
    newer = await outside.plain_token()
    await outside.stable_token(force_refresh=True)
    await outside.pass_time(301)
    assert await usable(outside, newer) == 0
    assert await usable(outside, plain) == 42001


async def test_a_token_that_was_not_given_is_made_up_or_has_expired_is_refused_by_its_own_code(outside: Outside) -> None:
    token = await outside.plain_token()
    assert await usable(outside, "") == 41001
    assert await usable(outside, "made-up") == 40001
    await outside.pass_time(7000)
    assert await usable(outside, token) == 0
    await outside.pass_time(201)
    assert await usable(outside, token) == 42001
    assert (await outside.subscribe_send(token, touser="x"))["errcode"] == 42001


@pytest.mark.parametrize(
    ("wrong", "errcode"),
    [({"appid": ""}, 41002), ({"secret": ""}, 41004), ({"appid": "wx0"}, 40013), ({"secret": "no"}, 40125), ({"grant_type": "password"}, 40002)],
)
async def test_a_stable_token_is_given_to_the_right_account_only(outside: Outside, wrong: Any, errcode: int) -> None:
    assert told(await outside.stable_token(**wrong))[0] == errcode


async def test_stable_token_is_post_only(outside: Outside) -> None:
    assert (await outside.call("GET", "/cgi-bin/stable_token?grant_type=client_credential")).status == 405


# subscribe messages


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
