"""What `zhangban calendar …` does. Exit codes: 0 done, 1 refused, 2 settings or database."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import cast

from kit.mongo import PyMongoError, connect
from kit.workdays import WHOLE, Calendar, Kind, Special, Workdays
from miniapp_api import settings as house

_KINDS = {"holiday": "放假", "workday": "上班"}
_WEEKDAYS = "一二三四五六日"
_MAX_NAME = 40  # characters


def show(year: int) -> int:
    async def run(days: Workdays) -> int:
        calendar = await days.load()
        for day, special in calendar.year(year):
            print(f"{day}  周{_WEEKDAYS[day.weekday()]}  {_KINDS[special.kind]}  {special.name}")
        _tell(calendar, year)
        return 0

    return _with_days(run)


def set_day(given: str, kind: str, name: str) -> int:
    try:
        day, special = _read(given, kind, name)
    except ValueError as exc:
        return _refuse(str(exc))

    async def run(days: Workdays) -> int:
        await days.set_day(day, special)
        print(f"{day} 周{_WEEKDAYS[day.weekday()]}：{_KINDS[special.kind]}（{special.name}）")
        _tell(await days.load(), day.year)
        return 0

    return _with_days(run)


def import_file(file: Path) -> int:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        return _refuse(f"读不了 {file}：{type(exc).__name__}")
    told: dict[date, Special] = {}
    wrong = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            day, special = _read(*(part.strip() for part in f"{line},,".split(",")[:3]))
        except ValueError as exc:
            wrong.append(f"第 {number} 行：{exc}")
            continue
        if told.setdefault(day, special) != special:
            wrong.append(f"第 {number} 行：{day} 前面已经写过，而且不一样")
    if wrong:
        return _refuse("没有载入，请改正：\n" + "\n".join(wrong[:50]))

    async def run(days: Workdays) -> int:
        years = await days.take_over(told)
        if not years:
            return _refuse(f"没有载入：一整年至少有 {WHOLE} 个放假日，文件里没有这样的年份。只改几天请用 zhangban calendar set")
        print(f"已载入 {'、'.join(map(str, sorted(years)))} 年，共 {len(told)} 天")
        return 0

    return _with_days(run)


def _read(given: str, kind: str, name: str) -> tuple[date, Special]:
    """Raises ValueError with a sentence for the operator."""
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise ValueError(f"“{given[:20]}”不是日期，应写成 2027-02-08") from None
    if kind not in _KINDS:
        raise ValueError(f"“{kind[:20]}”应为 holiday（不上班）或 workday（上班）")
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise ValueError(f"请给出名称，最多 {_MAX_NAME} 个字")
    return day, Special(cast("Kind", kind), name)


def _tell(calendar: Calendar, year: int) -> None:
    """On stderr, so that the list can be piped."""
    if year in calendar.announced:
        print(f"{year} 年的安排已经公布", file=sys.stderr)
    else:
        print(f"{year} 年的安排还没有公布：暂按周一至周五上班计算，算出的日期标为暂定。公布后用 zhangban calendar import 载入", file=sys.stderr)


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


def _with_days(act: Callable[[Workdays], Awaitable[int]]) -> int:
    try:
        given = house.load()
    except house.BadSettings as exc:
        print("请先改正设置：", *exc.problems, sep="\n", file=sys.stderr)
        return 2
    if not given.mongo_url:
        print("缺少设置 MONGO_URL：请在环境变量中给出，与 API 的相同", file=sys.stderr)
        return 2

    async def run() -> int:
        mongo = connect(given.mongo_url, given.mongo_database)
        try:
            return await act(Workdays(mongo))
        finally:
            await mongo.close()

    try:
        return asyncio.run(run())
    except PyMongoError as exc:
        print(f"数据库没有回应：{type(exc).__name__}", file=sys.stderr)
        return 2
