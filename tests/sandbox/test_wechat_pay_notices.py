"""WeChat Pay tells the merchant: signed anew each time, repeated on its ladder, and everything that goes wrong on the way."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.listener import listening
from tests.sandbox.outside import Outside, Process, until
from tests.sandbox.wechat_shop import ACK, Door, Got, Shop, merchant_context, new_number

LADDER = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
VERSIONS = pytest.mark.parametrize("version", ["v2", "v3"])


@pytest.fixture
async def shop(outside: Outside) -> AsyncIterator[Shop]:
    door = Door()
    async with listening(door.take) as door.url:
        yield await Shop(outside, door).open()


@pytest.fixture
async def fast(outside: Outside) -> AsyncIterator[None]:
    """The whole ladder in about a second."""
    await outside.world("POST", "/clock", {"speed": 100_000})
    yield
    await outside.world("POST", "/clock", {"speed": 1})


async def ordered(shop: Shop, version: str) -> str:
    return await (shop.ordered() if version == "v3" else shop.v2_ordered())


async def heard(shop: Shop, times: int = 1) -> list[Got]:
    async def enough() -> list[Got]:
        return shop.door.got if len(shop.door.got) >= times else []

    found: list[Got] = await until(enough)
    return found


def is_genuine(shop: Shop, told: Got) -> bool:
    return shop.genuine(told) if b"ciphertext" in told.body else told.xml["sign"] == shop.sign(told.xml, told.xml.get("sign_type", "MD5"))


async def test_v3_tells_of_a_payment_encrypted_and_signed(shop: Shop) -> None:
    number = await shop.ordered(attach="附加")
    done = await shop.pay(number)
    (told,) = await heard(shop)
    assert shop.genuine(told) and told.headers["Wechatpay-Serial"].startswith("PUB_KEY_ID_") and told.headers["Content-Type"] == "application/json"
    body = told.json
    assert (body["resource_type"], body["event_type"], body["resource"]["original_type"]) == (
        "encrypt-resource",
        "TRANSACTION.SUCCESS",
        "transaction",
    )
    assert body["id"] and body["create_time"].endswith("+08:00") and body["summary"] == "支付成功"
    content = shop.opened(body["resource"])
    assert len(body["resource"]["nonce"]) == 12 and b"1234" not in told.body
    assert Got(0, {}, content).json == await shop.order(number)
    assert Got(0, {}, content).json["transaction_id"] == done["transaction_id"]
    assert await shop.tries(number, 1) == [(1, False, "200")]


async def test_v3_tells_of_a_refund(shop: Shop) -> None:
    number, refund_no = await shop.paid(), new_number()
    await shop.refund(number, refund_no, 234)
    (told,) = await heard(shop)
    assert shop.genuine(told) and (told.json["event_type"], told.json["resource"]["original_type"]) == ("REFUND.SUCCESS", "refund")
    content = Got(0, {}, shop.opened(told.json["resource"])).json
    assert (content["out_trade_no"], content["out_refund_no"], content["refund_status"]) == (number, refund_no, "SUCCESS")
    assert content["amount"] == {"total": 1234, "refund": 234, "payer_total": 1234, "payer_refund": 234}
    assert content["mchid"] == shop.mine["mchid"] and content["success_time"] and content["refund_id"]
    assert [one["about"] for one in await shop.lines("pay.notice", number)] == ["refund"]


@pytest.mark.parametrize("sign_type", ["MD5", "HMAC-SHA256"])
async def test_v2_tells_of_a_payment_signed_as_the_order_was(shop: Shop, sign_type: str) -> None:
    number = await shop.v2_ordered(sign_type=sign_type, attach="附加")
    done = await shop.pay(number)
    (told,) = await heard(shop)
    xml = told.xml
    assert (xml["return_code"], xml["result_code"], xml["out_trade_no"]) == ("SUCCESS", "SUCCESS", number)
    assert xml["sign"] == shop.sign(xml, sign_type)
    assert (xml["transaction_id"], xml["total_fee"], xml["openid"]) == (done["transaction_id"], "1234", shop.openid)
    assert (xml["appid"], xml["mch_id"], xml["attach"], xml["trade_type"]) == (shop.appid, shop.mine["mchid"], "附加", "JSAPI")
    assert await shop.tries(number, 1) == [(1, False, "200")]


async def test_v2_tells_of_a_refund_unsigned_but_encrypted(shop: Shop, tmp_path: Path) -> None:
    number, refund_no = await shop.v2_ordered(), new_number()
    await shop.pay(number, "never")
    await shop.v2_refund(number, refund_no, 234, context=merchant_context(shop, tmp_path))
    (told,) = await heard(shop)
    assert told.xml.keys() == {"return_code", "appid", "mch_id", "nonce_str", "req_info"}
    content = shop.opened_v2(told)
    assert (content["out_trade_no"], content["out_refund_no"], content["refund_status"]) == (number, refund_no, "SUCCESS")
    assert (content["refund_fee"], content["total_fee"]) == ("234", "1234") and content["refund_id"] and content["success_time"]
    assert refund_no.encode() not in told.body


async def test_v2_may_sign_with_md5_what_was_ordered_otherwise(shop: Shop) -> None:
    number = await shop.v2_ordered(sign_type="HMAC-SHA256")
    async with shop.outside.faults(wechat_pay_notices={"md5": True}):
        await shop.pay(number)
        (told,) = await heard(shop)
    assert told.xml["sign"] == shop.sign(told.xml, "MD5") and "sign_type" not in told.xml


@pytest.mark.parametrize("answer", [(500, b""), (401, b""), (302, b""), (201, b"")])
async def test_v3_comes_again_after_another_status_freshly_signed(shop: Shop, fast: None, answer: tuple[int, bytes]) -> None:
    shop.door.answers = [answer] * 2
    number = await shop.ordered()
    await shop.pay(number)
    told = await heard(shop, 3)
    assert all(map(shop.genuine, told)) and len({one.json["id"] for one in told}) == 1
    assert len({one.headers["Wechatpay-Nonce"] for one in told}) == len({one.headers["Wechatpay-Signature"] for one in told}) == 3
    assert [one[2] for one in await shop.tries(number, 3)] == [str(answer[0]), str(answer[0]), "200"]


@pytest.mark.parametrize("answer", [(200, b""), (204, b""), (200, b'{"code":"FAIL","message":"\xe5\xa4\xb1\xe8\xb4\xa5"}')])
async def test_v3_looks_at_the_status_alone(shop: Shop, fast: None, answer: tuple[int, bytes]) -> None:
    shop.door.answers = [answer, (500, b""), (500, b"")]
    number, marker = await shop.ordered(), await shop.ordered()
    await shop.pay(number)
    assert await shop.tries(number, 1) == [(1, False, str(answer[0]))]
    await shop.pay(marker)
    await shop.tries(marker, 3)  # by then the first would have come again
    assert len(await shop.tries(number, 1)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"success"),
        (200, b""),
        (200, b'{"code":"SUCCESS"}'),
        (200, ACK + b"."),
        (200, ACK.replace(b"[OK]", b"[ok]")),
        (200, ACK.replace(b"[SUCCESS]", b"[FAIL]")),
        (200, b"<html>" + ACK + b"</html>"),
        (204, b""),
        (500, ACK),
    ],
)
async def test_v2_comes_again_after_anything_but_the_exact_xml(shop: Shop, fast: None, answer: tuple[int, bytes]) -> None:
    shop.door.answers = [answer]
    number = await shop.v2_ordered()
    await shop.pay(number)
    first, second = await heard(shop, 2)
    assert first.body == second.body and is_genuine(shop, second)
    tries = await shop.tries(number, 2)
    assert tries[0][2] != "200" and tries[1] == (2, False, "200")


async def test_v2_takes_the_xml_without_cdata_and_over_lines(shop: Shop, fast: None) -> None:
    shop.door.answers = [(200, b"<xml>\n  <return_code>SUCCESS</return_code>\n  <return_msg>OK</return_msg>\n</xml>")]
    number = await shop.v2_ordered()
    await shop.pay(number)
    assert await shop.tries(number, 1) == [(1, False, "200")]


@VERSIONS
async def test_the_ladder_is_fifteen_repeats_and_then_silence(shop: Shop, fast: None, version: str) -> None:
    shop.door.answers = [(500, b"")] * 16
    number = await ordered(shop, version)
    await shop.pay(number)
    assert await shop.tries(number, 16) == [(attempt, False, "500") for attempt in range(1, 17)]
    later = await ordered(shop, version)
    await shop.pay(later)
    await shop.tries(later, 1)
    assert len(shop.door.got) == 17 and sum(LADDER) == 86640


async def test_the_gaps_of_the_ladder_grow_as_documented(private: Callable[..., Outside]) -> None:
    door = Door(answers=[(500, b"")] * 5)
    async with listening(door.take) as door.url:
        shop = await Shop(private(), door).open()
        await shop.outside.world("POST", "/clock", {"speed": 150})
        number = await shop.ordered()
        await shop.pay(number)
        await shop.tries(number, 5)
        times = [seconds(one["at"]) for one in await shop.lines("pay.notice", number)]
        gaps = [(later - earlier) * 150 for earlier, later in pairwise(times)]
        assert all(gap >= planned * 0.9 for gap, planned in zip(gaps, LADDER, strict=False)), gaps
        assert gaps[3] > gaps[0] * 3


def seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


# as the cashier says


@VERSIONS
async def test_told_twice_at_the_same_time(shop: Shop, version: str) -> None:
    number = await ordered(shop, version)
    await shop.pay(number, "twice")
    first, second = await heard(shop, 2)
    assert first.body == second.body and is_genuine(shop, first) and is_genuine(shop, second)
    assert await shop.tries(number, 2) == [(1, False, "200"), (1, False, "200")]
    assert len(await shop.lines("pay.paid", number)) == 1


@VERSIONS
async def test_told_late(private: Callable[..., Outside], version: str) -> None:
    door = Door()
    async with listening(door.take) as door.url:
        shop = await Shop(private(), door).open()
        await shop.outside.world("POST", "/clock", {"speed": 20})
        number = await ordered(shop, version)
        await shop.pay(number, "late")
        assert (await shop.order(number))["trade_state"] == "SUCCESS" and door.got == []
        (line,) = await until(lambda: shop.lines("pay.notice", number))
        (paid,) = await shop.lines("pay.paid", number)
        assert (seconds(line["at"]) - seconds(paid["at"])) * 20 >= 9.9


@VERSIONS
async def test_a_forged_notice_is_of_no_payment_and_comes_once(shop: Shop, fast: None, version: str) -> None:
    shop.door.answers = [(401, b"")]
    number = await ordered(shop, version)
    assert await shop.pay(number, "forged") == {"order_no": number, "paid": False, "transaction_id": None}
    (told,) = await heard(shop)
    assert not is_genuine(shop, told)
    assert await shop.tries(number, 1) == [(1, True, "401")]
    assert (await shop.order(number))["trade_state"] == "NOTPAY" and await shop.lines("pay.paid", number) == []
    await shop.pay(number, "never")


@VERSIONS
async def test_a_wrong_amount_is_properly_signed(shop: Shop, version: str) -> None:
    number = await ordered(shop, version)
    assert (await shop.pay(number, "wrong_amount"))["paid"] is False
    (told,) = await heard(shop)
    assert is_genuine(shop, told)
    amount = told.xml["total_fee"] if version == "v2" else Got(0, {}, shop.opened(told.json["resource"])).json["amount"]["total"]
    assert int(amount) == 1235
    assert (await shop.order(number))["trade_state"] == "NOTPAY"


async def test_never_told(shop: Shop, fast: None) -> None:
    number = await shop.ordered()
    assert (await shop.pay(number, "never"))["paid"]
    marker = await shop.ordered()
    await shop.pay(marker)
    await shop.tries(marker, 1)
    assert await shop.lines("pay.notice", number) == [] and len(shop.door.got) == 1


# switches


@VERSIONS
async def test_duplicates_and_a_forgery_come_beside_the_true_one(shop: Shop, version: str) -> None:
    number = await ordered(shop, version)
    async with shop.outside.faults(wechat_pay_notices={"duplicate": 2, "forge": True}):
        await shop.pay(number)
        told = await heard(shop, 4)
    assert sorted(is_genuine(shop, one) for one in told) == [False, True, True, True]
    assert sorted(one[1] for one in await shop.tries(number, 4)) == [False, False, False, True]


async def test_a_forged_refund_notice_of_v2_cannot_be_opened(shop: Shop, tmp_path: Path) -> None:
    number = await shop.v2_ordered()
    await shop.pay(number, "never")
    async with shop.outside.faults(wechat_pay_notices={"forge": True}):
        await shop.v2_refund(number, new_number(), 1, context=merchant_context(shop, tmp_path))
        told = await heard(shop, 2)
    readable = []
    for one in told:
        try:
            readable.append(shop.opened_v2(one)["out_trade_no"])
        except (SyntaxError, ValueError):
            readable.append("")
    assert sorted(readable) == ["", number]


async def test_what_is_down_does_not_come_and_is_made_up_for(shop: Shop, fast: None) -> None:
    await shop.outside.world("POST", "/clock", {"speed": 1000})
    number = await shop.ordered()
    async with shop.outside.faults(wechat_pay_notices={"down": True}):
        await shop.pay(number)
        await shop.tries(number, 2)
        assert shop.door.got == []
    await heard(shop)
    results = [one[2] for one in await shop.tries(number, 3)]
    assert set(results[:-1]) == {"down"} and results[-1] == "200"


async def test_late_by_a_switch(shop: Shop) -> None:
    number = await shop.ordered()
    async with shop.outside.faults(wechat_pay_notices={"late_ms": 300}):
        await shop.pay(number)
        (line,) = await until(lambda: shop.lines("pay.notice", number))
    (paid,) = await shop.lines("pay.paid", number)
    assert seconds(line["at"]) - seconds(paid["at"]) >= 0.29


async def test_shuffled_notices_come_in_another_order(shop: Shop) -> None:
    numbers = [await shop.ordered() for _ in range(6)]
    async with shop.outside.faults(wechat_pay_notices={"shuffle": True, "late_ms": 400}):
        for number in numbers:
            await shop.pay(number)
        told = await heard(shop, 6)
    came = [Got(0, {}, shop.opened(one.json["resource"])).json["out_trade_no"] for one in told]
    assert sorted(came) == sorted(numbers) and came != numbers  # one run in 720 would be in order


async def test_a_signature_probe_is_repeated_until_it_is_over(shop: Shop, fast: None) -> None:
    await shop.outside.world("POST", "/clock", {"speed": 200})
    shop.door.answers = [(401, b"")]
    number = await shop.ordered()
    async with shop.outside.faults(wechat_pay={"sign_test": True}):
        await shop.pay(number)
        (probe,) = await heard(shop)
    assert probe.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/") and not shop.genuine(probe)
    _, true = await heard(shop, 2)
    assert shop.genuine(true) and true.body == probe.body


async def test_while_the_merchant_moves_notices_are_signed_now_by_one_key_now_by_the_other(shop: Shop) -> None:
    async with shop.outside.faults(wechat_pay={"mixed_serials": True}):
        for _ in range(2):
            await shop.pay(await shop.ordered())
        told = await heard(shop, 2)
    assert all(map(shop.genuine, told)) and {one.headers["Wechatpay-Serial"] for one in told} == shop.mine["platform_keys"].keys()


# restarts


@VERSIONS
@pytest.mark.parametrize("how", ["once", "late"])
async def test_what_nobody_took_comes_again_after_kill_9(tmp_path: Path, http: aiohttp.ClientSession, version: str, how: str) -> None:
    door, process = Door(answers=[(500, b"")] if how == "once" else []), Process(tmp_path / "world").start()
    async with listening(door.take) as door.url:
        shop = await Shop(Outside(process, http), door).open()
        number = await ordered(shop, version)
        await shop.pay(number, how)
        if how == "once":
            await shop.tries(number, 1)
        process.kill()
        process.start()
        try:
            if how == "late":
                await shop.outside.world("POST", "/clock", {"speed": 100})
            tries = await shop.tries(number, 2 if how == "once" else 1)
            assert tries == ([(1, False, "500"), (2, False, "200")] if how == "once" else [(1, False, "200")])
            assert is_genuine(shop, door.got[-1])
            process.kill()
            process.start()
            assert await shop.tries(number, 1) == tries
        finally:
            process.kill()


async def test_a_reset_ends_the_telling(private: Callable[..., Outside]) -> None:
    door = Door(answers=[(500, b"")] * 20)
    async with listening(door.take) as door.url:
        shop = await Shop(private(), door).open()
        number = await shop.ordered()
        await shop.pay(number)
        await shop.tries(number, 1)
        await shop.outside.world("POST", "/reset")
        await shop.outside.world("POST", "/clock", {"speed": 100_000})
        listed: Any = await shop.outside.world("GET", "/wallets/orders")
        assert listed == {"orders": []} and await shop.outside.ledger("wechat") == []
        await shop.open()
        await shop.pay(await shop.ordered())
        assert len(await heard(shop, 2)) >= 2
        assert await shop.lines("pay.notice", number) == []
