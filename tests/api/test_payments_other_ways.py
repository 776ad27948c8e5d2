"""The other way each gateway can be used: WeChat Pay v2, whose refunds take the merchant's certificate, and Alipay in certificate mode."""

import json
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from tests.api.desk import make_desk
from tests.api.house import House, until
from tests.api.purse import Payer, make_payer
from tests.payments.wechat_pay_merchant import v2_box, v2_xml

BOTH = pytest.mark.parametrize("channel", ["wechat", "alipay"])
DATABASE = "other_ways"
TAKEN = {"wechat": "200", "alipay": "success"}  # what the gateway was answered


class OtherWays(Stack):
    """The same accounts, set up as another operator would."""

    def _environment(self, mongo_url: str, redis_url: str) -> dict[str, str]:
        env = Stack._environment(self, mongo_url, redis_url)
        own = json.loads((self.data / "sandbox" / "accounts.json").read_text())["alipay"]
        alipay = {name: own[name] for name in ("seller_id", "app_cert", "alipay_cert", "alipay_root_cert")}
        wechat = json.loads(env["ZHANGBAN_WECHAT_PAY"]) | {"use": "v2"}
        return env | {"ZHANGBAN_WECHAT_PAY": json.dumps(wechat), "ZHANGBAN_ALIPAY_PAY": json.dumps(alipay), "ZHANGBAN_ALIPAY_PUBLIC_KEY": "not used"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, mongo_url: str) -> Iterator[Stack]:
    own = OtherWays(tmp_path_factory.mktemp("other"), extra={"MONGO_URL": mongo_url, "ZHANGBAN_MONGO_DATABASE": DATABASE})
    own.start()
    yield own
    own.stop()


@pytest.fixture
async def store(stack: Stack) -> AsyncIterator[Mongo]:
    own = connect(stack.env["MONGO_URL"], DATABASE)
    yield own
    await own.close()


async def approved(house: House, payer: Payer, order_no: str, fen: int) -> str:
    cashier, approver = await make_desk(house, "cashier"), await make_desk(house, "approver")
    wish, key = {"amount_fen": fen, "reason": "多收"}, {"Idempotency-Key": uuid.uuid4().hex}
    asked = await cashier.api("POST", f"/staff/v1/orders/{order_no}/refunds", wish, headers=key)
    assert asked.status == 201, asked.body
    answer = await approver.api("POST", f"/staff/v1/refunds/{asked.json['refund_no']}/approve", {})
    assert answer.status == 200, answer.body
    return str(asked.json["refund_no"])


async def went_back(payer: Payer, order_no: str, fen: int, seconds: float) -> None:
    async def there() -> bool:
        taken_back = await payer.at_core(order_no, "reversed")
        return (await payer.look(order_no))["refunded_fen"] == fen and [one["amount_fen"] for one in taken_back] == [fen]

    await until(there, seconds)
    assert [one["amount_fen"] for one in await payer.at_gateway(order_no, "pay.refunded")] == [fen]


@BOTH
async def test_a_bill_is_paid_told_booked_and_part_of_it_given_back(house: House, store: Mongo, channel: str) -> None:
    payer = await make_payer(house, channel)
    placed = await payer.order(await payer.bill(12345))
    assert placed.status == 201, placed.body
    order_no = placed.json["order_no"]
    if channel == "wechat":
        assert placed.json["pay_params"]["signType"] == "HMAC-SHA256"
    await payer.thumb(order_no)
    notices = await until(lambda: payer.at_gateway(order_no, "pay.notice"))
    assert [one["result"] for one in notices] == [TAKEN[channel]]
    await payer.until(order_no, "settled")
    row = await store["orders"].find_one({"_id": order_no})
    assert row is not None and row["gateway"] == ("wechat_v2" if channel == "wechat" else "alipay")
    await approved(house, payer, order_no, 345)
    await went_back(payer, order_no, 345, 20)


async def test_a_v2_refund_notice_is_a_hint_and_what_the_gateway_answers_counts(house: House, stack: Stack) -> None:
    """It is sealed with our key but not signed: whoever has the key of v2 could make one."""
    payer = await make_payer(house)
    order_no = await payer.settled(2000)
    await house.faults(wechat_pay={"refund_processing": True})
    refund_no = await approved(house, payer, order_no, 700)

    async def under_way() -> bool:
        return bool((await payer.look(order_no))["refunds"][0]["state"] == "sending")

    await until(under_way)
    pay, appid = json.loads(stack.env["ZHANGBAN_WECHAT_PAY"]), stack.env["ZHANGBAN_WECHAT_APPID"]
    said = {"out_refund_no": refund_no, "out_trade_no": order_no, "refund_fee": "700", "refund_id": "503", "refund_status": "SUCCESS"}
    said |= {"success_time": "2026-11-22 10:34:56", "total_fee": "2000", "transaction_id": "42"}
    outer = {"return_code": "SUCCESS", "appid": appid, "mch_id": pay["mchid"], "nonce_str": "x"}
    before = await payer.look(order_no)
    for fen in ("700", "1"):
        notice = v2_xml(outer | {"req_info": v2_box(v2_xml(said | {"refund_fee": fen}, "root"), pay["api_key"])})
        assert (await house.api("POST", "/callbacks/wechat-pay/v2/refund", raw=notice)).status == 200
        forged = v2_xml(outer | {"req_info": v2_box(v2_xml(said, "root"), "f" * 32)})
        assert (await house.api("POST", "/callbacks/wechat-pay/v2/refund", raw=forged)).status == 401
    assert await payer.look(order_no) == before and await payer.at_core(order_no, "reversed") == []
    await house.faults(wechat_pay={})
    await went_back(payer, order_no, 700, 20)  # sooner than it would be asked about without the hint


@BOTH
@pytest.mark.parametrize("how", ["forged", "wrong_amount"])
async def test_a_notice_that_is_not_true_changes_nothing(house: House, channel: str, how: str) -> None:
    payer = await make_payer(house, channel)
    order_no = await payer.placed()
    await payer.thumb(order_no, how)
    notices = await until(lambda: payer.at_gateway(order_no, "pay.notice"))
    assert all(one["result"] != TAKEN[channel] for one in notices), notices
    assert (await payer.look(order_no))["state"] == "awaiting" and await payer.at_core(order_no) == []


async def test_a_notice_of_the_other_version_pays_no_order(house: House) -> None:
    """An order of v2 is told by v2; what is signed for v3's address is another door."""
    payer = await make_payer(house)
    order_no = await payer.placed()
    body = json.dumps({"id": "x", "event_type": "TRANSACTION.SUCCESS", "resource": {}}).encode()
    for path in ("/callbacks/wechat-pay/v2", "/callbacks/wechat-pay/v2/refund", "/callbacks/wechat-pay/v3", "/callbacks/alipay"):
        assert (await house.api("POST", path, raw=body)).status == 401
    assert (await payer.look(order_no))["state"] == "awaiting"
