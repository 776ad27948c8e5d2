"""SF as the sandbox plays it: the digest over the URL-encoded text, results in strings, order numbers good for one order."""

import asyncio
import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from sandbox.sf_gate import digest
from tests.sandbox.courier_shop import (
    FORM,
    HALL,
    HOME,
    NOWHERE,
    own_no,
    scan,
    sf,
    sf_book,
    sf_cancel,
    sf_digest,
    sf_form,
    sf_order,
    sf_platform,
    sf_routes,
)
from tests.sandbox.outside import Json, Outside

# The example of SF's own paper on signing.
MESSAGE, MOMENT, WORD = '{"language":"zh-CN","orderId":"QIAO-20200618-004"}', "12312334453453", "fjcg5PGKaNpPSHFAZ4QsCOkV71R3zVci"


async def look(world: Outside, order_no: str) -> Any:
    return await sf(world, "EXP_RECE_SEARCH_ORDER_RESP", orderId=order_no, searchType="1")


async def lines(world: Outside, kind: str, order_no: str) -> list[Json]:
    return [one for one in await world.ledger("sf") if one["kind"] == kind and one.get("order_no") == order_no]


def address(party: Json) -> Json:
    return {"province": party["province"], "city": party["city"], "district": party["county"], "address": party["address"]}


def test_the_official_example_of_the_digest_comes_out() -> None:
    assert digest(MESSAGE, MOMENT, WORD) == sf_digest(MESSAGE, MOMENT, WORD) == "IIKJtuLVzoFTu4kHI8M8vA=="


@pytest.mark.parametrize("text", ["a b", "a*b", "a~b", "a-b_c.d", "证照，到付！", "a+b%20&=/"])
def test_the_digest_encodes_as_java_does(text: str) -> None:
    assert digest(text, "1", "w") == sf_digest(text, "1", "w")


async def test_an_order_has_a_waybill_and_is_found_again(outside: Outside) -> None:
    own = own_no()
    code, told = await sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own, payMethod=2))
    waybill = told["waybillNoInfoList"][0]["waybillNo"]
    assert (code, told["orderId"], told["filterResult"]) == ("S0000", own, 2) and re.fullmatch(r"SF[0-9]{13}", waybill)
    code, found = await look(outside, own)
    assert (code, found["waybillNoInfoList"], found["filterResult"]) == ("S0000", told["waybillNoInfoList"], "2")
    (entry,) = await lines(outside, "order.created", own)
    assert (entry["waybill"], entry["payer"], entry["goods"]) == (waybill, "receiver", "证照")


async def test_an_order_number_makes_one_order_however_many_ask_at_once(outside: Outside) -> None:
    own = own_no()
    asked = [sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own)) for _ in range(20)]
    codes = sorted([code for code, _ in await asyncio.gather(*asked)])
    assert codes == ["8016"] * 19 + ["S0000"]
    assert len(await lines(outside, "order.created", own)) == 1


async def test_a_cancelled_order_number_is_never_good_again(outside: Outside) -> None:
    own = own_no()
    await sf_book(outside, own)
    assert [await sf_cancel(outside, own), await sf_cancel(outside, own)] == ["S0000", "8037"]
    assert (await look(outside, own))[0] == "8037"
    assert (await sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own)))[0] == "8253"
    assert len(await lines(outside, "order.cancelled", own)) == 1


async def test_what_is_collected_is_not_cancelled(outside: Outside) -> None:
    own = own_no()
    await sf_book(outside, own)
    await scan(outside, "sf", own, "collect")
    assert await sf_cancel(outside, own) == "8044"
    assert (await look(outside, own))[0] == "S0000"


async def test_cancelling_names_the_order_rightly(outside: Outside) -> None:
    own = own_no()
    assert await sf_cancel(outside, own) == "8018"
    await sf_book(outside, own)
    other = {"orderId": own, "dealType": 2, "waybillNoInfoList": [{"waybillType": 1, "waybillNo": "SF0000000000000"}]}
    assert (await sf(outside, "EXP_RECE_UPDATE_ORDER", **other))[0] == "8017"
    assert (await sf(outside, "EXP_RECE_UPDATE_ORDER", orderId=own, dealType=1))[0] == "8252"


async def test_nobody_goes_where_nothing_is_delivered_and_the_number_is_used_up(outside: Outside) -> None:
    own = own_no()
    code, told = await sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own, NOWHERE))
    assert (code, told["filterResult"], told["waybillNoInfoList"]) == ("S0000", 3, None)
    assert (await look(outside, own))[1]["filterResult"] == "3"
    assert (await sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own)))[0] == "8016"
    assert await lines(outside, "order.created", own) == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"orderId": ""}, "6118"),
        ({"orderId": "P" * 65}, "S0004"),
        ({"cargoDetails": []}, "S0002"),
        ({"contactInfoList": []}, "8039"),
        ({"contactInfoList": sf_order("x")["contactInfoList"][:1]}, "8040"),
        ({"payMethod": 4}, "20052"),
        ({"monthlyCard": "7550000000x"}, "20052"),
    ],
)
async def test_a_wrong_order_is_refused_by_its_own_code(outside: Outside, wrong: Json, code: str) -> None:
    own = own_no()
    assert (await sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own, **wrong)))[0] == code
    assert await lines(outside, "order.created", own) == []


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"msgDigest": sf_digest("{}", "1", "another")}, "A1006"),
        ({"msgDigest": None}, "A1001"),
        ({"timestamp": None}, "A1001"),
        ({"timestamp": "yesterday"}, "A1001"),
        ({"partnerID": "SOMEBODY"}, "A1004"),
        ({"serviceCode": "EXP_RECE_NOTHING"}, "A1004"),
        ({"msgDigest": None, "accessToken": "0" * 32}, "A1002"),
    ],
)
async def test_the_platform_turns_a_wrong_call_away(outside: Outside, other: dict[str, str | None], code: str) -> None:
    own = own_no()
    answer = await sf_platform(outside, "EXP_RECE_CREATE_ORDER", json.dumps(sf_order(own)), **other)
    assert (answer["apiResultCode"], answer["apiResultData"]) == (code, None) and answer["apiErrorMsg"]
    assert await lines(outside, "order.created", own) == []


async def test_a_digest_without_the_url_encoding_is_wrong(outside: Outside) -> None:
    mine, data = outside.accounts["sf"], json.dumps(sf_order(own_no()), ensure_ascii=False)
    plain = base64.b64encode(hashlib.md5((data + "1" + mine["check_word"]).encode()).digest()).decode()
    answer = await sf_platform(outside, "EXP_RECE_CREATE_ORDER", data, timestamp="1", msgDigest=plain)
    assert answer["apiResultCode"] == "A1006"


async def test_what_is_no_json_is_the_services_refusal(outside: Outside) -> None:
    for data in ("{", "[]", '"x"'):
        answer = await sf_platform(outside, "EXP_RECE_CREATE_ORDER", data)
        assert (answer["apiResultCode"], json.loads(answer["apiResultData"])["errorCode"]) == ("A1000", "S0001")


async def test_a_body_that_is_no_form_has_no_fields(outside: Outside) -> None:
    raw = sf_form(outside, "EXP_RECE_CREATE_ORDER", "{}")
    assert (await outside.call("POST", "/std/service", raw=raw, headers={"Content-Type": "application/json"})).json["apiResultCode"] == "A1001"


async def test_a_token_stands_for_the_digest_for_two_hours(outside: Outside) -> None:
    mine = outside.accounts["sf"]

    async def ask(**form: str) -> Json:
        return (await outside.call("POST", "/oauth2/accessToken", raw=urlencode(form).encode(), headers=FORM)).json

    known = {"partnerID": mine["partner_id"], "secret": mine["check_word"]}
    made = await ask(**known, grantType="password")
    assert (made["apiResultCode"], made["expiresIn"]) == ("A1000", 7200)
    assert (await ask(partnerID=mine["partner_id"], secret="x", grantType="password"))["apiResultCode"] == "A1004"
    assert (await ask(grantType="password"))["apiResultCode"] == "A1001"
    data, with_token = json.dumps({"orderId": own_no()}), {"msgDigest": None, "accessToken": made["accessToken"]}
    assert (await sf_platform(outside, "EXP_RECE_SEARCH_ORDER_RESP", data, **with_token))["apiResultCode"] == "A1000"
    await outside.pass_time(7200)
    assert (await sf_platform(outside, "EXP_RECE_SEARCH_ORDER_RESP", data, **with_token))["apiResultCode"] == "A1002"


async def test_routes_have_no_id_are_in_order_and_in_beijing(outside: Outside) -> None:
    own = own_no()
    waybill = await sf_book(outside, own)
    assert await sf_routes(outside, waybill) == []
    await scan(outside, "sf", waybill, "collect", at="2026-11-29T18:30:05Z")
    await scan(outside, "sf", own, "transit", at="2026-11-30T09:00:00+08:00", place="长沙市")
    first, second = await sf_routes(outside, waybill)
    assert set(first) == {"acceptAddress", "acceptTime", "remark", "opCode"}
    assert (first["opCode"], first["acceptTime"]) == ("50", "2026-11-30 02:30:05")
    assert (second["opCode"], second["acceptTime"], second["acceptAddress"]) == ("30", "2026-11-30 09:00:00", "长沙市")
    _, by_order = await sf(outside, "EXP_RECE_SEARCH_ROUTES", trackingType="2", trackingNumber=own)
    assert by_order["routeResps"] == [{"mailNo": waybill, "routes": [first, second]}]


async def test_the_way_is_told_to_who_knows_a_phone(outside: Outside) -> None:
    waybill = await sf_book(outside, own_no())
    await scan(outside, "sf", waybill, "collect")
    for digits, routes in (("0002", 1), ("6666", 1), ("0000", 0)):
        assert len(await sf_routes(outside, waybill, checkPhoneNo=digits)) == routes
    assert await sf_routes(outside, "SF0000000000000") == []
    assert (await sf(outside, "EXP_RECE_SEARCH_ROUTES", trackingNumber=[]))[0] == "8013"


@pytest.mark.parametrize(("to", "fee"), [(HOME, 18), (HALL, 12)])
async def test_a_price_is_in_yuan_and_only_where_it_is_asked_for(outside: Outside, to: Json, fee: int) -> None:
    asked = {"businessType": "2", "srcAddress": address(HALL), "destAddress": address(to)}
    (line,) = (await sf(outside, "EXP_RECE_QUERY_DELIVERTM", **asked, searchPrice="1"))[1]["deliverTmDto"]
    assert (line["fee"], line["searchPrice"]) == (fee, "1") and re.fullmatch(r"(.{19}),\1", line["deliverTime"])
    (line,) = (await sf(outside, "EXP_RECE_QUERY_DELIVERTM", **asked))[1]["deliverTmDto"]
    assert (line["fee"], line["searchPrice"]) == (None, "0")


async def test_there_is_no_price_to_where_nobody_goes(outside: Outside) -> None:
    asked = {"srcAddress": address(HALL), "destAddress": address(NOWHERE), "searchPrice": "1"}
    assert (await sf(outside, "EXP_RECE_QUERY_DELIVERTM", **asked))[1] == {"deliverTmDto": []}
    assert (await sf(outside, "EXP_RECE_QUERY_DELIVERTM", srcAddress=address(HALL)))[0] == "S0002"


async def test_a_lost_reply_leaves_the_order(outside: Outside) -> None:
    own = own_no()
    async with outside.faults(sf={"lose_replies": True}):
        with pytest.raises(aiohttp.ClientError):
            await sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own))
    assert (await look(outside, own))[0] == "S0000"
    assert (await sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own)))[0] == "8016"


async def test_an_order_may_not_be_found_for_a_while_though_it_is_there(outside: Outside) -> None:
    own = own_no()
    async with outside.faults(sf={"hide_orders_ms": 600_000}):
        await sf_book(outside, own)
        assert (await look(outside, own))[0] == "8018"
        assert (await sf(outside, "EXP_RECE_CREATE_ORDER", **sf_order(own)))[0] == "8016"
    assert (await look(outside, own))[0] == "S0000"


async def test_its_own_failure_is_a_code_and_nothing_is_done(outside: Outside) -> None:
    own = own_no()
    async with outside.faults(sf={"error_rate": 1.0}):
        answer = await sf_platform(outside, "EXP_RECE_CREATE_ORDER", json.dumps(sf_order(own)))
        assert (answer["apiResultCode"], answer["apiResultData"]) == ("A1099", None)
    assert await lines(outside, "order.created", own) == []
