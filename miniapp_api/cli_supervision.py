"""`zhangban supervision …`: the figures' own upkeep. Added to the command in miniapp_api/cli.py."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="效能监督：重算办件数据，每月定稿（MONGO_URL 的数据库，设置与 API 的相同）。")


@app.command("rebuild")
def rebuild() -> None:
    """由办件重新算出全部效能数据；升级后后台会自己做，不必运行。可以在运行中做，重复做结果相同。例：zhangban supervision rebuild"""
    from miniapp_api import supervision_commands as commands

    raise SystemExit(commands.rebuild())


@app.command("snapshot")
def snapshot(
    month: Annotated[str, typer.Argument(metavar="MONTH", help="哪个月（已经结束）：2026-10")],
    check: Annotated[bool, typer.Option("--check", help="不定稿，由办件重算并与定稿比较")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="核心平台的总数没有或还在变、事件没有收齐，也照现在的样子定稿，缺什么一并记下；以后不能改")
    ] = False,
) -> None:
    """定稿一个月的指标，或核对已定稿的。退出码 0 已定稿或一致，1 不一致、没有或还不能定稿，2 没能做。例：zhangban supervision snapshot 2026-10 --check"""
    from miniapp_api import supervision_commands as commands

    raise SystemExit(commands.snapshot(month, check, force))
