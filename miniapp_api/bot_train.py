"""`zhangban bot train`: the model of today's sentences, with a bar on a terminal and plain lines elsewhere."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from bot import model

_NICE = 5  # `run` trains behind an API that serves


def main(data: Path) -> int:
    """Exit code 1: not trained; 130: broken off. Nothing half-made is left in either case."""
    signal.signal(signal.SIGTERM, _stop)
    os.nice(_NICE)
    data = data.resolve()
    if model.model_file(data).exists():
        print("智能助手的模型已是最新", model.model_file(data), sep="：", flush=True)
        return 0
    try:
        made = _with_bar(data) if sys.stdout.isatty() else model.train(data, _say)
    except model.NotTrained as exc:
        print(str(exc), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"模型：{made}", flush=True)
    return 0


def _with_bar(data: Path) -> Path:
    at, told = 0, "训练智能助手"
    bar: Any
    with typer.progressbar(length=1, label=told, item_show_func=lambda _: told) as bar:

        def say(line: str) -> None:
            nonlocal told
            told = line.partition("：")[2] or line

        def moved(done: int, of: int) -> None:
            nonlocal at
            bar.length = of
            bar.update(done - at)
            at = done

        return model.train(data, say, moved)


def _say(line: str) -> None:
    print(line, flush=True)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
