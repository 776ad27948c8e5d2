"""Three books of a day: what is even, what differs, what only looks as if it did, and what may be put right without a human."""

from datetime import timedelta
from pathlib import Path

import pytest

from kit.errors import NotReached
from kit.mongo import Mongo
from payments.discrepancies import closed, taken
from payments.heal import Seen
from payments.reconcile import reconcile
from tests.payments.reconciling import BEFORE_NOON, DAY, NEXT_NOON, NOON, Office, Till


@pytest.fixture
async def office(mongo: Mongo, tmp_path: Path) -> Office:
    return await Office(mongo, tmp_path).ready()


async def test_an_even_day_has_totals_and_no_discrepancy(office: Office) -> None:
    for number in range(7):
        await office.pay(f"P{number}", 1000 + number, fee=6)
    await office.give_back("R1", 400, "P1")
    report = await office.run()
    assert (report.open, report.counts, await office.rows()) == (0, {}, {})
    assert {side: (tally.count, tally.fen) for side, tally in report.totals.paid.items()} == dict.fromkeys(("gateway", "ledger", "core"), (7, 7021))
    assert {side: (tally.count, tally.fen) for side, tally in report.totals.refunded.items()} == dict.fromkeys(
        ("gateway", "ledger", "core"), (1, 400)
    )
    assert report.totals.paid["gateway"].fee_fen == 42
    record = await office.desk.runs.record(f"{DAY}/wechat_v3")
    assert record is not None
    assert (record["state"], record["totals"]["paid"]["core"]["fen"], record["counts"]) == ("done", 7021, {})
    assert len(record["statement_sha256"]) == 64 and record["statement_sha256"] == report.sha256
    assert not list((office.folder / "spools").iterdir())


async def test_a_payment_only_the_gateway_has_is_open_with_its_amounts(office: Office) -> None:
    office.list("P1", 500)
    assert (await office.run()).counts == {"only_at_gateway": {"open": 1}}
    row = (await office.rows())["only_at_gateway paid:P1"]
    assert row["_id"] == f"only_at_gateway/{DAY}/wechat_v3/paid:P1"
    assert row["amounts"] == {"gateway": 500, "ledger": None, "booked": None, "core": None}
    assert (row["why"], row["owner"], row["note"], row["runs"]) == ("not_certain", None, "", 1)
    assert row["evidence"]["gateway_ref"] == "TP1"


async def test_a_payment_only_the_ledger_has_is_open_when_the_gateway_does_not_know_it(office: Office) -> None:
    await office.pay("P1", 500)
    office.till.statements[DAY].clear()
    assert (await office.run()).counts == {"only_in_ledger": {"open": 1}}
    assert (await office.rows())["only_in_ledger paid:P1"]["why"] == "not_at_gateway"
    assert office.helper.asked == [("look", "P1")]


async def test_a_payment_the_gateway_confirms_for_this_very_day_but_does_not_list_stays_open(office: Office) -> None:
    await office.pay("P1", 500)
    office.till.statements[DAY].clear()
    office.helper.answers["P1"] = Seen(500, NOON)
    assert (await office.run()).open == 1
    assert (await office.rows())["only_in_ledger paid:P1"]["why"] == "gateway_agrees"


async def test_another_amount_at_the_gateway_is_a_difference_and_never_healed(office: Office) -> None:
    await office.pay("P1", 500)
    office.till.statements[DAY].clear()
    office.list("P1", 501)
    office.helper.answers["P1"] = "healed"
    assert (await office.run()).counts == {"amount_differs": {"open": 1}}
    assert (await office.rows())["amount_differs paid:P1"]["amounts"] == {"gateway": 501, "ledger": 500, "booked": 500, "core": 500}
    assert office.helper.asked == []


async def test_a_line_that_stands_twice_in_the_statement_is_a_difference(office: Office) -> None:
    await office.pay("P1", 500)
    office.list("P1", 500)
    await office.run()
    row = (await office.rows())["amount_differs paid:P1"]
    assert (row["why"], row["amounts"]["gateway"], row["evidence"]["gateway_lines"]) == ("twice", 1000, 2)


@pytest.mark.parametrize(("at_core", "why"), [([], "missing"), ([499], "amount"), ([500, 500], "twice")])
async def test_a_core_that_differs_from_what_we_believe_it_booked_is_open(office: Office, at_core: list[int], why: str) -> None:
    await office.pay("P1", 500)
    office.book.entries.clear()
    for fen in at_core:
        office.book_in("P1", fen)
    office.helper.answers["P1"] = "healed"
    assert (await office.run()).counts == {"core_differs": {"open": 1}}
    assert (await office.rows())["core_differs paid:P1"]["why"] == why
    assert office.helper.asked == []  # what we believe booked is not booked again by a machine


async def test_what_only_the_core_has_is_nobodys_and_is_written_once_for_all_accounts(office: Office) -> None:
    office.book_in("P9", 700)
    other = Till("alipay", "alipay", "2088000000000001", {DAY: []})
    assert (await office.run()).open == 1
    assert (await office.run(other)).open == 1
    rows = await office.rows()
    assert [row["_id"] for row in rows.values()] == [f"core_differs/{DAY}/core/paid:P9"]
    assert rows["core_differs paid:P9"]["why"] == "extra"


async def test_what_the_gateway_and_the_core_have_and_we_lack_is_told_once(office: Office) -> None:
    office.list("P1", 500)
    office.book_in("P1", 500)
    other = Till("alipay", "alipay", "2088000000000001", {DAY: []})
    await office.run()
    await office.run(other)
    rows = await office.rows()
    assert list(rows) == ["only_at_gateway paid:P1"]
    assert rows["only_at_gateway paid:P1"]["amounts"]["core"] == 500


async def test_what_a_human_closed_does_not_come_back_as_something_only_the_core_has(office: Office) -> None:
    office.list("P1", 500)
    office.book_in("P1", 500)
    await office.run()
    own = f"only_at_gateway/{DAY}/wechat_v3/paid:P1"
    await taken(office.desk.queue, own, "li")
    await closed(office.desk.queue, own, "li", "订单已从备份补回")
    assert (await office.run(Till("alipay", "alipay", "2088000000000001", {DAY: []}))).open == 0


async def test_two_accounts_of_one_day_do_not_see_each_others_money_as_their_own(office: Office) -> None:
    other = Till("alipay", "alipay", "2088000000000001")
    await office.pay("P1", 500)
    await office.pay("P2", 300, till=other)
    wechat, alipay = await office.run(), await office.run(other)
    assert (wechat.open, alipay.open) == (0, 0)
    assert (wechat.totals.paid["core"].fen, alipay.totals.paid["core"].fen) == (500, 300)


async def test_a_refund_that_began_the_evening_before_is_explained_by_the_neighbouring_statement(office: Office) -> None:
    """WeChat lists a refund on the day it begins; ours is dated when it is done."""
    await office.pay("P1", 500, BEFORE_NOON)
    await office.give_back("R1", 500, "P1")
    office.till.statements[DAY].clear()
    office.list("R1", 500, BEFORE_NOON, order_no="P1")
    report = await office.run()
    assert (report.open, report.counts) == (0, {"only_in_ledger": {"explained": 1}})
    row = (await office.rows())["only_in_ledger refunded:R1"]
    assert (row["why"], row["evidence"]["gateway_day"], row["amounts"]["gateway"]) == ("other_day", "2026-11-21", 500)
    assert office.helper.asked == []


async def test_a_refund_that_is_done_the_day_after_is_explained_by_the_ledger(office: Office) -> None:
    office.list("R1", 500, order_no="P1")
    await office.enter("refunded", "R1", 500, NEXT_NOON, order_no="P1")
    report = await office.run()
    assert (report.open, report.counts) == (0, {"only_at_gateway": {"explained": 1}})
    assert (await office.rows())["only_at_gateway refunded:R1"]["evidence"]["ledger_day"] == "2026-11-23"


async def test_a_refund_that_took_days_is_explained_by_the_row_of_the_day_it_began(office: Office) -> None:
    office.list("R1", 500, order_no="P1")
    office.helper.answers["R1"] = "under_way"
    assert (await office.run()).open == 1
    later = Office(office.mongo, office.folder, office.till, office.book, office.helper, office.at + timedelta(days=4))
    done = NOON + timedelta(days=4)
    await office.enter("refunded", "R1", 500, done, order_no="P1")
    office.till.statements[done.date()] = []

    report = await reconcile(later.desk, later.till, done.date())
    assert report.counts == {"only_in_ledger": {"explained": 1}}
    assert (await later.run()).counts == {"only_at_gateway": {"explained": 1}}


async def test_another_amount_on_the_other_day_explains_nothing(office: Office) -> None:
    office.list("R1", 500, order_no="P1")
    await office.enter("refunded", "R1", 400, NEXT_NOON, order_no="P1")
    assert (await office.run()).counts == {"amount_differs": {"open": 1}}


async def test_the_gateway_asked_about_another_day_explains_what_no_statement_has(office: Office) -> None:
    await office.pay("P1", 500)
    office.till.statements[DAY].clear()
    office.helper.answers["P1"] = Seen(500, NEXT_NOON)
    assert (await office.run()).counts == {"only_in_ledger": {"explained": 1}}
    assert office.till.fetched == [DAY, DAY - timedelta(days=1)]  # the day after has no statement before its own 10:00


async def test_the_core_dating_it_on_the_neighbouring_day_is_explained(office: Office) -> None:
    await office.pay("P1", 500)
    office.book.entries.clear()
    office.book_in("P1", 500, BEFORE_NOON)
    assert (await office.run()).counts == {"core_differs": {"explained": 1}}
    assert (await office.rows())["core_differs paid:P1"]["evidence"]["core_day"] == "2026-11-21"


async def test_a_payment_of_another_merchant_account_is_not_taken_for_a_matter_of_dates(office: Office) -> None:
    office.list("P1", 500)
    await office.enter("paid", "P1", 500, NEXT_NOON, till=Till(merchant="9900000002"))
    assert (await office.run()).counts == {"only_at_gateway": {"open": 1}}
    assert (await office.rows())["only_at_gateway paid:P1"]["why"] == "other_account"
    assert office.helper.asked == []


async def test_money_that_went_back_before_the_core_took_it_is_even(office: Office) -> None:
    office.list("P1", 500)
    await office.enter("paid", "P1", 500)
    office.list("R1", 500, order_no="P1")
    await office.enter("refunded", "R1", 500, order_no="P1")
    assert (await office.run()).counts == {}


async def test_a_refund_of_something_settled_must_be_reversed_at_the_core(office: Office) -> None:
    await office.pay("P1", 500)
    office.list("R1", 200, order_no="P1")
    await office.enter("refunded", "R1", 200, order_no="P1")
    office.helper.answers["R1"] = "healed"
    assert (await office.run()).counts == {"core_differs": {"healed": 1}}
    assert office.helper.asked == [("reverse_again", "R1")]


async def test_certain_things_are_healed(office: Office) -> None:
    office.list("P1", 500)  # a notice that never came
    office.list("R2", 100, order_no="P2")
    office.list("P3", 300)  # paid, never settled
    await office.enter("paid", "P3", 300)
    office.helper.answers |= {"P1": "healed", "R2": "healed", "P3": "under_way"}
    report = await office.run()
    assert sorted(office.helper.asked) == [("payment_seen", "P1"), ("refund_seen", "R2"), ("settle_again", "P3")]
    assert report.counts == {"only_at_gateway": {"healed": 2}, "core_differs": {"open": 1}}
    rows = await office.rows()
    assert (rows["only_at_gateway paid:P1"]["why"], rows["core_differs paid:P3"]["why"]) == ("payment_seen", "under_way")


async def test_what_the_core_has_and_our_ledger_does_not_show_is_settled_again(office: Office) -> None:
    office.list("P1", 500)
    await office.enter("paid", "P1", 500)
    office.book_in("P1", 500)
    office.helper.answers["P1"] = "healed"
    assert (await office.run()).counts == {"core_differs": {"healed": 1}}
    assert office.helper.asked == [("settle_again", "P1")]


async def test_without_healing_nothing_is_changed_outside_and_everything_is_listed(office: Office) -> None:
    office.list("P1", 500)
    await office.enter("paid", "P2", 500)
    await office.run(heal=False)
    assert office.helper.asked == [("look", "P2")]
    assert {name: row["state"] for name, row in (await office.rows()).items()} == {
        "only_at_gateway paid:P1": "open",
        "only_in_ledger paid:P2": "open",
        "core_differs paid:P2": "open",
    }


async def test_a_gateway_that_does_not_answer_leaves_it_open_and_is_not_asked_forever(office: Office) -> None:
    for number in range(9):
        office.list(f"P{number}", 500)
        office.helper.answers[f"P{number}"] = NotReached("wechat_pay", "timeout")
    report = await office.run()
    assert report.counts == {"only_at_gateway": {"open": 9}}
    assert len(office.helper.asked) == 5
    assert {row["why"] for row in (await office.rows()).values()} == {"no_answer"}
