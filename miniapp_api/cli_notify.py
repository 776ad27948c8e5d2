"""`zhangban notify …`: what goes out to phones."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="推送和短信。")


@app.callback()
def group() -> None:
    """推送和短信。"""


@app.command("templates")
def templates() -> None:
    """把登记的微信模板（ZHANGBAN_WECHAT_TEMPLATES）和账号里的逐个核对，不对的退出码是 1。例：zhangban notify templates"""
    from miniapp_api import notify_templates

    raise SystemExit(notify_templates.main())


@app.command("parked")
def parked() -> None:
    """列出因为我们这边的原因没有发出去的推送：哪类消息、哪个渠道、平台怎么说。有就退出码 1。例：zhangban notify parked"""
    from miniapp_api import notify_parked

    raise SystemExit(notify_parked.listed())


@app.command("retry")
def retry(
    messages: Annotated[list[str] | None, typer.Argument(metavar="[编号]...", help="只重发这几条；不写就是全部")] = None,
) -> None:
    """原因处理好以后，把搁置的推送再发一次；已经由别的渠道送到的、过了时间的不会再发。例：zhangban notify retry"""
    from miniapp_api import notify_parked

    raise SystemExit(notify_parked.again(messages or []))
