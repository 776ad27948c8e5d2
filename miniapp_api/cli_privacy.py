"""`zhangban privacy …`: what is held of people."""

import typer

app = typer.Typer(no_args_is_help=True, help="个人信息：保留多久，注销时怎样处理。")


@app.callback()
def _group() -> None:
    """One command alone would otherwise take the group's place."""


@app.command("retention")
def retention() -> None:
    """列出每个集合里有什么、保留多久、依据什么（Markdown 表格）。例：zhangban privacy retention"""
    from miniapp_api.personal_data import table

    print(table())
