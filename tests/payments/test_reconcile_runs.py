"""A run that may not begin, two at once, one that is killed, and a statement nobody may trust."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit.errors import NotReached
from kit.mongo import Mongo
from payments.gateways import Unreadable
from payments.reconcile import CannotRun, accounts, ready_from, reconcile
from tests.payments.reconciling import DAY, Office, Till

RECORD = f"{DAY}/wechat_v3"


@pytest.fixture
async def office(mongo: Mongo, tmp_path: Path) -> Office:
    return await Office(mongo, tmp_path).ready()


async def test_before_ten_of_the_next_day_it_says_from_when(office: Office) -> None:
    office.at = datetime(2026, 11, 23, 1, 59, tzinfo=UTC)
    with pytest.raises(CannotRun) as refused:
        await office.run()
    assert (refused.value.reason, "2026-11-23 10:00" in refused.value.told) == ("not_yet", True)
    assert await office.desk.runs.record(RECORD) is None
    office.at = ready_from(DAY)
    assert (await office.run()).open == 0


async def test_no_statement_is_believed_at_once_without_money_and_after_a_day_with_money(office: Office) -> None:
    office.till.statements.clear()
    assert (await office.run()).sha256 == ""
    await office.enter("paid", "P1", 500)
    with pytest.raises(CannotRun, match="no_statement"):
        await office.run()
    office.at += timedelta(days=1)
    assert (await office.run()).counts["only_in_ledger"] == {"open": 1}


async def test_a_statement_whose_totals_do_not_add_up_is_refused_and_nothing_of_it_is_used(office: Office) -> None:
    office.list("P1", 500)
    office.till.fails = Unreadable("totals_do_not_add_up")
    with pytest.raises(CannotRun, match="statement_unreadable"):
        await office.run()
    assert await office.rows() == {}
    record = await office.desk.runs.record(RECORD)
    assert record is not None and (record["state"], record["reason"]) == ("refused", "statement_unreadable")
    office.till.fails = None
    assert (await office.run()).open == 1  # the lease was given back


async def test_a_core_that_does_not_answer_is_a_refused_run_and_the_next_one_is_whole(office: Office) -> None:
    await office.pay("P1", 500)
    real = office.book.book_page

    async def away(day: object, cursor: str = "", limit: int = 500) -> object:
        raise NotReached("core", "timeout")

    office.book.book_page = away  # type: ignore[method-assign,assignment]  # the core is away
    with pytest.raises(CannotRun, match="no_answer"):
        await office.run()
    office.book.book_page = real  # type: ignore[method-assign]  # and comes back
    assert (await office.run()).counts == {}


async def test_of_two_runs_at_the_same_time_the_second_is_refused_with_a_sentence(office: Office) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    real = office.till.fetch_statement

    async def slow(day: object, folder: Path) -> Path | None:
        entered.set()
        await go_on.wait()
        return await real(DAY, folder)

    office.till.fetch_statement = slow  # type: ignore[method-assign]  # holds the first run at its first step
    first = asyncio.create_task(office.run())
    await entered.wait()
    with pytest.raises(CannotRun) as refused:
        await office.run()
    assert refused.value.reason == "running" and "正在由另一个进程对账" in refused.value.told
    other = Till("alipay", "alipay", "2088000000000001", {DAY: []})
    assert (await office.run(other)).open == 0  # another account is no hindrance
    go_on.set()
    assert (await first).open == 0
    record = await office.desk.runs.record(RECORD)
    assert record is not None and (record["state"], record["runs"]) == ("done", 1)


async def test_a_run_that_is_interrupted_gives_its_lease_back(office: Office) -> None:
    entered = asyncio.Event()

    async def forever(day: object, folder: Path) -> Path | None:
        entered.set()
        await asyncio.Event().wait()
        return None

    real = office.till.fetch_statement
    office.till.fetch_statement = forever  # type: ignore[method-assign]  # a download that hangs
    running = asyncio.create_task(office.run())
    await entered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    office.till.fetch_statement = real  # type: ignore[method-assign]  # the download works again
    assert (await office.run()).open == 0


DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from kit.mongo import connect
from tests.payments.reconciling import Office
from payments import discrepancy_store

async def main():
    office = await Office(connect(sys.argv[1], sys.argv[2]), Path(sys.argv[3])).ready()
    for number in range(4):
        office.list(f"P{number}", 500)
    discrepancy_store._BATCH = 2
    real = discrepancy_store.written
    async def once(rows, writes):
        await real(rows, writes)
        os.kill(os.getpid(), signal.SIGKILL)
    discrepancy_store.written = once
    await office.run()

asyncio.run(main())
"""


async def test_a_run_that_was_killed_half_way_is_run_again_and_ends_as_if_nothing_had_happened(office: Office, mongo_url: str) -> None:
    command = [sys.executable, "-c", DIES, mongo_url, office.mongo.database.name, str(office.folder)]
    done = await asyncio.to_thread(subprocess.run, command, cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONPATH": "."}, check=False)
    assert done.returncode == -9
    assert len(await office.rows()) == 2  # half of it was written
    record = await office.desk.runs.record(RECORD)
    assert record is not None and record["state"] == "running"
    for number in range(4):
        office.list(f"P{number}", 500)
    with pytest.raises(CannotRun, match="running"):
        await office.run()  # its lease still stands
    await office.mongo["reconciliations"].update_one({"_id": RECORD}, {"$set": {"until": record["started_at"]}})  # a minute later
    assert (await office.run()).counts == {"only_at_gateway": {"open": 4}}
    assert sorted(row["runs"] for row in (await office.rows()).values()) == [1, 1, 2, 2]
    record = await office.desk.runs.record(RECORD)
    assert record is not None and (record["state"], record["runs"]) == ("done", 2)
    assert not list((office.folder / "spools").iterdir())


async def test_two_interfaces_of_one_merchant_account_have_one_statement() -> None:
    v3, v2, alipay = Till(), Till("wechat_v2"), Till("alipay", "alipay", "2088000000000001")
    assert accounts([v3, v2, alipay]) == [v3, alipay]


async def test_an_order_of_the_older_interface_is_found_in_the_account_s_one_statement(office: Office) -> None:
    await office.pay("P1", 500, till=Till("wechat_v2", statements=office.till.statements))
    report = await reconcile(office.desk, office.till, DAY)
    assert (report.counts, report.totals.paid["ledger"].fen) == ({}, 500)
