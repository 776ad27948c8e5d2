"""A whole day reconciled over everything real: adapters, core client, stores, command and staff's routes, against the sandbox's own ledgers."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kit.clock import BEIJING, now
from kit.mongo import connect
from miniapp_api.payments_reconcile import CANNOT, EVEN, UNEVEN, Asked, run
from miniapp_api.stack import Stack
from payments.discrepancies import WHY
from sandbox.book import Book
from tests.api.day import AMOUNTS, BACK, NEVER_AT_CORE, Books, Day, books, break_day, by_subject, make_day, sides
from tests.api.desk import make_desk
from tests.api.house import House

DATABASE = "reconcile_day"
pytestmark = pytest.mark.slow  # it waits until a worker asks about what nobody told


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, mongo_url: str, redis_url: str) -> Iterator[Stack]:
    """Of its own, because the world's clock goes on by days."""
    stores = {"MONGO_URL": mongo_url, "REDIS_URL": redis_url, "ZHANGBAN_MONGO_DATABASE": DATABASE}
    own = Stack(tmp_path_factory.mktemp("day"), extra=stores)
    own.start()
    yield own
    own.stop()


@pytest.fixture(scope="module")
async def day(stack: Stack) -> AsyncIterator[Day]:
    """Over, and at rest."""
    mongo = connect(stack.env["MONGO_URL"], DATABASE)
    async with aiohttp.ClientSession() as http:
        made = await make_day(House(stack, http), mongo)
        await asyncio.gather(*(made.everything(channel) for channel in made.payers))
        await made.ends()
        yield made
    await mongo.close()


@pytest.fixture
async def own(stack: Stack) -> AsyncIterator[Books]:
    async with books(stack) as made:
        yield made


async def test_a_day_of_every_way_to_pay_is_even_to_the_fen_on_all_three_sides(day: Day, own: Books) -> None:
    reports = await own.reconcile(day.date)
    kept, back = sum(AMOUNTS.values()), sum(BACK.values())
    booked, reversed_fen = kept - sum(AMOUNTS[one] for one in NEVER_AT_CORE), back - sum(BACK[one] for one in NEVER_AT_CORE)
    for channel, report in reports.items():
        assert (report.open, report.counts) == (0, {}), (channel, report)
        counted = await day.counted(channel)
        paid, refunded = sides(report, "paid"), sides(report, "refunded")
        assert paid["gateway"] == paid["ledger"] == counted["paid"] == (len(AMOUNTS), kept)
        assert refunded["gateway"] == refunded["ledger"] == counted["refunded"] == (len(BACK), back)
        assert paid["core"] == counted["settled"] == (len(AMOUNTS) - len(NEVER_AT_CORE), booked)
        assert refunded["core"] == counted["reversed"] == (len(BACK) - len(NEVER_AT_CORE), reversed_fen)
        assert kept - back == booked - reversed_fen and len(report.sha256) == 64
    assert reports["wechat"].totals.paid["gateway"].fee_fen > 0
    kept_files = [
        path.name for path in (Path(day.house.stack.env["ZHANGBAN_STATEMENTS"]) / "statements").iterdir() if day.date.isoformat() in path.name
    ]
    assert len(kept_files) == len(reports)


LEFT = {
    ("only_at_gateway", "unknown"): "not_certain",
    ("amount_differs", "altered"): "amount",
    ("core_differs", "altered"): "amount",
    ("core_differs", "gone_at_core"): "missing",
    ("only_in_ledger", "made_up"): "not_at_gateway",
    ("core_differs", "made_up"): "missing",
}
HEALED = {("only_at_gateway", "lost"): "payment_seen", ("only_at_gateway", "untold"): "payment_seen"}


async def test_what_is_certain_is_healed_and_the_rest_waits_for_an_accountant(day: Day, own: Books) -> None:
    other = replace(day, date=day.date + timedelta(days=1), orders={})
    sandbox = Book(day.house.stack.data / "sandbox")
    channels = list(day.payers)
    broken = await asyncio.gather(*(break_day(other, channel, sandbox) for channel in channels))
    sandbox.close()
    victims = dict(zip(channels, broken, strict=True))
    await other.ends()
    clerk = await make_desk(day.house, "accountant")

    async def seen(channel: str, **wanted: str) -> dict[tuple[str, str], Any]:
        query = "&".join(f"{name}={value}" for name, value in {"day": other.date.isoformat(), "limit": "100", **wanted}.items())
        answer = await clerk.api("GET", f"/staff/v1/discrepancies?{query}")
        assert answer.status == 200, answer.body
        return by_subject(answer.json["items"], victims[channel])

    first = await own.reconcile(other.date)
    for channel in channels:
        rows = {key: (row["state"], row["why_text"]) for key, row in (await seen(channel, state="all")).items()}
        expected = {key: ("open", WHY[why]) for key, why in LEFT.items()} | {key: ("healed", WHY[why]) for key, why in HEALED.items()}
        expected[("core_differs", "unbooked")] = ("open", WHY["under_way"])
        assert {key: rows.get(key) for key in expected} == expected, channel
        assert first[channel].open >= len(LEFT) + 1
    await other.at_rest()
    for channel in channels:
        payer, names = other.payers[channel], victims[channel]
        assert (await payer.until(names["lost"], "settled"))["amount_fen"] == 1_000
        assert len(await payer.at_core(names["lost"])) == 1 and len(await payer.told(names["lost"])) == 1
        assert (await payer.until(names["unbooked"], "settled"))["e_bill_no"] and len(await payer.at_core(names["unbooked"])) == 1
        assert (await payer.until(names["untold"], "refunded"))["refunded_fen"] == 1_600

    mine = ("only_at_gateway", "unknown")
    row = (await seen("wechat", state="open", kind="only_at_gateway"))[mine]
    path = f"/staff/v1/discrepancies/{row['id']}"
    assert (await clerk.api("POST", f"{path}/note", {"text": "还没有认领"})).json["code"] == "discrepancy_not_taken"
    assert (await clerk.api("POST", f"{path}/take", {})).json["owner"] == clerk.username
    assert (await clerk.api("POST", f"{path}/note", {"text": "已请渠道核实"})).json["note"] == "已请渠道核实"
    second = await own.reconcile(other.date)
    for channel in channels:
        assert set(await seen(channel, state="open")) == set(LEFT), channel
        assert second[channel].open == len(LEFT)
    row = (await seen("wechat", state="open"))[mine]
    assert (row["owner"], row["note"], row["amounts"]) == (
        clerk.username,
        "已请渠道核实",
        {"gateway": 1_100, "ledger": None, "booked": None, "core": 1_100},
    )
    assert [step["what"] for step in row["history"]] == ["open", "taken", "noted"]
    closed = await clerk.api("POST", f"{path}/close", {"text": "已从备份补回订单"})
    assert (closed.json["state"], (await clerk.api("POST", f"{path}/close", {"text": "再来一次"})).json["code"]) == ("closed", "discrepancy_not_open")
    third = await own.reconcile(other.date)
    assert (third["wechat"].open, third["alipay"].open) == (len(LEFT) - 1, len(LEFT))
    runs = (await clerk.api("GET", "/staff/v1/reconciliations")).json["items"]
    assert {one["gateway"]: (one["state"], one["runs"], one["open"]) for one in runs if one["day"] == other.date.isoformat()} == {
        "wechat_v3": ("done", 3, len(LEFT) - 1),
        "alipay": ("done", 3, len(LEFT)),
    }


async def test_only_who_keeps_the_books_sees_them(day: Day) -> None:
    for path in ("/staff/v1/discrepancies", "/staff/v1/reconciliations"):
        assert (await day.staff.approver.api("GET", path)).json["code"] == "staff_not_allowed"
        assert (await day.house.api("GET", path)).status == 401


async def test_the_command_answers_0_1_or_2(day: Day, own: Books, tmp_path: Path) -> None:
    """In this process for the day with money, whose morning after is still to come; as a command for a day long over."""
    gateways = list(own.gateways.values())
    assert await run(own.at(day.date), gateways, Asked(day.date, tmp_path)) == EVEN
    assert sum(path.suffix == ".csv" for path in tmp_path.iterdir()) == 2
    await day.house.faults(wechat_pay={"down": True})
    assert await run(own.at(day.date), gateways, Asked(day.date, tmp_path)) == CANNOT
    await day.house.faults(wechat_pay={})

    def command(asked: date) -> int:
        words = [sys.executable, "-m", "miniapp_api.cli", "payments", "reconcile", asked.isoformat(), "--out", str(tmp_path / "out")]
        done = subprocess.run(
            words, env={**day.house.stack.env, "ZHANGBAN_STATEMENTS": str(tmp_path / "evidence")}, capture_output=True, text=True, check=False
        )
        told.append(done.stdout + done.stderr)
        return done.returncode

    told: list[str] = []
    today = now().astimezone(BEIJING).date()
    over = today - timedelta(days=4)
    assert await asyncio.to_thread(command, over) == EVEN, told
    assert (tmp_path / "evidence" / "statements").is_dir()
    assert await asyncio.to_thread(command, today) == CANNOT and "次日 10:00" in told[-1]
    line = await day.mongo["ledger_entries"].find_one({"kind": "paid", "gateway": "alipay"})
    assert line is not None
    await day.mongo["ledger_entries"].insert_one({**line, "_id": "paid:Z-nobody", "order_no": "Z-nobody", "day": over.isoformat()})
    assert await asyncio.to_thread(command, over) == UNEVEN and "待处理的差错" in told[-1]
    assert (tmp_path / "out" / f"reconcile-{over}-discrepancies.csv").read_text(encoding="utf-8-sig").count("Z-nobody") == 2
