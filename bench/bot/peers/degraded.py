"""Our own assistant with its Rasa gone: a second API process on the same stores that was told of none."""

import asyncio
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.bot import talk
from bench.bot.questions import Conversation
from bench.bot.talk import Answered
from kit.embedded import free_port
from miniapp_api.child import Child
from miniapp_api.stack import Stack

START_SECONDS = 300.0
WITHOUT = {"RASA_URL": "", "ZHANGBAN_ACTIONS_PORT": "0"}


def ask(stack: Stack, sets: Mapping[str, Sequence[Conversation]], folder: Path) -> dict[str, list[list[Answered]]]:
    port = free_port()
    api = Child(
        "degraded-api", [sys.executable, "-m", "miniapp_api.cli", "api"], {**stack.env, **WITHOUT, "ZHANGBAN_PORT": str(port)}, folder / "api.log"
    )
    base = f"http://127.0.0.1:{port}"
    try:
        api.start()
        _wait(api, f"{base}/readyz")
        return {name: asyncio.run(talk.run(base, conversations)) for name, conversations in sets.items()}
    finally:
        api.stop()


def _wait(api: Child, url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and api.alive:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"{api.name} 没有启动，请看 {api.log}")
