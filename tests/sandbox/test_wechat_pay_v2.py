"""WeChat Pay v2: XML, two kinds of signature, and two kinds of failure."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.listener import listening
from tests.sandbox.outside import Outside
from tests.sandbox.wechat_shop import Door, Shop, new_number, to_xml, v2_sign

BEIJING = timezone(timedelta(hours=8))
UNIFIED = "/pay/unifiedorder"


@pytest.fixture
async def shop(outside: Outside) -> AsyncIterator[Shop]:
    door = Door()
    async with listening(door.take) as door.url:
        yield await Shop(outside, door).open()


def in_a_while(seconds: float) -> str:
    return f"{datetime.now(BEIJING) + timedelta(seconds=seconds):%Y%m%d%H%M%S}"


def test_the_signatures_of_these_tests_are_the_ones_of_the_documents() -> None:
    """The worked examples of WeChat's own pages: the signing algorithm's, and that of the parameters for the client."""
    fields = {"appid": "wxd930ea5d5a258f4f", "mch_id": "10000100", "device_info": "1000", "body": "test", "nonce_str": "ibuaiVcKdpRxkhJA"}
    key = "192006250b4c09247ec02edce69f6a2d"
    assert v2_sign(fields, key) == "9A0A8659F005D6984697E2CA0A9CF3B7"
    assert v2_sign(fields, key, "HMAC-SHA256") == "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
    client = {
        "appId": "wxd678efh567hg6787",
        "timeStamp": "1490840662",
        "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
        "package": "prepay_id=wx2017033010242291fcfe0db70013231072",
        "signType": "MD5",
    }
    assert v2_sign(client, "qazwsxedcrfvtgbyhnujmikolp111111") == "22D9B4E54AB1950F51E0649E8810ACD6"


@pytest.mark.parametrize("sign_type", ["MD5", "HMAC-SHA256", None])
async def test_an_order_goes_from_prepaid_to_paid_and_every_answer_is_signed_as_the_request_was(shop: Shop, sign_type: str | None) -> None:
    number = new_number()
    made = await shop.v2_said(UNIFIED, **shop.unified(number, attach="附加"), sign_type=sign_type)
    assert (made["result_code"], made["trade_type"]) == ("SUCCESS", "JSAPI") and made["prepay_id"].startswith("wx")
    assert (made["appid"], made["mch_id"]) == (shop.appid, shop.mine["mchid"])
    waiting = await shop.v2_said("/pay/orderquery", out_trade_no=number, sign_type=sign_type)
    assert (waiting["result_code"], waiting["trade_state"]) == ("SUCCESS", "NOTPAY") and "transaction_id" not in waiting
    done = await shop.pay(number, "never")
    for by in ({"out_trade_no": number}, {"transaction_id": done["transaction_id"], "out_trade_no": "ignored"}):
        paid = await shop.v2_said("/pay/orderquery", **by, sign_type=sign_type)
        assert (paid["trade_state"], paid["transaction_id"], paid["openid"]) == ("SUCCESS", done["transaction_id"], shop.openid)
        assert (paid["total_fee"], paid["cash_fee"], paid["fee_type"], paid["attach"]) == ("1234", "1234", "CNY", "附加")
        assert len(paid["time_end"]) == 14 and paid["time_end"].isdecimal()


async def test_both_versions_see_the_same_wallet(shop: Shop) -> None:
    number = await shop.v2_ordered()
    assert (await shop.order(number))["trade_state"] == "NOTPAY"
    assert (await shop.v2_said("/pay/closeorder", out_trade_no=number))["result_code"] == "SUCCESS"
    assert (await shop.order(number))["trade_state"] == "CLOSED"
    other = await shop.ordered()
    got = await shop.v2_said(UNIFIED, **shop.unified(other))
    assert (got["result_code"], got["err_code"]) == ("FAIL", "OUT_TRADE_NO_USED")


async def test_what_an_order_is_not_any_more_is_said(shop: Shop) -> None:
    closed, paid = await shop.v2_ordered(), await shop.v2_ordered()
    await shop.v2_said("/pay/closeorder", out_trade_no=closed)
    await shop.pay(paid, "never")
    for path, fields, code in (
        ("/pay/closeorder", {"out_trade_no": closed}, "ORDERCLOSED"),
        ("/pay/closeorder", {"out_trade_no": paid}, "ORDERPAID"),
        ("/pay/closeorder", {"out_trade_no": new_number()}, "ORDERNOTEXIST"),
        (UNIFIED, shop.unified(closed), "ORDERCLOSED"),
        (UNIFIED, shop.unified(paid), "ORDERPAID"),
        ("/pay/orderquery", {"out_trade_no": new_number()}, "ORDERNOTEXIST"),
        ("/pay/orderquery", {"transaction_id": "4200"}, "ORDERNOTEXIST"),
    ):
        got = await shop.v2_said(path, **fields)
        assert (got["result_code"], got["err_code"]) == ("FAIL", code) and got["err_code_des"]


@pytest.mark.parametrize("other", [{"total_fee": 1}, {"body": "别的"}, {"time_expire": "20991231000000"}, {"attach": "x"}])
async def test_other_values_under_a_known_number_are_refused_and_the_same_ones_are_not(shop: Shop, other: dict[str, Any]) -> None:
    number = await shop.v2_ordered()
    assert (await shop.v2_said(UNIFIED, **shop.unified(number)))["result_code"] == "SUCCESS"
    got = await shop.v2_said(UNIFIED, **shop.unified(number, **other))
    assert (got["result_code"], got["err_code"]) == ("FAIL", "OUT_TRADE_NO_USED")


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"out_trade_no": "x" * 33}, "PARAM_ERROR"),
        ({"out_trade_no": "字"}, "PARAM_ERROR"),
        ({"body": "字" * 43}, "PARAM_ERROR"),  # 129 bytes
        ({"total_fee": "0"}, "PARAM_ERROR"),
        ({"total_fee": "12.34"}, "PARAM_ERROR"),
        ({"total_fee": "-1"}, "PARAM_ERROR"),
        ({"total_fee": "1000000001"}, "PARAM_ERROR"),
        ({"notify_url": "https://pay.example/?a=1"}, "PARAM_ERROR"),
        ({"notify_url": "pay.example"}, "PARAM_ERROR"),
        ({"trade_type": "NATIVE"}, "PARAM_ERROR"),
        ({"openid": "o-of-nobody"}, "PARAM_ERROR"),
        ({"time_expire": "2030-01-01"}, "PARAM_ERROR"),
        ({"time_expire": in_a_while(30)}, "PARAM_ERROR"),
        ({"openid": None}, "LACK_PARAMS"),
        ({"total_fee": None}, "LACK_PARAMS"),
        ({"spbill_create_ip": None}, "LACK_PARAMS"),
    ],
)
async def test_a_wrong_parameter_is_refused(shop: Shop, other: dict[str, Any], code: str) -> None:
    got = await shop.v2_said(UNIFIED, **{**shop.unified(new_number()), **other})
    assert (got["return_code"], got["result_code"], got["err_code"]) == ("SUCCESS", "FAIL", code)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"sign": "0" * 32}, "SIGNERROR"),
        ({"sign_type": "SHA1"}, "SIGNERROR"),
        ({"mch_id": "9900000000"}, "MCHID_NOT_EXIST"),
        ({"appid": "wx0"}, "APPID_MCHID_NOT_MATCH"),
        ({"appid": None}, "LACK_PARAMS"),
        ({"nonce_str": None}, "LACK_PARAMS"),
    ],
)
async def test_a_message_that_is_not_the_merchants_fails_as_a_message_and_is_not_signed(shop: Shop, other: dict[str, Any], code: str) -> None:
    number = new_number()
    got = (await shop.v2(UNIFIED, **{**shop.unified(number), **other})).xml
    assert (got["return_code"], got["err_code"]) == ("FAIL", code) and got["return_msg"] and "sign" not in got
    assert (await shop.v2_said("/pay/orderquery", out_trade_no=number))["err_code"] == "ORDERNOTEXIST"


async def test_a_signature_in_small_letters_or_of_the_other_kind_is_wrong(shop: Shop) -> None:
    form = shop.form(**shop.unified(new_number()))
    for sign in (form["sign"].lower(), shop.sign(form, "HMAC-SHA256")):
        assert (await shop.v2(UNIFIED, to_xml({**form, "sign": sign}))).xml["err_code"] == "SIGNERROR"


@pytest.mark.parametrize("raw", [b"", b"<xml>", b"not xml", b'<!DOCTYPE x [<!ENTITY a "b">]><xml><appid>&a;</appid></xml>'])
async def test_what_is_no_xml_is_refused(shop: Shop, raw: bytes) -> None:
    got = (await shop.v2(UNIFIED, raw)).xml
    assert (got["return_code"], got["err_code"]) == ("FAIL", "XML_FORMAT_ERROR")


async def test_an_order_expires(shop: Shop) -> None:
    number = await shop.v2_ordered(time_expire=in_a_while(600))
    await shop.outside.pass_time(605)
    assert (await shop.outside.call("POST", "/world/wallets/wechat/pay", {"order_no": number})).status == 409
    assert (await shop.v2_said("/pay/orderquery", out_trade_no=number))["trade_state"] == "NOTPAY"


async def test_a_text_that_would_end_its_own_quoting_comes_back_as_it_was(shop: Shop) -> None:
    number, attach = new_number(), "a]]><total_fee>1</total_fee>"
    raw = to_xml(shop.form(**shop.unified(number, attach=attach))).replace(attach.encode(), attach.replace("]]>", "]]]]><![CDATA[>").encode())
    assert (await shop.v2(UNIFIED, raw)).xml["result_code"] == "SUCCESS"
    await shop.pay(number, "never")
    got = await shop.v2_said("/pay/orderquery", out_trade_no=number)
    assert (got["attach"], got["total_fee"]) == (attach, "1234")
