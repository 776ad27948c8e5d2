"""One merchant's life with the sandbox's Alipay, by key and by certificates: order, pay, notice, close, refund, statement."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from kit.alipay import Alipay, AlipayAccount
from kit.clock import BEIJING, now
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from payments.alipay_trade import AlipayTrade
from payments.gateways import Forged, Notice, PayAsk, Payment, RefundAsk
from tests.listener import listening
from tests.sandbox.outside import Outside, Process, until


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    process = Process(tmp_path_factory.mktemp("alipay") / "data").start()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield Outside(process, http)
    process.kill()


@dataclass
class Shop:
    """Our adapter, the world it lives in, and a person who pays. What was told is read by the adapter and answered with its own words."""

    world: Outside
    trade: AlipayTrade
    person: Any
    told: list[Notice] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    takes: bool = True

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            self.told.append(self.trade.read_notice(headers, await request.read()))
            ack = self.trade.ack(self.takes)
        except Forged as exc:
            self.refused.append(exc.reason)
            ack = self.trade.ack(False)
        return web.Response(status=ack.status, body=ack.body, content_type=ack.content_type)

    def ask(self, *, payer: str = "open_id", amount_fen: int = 1234) -> PayAsk:
        number = f"Z{secrets.token_hex(8)}"
        return PayAsk(number, amount_fen, "居民身份证工本费（换领/补领）", self.person[payer], now() + timedelta(minutes=30))

    async def pay(self, order_no: str, how: str = "once", **more: Any) -> Any:
        return await self.world.world("POST", "/wallets/alipay/pay", {"order_no": order_no, "as": how, **more})

    async def paid(self, **wanted: Any) -> PayAsk:
        ask = self.ask(**wanted)
        await self.trade.prepay(ask)
        await self.pay(ask.order_no, "never")
        return ask

    async def heard(self, about: str) -> Any:
        """The ledger's lines of an order's notices, once there is one with a result."""
        return await until(lambda: self._lines(about))

    async def _lines(self, about: str) -> list[Any]:
        return [line for line in await self.world.ledger("alipay") if line["kind"] == "pay.notice" and line["order_no"] == about]


@pytest.fixture(params=["by key", "by certificates"])
async def shop(request: pytest.FixtureRequest, world: Outside) -> AsyncIterator[Shop]:
    own, gateway = world.accounts["alipay"], f"{world.process.url}/gateway.do"
    keys = {"app_cert": own["app_cert"], "alipay_cert": own["alipay_cert"], "alipay_root_cert": own["alipay_root_cert"]}
    account = AlipayAccount(
        gateway,
        own["app_id"],
        own["app_private_key"],
        **(keys if "certificates" in request.param else {"alipay_public_key": own["alipay_public_key"]}),
    )
    http, made = Http([gateway]), list[Shop]()
    alipay = Alipay(http, account)

    async def hear(incoming: web.Request) -> web.Response:
        return await made[0].take(incoming)

    async with listening(hear) as url:
        code = await world.auth_code(await world.person())
        person = await alipay.call("alipay.system.oauth.token", grant_type="authorization_code", code=code)
        made.append(Shop(world, AlipayTrade(alipay, own["seller_id"], f"{url}/callbacks/alipay"), person))
        yield made[0]
    await http.close()


def facts(told: Payment | None) -> Any:
    assert told is not None
    return (told.order_no, told.transaction_id, told.amount_fen, told.currency, told.payers)


@pytest.mark.parametrize("payer", ["open_id", "user_id"])
async def test_an_order_is_paid_told_and_found_alike(shop: Shop, payer: str) -> None:
    ask = shop.ask(payer=payer)
    params = await shop.trade.prepay(ask)
    assert params == await shop.trade.prepay(ask) and list(params) == ["tradeNO"]
    assert await shop.trade.query(ask.order_no) == "waiting"

    await shop.pay(ask.order_no)
    assert (await shop.heard(ask.order_no))[0]["result"] == "success"
    found = await shop.trade.query(ask.order_no)
    assert isinstance(found, Payment)
    assert (
        facts(shop.told[0].payment)
        == facts(found)
        == (ask.order_no, params["tradeNO"], 1234, "CNY", (shop.person["user_id"], shop.person["open_id"]))
    )
    assert shop.told[0].payment == found and abs(found.paid_at - now()) < timedelta(days=10)  # the world may be some days ahead

    with pytest.raises(Refused, match="order_paid"):
        await shop.trade.prepay(ask)
    assert await shop.trade.close(ask.order_no) == "paid"


async def test_a_notice_twice_in_gbk_and_one_that_is_forged(shop: Shop) -> None:
    ask = shop.ask()
    await shop.trade.prepay(ask)
    async with shop.world.faults(alipay_notices={"gbk": True, "duplicate": 1, "forge": True}):
        await shop.pay(ask.order_no)
        await until(lambda: _as_many(shop, 2, 1))
    assert shop.told[0] == shop.told[1] and shop.told[0].payment is not None
    assert shop.refused == ["bad_signature"]


async def _as_many(shop: Shop, told: int, refused: int) -> bool:
    return (len(shop.told), len(shop.refused)) == (told, refused)


async def test_what_we_do_not_take_comes_again(shop: Shop) -> None:
    ask = shop.ask()
    await shop.trade.prepay(ask)
    shop.takes = False
    await shop.pay(ask.order_no)
    await until(lambda: _as_many(shop, 3, 0))
    shop.takes = True
    assert len({one.id for one in shop.told}) == 1


async def test_a_wrong_amount_is_read_as_it_was_signed_and_a_forged_notice_is_not_read(shop: Shop) -> None:
    ask = shop.ask()
    await shop.trade.prepay(ask)
    await shop.pay(ask.order_no, "wrong_amount")
    await until(lambda: _as_many(shop, 1, 0))
    assert shop.told[0].payment is not None and shop.told[0].payment.amount_fen == 1235
    await shop.pay(ask.order_no, "forged")
    await until(lambda: _as_many(shop, 1, 1))
    assert await shop.trade.query(ask.order_no) == "waiting"


async def test_a_closed_order_is_closed_twice_and_one_nobody_knows_is_closed_too(shop: Shop) -> None:
    ask = shop.ask()
    assert await shop.trade.query(ask.order_no) == "absent"
    assert await shop.trade.close(ask.order_no) == "closed"
    await shop.trade.prepay(ask)
    assert [await shop.trade.close(ask.order_no) for _ in range(2)] == ["closed", "closed"]
    assert await shop.trade.query(ask.order_no) == "closed"
    with pytest.raises(Refused, match="order_closed"):
        await shop.trade.prepay(ask)
    with pytest.raises(Refused, match="order_no_used"):
        await shop.trade.prepay(PayAsk(ask.order_no, 99, ask.title, ask.payer, ask.expires_at))

    await shop.pay(ask.order_no, "never", even_closed=True)  # it landed after all
    assert isinstance(await shop.trade.query(ask.order_no), Payment)


async def test_refunds_move_money_once_and_their_notices_are_no_payment(shop: Shop) -> None:
    ask = shop.ask()
    await shop.trade.prepay(ask)
    await shop.pay(ask.order_no)
    await until(lambda: _as_many(shop, 1, 0))
    backs = [RefundAsk(ask.order_no, f"R{secrets.token_hex(6)}", "", fen, 1234, "多收退回") for fen in (234, 1000)]
    assert await shop.trade.query_refund(backs[0]) is None
    for back in backs:
        first, again = await shop.trade.refund(back), await shop.trade.refund(back)
        assert first == again == await shop.trade.query_refund(back)
        assert (first.state, first.amount_fen, first.refund_no) == ("done", back.amount_fen, back.refund_no)
    await until(lambda: _as_many(shop, 3, 0))
    assert [one.payment is not None for one in shop.told] == [True, False, False]  # TRADE_SUCCESS again, then TRADE_CLOSED
    assert isinstance(await shop.trade.query(ask.order_no), Payment)
    with pytest.raises(Refused, match="wrong_state"):
        await shop.trade.refund(RefundAsk(ask.order_no, "R9", "", 1, 1234, "x"))
    moved = [line["amount_fen"] for line in await shop.world.ledger("alipay") if line["kind"] == "pay.refunded" and line["order_no"] == ask.order_no]
    assert moved == [234, 1000]


async def test_a_refund_whose_reply_is_lost_or_unclear_is_found_by_asking(shop: Shop) -> None:
    ask = await shop.paid()
    for number, switch in (("A", {"refund_unknown": True}), ("B", {"lose_replies": True})):
        back = RefundAsk(ask.order_no, f"R{ask.order_no}{number}", "", 100, 1234, "退款")
        async with shop.world.faults(alipay=switch):
            with pytest.raises(Unknown):
                await shop.trade.refund(back)
        found = await shop.trade.query_refund(back)
        assert found is not None and (found.state, found.amount_fen) == ("done", 100)
        assert await shop.trade.refund(back) == found
    with pytest.raises(Refused, match="more_than_paid"):
        await shop.trade.refund(RefundAsk(ask.order_no, "R8", "", 1100, 1234, "退款"))
    other = RefundAsk(ask.order_no, f"R{ask.order_no}A", "", 50, 1234, "退款")
    assert (await shop.trade.refund(other)).state == "abnormal"


async def test_while_alipay_is_down_nothing_is_known(shop: Shop) -> None:
    async with shop.world.faults(alipay={"down": True}):
        with pytest.raises((Unknown, NotReached)):
            await shop.trade.query("Z1")


async def test_a_days_statement_is_the_days_orders_to_the_fen(shop: Shop, tmp_path: Path) -> None:
    await shop.world.pass_time(86400)
    paid = [await shop.paid(amount_fen=fen) for fen in (1234, 100_000)]
    back = RefundAsk(paid[1].order_no, f"R{secrets.token_hex(6)}", "", 40_000, 100_000, "退款")
    refunded = await shop.trade.refund(back)
    payments = [await shop.trade.query(ask.order_no) for ask in paid]
    assert all(isinstance(one, Payment) for one in payments)
    assert refunded.refunded_at is not None
    day = refunded.refunded_at.astimezone(BEIJING).date()
    assert await shop.trade.fetch_statement(day, tmp_path) is None  # it is not over yet

    await shop.world.pass_time(86400)
    path = await shop.trade.fetch_statement(day, tmp_path)
    assert path is not None
    lines = {(line.kind, line.order_no): line for line in await asyncio.to_thread(lambda: list(shop.trade.read_statement(path)))}
    for ask, payment in zip(paid, payments, strict=True):
        line = lines["paid", ask.order_no]
        assert isinstance(payment, Payment) and (line.amount_fen, line.at, line.transaction_id) == (
            ask.amount_fen,
            payment.paid_at,
            payment.transaction_id,
        )
    line = lines["refunded", paid[1].order_no]
    assert (line.amount_fen, line.refund_no, line.at) == (40_000, back.refund_no, refunded.refunded_at)
    assert (lines["paid", paid[1].order_no].fee_fen, line.fee_fen) == (600, -240)
    assert await shop.trade.fetch_statement(date(2020, 1, 1), tmp_path) is None
