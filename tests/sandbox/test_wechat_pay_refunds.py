"""Money back through WeChat Pay: taken at once, done a little later, never twice and never more than was paid. v2 wants a certificate."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox import wechat_pay_keys
from tests.listener import listening
from tests.sandbox.outside import Outside, Process, until
from tests.sandbox.wechat_shop import Door, Shop, merchant_context, new_number


@pytest.fixture
async def shop(outside: Outside) -> AsyncIterator[Shop]:
    door = Door()
    async with listening(door.take) as door.url:
        yield await Shop(outside, door).open()


@pytest.fixture
def context(shop: Shop, tmp_path: Path) -> ssl.SSLContext:
    return merchant_context(shop, tmp_path)


async def test_a_refund_is_taken_at_once_and_done_a_little_later(shop: Shop) -> None:
    number, refund_no = await shop.paid(), new_number()
    taken = await shop.refund(number, refund_no, 234, reason="多缴")
    assert (taken.status, taken.json["status"]) == (200, "PROCESSING") and shop.genuine(taken) and "success_time" not in taken.json
    done = await shop.refund_state(refund_no)
    assert (done["refund_id"], done["out_trade_no"], done["out_refund_no"]) == (taken.json["refund_id"], number, refund_no)
    assert (done["amount"]["refund"], done["amount"]["total"], done["amount"]["payer_refund"]) == (234, 1234, 234)
    assert done["success_time"] >= done["create_time"] and done["transaction_id"] == (await shop.order(number))["transaction_id"]
    assert (await shop.order(number))["trade_state"] == "REFUND"
    (line,) = await shop.lines("pay.refunded", number)
    assert (line["refund_no"], line["amount_fen"], line["person"]) == (refund_no, 234, shop.payer["person"])
    (listed,) = [one for one in (await shop.outside.world("GET", "/wallets/orders"))["orders"] if one["order_no"] == number]
    assert (listed["state"], listed["refunded_fen"]) == ("paid", 234)


async def test_the_same_refund_asked_again_moves_no_more_money(shop: Shop) -> None:
    number, refund_no = await shop.paid(), new_number()
    first = (await shop.refund(number, refund_no, 1234)).json
    await shop.refund_state(refund_no)
    again = (await shop.refund(number, refund_no, 1234)).json
    assert (again["refund_id"], again["status"]) == (first["refund_id"], "SUCCESS")
    assert len(await shop.lines("pay.refunded", number)) == 1


async def test_other_values_under_a_known_refund_number_are_refused(shop: Shop) -> None:
    number, other, refund_no = await shop.paid(), await shop.paid(), new_number()
    await shop.refund(number, refund_no, 100)
    for got in (await shop.refund(number, refund_no, 200), await shop.refund(other, refund_no, 100)):
        assert (got.status, got.json["code"]) == (400, "INVALID_REQUEST")
    assert (await shop.order(other))["trade_state"] == "SUCCESS"


async def test_the_parts_never_exceed_the_whole(shop: Shop) -> None:
    number = await shop.paid()
    assert (await shop.refund(number, new_number(), 1000)).status == 200
    over = await shop.refund(number, new_number(), 235)
    assert (over.status, over.json["code"]) == (400, "INVALID_REQUEST")
    assert (await shop.refund(number, new_number(), 234)).status == 200
    assert (await shop.refund(number, new_number(), 1)).status == 400


async def test_after_fifty_parts_there_are_no_more(shop: Shop) -> None:
    number = await shop.paid()
    for _ in range(50):
        assert (await shop.refund(number, new_number(), 1)).status == 200
    got = await shop.refund(number, new_number(), 1)
    assert (got.status, got.json["code"]) == (403, "RULE_LIMIT")


async def test_a_refund_that_cannot_be_is_refused(shop: Shop) -> None:
    unpaid, paid = await shop.ordered(), await shop.paid()
    cases: list[tuple[Any, int, str]] = [
        (await shop.refund(unpaid, new_number(), 1), 400, "INVALID_REQUEST"),
        (await shop.refund(new_number(), new_number(), 1), 404, "RESOURCE_NOT_EXISTS"),
        (await shop.refund(paid, new_number(), 1, amount={"refund": 1, "total": 1, "currency": "CNY"}), 400, "INVALID_REQUEST"),
        (await shop.refund(paid, new_number(), 0), 400, "PARAM_ERROR"),
        (await shop.refund(paid, "字", 1), 400, "PARAM_ERROR"),
        (await shop.refund(paid, new_number(), 1, notify_url="https://x.example/?a=b"), 400, "PARAM_ERROR"),
        (await shop.v3("GET", f"/v3/refund/domestic/refunds/{new_number()}"), 404, "RESOURCE_NOT_EXISTS"),
    ]
    for got, status, code in cases:
        assert (got.status, got.json["code"]) == (status, code) and shop.genuine(got)
    assert (await shop.order(paid))["trade_state"] == "SUCCESS"


async def test_by_the_transaction_it_is_found_as_well(shop: Shop) -> None:
    number, refund_no = await shop.paid(), new_number()
    transaction_id = (await shop.order(number))["transaction_id"]
    got = await shop.refund(number, refund_no, 5, out_trade_no="", transaction_id=transaction_id)
    assert got.json["out_trade_no"] == number


async def test_after_a_year_nothing_is_paid_back(private: Any) -> None:
    async with listening(Door().take) as url:
        shop = await Shop(private(), Door(url)).open()
        number = await shop.paid()
        for _ in range(2):
            await shop.outside.pass_time(183 * 86400)
        assert (await shop.refund(number, new_number(), 1)).json["code"] == "INVALID_REQUEST"


async def test_a_merchant_without_money_can_try_again_later(shop: Shop) -> None:
    number, refund_no = await shop.paid(), new_number()
    async with shop.outside.faults(wechat_pay={"not_enough": True}):
        got = await shop.refund(number, refund_no, 1)
        assert (got.status, got.json["code"]) == (403, "NOT_ENOUGH")
    assert (await shop.refund(number, refund_no, 1)).status == 200


async def test_a_refund_stays_under_way_until_the_switch_is_off(shop: Shop) -> None:
    number, refund_no = await shop.paid(), new_number()
    async with shop.outside.faults(wechat_pay={"refund_processing": True}):
        await shop.outside.world("POST", "/clock", {"speed": 10_000})  # a refund takes less than one call
        for _ in range(5):
            assert (await shop.refund(number, refund_no, 1)).json["status"] == "PROCESSING"
    await shop.outside.world("POST", "/clock", {"speed": 1})
    await shop.refund_state(refund_no)


async def test_an_abnormal_refund_is_told_and_moves_nothing(shop: Shop) -> None:
    number, refund_no = await shop.paid(), new_number()
    async with shop.outside.faults(wechat_pay={"refund_abnormal": True}):
        await shop.refund(number, refund_no, 1)
        await shop.refund_state(refund_no, "ABNORMAL")
    assert await shop.lines("pay.refunded", number) == []
    await shop.tries(number, 1)
    (told,) = shop.door.got
    assert told.json["event_type"] == "REFUND.ABNORMAL"


async def test_a_refund_under_way_goes_on_after_kill_9(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    door, process = Door(), Process(tmp_path / "world").start()
    async with listening(door.take) as door.url:
        shop = await Shop(Outside(process, http), door).open()
        number, refund_no = await shop.paid(), new_number()
        await shop.outside.world("PUT", "/faults", {"wechat_pay": {"refund_processing": True}})
        assert (await shop.refund(number, refund_no, 1)).json["status"] == "PROCESSING"
        process.kill()
        process.start()
        try:
            await shop.refund_state(refund_no)
            assert [one[2] for one in await shop.tries(number, 1)] == ["200"]
        finally:
            process.kill()


# v2


async def test_v2_refunds_by_certificate_and_says_how_it_stands(shop: Shop, context: ssl.SSLContext) -> None:
    number, refund_no = await shop.v2_ordered(), new_number()
    done = await shop.pay(number, "never")
    taken = (await shop.v2_refund(number, refund_no, 234, context=context)).xml
    assert (taken["return_code"], taken["result_code"], taken["out_refund_no"]) == ("SUCCESS", "SUCCESS", refund_no)
    assert (taken["refund_fee"], taken["total_fee"], taken["transaction_id"]) == ("234", "1234", done["transaction_id"])
    assert taken["sign"] == shop.sign(taken)

    async def shown() -> Any:
        got = await shop.v2_said("/pay/refundquery", out_refund_no=refund_no)
        return got if got["refund_status_0"] == "SUCCESS" else None

    told = await until(shown)
    assert (told["refund_count"], told["refund_fee_0"], told["refund_id_0"], told["refund_fee"]) == ("1", "234", taken["refund_id"], "234")
    assert told["refund_success_time_0"]
    await shop.v2_refund(number, new_number(), 1000, context=context)
    for by in ({"out_trade_no": number}, {"transaction_id": done["transaction_id"]}):
        assert (await shop.v2_said("/pay/refundquery", **by))["refund_count"] == "2"
    assert (await shop.v2_said("/pay/refundquery", refund_id=taken["refund_id"]))["out_refund_no_0"] == refund_no
    assert (await shop.v2_said("/pay/orderquery", out_trade_no=number))["trade_state"] == "REFUND"


async def test_v2_refuses_a_refund_by_code(shop: Shop, context: ssl.SSLContext) -> None:
    paid, unpaid, refund_no = await shop.v2_ordered(), await shop.v2_ordered(), new_number()
    await shop.pay(paid, "never")
    await shop.v2_refund(paid, refund_no, 1000, context=context)
    for got, code in (
        (await shop.v2_refund(paid, refund_no, 1, context=context), "REFUND_FEE_MISMATCH"),
        (await shop.v2_refund(paid, new_number(), 235, context=context), "REFUND_FEE_INVALID"),
        (await shop.v2_refund(unpaid, new_number(), 1, context=context), "TRADE_STATE_ERROR"),
        (await shop.v2_refund(new_number(), new_number(), 1, context=context), "ORDERNOTEXIST"),
        (await shop.v2_refund(paid, new_number(), 0, context=context), "PARAM_ERROR"),
    ):
        assert (got.xml["return_code"], got.xml["result_code"], got.xml["err_code"]) == ("SUCCESS", "FAIL", code)
        assert got.xml["sign"] == shop.sign(got.xml)
    async with shop.outside.faults(wechat_pay={"not_enough": True}):
        assert (await shop.v2_refund(paid, new_number(), 1, context=context)).xml["err_code"] == "NOTENOUGH"
    for by in ({"out_refund_no": new_number()}, {"refund_id": "5030"}, {"out_trade_no": unpaid}):
        assert (await shop.v2_said("/pay/refundquery", **by))["err_code"] == "REFUNDNOTEXIST"


async def test_v2_refunds_nothing_to_who_shows_no_certificate(shop: Shop, tmp_path: Path) -> None:
    number = await shop.v2_ordered()
    await shop.pay(number, "never")
    bare = await shop.v2_refund(number, new_number(), 1, context=merchant_context(shop, tmp_path, certificate=False))
    plain = await shop.v2("/secapi/pay/refund", out_trade_no=number, out_refund_no=new_number(), total_fee=1234, refund_fee=1)
    for got in (bare, plain):
        assert got.status == 400 and b"No required SSL certificate was sent" in got.body
    assert (await shop.v2_said("/pay/orderquery", out_trade_no=number))["trade_state"] == "SUCCESS"


async def test_v2_refunds_nothing_to_another_merchants_certificate(shop: Shop, tmp_path: Path) -> None:
    given, _ = wechat_pay_keys.make()  # of another world
    file = tmp_path / "other.pem"
    file.write_text(given["merchant_private_key"] + given["merchant_cert"])
    context = ssl.create_default_context(cadata=shop.mine["refund_ca"])
    context.load_cert_chain(file)
    number = await shop.v2_ordered()
    await shop.pay(number, "never")
    with pytest.raises(aiohttp.ClientError):
        await shop.v2_refund(number, new_number(), 1, context=context)


async def test_the_refund_door_is_no_plain_http_and_its_certificate_is_of_its_own_authority(shop: Shop) -> None:
    url = shop.mine["refund_url"]
    assert url.startswith("https://127.0.0.1:") and url.endswith("/secapi/pay/refund")
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await shop.v2_refund(new_number(), new_number(), 1, context=ssl.create_default_context())
    with pytest.raises(aiohttp.ClientError):
        async with shop.outside.http.post(url.replace("https:", "http:"), data=b"<xml></xml>"):
            pass


async def test_a_refund_whose_answer_is_lost_was_made_all_the_same(shop: Shop, context: ssl.SSLContext) -> None:
    number, refund_no = await shop.v2_ordered(), new_number()
    await shop.pay(number, "never")
    async with shop.outside.faults(wechat_pay={"lose_replies": True}):
        with pytest.raises(aiohttp.ClientError):
            await shop.v2_refund(number, refund_no, 1, context=context)
    assert (await shop.v2_said("/pay/refundquery", out_refund_no=refund_no))["refund_count"] == "1"


async def test_the_door_stands_where_it_was_after_a_restart(private: Any) -> None:
    outside = private()
    before = outside.accounts["wechat"]["pay"]["refund_url"]
    outside.process.kill()
    outside.process.start()
    assert (await outside.world("GET", "/accounts"))["wechat"]["pay"]["refund_url"] == before
