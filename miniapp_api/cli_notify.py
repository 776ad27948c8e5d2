"""`zhangban notify …`: what goes out to phones."""

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
