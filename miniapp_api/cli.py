"""The `zhangban` command: what operators and developers start."""

import gc
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from kit import log as kit_log
from miniapp_api import cli_calendar, cli_kiosk, cli_notify, cli_payments, cli_privacy, cli_staff, cli_supervision

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="掌办：微信、支付宝城市服务小程序后端。")

content = typer.Typer(no_args_is_help=True, help="事项目录。")
app.add_typer(content, name="content")

bot = typer.Typer(no_args_is_help=True, help="智能助手。")
app.add_typer(bot, name="bot")
app.add_typer(cli_calendar.app, name="calendar")
app.add_typer(cli_kiosk.app, name="kiosk")
app.add_typer(cli_notify.app, name="notify")
app.add_typer(cli_payments.app, name="payments")
app.add_typer(cli_privacy.app, name="privacy")
app.add_typer(cli_staff.app, name="staff")
app.add_typer(cli_supervision.app, name="supervision")
_Api = Annotated[str, typer.Option(help="运行着的 API 的地址")]
_API = f"http://127.0.0.1:{os.environ.get('ZHANGBAN_PORT') or 8000}"
_DATA = Path(os.environ.get("ZHANGBAN_DATA") or ".data")


@app.command()
def api() -> None:
    """启动 API 进程（设置来自环境变量）。例：ZHANGBAN_PROFILE=production zhangban api"""
    _serve("api")


@app.command()
def worker() -> None:
    """启动后台进程：事件、推送、目录同步、核销、退款、对账。例：zhangban worker"""
    _serve("worker")


def _serve(process: Literal["api", "worker"]) -> NoReturn:
    """What is loaded once stays for good: it is not searched for garbage while it loads, a quarter of the start, nor ever after."""
    gc.disable()
    from miniapp_api import serve

    gc.freeze()
    gc.enable()
    kit_log.setup()
    raise SystemExit(_plain({"api": serve.api, "worker": serve.worker}[process]))


@app.command()
def run() -> None:
    """在本机启动整套：数据库、沙箱、API、后台。例：ZHANGBAN_PORT=8000 zhangban run"""
    from miniapp_api import run as runner

    raise SystemExit(_plain(runner.main))


@app.command()
def demo(
    items: Annotated[Path | None, typer.Option(help="事项目录文件（每行一个 JSON）；不给则用自带的事项")] = None,
) -> None:
    """从登录走到办结，只经 HTTP，逐步检查。例：zhangban demo --items items.jsonl"""
    from miniapp_api import demo as journey

    raise SystemExit(_plain(lambda: journey.main(items)))


@content.command("load")
def content_load(
    file: Annotated[Path, typer.Argument(help="事项文件，每行一个 JSON 对象")],
    format: Annotated[str, typer.Option(help="gd（广东省事项目录）或 items（契约里的事项）")] = "gd",
    to: Annotated[str, typer.Option(help="sandbox（运行着的沙箱，再由同步载入）或 store（直接写入 MONGO_URL 的数据库）")] = "sandbox",
    report: Annotated[Path | None, typer.Option(help="把完整的报告（JSON）写到这个文件")] = None,
    sandbox: Annotated[str, typer.Option(help="沙箱的地址")] = f"http://127.0.0.1:{os.environ.get('ZHANGBAN_SANDBOX_PORT') or 9000}",
    force: Annotated[bool, typer.Option("--force", help="核心平台的同步已经开始也写入数据库")] = False,
) -> None:
    """载入一份事项目录，并报告不寻常的地方。例：zhangban content load items.jsonl --format gd --to sandbox --report report.json"""
    from miniapp_api import content_load as loading

    raise SystemExit(_plain(lambda: loading.main(file, format, to, report, sandbox.rstrip("/"), force)))


@content.command("unfound")
def content_unfound(limit: Annotated[int, typer.Option(min=1, max=10_000, help="最多列出多少个")] = 50) -> None:
    """列出没有找到事项的提问，问得多的在前（MONGO_URL 的数据库）。例：zhangban content unfound --limit 20"""
    from miniapp_api import content_unfound as unfound

    raise SystemExit(_plain(lambda: unfound.main(limit)))


@bot.command("train")
def bot_train(
    data: Annotated[Path, typer.Option(help="数据文件夹，模型放在其中的 models")] = _DATA,
) -> None:
    """训练智能助手；例句和设置没有变就什么也不做。例：zhangban bot train"""
    from miniapp_api import bot_train as training

    raise SystemExit(_plain(lambda: training.main(data)))


@bot.command("eval")
def bot_eval(
    file: Annotated[Path, typer.Argument(help="问题文件，每行一个 JSON 对象：id、text、ask、codes、answerable，对话另有 dialog、turn")],
    api: _Api = _API,
    items: Annotated[Path | None, typer.Option(help="用这份事项目录另起一套来问；不给则问运行着的 API")] = None,
) -> None:
    """用一份标好的问题考智能助手，按问的内容分列对了多少。例：zhangban bot eval questions.jsonl --items items.jsonl"""
    from miniapp_api import bot_eval as evaluation

    raise SystemExit(_plain(lambda: evaluation.main(file, api.rstrip("/"), items)))


@bot.command("ask")
def bot_ask(question: Annotated[str, typer.Argument(help="要问的话")], api: _Api = _API) -> None:
    """问一句。例：zhangban bot ask "居住证怎么办" """
    from miniapp_api import bot_talk as talk

    raise SystemExit(_plain(lambda: talk.ask(question, api.rstrip("/"))))


@bot.command("talk")
def bot_talk(api: _Api = _API) -> None:
    """在终端里和运行着的智能助手对话：输入号码就是点按钮，Ctrl-D 结束。例：zhangban bot talk"""
    from miniapp_api import bot_talk as talk

    raise SystemExit(_plain(lambda: talk.talk(api.rstrip("/"))))


@bot.command("misses")
def bot_misses(limit: Annotated[int, typer.Option(min=1, max=10_000, help="最多列出多少组")] = 50) -> None:
    """列出智能助手没有帮上忙的提问，按原因和最接近的事项归组（MONGO_URL 的数据库）。例：zhangban bot misses --limit 20"""
    from miniapp_api import bot_misses as kept

    raise SystemExit(_plain(lambda: kept.misses(limit)))


@bot.command("handovers")
def bot_handovers(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多列出多少段")] = 20,
    done: Annotated[str | None, typer.Option(help="这一段已经处理，从队列里去掉")] = None,
) -> None:
    """列出等待人工的对话，等得久的在前（MONGO_URL 的数据库，密钥与 API 的相同）。例：zhangban bot handovers --done ho_…"""
    from miniapp_api import bot_misses as kept

    raise SystemExit(_plain(lambda: kept.handovers(limit, done)))


def _plain(command: Callable[[], int | None]) -> int:
    """A missing part, bad setting or busy port is one clear sentence, never a stack trace."""
    from kit.embedded import DidNotStart, FolderInUse, MissingPart
    from miniapp_api.settings import BadSettings

    try:
        return command() or 0
    except BadSettings as exc:
        print("不能启动，请先改正下列设置：", *[f"  - {one}" for one in exc.problems], sep="\n", file=sys.stderr)
    except (MissingPart, FolderInUse, DidNotStart) as exc:
        print(str(exc), file=sys.stderr)
    return 2


def main() -> None:
    """Entry point of the console script."""
    logging.captureWarnings(True)
    app()


if __name__ == "__main__":
    main()
