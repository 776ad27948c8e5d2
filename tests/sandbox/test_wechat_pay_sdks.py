"""Clients written by others for the real WeChat Pay work with the sandbox when only the address is changed: wechatpy, and wechatpayv3 in both its forms."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import wechatpayv3
import wechatpayv3.async_
from wechatpy.exceptions import InvalidSignatureException, WeChatPayException
from wechatpy.pay import WeChatPay as WechatpyPay

from tests.listener import listening
from tests.sandbox.outside import Outside, until
from tests.sandbox.wechat_shop import Door, Shop, new_number, rows

AMOUNT = {"total": 1234, "currency": "CNY"}
BACK = {"refund": 234, "total": 1234, "currency": "CNY"}
FORMS = pytest.mark.parametrize("form", ["sync", "async"])


@pytest.fixture
async def shop(private: Callable[..., Outside]) -> AsyncIterator[Shop]:
    door = Door()
    async with listening(door.take) as door.url:
        yield await Shop(private(), door).open()


class V3:
    """wechatpayv3 as callers see it, whichever form: every call awaited. `mode`: public_key, or certificate."""

    def __init__(self, shop: Shop, form: str, mode: str, folder: Path) -> None:
        self.shop = shop
        mine = shop.mine
        package = wechatpayv3 if form == "sync" else wechatpayv3.async_
        serial = next(one for one in mine["platform_keys"] if one.startswith("PUB_KEY_ID_"))
        keys = {"public_key": mine["platform_keys"][serial], "public_key_id": serial} if mode == "public_key" else {"cert_dir": str(folder)}
        kind: Any = package.WeChatPay if form == "sync" else package.AsyncWeChatPay
        self.is_sync, self.mode = form == "sync", mode
        if mode == "certificate":  # without one it would download it before anybody can tell it from where
            (folder / "platform.pem").write_text(next(pem for name, pem in mine["platform_keys"].items() if name != serial))
        self.sdk = kind(
            wechatpay_type=package.WeChatPayType.JSAPI,
            mchid=mine["mchid"],
            private_key=mine["merchant_private_key"],
            cert_serial_no=mine["merchant_serial"],
            appid=shop.appid,
            apiv3_key=mine["apiv3_key"],
            notify_url=shop.door.url + "/v3",
            **keys,
        )
        self.sdk._core._gate_way = shop.outside.process.url

    def holds(self, serial: str) -> bool:
        return serial.startswith("PUB_KEY_ID_") == (self.mode == "public_key")

    async def __call__(self, name: str, *given: Any, **named: Any) -> tuple[int, Any]:
        call = getattr(self.sdk, name)
        status, answer = await asyncio.to_thread(call, *given, **named) if self.is_sync else await call(*given, **named)
        return status, json.loads(answer) if isinstance(answer, str) and answer else answer


@asynccontextmanager
async def v3(shop: Shop, form: str, mode: str, folder: Path) -> AsyncIterator[V3]:
    made = await asyncio.to_thread(V3, shop, form, mode, folder)
    async with nullcontext() if made.is_sync else made.sdk:
        yield made


@FORMS
@pytest.mark.parametrize("mode", ["public_key", "certificate"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
async def test_wechatpayv3_pays_queries_closes_refunds_reads_notices_and_statements(shop: Shop, tmp_path: Path, form: str, mode: str) -> None:
    async with v3(shop, form, mode, tmp_path) as call:
        if mode == "certificate":  # a merchant that has not moved yet names no key
            await shop.outside.world("PUT", "/faults", {"wechat_pay": {"mixed_serials": True}})
            update = call.sdk._core._update_certificates
            await (asyncio.to_thread(update) if call.is_sync else update())
            assert len(call.sdk._core._certificates) == 1  # downloaded and decrypted
        await _whole_life(shop, call)


async def _whole_life(shop: Shop, call: V3) -> None:
    number, refund_no, closed = new_number(), new_number(), new_number()
    payer = {"openid": shop.openid}
    for one in (number, closed):
        status, prepaid = await call("pay", description="护照工本费", out_trade_no=one, amount=AMOUNT, payer=payer)
        assert status == 200 and prepaid["prepay_id"]
    assert (await call("close", closed))[0] == 204
    assert (await call("query", out_trade_no=closed))[1]["trade_state"] == "CLOSED"
    done = await shop.pay(number)
    status, paid = await call("query", transaction_id=done["transaction_id"])
    assert (status, paid["trade_state"], paid["out_trade_no"]) == (200, "SUCCESS", number)
    status, refused = await call("close", number)
    assert (status, refused["code"]) == (400, "ORDERPAID")
    status, taken = await call("refund", refund_no, BACK, out_trade_no=number)
    assert (status, taken["status"]) == (200, "PROCESSING")

    async def refunded() -> Any:
        return (await call("query_refund", refund_no))[1]["status"] == "SUCCESS"

    await until(refunded)
    await shop.tries(number, 2)
    events = [call.sdk.callback(dict(one.headers), one.body) for one in shop.door.got if call.holds(one.headers["Wechatpay-Serial"])]
    if call.mode == "certificate":  # the second notice was signed with the other key, as in a migration, and this SDK holds one kind
        with pytest.raises(ValueError, match="PUB_KEY_ID"):
            call.sdk.callback(dict(shop.door.got[1].headers), shop.door.got[1].body)
    else:
        assert events[1]["event_type"] == "REFUND.SUCCESS" and events[1]["resource"]["out_refund_no"] == refund_no
    assert events[0]["event_type"] == "TRANSACTION.SUCCESS" and events[0]["resource"]["transaction_id"] == done["transaction_id"]
    await _statement(shop, call, number)


async def _statement(shop: Shop, call: V3, number: str) -> None:
    day = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
    await shop.outside.pass_time(86400)
    status, told = await call("trade_bill", day, tar_type="")
    assert (status, told["hash_type"]) == (200, "SHA1")
    status, text = await call("download_bill", told["download_url"])
    assert status == 200 and [one.get("商户订单号") for one in rows(text)] == [number, number, None]


@FORMS
async def test_wechatpayv3_finds_a_signature_probe_and_a_forgery(shop: Shop, tmp_path: Path, form: str) -> None:
    number = await shop.ordered()
    async with v3(shop, form, "public_key", tmp_path) as call:
        async with shop.outside.faults(wechat_pay={"sign_test": True}):
            with pytest.raises(Exception, match="failed to verify the signature"):
                await call("query", out_trade_no=number)
        await shop.pay(number, "forged")
        await shop.tries(number, 1)
        (told,) = shop.door.got
        assert call.sdk.callback(dict(told.headers), told.body) is None


# wechatpy


def wechatpy(shop: Shop, folder: Path | None = None) -> Any:
    """`folder`: with the merchant's certificate, to the door for refunds; without, to the plain one."""
    base = shop.outside.process.url + "/" if folder is None else shop.mine["refund_url"].removesuffix("secapi/pay/refund")

    class Client(WechatpyPay):  # type: ignore[misc]
        API_BASE_URL = base

    files: dict[str, str] = {}
    for name, of in (("mch_cert", "merchant_cert"), ("mch_key", "merchant_private_key"), ("ca", "refund_ca")) if folder else ():
        assert folder is not None
        (folder / f"{name}.pem").write_text(shop.mine[of])
        files[name] = str(folder / f"{name}.pem")
    authority = files.pop("ca", None)
    made = Client(shop.appid, shop.mine["api_key"], shop.mine["mchid"], timeout=5, **files)
    made._http.trust_env = False
    made._http.verify = authority or True
    return made


async def test_wechatpy_orders_queries_closes_refunds_and_reads_notices_and_statements(shop: Shop, tmp_path: Path) -> None:
    client, with_certificate = wechatpy(shop), wechatpy(shop, tmp_path)
    number, closed, refund_no = new_number(), new_number(), new_number()
    for one in (number, closed):
        given = {"client_ip": "127.0.0.1", "user_id": shop.openid, "out_trade_no": one}
        made = await asyncio.to_thread(client.order.create, "JSAPI", "护照工本费", 1234, shop.door.url + "/v2", **given)
        assert made["prepay_id"] and client.check_signature(made)
    await asyncio.to_thread(client.order.close, closed)
    done = await shop.pay(number)
    paid = await asyncio.to_thread(client.order.query, out_trade_no=number)
    assert (paid["trade_state"], paid["transaction_id"]) == ("SUCCESS", done["transaction_id"]) and client.check_signature(paid)
    with pytest.raises(WeChatPayException) as caught:
        await asyncio.to_thread(client.order.close, number)
    assert (caught.value.return_code, caught.value.result_code, caught.value.errcode) == ("SUCCESS", "FAIL", "ORDERPAID")
    back = {"out_trade_no": number, "notify_url": shop.door.url + "/v2/refund"}
    taken = await asyncio.to_thread(with_certificate.refund.apply, 1234, 234, refund_no, **back)
    assert (taken["out_refund_no"], taken["refund_fee"]) == (refund_no, "234")
    with pytest.raises(WeChatPayException):
        await asyncio.to_thread(client.refund.apply, 1234, 1, new_number(), **back)
    await shop.tries(number, 2)
    told, refunded = shop.door.got
    assert client.parse_payment_result(told.body)["total_fee"] == 1234
    assert client.parse_refund_notify_result(refunded.body)["refund_fee"] == 234
    assert (await asyncio.to_thread(client.refund.query, out_refund_no=refund_no))["refund_status_0"] == "SUCCESS"
    day: date = (datetime.now(UTC) + timedelta(hours=8)).date()
    await shop.outside.pass_time(86400)
    text = await asyncio.to_thread(client.tools.download_bill, day)
    assert [one.get("商户订单号") for one in rows(text.encode())] == [number, number, None]


async def test_wechatpy_finds_a_forgery(shop: Shop) -> None:
    number = await shop.v2_ordered()
    await shop.pay(number, "forged")
    await shop.tries(number, 1)
    with pytest.raises(InvalidSignatureException):
        wechatpy(shop).parse_payment_result(shop.door.got[0].body)
