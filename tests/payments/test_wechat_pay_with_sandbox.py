"""One merchant's life with the sandbox's WeChat Pay, by v2 and by v3: order, pay, notice, close, refund, statement."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from kit.clock import BEIJING, now
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from payments.gateways import Forged, Notice, PayAsk, Payment, Refund, RefundAsk
from payments.wechat_pay_account import WeChatPayAccount, refund_identity
from payments.wechat_pay_v2 import WeChatPayV2
from payments.wechat_pay_v3 import WeChatPayV3
from tests.listener import listening
from tests.sandbox.outside import Outside as World
from tests.sandbox.outside import Process, until


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    process = Process(tmp_path_factory.mktemp("wechat-pay") / "data").start()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield World(process, http)
    process.kill()


def account_of(world: World, **other: Any) -> WeChatPayAccount:
    given = {name: value for name, value in world.accounts["wechat"]["pay"].items() if name != "refund_ca"}
    return WeChatPayAccount(url=world.process.url, appid=world.accounts["wechat"]["appid"], **given | other)


@dataclass
class Shop:
    """Our adapter, the world it lives in, and a person who pays. What was told is read by the adapter and answered with its own words."""

    world: World
    pay: WeChatPayV2 | WeChatPayV3
    openid: str
    told: list[Notice] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    takes: bool = True

    async def take(self, request: web.Request) -> web.Response:
        try:
            self.told.append(self.pay.read_notice({name.lower(): value for name, value in request.headers.items()}, await request.read()))
            ack = self.pay.ack(self.takes)
        except Forged as exc:
            self.refused.append(exc.reason)
            ack = self.pay.ack(False)
        return web.Response(status=ack.status, body=ack.body, content_type=ack.content_type)

    def ask(self, amount_fen: int = 1234) -> PayAsk:
        title = "居民身份证工本费,换领]]><total_fee>1</total_fee>"
        return PayAsk(f"Z{secrets.token_hex(8)}", amount_fen, title, self.openid, now() + timedelta(minutes=30))

    async def paid(self, how: str = "once", **more: Any) -> Payment:
        ask = self.ask(**more)
        await self.pay.prepay(ask)
        await self.paying(ask.order_no, how)
        found = await self.pay.query(ask.order_no)
        assert isinstance(found, Payment)
        return found

    async def paying(self, order_no: str, how: str = "once", **more: Any) -> Any:
        return await self.world.world("POST", "/wallets/wechat/pay", {"order_no": order_no, "as": how, **more})

    async def notices(self, order_no: str, count: int = 1) -> list[Notice]:
        async def come() -> Any:
            found = [one for one in self.told if (one.payment or one.refund) and (one.payment or one.refund).order_no == order_no]  # type: ignore[union-attr]
            return found if len(found) >= count else None

        found: list[Notice] = await until(come, 15)
        return found

    async def in_the_end(self, ask: RefundAsk) -> Refund:
        async def done() -> Any:
            found = await self.pay.query_refund(ask)
            return found if found is not None and found.state != "processing" else None

        found: Refund = await until(done, 15)
        return found


@pytest.fixture(params=["v3", "v2", "v2 in MD5"])
async def shop(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Shop]:
    account = account_of(world, **({"sign_type": "MD5"} if request.param == "v2 in MD5" else {}))
    identity = refund_identity(account, world.accounts["wechat"]["pay"]["refund_ca"])
    http = Http([account.url, account.refund_url], identities={account.refund_url: identity})
    own = Shop(world, WeChatPayV3(http, account, ""), await world.openid(await world.person()))
    async with listening(own.take) as url:
        own.pay = WeChatPayV3(http, account, f"{url}/v3") if request.param == "v3" else WeChatPayV2(http, account, f"{url}/v2", f"{url}/v2/refund")
        yield own
    await http.close()


def part(payment: Payment, amount_fen: int, refund_no: str = "") -> RefundAsk:
    number = refund_no or f"R{secrets.token_hex(8)}"
    return RefundAsk(payment.order_no, number, payment.transaction_id, amount_fen, payment.amount_fen, "多收退回")


async def test_an_order_is_made_paid_told_of_and_found(shop: Shop) -> None:
    ask = shop.ask()
    assert await shop.pay.query(ask.order_no) == "absent"
    first, again = await shop.pay.prepay(ask), await shop.pay.prepay(ask)
    assert first.keys() == again.keys() and first["package"].startswith("prepay_id=wx")
    assert await shop.pay.query(ask.order_no) == "waiting"
    done = await shop.paying(ask.order_no)
    found = await shop.pay.query(ask.order_no)
    assert isinstance(found, Payment) and (found.amount_fen, found.currency, found.payers) == (1234, "CNY", (shop.openid,))
    assert found.transaction_id == done["transaction_id"] and abs(found.paid_at - datetime.now(UTC)) < timedelta(minutes=1)
    [notice] = await shop.notices(ask.order_no)
    assert notice.payment == found and notice.refund is None
    assert await shop.pay.close(ask.order_no) == "paid"
    with pytest.raises(Refused, match="order_paid"):
        await shop.pay.prepay(ask)


async def test_another_amount_under_a_known_number_is_refused(shop: Shop) -> None:
    ask = shop.ask()
    await shop.pay.prepay(ask)
    with pytest.raises(Refused, match="order_no_used"):
        await shop.pay.prepay(PayAsk(ask.order_no, 1, ask.title, ask.payer, ask.expires_at))


async def test_a_closed_order_stays_closed_and_an_unknown_one_is(shop: Shop) -> None:
    ask = shop.ask()
    assert await shop.pay.close(ask.order_no) == "closed"
    await shop.pay.prepay(ask)
    assert [await shop.pay.close(ask.order_no), await shop.pay.close(ask.order_no)] == ["closed", "closed"]
    assert await shop.pay.query(ask.order_no) == "closed"
    with pytest.raises(Refused, match="order_closed"):
        await shop.pay.prepay(ask)
    await shop.paying(ask.order_no, even_closed=True)
    found = await shop.pay.query(ask.order_no)
    assert isinstance(found, Payment) and [one.payment for one in await shop.notices(ask.order_no)] == [found]


async def test_a_notice_that_is_not_taken_comes_again_as_the_same_one(shop: Shop) -> None:
    shop.takes = False
    await shop.world.world("POST", "/clock", {"speed": 200})
    try:
        payment = await shop.paid()
        first, second = (await shop.notices(payment.order_no, 2))[:2]
        shop.takes = True
        assert first == second
        shop.told.clear()
        payment = await shop.paid("twice")
        both = await shop.notices(payment.order_no, 2)
        assert both[0] == both[1] and both[0].payment == payment
    finally:
        await shop.world.world("POST", "/clock", {"speed": 1})


async def test_a_forged_notice_and_a_wrong_amount_are_no_payment(shop: Shop) -> None:
    ask = shop.ask()
    await shop.pay.prepay(ask)
    await shop.paying(ask.order_no, "forged")

    async def refused() -> Any:
        return shop.refused

    assert await until(refused) == ["bad_signature"] and shop.told == []
    await shop.paying(ask.order_no, "wrong_amount")
    [notice] = await shop.notices(ask.order_no)
    assert notice.payment is not None and notice.payment.amount_fen != 1234  # rightly signed: whoever settles must compare
    assert await shop.pay.query(ask.order_no) == "waiting"


async def test_part_after_part_is_refunded_and_no_more_than_was_paid(shop: Shop) -> None:
    payment = await shop.paid()
    first = part(payment, 1000)
    assert await shop.pay.query_refund(first) is None
    asked = [await shop.pay.refund(first), await shop.pay.refund(first)]  # asked again, done once
    assert {(one.order_no, one.refund_no, one.amount_fen) for one in asked} == {(payment.order_no, first.refund_no, 1000)}
    done = await shop.in_the_end(first)
    assert (done.state, done.amount_fen) == ("done", 1000) and done.refunded_at is not None
    told = next(one.refund for one in await shop.notices(payment.order_no, 2) if one.refund)
    assert told == done
    with pytest.raises(Refused):
        await shop.pay.refund(part(payment, 300))
    await shop.pay.refund(part(payment, 234))
    found = await shop.pay.query(payment.order_no)
    assert isinstance(found, Payment) and found.amount_fen == 1234  # what was paid, whatever went back since


async def test_a_refund_that_hangs_is_processing_until_it_is_done(shop: Shop) -> None:
    payment = await shop.paid("never")
    ask = part(payment, 1234)
    async with shop.world.faults(wechat_pay={"refund_processing": True}):
        assert (await shop.pay.refund(ask)).state == "processing"
        found = await shop.pay.query_refund(ask)
        assert found is not None and found.state == "processing" and found.refunded_at is None
    assert (await shop.in_the_end(ask)).state == "done"


@pytest.mark.parametrize("fault", [{"down": True}, {"lose_replies": True}, {"error_rate": 1}])
async def test_a_world_that_fails_proves_nothing_and_the_same_is_asked_again(shop: Shop, fault: Any) -> None:
    ask = shop.ask()
    async with shop.world.faults(wechat_pay=fault):
        with pytest.raises(Unknown):
            await shop.pay.prepay(ask)
    assert await shop.pay.query(ask.order_no) == ("waiting" if "lose_replies" in fault else "absent")
    await shop.pay.prepay(ask)
    await shop.paying(ask.order_no, "never")
    payment = await shop.pay.query(ask.order_no)
    assert isinstance(payment, Payment)
    back = part(payment, 1234)
    async with shop.world.faults(wechat_pay=fault):
        with pytest.raises(Unknown):
            await shop.pay.refund(back)
    await shop.pay.refund(back)
    assert (await shop.in_the_end(back)).amount_fen == 1234
    assert len([one for one in await shop.world.ledger("wechat") if one["kind"] == "pay.refunded" and one["order_no"] == ask.order_no]) == 1


async def test_a_merchant_without_money_and_a_refund_gone_astray(shop: Shop) -> None:
    payment = await shop.paid("never")
    ask = part(payment, 100)
    async with shop.world.faults(wechat_pay={"not_enough": True}):
        with pytest.raises(Refused, match="not_enough_funds"):
            await shop.pay.refund(ask)
    async with shop.world.faults(wechat_pay={"refund_abnormal": True}):
        await shop.pay.refund(ask)  # the same one, now that there is money
        assert (await shop.in_the_end(ask)).state == "abnormal"
    told = next(one.refund for one in await shop.notices(payment.order_no) if one.refund)
    assert told.refund_no == ask.refund_no and told.state == "abnormal"


@pytest.mark.parametrize("shop", ["v3"], indirect=True)
async def test_probes_are_refused_and_mixed_keys_are_not(shop: Shop) -> None:
    ask = shop.ask()
    async with shop.world.faults(wechat_pay={"sign_test": True}):
        with pytest.raises(Unknown, match="signature_probe"):
            await shop.pay.prepay(ask)
    async with shop.world.faults(wechat_pay={"mixed_serials": True}):
        for _ in range(8):
            await shop.pay.prepay(ask)
            assert await shop.pay.query(ask.order_no) == "waiting"


@pytest.mark.parametrize("shop", ["v2"], indirect=True)
async def test_a_refund_without_the_merchants_certificate_is_not_done(shop: Shop) -> None:
    payment = await shop.paid("never")
    account = account_of(shop.world)
    bare = ssl.create_default_context(cadata=shop.world.accounts["wechat"]["pay"]["refund_ca"])
    http = Http([account.refund_url], identities={account.refund_url: bare})
    with pytest.raises((NotReached, Unknown)):
        await WeChatPayV2(http, account, "https://example.test/", "https://example.test/").refund(part(payment, 1))
    await http.close()
    assert await shop.pay.query_refund(part(payment, 1)) is None


async def test_the_statement_of_a_day_tells_what_was_paid_and_refunded(shop: Shop, tmp_path: Path) -> None:
    payment = await shop.paid("never")
    ask = part(payment, 1000)
    await shop.pay.refund(ask)
    done = await shop.in_the_end(ask)
    day: date = payment.paid_at.astimezone(BEIJING).date()
    await shop.world.pass_time(86400)
    path = await shop.pay.fetch_statement(day, tmp_path)
    assert path is not None and done.refunded_at is not None
    lines = [line for line in await asyncio.to_thread(lambda: list(shop.pay.read_statement(path))) if line.order_no == payment.order_no]
    assert [(one.kind, one.refund_no, one.amount_fen, one.transaction_id, one.fee_fen) for one in lines] == [
        ("paid", None, 1234, payment.transaction_id, 7),
        ("refunded", ask.refund_no, 1000, payment.transaction_id, -6),
    ]
    assert lines[0].at == payment.paid_at and abs(lines[1].at - done.refunded_at) < timedelta(minutes=1)
    assert await shop.pay.fetch_statement(day - timedelta(days=30), tmp_path) is None
    assert await shop.pay.fetch_statement(day, tmp_path) == path  # a second time in its place
