"""Rasa behind the API on one machine: trained if need be, started, seen to be ready. No step waits: the API serves all the while.

A RASA_URL in the environment is used as it is and nothing is started; that Rasa must be given the same ZHANGBAN_ACTIONS_SECRET.
"""

import os
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

from bot import model
from kit.embedded import free_port
from miniapp_api.child import Child

Say = Callable[[str], object]
CUSTOMARY_ACTIONS_PORT = 5055  # where a Rasa that others started looks for its actions


class Assistant:
    """`state`: starting (also while training), ready, off; `why` says of the last why. Rasa is one of the stack's children, the training is not: it ends."""

    def __init__(self, models: Path, logs: Path, env: Mapping[str, str], children: dict[str, Child]) -> None:
        """`env`: the API's, with REDIS_URL and ZHANGBAN_ACTIONS_SECRET."""
        self.why = ""
        self._models, self._logs, self._children = models, logs, children
        self._given = env.get("RASA_URL", "")
        self._port = 0 if self._given else free_port()
        self._actions = env.get("ZHANGBAN_ACTIONS_PORT") or str(CUSTOMARY_ACTIONS_PORT if self._given else free_port())
        self._secret = env["ZHANGBAN_ACTIONS_SECRET"]
        self._env: dict[str, str] = {}
        self._training: Child | None = None
        self._starting: tuple[int, float] = (0, time.monotonic())  # pid, since when
        self._told = 0  # bytes of the training's log
        self._ready: int | None = None  # pid of the Rasa that answered; 0 for a given one
        if not self._given:
            self._prepare(env["REDIS_URL"])

    @property
    def state(self) -> str:
        if self.why:
            return "off"
        return "ready" if self._ready is not None and self._ready == self._pid() else "starting"

    @property
    def url(self) -> str:
        return self._given or f"http://127.0.0.1:{self._port}"

    def settings(self) -> dict[str, str]:
        """For the API's environment."""
        if self.why:
            return {"RASA_URL": "", "ZHANGBAN_ACTIONS_PORT": "0"}
        return {"RASA_URL": self.url, "ZHANGBAN_ACTIONS_PORT": self._actions, "ZHANGBAN_ACTIONS_SECRET": self._secret}

    def begin(self, say: Say) -> None:
        """Once the API is ready: starts Rasa, or first the training."""
        if self.why:
            say(self.why)
            return
        if self._given:
            self.tend(say)
        elif model.model_file(self._models).exists():
            self._launch()
        else:
            say("智能助手还没有训练过，正在后台训练（约一分钟）；其间只用检索回答…")
            train = [sys.executable, "-m", "miniapp_api.cli", "bot", "train", "--data", str(self._models)]
            log = self._logs / "training.log"
            log.unlink(missing_ok=True)
            self._training = Child("training", train, dict(os.environ), log)
            self._training.start()

    def tend(self, say: Say) -> None:
        if self.state != "starting":
            return
        if self._training is not None:
            self._watch_training(self._training, say)
        elif (pid := self._pid()) is not None:
            if pid != self._starting[0]:  # also one that was started again
                self._starting = (pid, time.monotonic())
            if _answers(self.url):
                self._ready = pid
                say(f"智能助手就绪（{time.monotonic() - self._starting[1]:.0f} 秒）")

    def stop(self) -> None:
        """Breaks a training off: nothing is left of it."""
        for child in (self._training, self._children.get("rasa")):
            if child is not None:
                child.stop()

    def _prepare(self, redis_url: str) -> None:
        if model.python() is None:
            self.why = model.not_installed()
            return
        try:
            actions_url = f"http://127.0.0.1:{self._actions}/webhook"
            self._env = model.environment(actions_url=actions_url, actions_secret=self._secret, redis_url=redis_url)
        except ValueError:
            self.why = (
                "智能助手没有启动：REDIS_URL 须为 redis://[:密码@]主机[:端口][/库]，不能带用户名或 TLS。"
                " / No assistant: REDIS_URL must be redis://[:password@]host[:port][/db], without a user or TLS."
            )

    def _watch_training(self, training: Child, say: Say) -> None:
        """Passes its lines on; starts Rasa when it is done."""
        ended = not training.alive  # before the last look at its log
        with training.log.open("rb") as log:
            log.seek(self._told)
            whole = log.read().rpartition(b"\n")[0]
        self._told += len(whole) + 1 if whole else 0
        for line in whole.decode(errors="replace").splitlines():
            say(line)
        if not ended:
            return
        self._training = None
        if training.process is not None and training.process.returncode == 0:
            self._launch()
        else:
            self.why = f"智能助手没有训练成功，只用检索回答（原因见上，日志 {training.log}）"
            say(self.why)

    def _launch(self) -> None:
        command = model.command(model.model_file(self._models), self._port)
        self._children["rasa"] = Child("rasa", command, self._env, self._logs / "rasa.log", model.PROJECT)
        self._children["rasa"].start()

    def _pid(self) -> int | None:
        """Of the Rasa that runs; 0 for a given one, which is not ours to watch."""
        if self._given:
            return 0
        rasa = self._children.get("rasa")
        return rasa.pid if rasa is not None and rasa.alive else None


def _answers(url: str) -> bool:
    """Rasa says 200 at / once its model is loaded."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/", timeout=0.5) as reply:  # noqa: S310 - loopback, or the operator's own setting
            return bool(reply.status == 200)
    except (URLError, HTTPException, OSError, ValueError):
        return False
