"""`zhangban run`: the whole house in the foreground. Ctrl-C stops every child; one that dies is started again."""

import json
import math
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from miniapp_api.serve import busy
from miniapp_api.stack import Stack

LIVES_LONG = 60.0  # seconds after which a death is a new matter
LONGEST_PAUSE = 60.0


def main() -> int:
    """Reads ZHANGBAN_PORT, ZHANGBAN_SANDBOX_PORT, ZHANGBAN_DATA, SANDBOX_ITEMS, MONGO_URL, REDIS_URL, RASA_URL. Exit code 2: a port or file is wrong."""
    api_port, sandbox_port = (_port(name, default) for name, default in (("ZHANGBAN_PORT", 8000), ("ZHANGBAN_SANDBOX_PORT", 9000)))
    items = os.environ.get("SANDBOX_ITEMS")
    for port in (api_port, sandbox_port):
        if port and _is_taken(port):
            return busy(port)
    if items and not Path(items).is_file():
        print(f"找不到事项目录文件 {items}：请检查 SANDBOX_ITEMS", file=sys.stderr)
        return 2
    data = Path(os.environ.get("ZHANGBAN_DATA") or ".data").resolve()
    stack = Stack(data, api_port, sandbox_port, Path(items).resolve() if items else None, assistant=True)
    stop = _Stop()
    try:
        stack.start(_say)
        _announce(stack)
        _watch(stack, stop)
    except _Stopped:
        pass
    finally:
        _say("正在停止…")
        stack.stop()
    return 0


class _Stopped(BaseException):
    """Ctrl-C while still starting."""


class _Stop(threading.Event):
    """Set by the first SIGINT or SIGTERM; until `started` is set that also breaks off the start."""

    def __init__(self) -> None:
        super().__init__()
        self.started = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._asked)

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_set():
            return
        self.set()
        if not self.started:
            raise _Stopped


def _announce(stack: Stack) -> None:
    _say(f"API        {stack.api}   文档 {stack.api}/docs")
    _say(f"外面的世界 {stack.sandbox}   （扮演办事员、微信、支付宝）")
    _say("按 Ctrl-C 停止")
    print(json.dumps({"ready": True, "api": stack.api, "sandbox": stack.sandbox, "assistant": stack.assistant_state}), flush=True)


def _watch(stack: Stack, stop: _Stop) -> None:
    stop.started = True
    restarts: dict[str, Restarts] = {}
    while not stop.wait(0.5):
        for name, child in stack.children.items():
            if not child.alive and restarts.setdefault(name, Restarts()).is_due(time.monotonic()):
                _say(f"{name} 意外退出，重新启动（日志 {child.log}）")
                child.start()
        stack.tend(_say)
        if stack.mongod is not None and not stack.mongod.alive:
            _say("mongod 意外退出，重新启动")
            stack.mongod.restart()
        if stack.redis is not None and not stack.redis.alive:
            _say("redis 意外退出，重新启动")
            stack.redis.restart()


class Restarts:
    """When a child that died may start again: at once, then after 2, 4 … 60 seconds while it keeps dying young."""

    def __init__(self) -> None:
        self._last, self._pause = -math.inf, 0.0

    def is_due(self, now: float) -> bool:
        """If so, it counts as started."""
        since = now - self._last
        if since <= self._pause:
            return False
        young = since < self._pause + LIVES_LONG
        self._last, self._pause = now, min(max(self._pause, 1.0) * 2, LONGEST_PAUSE) if young else 2.0
        return True


def _port(name: str, default: int) -> int:
    given = os.environ.get(name) or str(default)
    if not given.isdigit() or int(given) > 65535:
        print(f"{name}={given} 不是端口号：请给 0 到 65535 的整数", file=sys.stderr)
        raise SystemExit(2)
    return int(given)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
