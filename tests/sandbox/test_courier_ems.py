"""EMS as the sandbox plays it: bodies sealed with SM4 and the key behind them, answers that are JSON in a string."""

import asyncio
import re

import aiohttp
import pytest

from sandbox.ems_sm4 import opened, sealed
from tests.sandbox.courier_shop import NOWHERE, ems, ems_book, ems_order, ems_sealed, own_no, scan
from tests.sandbox.outside import Json, Outside

# The first as EMS' sample code computes it; the second is its sign tool's, kept in the tests of a public implementation.
KEY, TEXT = "MDEyMzQ1Njc4OWFiY2RlZg==", '{"waybillNo":"1136281381675"}'
SEALED = "|$4|ImkUJUd6SVUDz3sP0NMBliV5RoJTvVJW9yzdiYCkqbr++Q9qL82C2jxcJhNmorLUMl1QH9ahSF9rrKTItnvJYA=="
TOOLS_KEY, TOOLS_TEXT = "WjNoNmhXWE12SFZJdk0zWQ==", '[{"wholeAddress":"ABC123"}]'
TOOLS_SEALED = "|$4|slRLUixzb1DplJxnGKMG5tcXh0zH5Ry1qZAIemYxDc7VfSxow31WUmgLbzbJt996Ud/vpaVOMcwyqsLvQRXPaA=="


async def lines(world: Outside, kind: str, order_no: str) -> list[Json]:
    return [one for one in await world.ledger("ems") if one["kind"] == kind and one.get("order_no") == order_no]


async def cancel(world: Outside, order_no: str, waybill: str) -> str:
    code: str = (await ems(world, "020006", {"logisticsOrderNo": order_no, "waybillNo": waybill, "cancelReason": "用户取消"}))[0]
    return code


@pytest.mark.parametrize(("key", "text", "known"), [(KEY, TEXT, SEALED), (TOOLS_KEY, TOOLS_TEXT, TOOLS_SEALED)])
def test_known_texts_are_sealed_as_ems_seals_them(key: str, text: str, known: str) -> None:
    assert sealed(text + key, key) == ems_sealed(text, key) == known
    assert opened(known, key) == text + key


@pytest.mark.parametrize("body", ["", "ImkUJUd6SVU=", "|$4|", "|$4|%%%", "|$4|AAAA", SEALED[:-8] + "AAAAAAA=", SEALED])
def test_what_another_key_sealed_does_not_open(body: str) -> None:
    with pytest.raises(ValueError):
        opened(body, TOOLS_KEY)


async def test_an_order_has_a_waybill_and_is_found_by_its_number(outside: Outside) -> None:
    own = own_no()
    assert (await ems(outside, "020004", {"logisticsOrderNo": own}))[0] == "B00030"
    code, told = await ems(outside, "020003", ems_order(own, paymentMode="2"))
    assert (code, told["logisticsOrderNo"]) == ("00000", own) and re.fullmatch(r"1[0-9]{12}", told["waybillNo"])
    assert (await ems(outside, "020004", {"logisticsOrderNo": own}))[1] == {
        "logisticsOrderNo": own,
        "waybillNo": told["waybillNo"],
        "orderStatus": "1",
    }
    (entry,) = await lines(outside, "order.created", own)
    assert (entry["waybill"], entry["payer"], entry["goods"]) == (told["waybillNo"], "receiver", "材料")


async def test_an_order_number_makes_one_order_however_many_ask_at_once(outside: Outside) -> None:
    own = own_no()
    codes = sorted([code for code, _ in await asyncio.gather(*[ems(outside, "020003", ems_order(own)) for _ in range(20)])])
    assert codes == ["00000"] + ["B00010"] * 19
    assert len(await lines(outside, "order.created", own)) == 1


async def test_a_cancelled_order_stays_cancelled_and_its_number_used(outside: Outside) -> None:
    own = own_no()
    waybill = await ems_book(outside, own)
    assert [await cancel(outside, own, waybill), await cancel(outside, own, waybill)] == ["00000", "00000"]
    assert (await ems(outside, "020004", {"logisticsOrderNo": own}))[1]["orderStatus"] == "2"
    assert (await ems(outside, "020003", ems_order(own)))[0] == "B00010"
    assert len(await lines(outside, "order.cancelled", own)) == 1


async def test_only_what_is_not_collected_is_cancelled_and_only_by_its_own_numbers(outside: Outside) -> None:
    own = own_no()
    waybill = await ems_book(outside, own)
    assert await cancel(outside, own, "1000000000000") == "B00030"
    assert await cancel(outside, own_no(), waybill) == "B00030"
    await scan(outside, "ems", own, "collect")
    assert await cancel(outside, own, waybill) == "B00040"


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"senderNo": "1"}, "S00002"),
        ({"authorization": "x"}, "S00002"),
        ({"apiCode": "999999"}, "S00003"),
        ({"timeStamp": ""}, "S00001"),
        ({"timeStamp": "1764380000000"}, "S00001"),
        ({"logitcsInterface": SEALED}, "S00004"),
        ({"logitcsInterface": '{"a":1}'}, "S00004"),
    ],
)
async def test_the_platform_turns_a_wrong_call_away(outside: Outside, other: dict[str, str], code: str) -> None:
    own = own_no()
    assert (await ems(outside, "020003", ems_order(own), **other))[0] == code
    assert await lines(outside, "order.created", own) == []


async def test_a_body_without_its_key_behind_it_is_turned_away(outside: Outside) -> None:
    key = outside.accounts["ems"]["sign_key"]
    assert (await ems(outside, "040001", None, logitcsInterface=sealed(TEXT, key)))[0] == "S00004"
    assert (await ems(outside, "040001", None, logitcsInterface=sealed(TEXT + key, key)))[0] == "00000"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"logisticsOrderNo": ""}, "B00001"),
        ({"receiver": {}}, "B00001"),
        ({"bizProductNo": None}, "B00001"),
        ({"receiver": ems_order("x", NOWHERE)[0]["receiver"]}, "B00020"),
    ],
)
async def test_a_wrong_order_is_refused_and_its_number_stays_free(outside: Outside, wrong: Json, code: str) -> None:
    own = own_no()
    assert (await ems(outside, "020003", [ems_order(own)[0] | wrong]))[0] == code
    assert await ems_book(outside, own)


async def test_tracks_are_in_order_and_in_beijing(outside: Outside) -> None:
    waybill = await ems_book(outside, own_no())
    assert (await ems(outside, "040001", {"waybillNo": waybill}))[1] == {"responseItems": []}
    await scan(outside, "ems", waybill, ["collect", "transit", "deliver"])
    await scan(outside, "ems", waybill, "sign", at="2036-11-29T18:30:05Z")
    tracks = (await ems(outside, "040001", {"waybillNo": waybill}))[1]["responseItems"]
    assert [one["opCode"] for one in tracks] == ["203", "305", "702", "704"]
    assert (tracks[-1]["opTime"], tracks[-1]["opName"]) == ("2036-11-30 02:30:05", "妥投")
    assert len({one["opTime"] for one in tracks}) == 4
    assert set(tracks[0]) == {
        "waybillNo",
        "opTime",
        "opCode",
        "opName",
        "opDesc",
        "opOrgCode",
        "opOrgName",
        "opOrgProvName",
        "opOrgCity",
        "operatorName",
    }


async def test_postage_is_known_once_it_is_posted_and_estimated_before(outside: Outside) -> None:
    own = own_no()
    waybill = await ems_book(outside, own)
    asked = {"logisticsOrderNo": own, "waybillNo": waybill}
    assert (await ems(outside, "050001", asked))[0] == "B00050"
    await scan(outside, "ems", own, "collect")
    assert (await ems(outside, "050001", asked))[1]["postageTotal"] == "18.00"
    ends = {"productCode": "115104300000691", "weight": "200", "senderInfo": "广东省深圳市科技路1号"}
    assert (await ems(outside, "050005", {**ends, "receiveInfo": "湖南省长沙市麓山路2号"}))[1] == {"totalFee": "18.00"}
    assert (await ems(outside, "050005", {**ends, "receiveInfo": "广东省广州市中山路2号"}))[1] == {"totalFee": "12.00"}
    assert (await ems(outside, "050005", {**ends, "receiveInfo": "湖南省长沙市不派送村2号"}))[0] == "B00020"


async def test_a_lost_reply_leaves_the_order(outside: Outside) -> None:
    own = own_no()
    async with outside.faults(ems={"lose_replies": True}):
        with pytest.raises(aiohttp.ClientError):
            await ems_book(outside, own)
    async with outside.faults(ems={"hide_orders_ms": 600_000}):
        assert (await ems(outside, "020004", {"logisticsOrderNo": own}))[0] == "B00030"
    assert (await ems(outside, "020004", {"logisticsOrderNo": own}))[0] == "00000"
    assert (await ems(outside, "020003", ems_order(own)))[0] == "B00010"
