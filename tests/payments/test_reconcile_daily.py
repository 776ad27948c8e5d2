"""The worker reconciles by itself: which days, how often again, and what one account that cannot run means for the others."""

import logging
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.mongo import Mongo
from miniapp_api.reconcile_daily import AGAIN, LOOK_BACK, reconcile_due
from payments.discrepancies import closed, taken
from payments.gateways import Unreadable
from payments.reconcile import ready_from
from payments.reconcile_store import Reconciliations
from tests.payments.reconciling import DAY, Office, Till

ALIPAY = ("alipay", "alipay", "2088000000000001")
WEEK = [DAY - timedelta(days=back) for back in range(LOOK_BACK - 1, -1, -1)]


@pytest.fixture
async def office(mongo: Mongo, tmp_path: Path) -> Office:
    """It is 11:00 on the day after DAY."""
    return await Office(mongo, tmp_path).ready()


async def runs(office: Office, gateway: str = "wechat_v3") -> dict[date, tuple[str, int]]:
    """day -> (state, how often)"""
    found = office.mongo["reconciliations"].find({"gateway": gateway}).sort("day", 1)
    return {date.fromisoformat(row["day"]): (row["state"], row["runs"]) async for row in found}


async def test_each_day_of_the_week_behind_is_reconciled_once_the_oldest_first(office: Office) -> None:
    for _ in range(3):
        await reconcile_due(office.desk, [office.till])
    assert await runs(office) == dict.fromkeys(WEEK, ("done", 1))
    assert office.till.fetched == WEEK


async def test_before_ten_yesterday_is_not_tried(office: Office) -> None:
    office.at = ready_from(DAY) - timedelta(seconds=1)
    await reconcile_due(office.desk, [office.till])
    assert DAY not in await runs(office)
    office.at = ready_from(DAY)
    await reconcile_due(office.desk, [office.till])
    assert (await runs(office))[DAY] == ("done", 1)


async def test_a_day_the_workers_were_away_is_made_up(office: Office) -> None:
    office.list("P1", 500)
    office.at += timedelta(days=3)
    await reconcile_due(office.desk, [office.till])
    assert (await office.rows())["only_at_gateway paid:P1"]["state"] == "open"


async def test_a_day_with_open_rows_is_run_again_after_half_a_day_and_an_even_one_is_not(office: Office) -> None:
    office.list("P1", 500)
    await reconcile_due(office.desk, [office.till])
    office.at += AGAIN - timedelta(minutes=1)
    await finished_at(office, office.at - AGAIN + timedelta(minutes=1))
    await reconcile_due(office.desk, [office.till])
    assert (await runs(office))[DAY] == ("done", 1)
    await finished_at(office, office.at - AGAIN - timedelta(minutes=1))
    await reconcile_due(office.desk, [office.till])
    found = await runs(office)
    assert found[DAY] == ("done", 2) and {found[day] for day in WEEK[:-1]} == {("done", 1)}


async def test_once_a_human_has_closed_the_last_row_the_day_is_left_alone(office: Office) -> None:
    office.list("P1", 500)
    await reconcile_due(office.desk, [office.till])
    own = f"only_at_gateway/{DAY}/wechat_v3/paid:P1"
    await taken(office.desk.queue, own, "li")
    await closed(office.desk.queue, own, "li", "渠道测试交易")
    await finished_at(office, office.at - AGAIN - timedelta(minutes=1))
    await reconcile_due(office.desk, [office.till])
    assert (await runs(office))[DAY] == ("done", 1)


async def test_what_only_the_core_has_is_looked_at_again_by_every_account(office: Office) -> None:
    office.book_in("P9", 700)
    alipay = Till(*ALIPAY, {DAY: []})  # type: ignore[arg-type]  # names of a gateway
    await reconcile_due(office.desk, [office.till, alipay])
    await finished_at(office, office.at - AGAIN - timedelta(minutes=1))
    office.book.entries.clear()
    await reconcile_due(office.desk, [office.till, alipay])
    assert (await office.rows())["core_differs paid:P9"]["state"] == "healed"


async def test_a_statement_nobody_can_read_is_tried_again_each_time_and_keeps_nobody_else_waiting(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.till.fails = Unreadable("totals_do_not_add_up")
    alipay = Till(*ALIPAY, {DAY: []})  # type: ignore[arg-type]  # names of a gateway
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await reconcile_due(office.desk, [office.till, alipay])
    assert (await runs(office))[DAY] == ("refused", 2) and (await runs(office, "alipay"))[DAY] == ("done", 1)
    assert [told(record) for record in caplog.records] == [("not reconciled", "wechat_v3", "statement_unreadable")] * 2


async def test_another_worker_at_it_is_no_failure(office: Office) -> None:
    own = f"{DAY}/wechat_v3"
    await Reconciliations(office.mongo).begin(own, "run-of-another", {"day": DAY.isoformat(), "gateway": "wechat_v3", "merchant": "9900000001"})
    await reconcile_due(office.desk, [office.till])
    found = await runs(office)
    assert found[DAY] == ("running", 1) and len(found) == LOOK_BACK


async def test_open_rows_are_an_error_in_the_log_and_an_even_day_is_not(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office.list("P1", 500)
    with caplog.at_level(logging.INFO):
        await reconcile_due(office.desk, [office.till])
    levels = {record.__dict__["day"]: record.levelno for record in caplog.records if record.message == "reconciled"}
    assert levels == {**{day.isoformat(): logging.INFO for day in WEEK[:-1]}, DAY.isoformat(): logging.ERROR}


async def finished_at(office: Office, moment: Any) -> None:
    await office.mongo["reconciliations"].update_many({}, {"$set": {"finished_at": moment}})


def told(record: logging.LogRecord) -> tuple[str, str, str]:
    return record.message, record.__dict__["gateway"], record.__dict__["reason"]
