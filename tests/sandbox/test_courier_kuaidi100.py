"""kuaidi100 as the sandbox plays it: subscriptions, signed pushes of the full list, queries, and numbers it gives up."""

import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.kuaidi100 import sign
from tests.sandbox.courier_shop import Inbox, inbox, kuaidi100_sign, own_no, query, scan, sf_book, subscribe
from tests.sandbox.outside import Json, Outside, until

Private = Callable[..., Outside]
DAY = 86_400
# The examples of kuaidi100's own papers.
PUSHED = (
    '{"status":"polling","billstatus":"","message":"","lastResult":{"message":"ok","state":"0","status":"200","condition":"00","ischeck":"0",'
    '"com":"yuantong","nu":"V030344422","data":[{"context":"上海分拨中心/装件入车扫描 ","time":"2012-08-28 16:33:19","ftime":"2012-08-28 16:33:19"}]}}'
)
ASKED = '{"com":"ems","num":"em263999513jp"}'


@pytest.fixture
async def post() -> AsyncIterator[Inbox]:
    async with inbox() as own:
        yield own


def number() -> str:
    return f"YT{secrets.randbelow(10**13):013d}"


def results(post: Inbox) -> list[Json]:
    return [json.loads(form["param"])["lastResult"] for form in post.forms()]


def codes(result: Json) -> list[Any]:
    return [line["statusCode"] for line in result["data"]]


def test_the_official_examples_of_the_signatures_come_out() -> None:
    assert sign(PUSHED, "XXXXXXXXXX") == kuaidi100_sign(PUSHED, "XXXXXXXXXX") == "053342C62C7226DF4D8224AF76C3B7E9"
    assert sign(ASKED, "KEY", "CUST") == kuaidi100_sign(ASKED, "KEY", "CUST") == "2C2AD7D933A3149FE21CF8146EC48F85"


async def test_a_push_is_the_whole_list_newest_first_and_signed(outside: Outside, post: Inbox) -> None:
    own, salt = number(), outside.accounts["kuaidi100"]["salt"]
    assert await subscribe(outside, own, f"{post.url}/kuaidi100") == "200"
    for many, kind in enumerate(("collect", "transit", "pickup_point", "sign"), 1):
        await scan(outside, "kuaidi100", own, kind)
        await post.wait(many)
    for form in post.forms():
        assert form["sign"] == kuaidi100_sign(form["param"], salt)
    whole = [json.loads(form["param"]) for form in post.forms()]
    assert [one["status"] for one in whole] == ["polling", "polling", "polling", "shutdown"]
    last = whole[-1]["lastResult"]
    assert codes(last) == ["301", "501", "1002", "103"]
    assert (last["state"], last["ischeck"], last["nu"], last["com"]) == ("3", "1", own, "yuantong")
    assert [line["ftime"] for line in last["data"]] == sorted((line["ftime"] for line in last["data"]), reverse=True)
    assert codes(results(post)[0]) == ["103"]


async def test_a_number_is_subscribed_once(outside: Outside, post: Inbox) -> None:
    own = number()
    assert [await subscribe(outside, own, f"{post.url}/kuaidi100") for _ in range(2)] == ["200", "501"]


async def test_what_is_known_already_is_told_at_once(outside: Outside, post: Inbox) -> None:
    own = number()
    await scan(outside, "kuaidi100", own, ["collect", "deliver"])
    await subscribe(outside, own, f"{post.url}/kuaidi100")
    await post.wait(1)
    assert codes(results(post)[0]) == ["5", "103"]


async def test_who_wants_no_codes_gets_none_and_no_salt_is_no_signature(outside: Outside, post: Inbox) -> None:
    own = number()
    await subscribe(outside, own, f"{post.url}/kuaidi100", resultv2="0", salt=None)
    await scan(outside, "kuaidi100", own, "collect")
    await post.wait(1)
    (form,) = post.forms()
    (line,) = json.loads(form["param"])["lastResult"]["data"]
    assert set(form) == {"param"} and set(line) == {"time", "ftime", "context"}


async def test_an_empty_salt_signs_too(outside: Outside, post: Inbox) -> None:
    own = number()
    await subscribe(outside, own, f"{post.url}/kuaidi100", salt="")
    await scan(outside, "kuaidi100", own, "collect")
    await post.wait(1)
    (form,) = post.forms()
    assert form["sign"] == kuaidi100_sign(form["param"])


@pytest.mark.parametrize("wrong", [{"number": "1"}, {"number": "x" * 33}, {"number": 5}, {"parameters": {}}, {"company": ""}])
async def test_a_wrong_subscription_is_refused(outside: Outside, wrong: Json) -> None:
    param = {
        "company": "yuantong",
        "number": number(),
        "key": outside.accounts["kuaidi100"]["key"],
        "parameters": {"callbackurl": "http://127.0.0.1:1/"},
    }
    form = urlencode({"schema": "json", "param": json.dumps(param | wrong)}).encode()
    answer = (await outside.call("POST", "/poll", raw=form, headers={"Content-Type": "application/x-www-form-urlencoded"})).json
    assert (answer["result"], answer["returnCode"]) == (False, "700")


async def test_another_key_is_refused(outside: Outside) -> None:
    right = outside.accounts["kuaidi100"]["key"]
    outside.accounts["kuaidi100"]["key"] = "somebody"
    try:
        assert await subscribe(outside, number(), "http://127.0.0.1:1/") == "601"
    finally:
        outside.accounts["kuaidi100"]["key"] = right


async def test_a_query_is_signed_and_tells_the_same_list(outside: Outside) -> None:
    own = number()
    assert (await query(outside, own))["returnCode"] == "500"
    await scan(outside, "kuaidi100", own, ["collect", "reject", "returned"])
    found = await query(outside, own, resultv2="4")
    assert (found["status"], found["state"], codes(found)) == ("200", "4", ["4", "14", "103"])
    assert (await query(outside, own, signed="0" * 32))["returnCode"] == "503"
    assert "result" not in found


async def test_what_sf_carries_is_told_to_who_knows_a_phone(outside: Outside, post: Inbox) -> None:
    waybill = await sf_book(outside, own_no())
    wrong, right = {"company": "shunfeng", "phone": "13900000000"}, {"company": "shunfeng", "phone": "13900000002"}
    assert await subscribe(outside, waybill, f"{post.url}/kuaidi100", **wrong) == "700"
    assert await subscribe(outside, waybill, f"{post.url}/kuaidi100", **right) == "200"
    await scan(outside, "sf", waybill, "collect")
    await post.wait(1)
    assert codes(results(post)[0]) == ["103"]
    assert (await query(outside, waybill, com="shunfeng", phone="13900000000"))["returnCode"] == "408"
    assert (await query(outside, waybill, com="shunfeng", phone="13900000002"))["state"] == "1"


async def test_a_number_nothing_is_heard_of_is_given_up_after_three_days_once(private: Private, post: Inbox) -> None:
    world = private()
    own, other = number(), number()
    for one in (own, other):
        await subscribe(world, one, f"{post.url}/kuaidi100")
    await scan(world, "kuaidi100", other, "collect")
    await post.wait(1)
    await world.pass_time(3 * DAY)
    await post.wait(2)
    told = json.loads(post.forms()[-1]["param"])
    assert (told["status"], told["message"], told["lastResult"]["nu"], told["lastResult"]["data"]) == ("abort", "3天查询无记录", own, [])
    await world.pass_time(57 * DAY)
    await post.wait(3)
    told = json.loads(post.forms()[-1]["param"])
    assert (told["status"], told["message"], told["lastResult"]["nu"], codes(told["lastResult"])) == ("abort", "60天无变化", other, ["103"])
    assert await subscribe(world, own, f"{post.url}/kuaidi100") == "200"  # given up, so it may be asked for again


async def test_a_push_that_is_not_taken_comes_again_three_times_and_is_then_dropped(private: Private, post: Inbox) -> None:
    world, own = private(), number()
    await subscribe(world, own, f"{post.url}/kuaidi100")
    post.answers = [500, {"result": False, "returnCode": "500", "message": "失败"}, {"result": True}, "success", {"never": "asked"}]
    await world.world("POST", "/clock", {"speed": 36_000})  # half an hour in 50 ms
    await scan(world, "kuaidi100", own, "collect")

    async def attempts() -> list[Json]:
        told = [one for one in await world.ledger("kuaidi100") if one["kind"] == "push.delivery"]
        return told if len(told) == 4 else []

    told = await until(attempts)
    assert [(one["attempt"], one["result"]) for one in told] == [
        (1, "500"),
        (2, "200 other answer"),
        (3, "200 other answer"),
        (4, "200 other answer"),
    ]
    assert len({body for _, _, body in post.got}) == 1  # the same push again, not a newer one
    await scan(world, "kuaidi100", own, "transit")
    await post.wait(5)
    assert len(post.got) == 5
