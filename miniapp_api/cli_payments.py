"""`zhangban payments …`: what operators and accountants start. Added to the command in miniapp_api/cli.py."""

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="缴费：对账。")
_DATA = Path(os.environ.get("ZHANGBAN_DATA") or ".data")


@app.callback()
def _group() -> None:
    """One command alone would otherwise take the group's place."""


@app.command("reconcile")
def reconcile(
    day: Annotated[str, typer.Argument(metavar="DATE", help="哪一天（北京时间）：2026-11-23、20261123 或 yesterday；次日 10:00 后可对")],
    out: Annotated[Path, typer.Option(help="汇总和差错的 CSV、XLSX 写到这个文件夹")] = _DATA / "reconcile",
    no_heal: Annotated[bool, typer.Option("--no-heal", help="只对账，不补记、不补核销")] = False,
    gateway: Annotated[str | None, typer.Option(help="只对这一个渠道：wechat_v3、wechat_v2 或 alipay")] = None,
) -> None:
    """对一天的账：渠道对账单、账上、核心平台三方核对。退出码 0 一致，1 有待处理的差错，2 没能对账。例：zhangban payments reconcile 2026-11-23"""
    from miniapp_api import payments_reconcile as reconciling

    raise SystemExit(reconciling.main(day, out, not no_heal, gateway))
