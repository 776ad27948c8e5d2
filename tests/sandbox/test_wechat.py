"""WeChat as the sandbox plays it: codes spent once, tokens that die as documented."""

import base64
import re
from typing import Any

import pytest

from tests.sandbox.outside import Outside

RID = re.compile(r"(.*) rid: [0-9a-f]+-[0-9a-f]+-[0-9a-f]+", re.DOTALL)


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


async def test_a_killed_stable_token_is_refused_before_its_time_and_followed_by_another(outside: Outside) -> None:
    old = (await outside.stable_token())["access_token"]
    plain = await outside.plain_token()
    before = len([one for one in await outside.ledger("wechat") if one["kind"] == "token.issued"])
    assert await outside.world("POST", "/wechat/tokens", {"invalidate": True}) == {"killed": True}
    assert await outside.world("POST", "/wechat/tokens", {"invalidate": True}) == {"killed": False}
    assert (await usable(outside, old), await usable(outside, plain)) == (40001, 0)
    new = (await outside.stable_token())["access_token"]
    assert new != old and await usable(outside, new) == 0
    issued = [one for one in await outside.ledger("wechat") if one["kind"] == "token.issued"]
    assert len(issued) == before + 1 and issued[-1]["token_kind"] == "stable"


async def test_a_token_is_killed_only_by_saying_so(outside: Outside) -> None:
    token = (await outside.stable_token())["access_token"]
    assert (await outside.call("POST", "/world/wechat/tokens", {})).status == 422
    assert await usable(outside, token) == 0
