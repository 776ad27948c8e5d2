"""`zhangban kiosk …`: the devices in the halls. A key is printed once and kept nowhere in the open."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="大厅的自助终端（MONGO_URL 的数据库，密钥与 API 的相同）。")


@app.command("add")
def add(hall: Annotated[str, typer.Argument(help="大厅的名称，居民会在通知里看到")]) -> None:
    """登记一台终端，编号和密钥只显示一次。例：zhangban kiosk add 市政务服务中心一楼"""
    from miniapp_api import kiosk_commands as commands

    raise SystemExit(commands.add(hall))


@app.command("list")
def listed() -> None:
    """列出登记过的终端。例：zhangban kiosk list"""
    from miniapp_api import kiosk_commands as commands

    raise SystemExit(commands.listed())


@app.command("disable")
def disable(device: Annotated[str, typer.Argument(help="终端编号")]) -> None:
    """停用一台终端：丢失、换密钥、撤走时。例：zhangban kiosk disable k_…"""
    from miniapp_api import kiosk_commands as commands

    raise SystemExit(commands.disable(device))
