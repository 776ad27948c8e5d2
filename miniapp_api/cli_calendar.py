"""`zhangban calendar …`: the working days that time limits are counted in. Added to the command in miniapp_api/cli.py."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="工作日历：办理时限按它计算（MONGO_URL 的数据库）。")


@app.command("show")
def show(year: Annotated[int, typer.Argument(min=2000, max=2199, help="年份")]) -> None:
    """列出一年的放假和调休上班日，并说明这一年的安排是否已经公布。例：zhangban calendar show 2027"""
    from miniapp_api import calendar_commands as commands

    raise SystemExit(commands.show(year))


@app.command("set")
def set_day(
    day: Annotated[str, typer.Argument(metavar="DATE", help="哪一天：2027-02-08")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="holiday（不上班）或 workday（上班）")],
    name: Annotated[str, typer.Argument(help="名称，如“春节”“台风停工”")],
) -> None:
    """改一天。一分钟内生效，时限随之重算。例：zhangban calendar set 2027-02-08 holiday 春节"""
    from miniapp_api import calendar_commands as commands

    raise SystemExit(commands.set_day(day, kind, name))


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="每行“日期,holiday 或 workday,名称”，# 开头的行是说明")],
) -> None:
    """载入国务院公布的一年安排，整年替换。例：zhangban calendar import 2027.csv"""
    from miniapp_api import calendar_commands as commands

    raise SystemExit(commands.import_file(file))
