"""Alipay's statements: the day that is over, in GBK and tabs, with totals that add up, behind an address that dies after 30 seconds."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from alipay import DCAliPay

from tests.listener import listening
from tests.sandbox.alipay_shop import BILL, Door, Shop, refusal
from tests.sandbox.conftest import Private
from tests.sandbox.outside import Outside

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pyOpenSSL's, in the SDK
BEIJING = timezone(timedelta(hours=8))


@pytest.fixture
async def shop(private: Private) -> AsyncIterator[Shop]:
    """A world of its own, whose days can pass."""
    door = Door()
    async with listening(door.take) as url:
        door.url = url + "/notify"
        yield Shop(private(), door, DCAliPay)


async def today(shop: Shop) -> str:
    ahead = (await shop.outside.world("GET", "/state"))["clock"]["ahead"]
    return f"{datetime.now(BEIJING) + timedelta(seconds=ahead):%Y-%m-%d}"


async def to_noon(shop: Shop) -> str:
    """Noon of the next day, so that no test stands on a midnight; that day."""
    ahead = (await shop.outside.world("GET", "/state"))["clock"]["ahead"]
    now = datetime.now(BEIJING) + timedelta(seconds=ahead)
    noon = (now + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    await shop.outside.pass_time((noon - now).total_seconds())
    return await today(shop)


def table(lines: list[str]) -> list[dict[str, str]]:
    """The rows between the comments; every value is followed by a tab, no heading is."""
    head, *rows = [line for line in lines if not line.startswith("#")]
    assert "\t" not in head and all(cell.endswith("\t") for row in rows for cell in row.split(","))
    return [dict(zip(head.split(","), [cell.rstrip("\t") for cell in row.split(",")], strict=True)) for row in rows]


async def test_a_statement_lists_the_days_payments_and_refunds_and_its_totals_add_up(shop: Shop) -> None:
    day = await to_noon(shop)
    first, second = await shop.paid(subject="工本费, 加急"), await shop.paid(total_amount="100.00")
    await shop.ordered()  # never paid: in no statement
    await shop.refund(first, "12.34", "R1")
    await shop.refund(second, "0.50", "R2")
    await to_noon(shop)
    found = await shop.statement(day)
    stem = f"{shop.mine['seller_id']}_{day.replace('-', '')}"
    assert list(found) == [f"{stem}_业务明细.csv", f"{stem}_业务明细(汇总).csv"]
    details, sums = found.values()
    rows = table(details)
    assert [(one["商户订单号"], one["业务类型"], one["订单金额（元）"], one["退款批次号/请求号"]) for one in rows] == [
        (first, "交易", "12.34", ""),
        (second, "交易", "100.00", ""),
        (first, "退款", "-12.34", "R1"),
        (second, "退款", "-0.50", "R2"),
    ]
    assert len(rows[0]) == 25 and [one["服务费（元）"] for one in rows] == ["-0.07", "-0.60", "0.07", "0.00"]
    assert all(one["完成时间"].startswith(day) and len(one["支付宝交易号"]) == 28 for one in rows)
    assert details[0] == "#支付宝业务明细查询" and details[3].startswith("#---") and details[-4].startswith("#---")
    assert details[-3:-1] == ["#交易合计：2笔，商家实收共112.34元，商家优惠共0.00元", "#退款合计：2笔，商家实收退款共-12.84元，商家优惠退款共0.00元"]
    (total,) = table(sums)
    for name in ("订单金额（元）", "商家实收（元）", "服务费（元）"):
        assert Decimal(total[name]) == sum(Decimal(one[name]) for one in rows), name
    assert (total["交易订单总笔数"], total["退款订单总笔数"]) == ("2", "2")
    assert Decimal(total["实收净额（元）"]) == Decimal(total["商家实收（元）"]) + Decimal(total["服务费（元）"])


async def test_a_refund_of_yesterdays_trade_stands_on_the_day_of_the_refund(shop: Shop) -> None:
    day = await to_noon(shop)
    number = await shop.paid()
    after = await to_noon(shop)
    await shop.refund(number, "1.00", "R1")
    await to_noon(shop)
    kinds = {date: [one["业务类型"] for one in table(next(iter((await shop.statement(date)).values())))] for date in (day, after)}
    assert kinds == {day: ["交易"], after: ["退款"]}


async def test_a_months_statement_holds_all_its_days_once_the_month_is_over(shop: Shop) -> None:
    month = (await to_noon(shop))[:7]
    number = await shop.paid()
    assert refusal(await shop.call(BILL, {"bill_type": "trade", "bill_date": month})) == ("40004", "isp.bill_not_exist")
    await shop.outside.pass_time(31 * 86400)
    details = next(iter((await shop.statement(month)).values()))
    assert [one["商户订单号"] for one in table(details)] == [number]
    assert f"{month[:4]}年{month[5:]}月01日 00:00:00" in details[2]


async def test_a_wrong_question_for_a_statement_is_refused(outside: Outside) -> None:
    shop = Shop(outside, Door())
    for asked in ({"bill_date": "2020-13-01"}, {"bill_date": "yesterday"}, {"bill_date": ""}, {"bill_type": "all"}):
        assert refusal(await shop.call(BILL, {"bill_type": "trade", "bill_date": "2020-01-01", **asked})) == ("40004", "INVAILID_ARGUMENTS"), asked


async def test_today_tomorrow_and_a_day_without_trades_have_no_statement(shop: Shop) -> None:
    empty = await to_noon(shop)
    now = await to_noon(shop)
    await shop.paid()
    for date in (now, "2999-01-01", empty):
        assert refusal(await shop.call(BILL, {"bill_type": "trade", "bill_date": date})) == ("40004", "isp.bill_not_exist")


async def test_the_address_of_a_statement_lives_for_thirty_seconds(shop: Shop) -> None:
    day = await to_noon(shop)
    await shop.paid()
    await to_noon(shop)
    told = await shop.call(BILL, {"bill_type": "trade", "bill_date": day})
    path = told["bill_download_url"].removeprefix(shop.outside.process.url)
    assert [(await shop.outside.call("GET", path)).status for _ in range(2)] == [200, 200]
    await shop.outside.pass_time(31)
    assert (await shop.outside.call("GET", path)).status == 403
    assert (await shop.outside.call("GET", path.split("token=")[0] + "token=guess")).status == 403
