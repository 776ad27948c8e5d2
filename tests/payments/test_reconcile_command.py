"""`zhangban payments reconcile`: what it prints, writes and answers with."""

import csv
import zipfile
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kit.mongo import Mongo
from miniapp_api.cli_payments import app
from miniapp_api.payments_reconcile import Asked, day_asked, run
from payments.discrepancies import noted, taken
from payments.reconcile import CannotRun
from tests.payments.reconciling import DAY, Office, Till

ALIPAY = ("alipay", "alipay", "2088000000000001")


@pytest.fixture
async def office(mongo: Mongo, tmp_path: Path) -> Office:
    return await Office(mongo, tmp_path / "data").ready()


def asked(tmp_path: Path, gateway: str | None = None) -> Asked:
    return Asked(DAY, tmp_path / "out", gateway=gateway)


async def test_an_even_day_answers_0_with_totals(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alipay = Till(*ALIPAY)  # type: ignore[arg-type]  # names of a gateway
    await office.pay("P1", 123456, fee=74)
    await office.pay("P2", 300, till=alipay)
    assert await run(office.desk, [office.till, alipay], asked(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert "2026-11-22 wechat_v3" in out and "1234.56" in out and "0.74" in out and "三方一致" in out
    assert "2026-11-22 alipay" in out and out.count("没有差错") == 2
    assert "读对账单" in err and "\r" not in err  # nobody watches: plain lines
    with (tmp_path / "out/reconcile-2026-11-22-totals.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["2026-11-22", "wechat_v3", "支付", "渠道", "1", "1234.56", "0.74"] and len(rows) == 13
    assert not list((tmp_path / "out").glob(".*"))


async def test_open_discrepancies_answer_1_and_stand_in_both_files_as_text(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office.list("P1", 500)
    await run(office.desk, [office.till], asked(tmp_path))
    own = f"only_at_gateway/{DAY}/wechat_v3/paid:P1"
    await taken(office.desk.queue, own, "@SUM(A1)")
    await noted(office.desk.queue, own, "@SUM(A1)", '=HYPERLINK("http://evil.example")')
    assert await run(office.desk, [office.till], asked(tmp_path)) == 1
    assert "长款：渠道有，账上没有：待处理 1" in capsys.readouterr().out
    with (tmp_path / "out/reconcile-2026-11-22-discrepancies.csv").open(encoding="utf-8-sig") as file:
        row = list(csv.reader(file))[1]
    assert row[:9] == ["2026-11-22", "wechat_v3", "长款：渠道有，账上没有", "支付", "P1", "", "5.00", "", ""]
    assert row[11:13] == ["'@SUM(A1)", '\'=HYPERLINK("http://evil.example")']
    with zipfile.ZipFile(tmp_path / "out/reconcile-2026-11-22.xlsx") as archive:
        sheet = archive.read("xl/worksheets/sheet2.xml").decode()
    assert "@SUM(A1)" in sheet and "<f>" not in sheet and "<hyperlink" not in sheet


async def test_one_account_that_cannot_run_answers_2_and_the_other_is_still_told(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alipay = Till(*ALIPAY)  # type: ignore[arg-type]  # names of a gateway
    await office.pay("P1", 500)
    await office.enter("paid", "P2", 300, till=alipay)
    assert await run(office.desk, [alipay, office.till], asked(tmp_path)) == 2
    out, err = capsys.readouterr()
    assert "alipay 说没有 2026-11-22 的对账单" in err and "2026-11-22 wechat_v3" in out
    assert await run(office.desk, [alipay, office.till], asked(tmp_path, "wechat_v3")) == 0


async def test_money_of_a_merchant_account_that_is_not_configured_is_told(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await office.enter("paid", "P1", 500, till=Till(merchant="9900000009"))
    assert await run(office.desk, [office.till], asked(tmp_path)) == 1
    assert "账上有 1 笔属于没有配置的商户 9900000009" in capsys.readouterr().err


async def test_a_gateway_that_is_not_there_is_refused_and_the_older_interface_means_its_account(office: Office, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="no_such_gateway"):
        await run(office.desk, [office.till], asked(tmp_path, "alipay"))
    assert await run(office.desk, [office.till, Till("wechat_v2")], asked(tmp_path, "wechat_v2")) == 0


@pytest.mark.parametrize("text", ["2026-11-22", "20261122", "yesterday", "昨天"])
def test_a_day_may_be_written_in_several_ways(text: str) -> None:
    assert day_asked(text, date(2026, 11, 23)) == DAY


@pytest.mark.parametrize(
    ("text", "reason", "told"),
    [
        ("2026-11-23", "today", "次日 10:00"),
        ("2026-11-24", "future", "还没有到"),
        ("2026-02-30", "no_date", "2026-11-23"),
        ("22/11/2026", "no_date", "yesterday"),
        ("2026-11-22T00", "no_date", "yesterday"),
        ("２０２６-11-22", "no_date", "yesterday"),
    ],
)
def test_today_the_future_and_what_is_no_day_are_refused_with_a_sentence(text: str, reason: str, told: str) -> None:
    with pytest.raises(CannotRun) as refused:
        day_asked(text, date(2026, 11, 23))
    assert refused.value.reason == reason and told in refused.value.told


def test_the_command_answers_2_to_a_wrong_day(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["reconcile", "2026-13-01", "--out", str(tmp_path)])
    assert told.exit_code == 2 and "日期应写成" in told.output
