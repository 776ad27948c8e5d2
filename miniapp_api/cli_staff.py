"""`zhangban staff …`: the first administrators, a locked account, the audit. What is printed here once is kept nowhere."""

from typing import Annotated

import typer

from staff.roles import ROLES

app = typer.Typer(no_args_is_help=True, help="工作人员账号和审计（MONGO_URL 的数据库，密钥与 API 的相同）。")
audit = typer.Typer(no_args_is_help=True, help="审计链。")
app.add_typer(audit, name="audit")


@app.command("create")
def create(
    username: Annotated[str, typer.Argument(help="用户名：小写字母开头，3 到 32 个小写字母、数字、点、横线")],
    role: Annotated[list[str], typer.Option(help="角色，可给多个：" + " ".join(ROLES))],
    department: Annotated[list[str] | None, typer.Option(help="可办的部门，可给多个；* 为全部，不给为一个也不可以")] = None,
    region: Annotated[list[str] | None, typer.Option(help="可办的行政区划，可给多个；* 为全部")] = None,
    force: Annotated[bool, typer.Option("--force", help="已有同样的管理员也建；在正式环境也授予业务角色")] = False,
) -> None:
    """建第一批账号，一次性口令和动态口令地址只显示一次。

    例：zhangban staff create sys.admin --role system_admin

    例：zhangban staff create li.cashier --role cashier --department "*" --region "*"
    """
    from miniapp_api import staff_commands as commands

    raise SystemExit(commands.create(username, role, (department or [], region or []), force))


@app.command("unlock")
def unlock(username: Annotated[str, typer.Argument(help="用户名")]) -> None:
    """解开因多次登录失败锁住的账号。例：zhangban staff unlock li.cashier"""
    from miniapp_api import staff_commands as commands

    raise SystemExit(commands.unlock(username))


@audit.command("verify")
def verify(
    expect: Annotated[str, typer.Option(help="上次显示的“编号:散列值”，另外保存的；末尾被删也能发现")] = "",
) -> None:
    """从头到尾校验审计链；断了退出码是 1。例：zhangban staff audit verify --expect 1204:pKq…"""
    from miniapp_api import staff_commands as commands

    raise SystemExit(commands.verify(expect))
