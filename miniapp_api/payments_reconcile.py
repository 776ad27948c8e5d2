"""`zhangban payments reconcile DATE`: statement, ledger and core side by side; totals on stdout, files for accountants, progress on stderr."""

import asyncio
import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from kit.clock import BEIJING, now
from kit.mongo import PyMongoError
from miniapp_api import settings as house
from payments import discrepancy_store, reconcile_sheets, reconcile_store
from payments.discrepancies import KINDS, STATES
from payments.gateways import Gateway
from payments.reconcile import NOBODYS, CannotRun, Desk, Report, accounts, must_be_ready, reconcile
from payments.safe_cells import Yuan

EVEN, UNEVEN, CANNOT = 0, 1, 2
_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_STRANGE = "账上有 {count} 笔属于没有配置的商户 {merchant}（{channel}），没有对账：请补上它的配置再对账"


@dataclass(frozen=True, slots=True)
class Asked:
    """`gateway`: only the account of this one."""

    day: date
    out: Path
    heal: bool = True
    gateway: str | None = None


class Bar:
    """On stderr: one line that grows, or a plain line at the beginning of each stage and every 20,000 where nobody watches."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._watched = sys.stderr.isatty()
        self._stage, self._told, self._longest = "", 0, 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        begun = stage != self._stage
        if self._watched:
            share = 20 * done // total if total else 0
            bar = f"[{'#' * share:<20}] {done:,}/{total:,}" if total else f"{done:,} 行"
            text = f"{self._name} {stage} {bar}"
            self._longest = max(self._longest, len(text))
            print(("\n" if begun and self._stage else "") + f"\r{text:<{self._longest}}", end="", file=sys.stderr, flush=True)
        elif begun or done - self._told >= 20_000:
            print(f"{self._name} {stage} {done:,}" + (f"/{total:,}" if total else ""), file=sys.stderr, flush=True)
            self._told = done
        if begun:
            self._stage, self._told = stage, done

    def end(self) -> None:
        if self._watched and self._stage:
            print(file=sys.stderr, flush=True)


def day_asked(text: str, today: date) -> date:
    """2026-11-23, 20261123, yesterday or 昨天. Raises CannotRun for what is no day, today and the future."""
    if text in ("yesterday", "昨天"):
        return today - timedelta(days=1)
    match = _DATE.fullmatch(text)
    try:
        day = date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        day = None
    if day is None:
        raise CannotRun("no_date", f"日期应写成 2026-11-23、20261123 或 yesterday，不是 {text}")
    if day == today:
        raise CannotRun("today", f"今天（{day}）的对账单次日 10:00 后才有，请到时再对账")
    if day > today:
        raise CannotRun("future", f"{day} 还没有到，不能对账")
    return day


def main(day: str, out: Path, heal: bool, gateway: str | None) -> int:
    """0 everything even; 1 open discrepancies; 2 it could not run."""
    try:
        given = house.load()
        asked = Asked(day_asked(day, now().astimezone(BEIJING).date()), out, heal, gateway)
        return asyncio.run(_main(given, asked))
    except CannotRun as exc:
        print(exc.told, file=sys.stderr)
    except house.BadSettings as exc:
        print("不能对账，请先改正下列设置：", *[f"  - {one}" for one in exc.problems], sep="\n", file=sys.stderr)
    except PyMongoError as exc:
        print(f"数据库没有回应，没有对完；恢复后重新执行即可：{type(exc).__name__}", file=sys.stderr)
    except OSError as exc:
        print(f"文件不能读写：{exc.filename or out}（{exc.strerror or exc}）", file=sys.stderr)
    return CANNOT


async def _main(given: house.Settings, asked: Asked) -> int:
    from miniapp_api.reconcile_daily import desk
    from miniapp_api.wiring import build

    if not given.mongo_url:
        raise CannotRun("no_database", "缺少设置 MONGO_URL：请在环境变量中给出数据库（与 API 的设置相同）")
    house.check(given)
    deps = build(given)
    try:
        for module in (reconcile_store, discrepancy_store):
            await deps.mongo.create_indexes(module.INDEXES)
        return await run(desk(deps), list(deps.paying.gateways.values()), asked)
    finally:
        await deps.close()


async def run(desk: Desk, gateways: Sequence[Gateway], asked: Asked) -> int:
    """Every merchant account of the day, one after the other. One that cannot run does not keep the others from running."""
    must_be_ready(desk, asked.day)
    wanted, strange = _wanted(gateways, asked.gateway), 0
    if asked.gateway is None:
        known = {(one.channel, one.merchant) for one in wanted}
        for (channel, merchant), count in (await desk.runs.accounts(asked.day.isoformat())).items():
            if (channel, merchant) not in known:
                strange += count
                print(_STRANGE.format(count=count, merchant=merchant, channel=channel), file=sys.stderr)
    reports: list[Report] = []
    for one in wanted:
        if (report := await _one(desk, one, asked)) is not None:
            reports.append(report)
    if reports:
        names = [*(report.gateway for report in reports), NOBODYS]
        files = await reconcile_sheets.write(asked.out, asked.day, reports, desk.queue.of_day(asked.day.isoformat(), names))
        print(told(reports), flush=True)
        print("文件：" + "  ".join(str(file) for file in files), flush=True)
    if len(reports) < len(wanted):
        return CANNOT
    return UNEVEN if strange or any(report.open for report in reports) else EVEN


def _wanted(gateways: Sequence[Gateway], name: str | None) -> list[Gateway]:
    if not gateways:
        raise CannotRun("no_gateway", "没有配置任何支付渠道，无账可对")
    if name is None:
        return accounts(gateways)
    found = next((one for one in gateways if one.name == name), None)
    if found is None:
        raise CannotRun("no_such_gateway", f"没有配置 {name}，可用：{'、'.join(one.name for one in gateways)}")
    return [one for one in accounts(gateways) if (one.channel, one.merchant) == (found.channel, found.merchant)]


async def _one(desk: Desk, gateway: Gateway, asked: Asked) -> Report | None:
    bar = Bar(f"{asked.day} {gateway.name}")
    try:
        return await reconcile(desk, gateway, asked.day, heal=asked.heal, progress=bar)
    except CannotRun as exc:
        bar.end()
        print(exc.told, file=sys.stderr)
        return None
    finally:
        bar.end()


def told(reports: Sequence[Report]) -> str:
    """Totals and how many discrepancies of each kind are in which state."""
    lines: list[str] = []
    for report in reports:
        lines += ["", f"{report.day} {report.gateway}", _line("", "", "笔数", "金额（元）", "手续费（元）")]
        for _, _, about, side, count, amount, fee in reconcile_sheets.totals_of(report):
            lines.append(_line(str(about), str(side), f"{count:,}", str(amount), str(fee) if isinstance(fee, Yuan) else ""))
        lines += [f"  {KINDS[kind]}：{_states(states)}" for kind, states in sorted(report.counts.items())] or ["  没有差错"]
        lines.append("  对账单 SHA-256 " + report.sha256 if report.sha256 else "  渠道没有这一天的对账单")
    open_ones = sum(report.open for report in reports)
    return "\n".join([*lines, "", "三方一致" if open_ones == 0 else f"待处理的差错 {open_ones} 条"]).strip("\n")


def _states(states: dict[str, int]) -> str:
    return "，".join(f"{name} {states[state]}" for state, name in STATES.items() if state in states)


def _line(*cells: str) -> str:
    """A Chinese character is two columns wide."""
    widths = (8, 10, 12, 18, 14)
    filled = []
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        gap = " " * max(0, width - sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in cell))
        filled.append(cell + gap if number < 2 else gap + cell)
    return "  " + "".join(filled).rstrip()
