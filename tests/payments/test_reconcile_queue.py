"""What waits for a human: one row whatever comes again, one owner at a time, and a history that only grows."""

import asyncio
from pathlib import Path

import pytest

from kit.errors import AppError
from kit.mongo import Mongo
from payments.discrepancies import closed, noted, taken
from tests.payments.reconciling import DAY, Office, Till

OWN = f"only_at_gateway/{DAY}/wechat_v3/paid:P1"


@pytest.fixture
async def office(mongo: Mongo, tmp_path: Path) -> Office:
    """P1 is only at the gateway, and a run has found it."""
    made = await Office(mongo, tmp_path).ready()
    made.list("P1", 500)
    await made.run()
    return made


async def only_row(office: Office) -> dict[str, object]:
    rows = await office.rows()
    assert list(rows) == ["only_at_gateway paid:P1"]
    return rows["only_at_gateway paid:P1"]


async def test_running_again_makes_no_second_row_and_keeps_owner_note_and_history(office: Office) -> None:
    await taken(office.desk.queue, OWN, "li")
    await noted(office.desk.queue, OWN, "li", "已致电渠道")
    found_at = (await only_row(office))["found_at"]
    assert (await office.run()).counts == {"only_at_gateway": {"open": 1}}
    row = await only_row(office)
    assert (row["owner"], row["note"], row["state"], row["runs"], row["found_at"]) == ("li", "已致电渠道", "open", 2, found_at)
    assert [step["what"] for step in row["history"]] == ["open", "taken", "noted"]  # type: ignore[attr-defined]  # a list of steps


async def test_what_has_vanished_is_healed_by_itself_and_opens_again_when_it_comes_back(office: Office) -> None:
    await office.enter("paid", "P1", 500)
    await office.enter("settled", "P1", 500)
    office.book_in("P1", 500)
    assert (await office.run()).counts == {"only_at_gateway": {"healed": 1}}
    assert (await only_row(office))["why"] == "vanished"
    await office.mongo["ledger_entries"].delete_many({})
    office.book.entries.clear()
    assert (await office.run()).counts == {"only_at_gateway": {"open": 1}}
    assert [step["what"] for step in (await only_row(office))["history"]] == ["open", "healed", "open"]  # type: ignore[attr-defined]  # a list of steps


async def test_a_run_of_another_account_heals_nothing_here(office: Office) -> None:
    await office.run(Till("alipay", "alipay", "2088000000000001", {DAY: []}))
    assert (await only_row(office))["state"] == "open"


async def test_what_a_human_closed_stays_closed(office: Office) -> None:
    await taken(office.desk.queue, OWN, "li")
    await closed(office.desk.queue, OWN, "li", "渠道测试交易，已书面确认")
    report = await office.run()
    assert (report.open, report.counts) == (0, {"only_at_gateway": {"closed": 1}})
    row = await only_row(office)
    assert (row["reason"], row["runs"]) == ("渠道测试交易，已书面确认", 2)
    assert [step["what"] for step in row["history"]] == ["open", "taken", "closed"]  # type: ignore[attr-defined]  # a list of steps


async def test_of_two_who_take_one_at_the_same_time_one_gets_it(office: Office) -> None:
    both = await asyncio.gather(*(taken(office.desk.queue, OWN, who) for who in ("li", "wang")), return_exceptions=True)
    refused = [one for one in both if isinstance(one, AppError)]
    assert [one.code for one in refused] == ["discrepancy_taken"]
    owner = next(one["owner"] for one in both if isinstance(one, dict))
    assert (await taken(office.desk.queue, OWN, owner))["owner"] == owner  # again: the same


async def test_one_that_is_taken_goes_to_another_only_by_naming_who_has_it(office: Office) -> None:
    await taken(office.desk.queue, OWN, "li")
    with pytest.raises(AppError, match="discrepancy_taken"):
        await taken(office.desk.queue, OWN, "wang", instead_of="zhao")
    row = await taken(office.desk.queue, OWN, "wang", instead_of="li")
    assert (row["owner"], row["history"][-1]["instead_of"]) == ("wang", "li")
    with pytest.raises(AppError, match="discrepancy_taken"):
        await noted(office.desk.queue, OWN, "li", "还在查")


@pytest.mark.parametrize(("text", "code"), [(" ", "input_invalid"), ("字" * 501, "input_invalid"), ("查过了", "discrepancy_not_taken")])
async def test_a_note_needs_words_and_an_owner(office: Office, text: str, code: str) -> None:
    with pytest.raises(AppError, match=code):
        await noted(office.desk.queue, OWN, "li", text)
    with pytest.raises(AppError, match=code):
        await closed(office.desk.queue, OWN, "li", text)


async def test_closing_twice_and_closing_what_is_not_there_are_refused(office: Office) -> None:
    await taken(office.desk.queue, OWN, "li")
    await closed(office.desk.queue, OWN, "li", "已核实")
    with pytest.raises(AppError, match="discrepancy_not_open"):
        await closed(office.desk.queue, OWN, "li", "已核实")
    with pytest.raises(AppError, match="discrepancy_unknown"):
        await taken(office.desk.queue, "no/such/row", "li")


async def test_days_with_open_rows_are_told_for_another_run(office: Office) -> None:
    assert await office.desk.queue.open_days("2026-11-01") == [("2026-11-22", "wechat_v3")]
    assert await office.desk.queue.open_days("2026-11-23") == []


async def test_rows_of_one_run_are_listed_page_by_page_and_none_is_lost(office: Office) -> None:
    for number in range(2, 30):
        office.list(f"P{number}", 500)
    await office.run()
    before, seen = None, list[str]()
    while rows := await office.desk.queue.listed({"state": "open"}, before, 7):
        seen += [row["subject"] for row in rows]
        before = rows[-1]["found_at"]
    assert sorted(seen) == sorted(f"paid:P{number}" for number in range(1, 30))
