"""Statements of WeChat Pay: of days that are over, by both versions of the API, and every way in which there is none."""

import gzip
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.listener import listening
from tests.sandbox.outside import Outside
from tests.sandbox.wechat_shop import Door, Got, Shop, fetch, new_number, rows

DAY = 86400


@pytest.fixture
async def shop(private: Callable[..., Outside]) -> AsyncIterator[Shop]:
    """A world of its own: its clock stands at half past ten in Beijing, on its first day."""
    door = Door()
    async with listening(door.take) as door.url:
        own = await Shop(private(), door).open()
        into = (datetime.now(UTC).timestamp() + 8 * 3600) % DAY
        await own.outside.pass_time((DAY - into) + 10.5 * 3600)
        yield own


async def today(shop: Shop) -> date:
    """In Beijing, as the world counts."""
    ahead = (await shop.outside.world("GET", "/state"))["clock"]["ahead"]
    return (datetime.now(UTC) + timedelta(seconds=ahead, hours=8)).date()


async def asked(shop: Shop, day: date, **other: str) -> Got:
    query = "".join(f"&{name}={value}" for name, value in other.items())
    return await shop.v3("GET", f"/v3/bill/tradebill?bill_date={day.isoformat()}{query}")


async def downloaded(shop: Shop, url: str) -> Got:
    path = url.removeprefix(shop.outside.process.url)
    headers = {"Authorization": shop.authorization("GET", path, b""), "Accept": "*/*", "User-Agent": "tests"}
    return await fetch(shop.outside.http, url, headers)


async def test_a_day_is_told_line_by_line_and_adds_up(shop: Shop) -> None:
    day = await today(shop)
    first, second, unpaid = await shop.ordered(description="护照, 一本"), await shop.v2_ordered(total_fee=99900, attach="附加"), await shop.ordered()
    for number in (first, second):
        await shop.pay(number, "never")
    refund_no = new_number()
    await shop.refund(first, refund_no, 234)
    await shop.refund_state(refund_no)
    await shop.outside.pass_time(DAY)

    told = (await asked(shop, day)).json
    got = await downloaded(shop, told["download_url"])
    assert got.status == 200 and "Wechatpay-Signature" not in got.headers and told["download_url"].startswith(shop.outside.process.url)
    assert (told["hash_type"], told["hash_value"]) == ("SHA1", hashlib.sha1(got.body).hexdigest())
    assert got.body.startswith(b"\xef\xbb\xbf") and got.body.count(b"\r\n") == got.body.count(b"\n") == 6
    *lines, totals = rows(got.body)
    assert [(one["商户订单号"], one["交易状态"]) for one in lines] == [(first, "SUCCESS"), (second, "SUCCESS"), (first, "REFUND")]
    assert unpaid.encode() not in got.body and len(lines[0]) == 27
    paid, other, back = lines
    order = await shop.order(first)
    assert (paid["微信订单号"], paid["用户标识"], paid["公众账号ID"], paid["商户号"]) == (
        order["transaction_id"],
        shop.openid,
        shop.appid,
        shop.mine["mchid"],
    )
    assert (paid["应结订单金额"], paid["订单金额"], paid["退款金额"], paid["手续费"], paid["费率"]) == ("12.34", "12.34", "0.00", "0.07000", "0.60%")
    assert (paid["商品名称"], other["商户数据包"], paid["特约商户号"], paid["交易类型"], paid["货币种类"]) == (
        "护照, 一本",
        "附加",
        "0",
        "JSAPI",
        "CNY",
    )
    assert paid["交易时间"].startswith(day.isoformat()) and order["success_time"][:19] == paid["交易时间"].replace(" ", "T")
    assert (back["微信订单号"], back["商户退款单号"], back["退款状态"], back["退款类型"]) == (
        order["transaction_id"],
        refund_no,
        "SUCCESS",
        "ORIGINAL",
    )
    assert (back["应结订单金额"], back["退款金额"], back["申请退款金额"], back["订单金额"], back["手续费"]) == (
        "0.00",
        "2.34",
        "2.34",
        "0.00",
        "-0.01000",
    )
    assert totals == {
        "总交易单数": "3",
        "应结订单总金额": "1011.34",
        "退款总金额": "2.34",
        "充值券退款总金额": "0.00",
        "手续费总金额": "6.05000",
        "订单总金额": "1011.34",
        "申请退款总金额": "2.34",
    }


async def test_the_other_kinds_hold_their_part(shop: Shop) -> None:
    day, number, refund_no = await today(shop), await shop.paid(), new_number()
    await shop.refund(number, refund_no, 1000)
    await shop.refund_state(refund_no)
    await shop.outside.pass_time(DAY)
    success = rows((await downloaded(shop, (await asked(shop, day, bill_type="SUCCESS")).json["download_url"])).body)
    assert [len(one) for one in success] == [20, 4] and success[0]["订单金额"] == "12.34"
    assert success[1] == {"总交易单数": "1", "应结订单总金额": "12.34", "手续费总金额": "0.07000", "订单总金额": "12.34"}
    refund = rows((await downloaded(shop, (await asked(shop, day, bill_type="REFUND")).json["download_url"])).body)
    assert [len(one) for one in refund] == [29, 7] and refund[0]["退款申请时间"] <= refund[0]["退款成功时间"]
    assert (refund[1]["退款总金额"], refund[1]["订单总金额"], refund[1]["手续费总金额"]) == ("10.00", "0.00", "-0.06000")


async def test_a_packed_one_is_hashed_before_it_is_packed(shop: Shop) -> None:
    day = await today(shop)
    await shop.paid()
    await shop.outside.pass_time(DAY)
    told = (await asked(shop, day, tar_type="GZIP")).json
    got = await downloaded(shop, told["download_url"])
    plain = await downloaded(shop, (await asked(shop, day)).json["download_url"])
    assert "Content-Encoding" not in got.headers and gzip.decompress(got.body) == plain.body
    assert told["hash_value"] == hashlib.sha1(plain.body).hexdigest()


async def test_an_address_lives_half_a_minute_and_wants_a_signature(shop: Shop) -> None:
    day = await today(shop)
    await shop.paid()
    await shop.outside.pass_time(DAY)
    url = (await asked(shop, day)).json["download_url"]
    assert (await fetch(shop.outside.http, url, {"User-Agent": "tests"})).status == 401
    await shop.outside.pass_time(25)
    assert (await downloaded(shop, url)).status == 200
    await shop.outside.pass_time(10)
    late = await downloaded(shop, url)
    assert (late.status, late.json["code"]) == (400, "PARAM_ERROR")
    assert (await downloaded(shop, url[:-3] + "AAA")).status == 400


async def test_there_is_none_of_today_of_an_empty_day_or_of_long_ago(shop: Shop) -> None:
    day = await today(shop)
    await shop.paid()
    for asked_for, code in ((day, "INVALID_REQUEST"), (day + timedelta(1), "INVALID_REQUEST"), (day - timedelta(2), "NO_STATEMENT_EXIST")):
        got = await asked(shop, asked_for)
        assert (got.status, got.json["code"]) == (400, code) and shop.genuine(got)
    await shop.outside.pass_time(93 * DAY)
    assert (await asked(shop, day)).json["code"] == "INVALID_REQUEST"
    for other in ({"bill_type": "EVERYTHING"}, {"tar_type": "ZIP"}):
        assert (await asked(shop, day, **other)).json["code"] == "PARAM_ERROR"
    assert (await shop.v3("GET", "/v3/bill/tradebill?bill_date=20300101x")).json["code"] == "PARAM_ERROR"


async def test_a_payment_counts_on_the_day_it_was_made_and_a_refund_on_the_day_it_was_asked_for(shop: Shop) -> None:
    first_day, number = await today(shop), await shop.paid()
    await shop.outside.pass_time(DAY)
    refund_no = new_number()
    async with shop.outside.faults(wechat_pay={"refund_processing": True}):
        await shop.refund(number, refund_no, 1)
        await shop.outside.pass_time(DAY)
    await shop.refund_state(refund_no)
    first = rows((await downloaded(shop, (await asked(shop, first_day)).json["download_url"])).body)
    second = rows((await downloaded(shop, (await asked(shop, first_day + timedelta(1))).json["download_url"])).body)
    assert [one.get("交易状态") for one in first] == ["SUCCESS", None]
    assert [(one.get("交易状态"), one.get("退款状态")) for one in second] == [("REFUND", "PROCESSING"), (None, None)]
    assert (await asked(shop, first_day + timedelta(2))).status == 400


async def test_v2_gives_the_same_text_and_says_in_xml_when_there_is_none(shop: Shop) -> None:
    day = await today(shop)
    await shop.paid()
    compact = f"{day:%Y%m%d}"
    refused: list[tuple[dict[str, Any], str, str]] = [
        ({"bill_date": compact}, "invalid bill_date", "20001"),
        ({"bill_date": day.isoformat()}, "invalid bill_date", "20001"),
        ({"bill_date": f"{day - timedelta(2):%Y%m%d}"}, "No Bill Exist", "20002"),
        ({"bill_date": f"{day - timedelta(2):%Y%m%d}", "bill_type": "X"}, "invalid bill_type", "20001"),
    ]
    for fields, why, code in refused:
        got = (await shop.v2("/pay/downloadbill", **fields)).xml
        assert (got["return_code"], got["return_msg"], got["error_code"]) == ("FAIL", why, code)
    await shop.outside.pass_time(DAY)
    plain = await downloaded(shop, (await asked(shop, day)).json["download_url"])
    assert (await shop.v2("/pay/downloadbill", bill_date=compact, bill_type="ALL")).body == plain.body
    packed: Any = await shop.v2("/pay/downloadbill", bill_date=compact, tar_type="GZIP", sign_type="HMAC-SHA256")
    assert gzip.decompress(packed.body) == plain.body
    assert (await shop.v2("/pay/downloadbill", bill_date=compact, sign="0")).xml["return_code"] == "FAIL"
