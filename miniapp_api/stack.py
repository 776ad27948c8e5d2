"""The whole house on one machine: private stores, the sandbox, API, worker and Rasa as child processes. For `run`, the demo, tests and benches."""

import json
import os
import secrets
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError

from bot.model import TRAIN_SECONDS
from kit.embedded import DidNotStart, Mongod, Redis, free_port
from miniapp_api.child import Child
from miniapp_api.stack_assistant import Assistant

START_SECONDS = 60.0
ASSISTANT_SECONDS = TRAIN_SECONDS + 120.0
TAKEN = "已被占用"  # in what a child says that finds its port taken
ITEMS_PER_SECOND = 150  # what even a busy machine loads


@dataclass(slots=True)
class Stack:
    """`start()` returns when the API is ready and the items are synced. Ports of 0 mean any free one; `data` is kept between runs.

    With `assistant`, Rasa comes up behind the API, moved on by `tend()`; its models are kept in `models` (default: `data`).
    """

    data: Path
    api_port: int = 0
    sandbox_port: int = 0
    items: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    assistant: bool = False
    models: Path | None = None
    rasa: Assistant | None = None
    mongod: Mongod | None = None
    redis: Redis | None = None
    children: dict[str, Child] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    def start(self, say: Any = lambda _: None) -> None:
        """`say` hears one Chinese line per step. Raises DidNotStart, MissingPart, FolderInUse; what was started is then stopped.

        A port that was free when it was chosen may be somebody else's when it is opened: then once more, with others.
        """
        given = self.api_port, self.sandbox_port
        try:
            self._start(say)
        except DidNotStart as exc:
            if TAKEN not in str(exc) or all(given):
                raise
            self.api_port, self.sandbox_port = given
            self.children.clear()
            self._start(say)

    def _start(self, say: Any) -> None:
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            (self.data / "logs").mkdir(exist_ok=True)
            self.api_port, self.sandbox_port = self.api_port or free_port(), self.sandbox_port or free_port()
            say("启动数据库…")
            mongo_url, redis_url = self._stores()
            say("启动沙箱（微信、支付宝、核心平台）…")
            self._sandbox()
            self.env = self._environment(mongo_url, redis_url)
            if self.assistant:
                self.rasa = Assistant(self.models or self.data, self.data / "logs", self.env, self.children)
                self.env.update(self.rasa.settings())
            say("启动 API 与后台…")
            for name in ("api", "worker"):
                self._launch(name, [sys.executable, "-m", "miniapp_api.cli", name], self.env)
            say("载入事项目录…")
            self.wait_ready()
            if self.rasa is not None:
                self.rasa.begin(say)
        except BaseException:
            self.stop()
            raise

    def wait_ready(self) -> None:
        self._wait(f"{self.api}/readyz", "api", self._patience())

    @property
    def assistant_state(self) -> str:
        """starting | ready | off"""
        return self.rasa.state if self.rasa is not None else "off"

    def tend(self, say: Any = lambda _: None) -> None:
        """Moves Rasa's start on, in steps that return at once: call it again and again."""
        if self.rasa is not None:
            self.rasa.tend(say)

    def wait_assistant(self, seconds: float = ASSISTANT_SECONDS, say: Any = lambda _: None) -> None:
        """Until Rasa answers, trained before if need be. Raises DidNotStart."""
        until = time.monotonic() + seconds
        while self.assistant_state == "starting" and time.monotonic() < until:
            self.tend(say)
            if "rasa" in self.children and not self.children["rasa"].alive:
                break
            time.sleep(0.05)
        if self.assistant_state != "ready":
            raise DidNotStart(self.rasa.why if self.rasa is not None and self.rasa.why else f"智能助手没有启动，请看日志 {self.data / 'logs'}")

    def stop(self) -> None:
        """API and worker drain first, then Rasa and the sandbox, the stores last."""
        for name in ("api", "worker"):
            if name in self.children:
                self.children[name].stop()
        if self.rasa is not None:
            self.rasa.stop()
        if "sandbox" in self.children:
            self.children["sandbox"].stop()
        for store in (self.redis, self.mongod):
            if store is not None:
                store.stop()

    def _patience(self) -> float:
        """Seconds a start may take: a province's catalogue is read, synced and indexed before the API is ready."""
        if self.items is None:
            return START_SECONDS
        with self.items.open("rb") as file:
            return START_SECONDS + sum(1 for _ in file) / ITEMS_PER_SECOND

    def _stores(self) -> tuple[str, str]:
        """Given ones (in `extra` or the environment) are used, missing ones are started."""
        mongo_url, redis_url = (self.extra.get(name) or os.environ.get(name, "") for name in ("MONGO_URL", "REDIS_URL"))
        if not mongo_url:
            self.mongod = Mongod(self.data / "mongo").start()
            mongo_url = self.mongod.url
        if not redis_url:
            self.redis = Redis(self.data / "redis").start()
            redis_url = self.redis.url
        return mongo_url, redis_url

    def _sandbox(self) -> None:
        command = [sys.executable, "-m", "sandbox", "--port", str(self.sandbox_port), "--data", str(self.data / "sandbox")]
        command += ["--core-webhook", f"{self.api}/callbacks/core"]
        command += ["--wechat-messages", f"{self.api}/callbacks/wechat/messages"]
        command += ["--couriers", f"{self.api}/callbacks"]
        if self.items is not None:
            command += ["--items", str(self.items)]
        self._launch("sandbox", command, {**os.environ})
        self._wait(f"{self.sandbox}/world/accounts", "sandbox", self._patience())

    def _environment(self, mongo_url: str, redis_url: str) -> dict[str, str]:
        """What an operator would set by hand, from the sandbox's accounts and this folder's own keys."""
        accounts = json.loads((self.data / "sandbox" / "accounts.json").read_text())
        keys = _dev_keys(self.data / "dev-keys.json")
        core, wechat, alipay = accounts["core"], accounts["wechat"], accounts["alipay"]
        return {
            **os.environ,
            "ZHANGBAN_PROFILE": "dev",
            "ZHANGBAN_PORT": str(self.api_port),
            "MONGO_URL": mongo_url,
            "REDIS_URL": redis_url,
            "ZHANGBAN_FIELD_KEYS": json.dumps({"k1": keys["field"]}),
            "ZHANGBAN_INDEX_KEY": keys["index"],
            "ZHANGBAN_CORE_URL": f"{self.sandbox}/core/v1",
            "ZHANGBAN_CORE_CLIENT_ID": core["client_id"],
            "ZHANGBAN_CORE_SECRET": core["secret"],
            "ZHANGBAN_CORE_WEBHOOK_SECRET": core["webhook_secret"],
            "ZHANGBAN_WECHAT_URL": self.sandbox,
            "ZHANGBAN_WECHAT_APPID": wechat["appid"],
            "ZHANGBAN_WECHAT_SECRET": wechat["secret"],
            "ZHANGBAN_WECHAT_TEMPLATES": json.dumps(_registered(wechat)),
            "ZHANGBAN_WECHAT_MESSAGES": json.dumps(wechat["messages"]),
            "ZHANGBAN_ALIPAY_GATEWAY": f"{self.sandbox}/gateway.do",
            "ZHANGBAN_ALIPAY_APP_ID": alipay["app_id"],
            "ZHANGBAN_ALIPAY_APP_PRIVATE_KEY": alipay["app_private_key"],
            "ZHANGBAN_ALIPAY_PUBLIC_KEY": alipay["alipay_public_key"],
            "ZHANGBAN_ALIPAY_TEMPLATES": json.dumps(_registered(alipay)),
            "ZHANGBAN_SMS": json.dumps(_sms(accounts["sms"], f"{self.sandbox}/sms/")),
            "ZHANGBAN_COURIERS": json.dumps(_couriers(accounts, self.sandbox)),
            "ZHANGBAN_PUBLIC_URL": self.api,
            "ZHANGBAN_STATEMENTS": str(self.data / "statements"),
            "ZHANGBAN_WECHAT_PAY": json.dumps(wechat["pay"] | {"use": "v3", "url": self.sandbox}),
            "ZHANGBAN_ALIPAY_PAY": json.dumps({"seller_id": alipay["seller_id"]}),
            "ZHANGBAN_ACTIONS_SECRET": os.environ.get("ZHANGBAN_ACTIONS_SECRET") or keys["actions"],
            **self.extra,
        }

    def _launch(self, name: str, command: list[str], env: dict[str, str]) -> None:
        child = Child(name, command, env, self.data / "logs" / f"{name}.log")
        self.children[name] = child
        child.start()

    def _wait(self, url: str, name: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.children[name].alive:
                break
            try:
                with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 - our own loopback address
                    if reply.status == 200:
                        return
            except (URLError, OSError):
                time.sleep(0.05)
        log = self.children[name].log
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        raise DidNotStart(f"{name} 没有启动，请看日志 {log}\n{tail}")


def _registered(account: dict[str, Any]) -> dict[str, Any]:
    """Kind -> the platform's id, and whether a person allows it once for good."""
    long_term = account["long_term"]
    return {kind: {"id": own, "long_term": True} if kind in long_term else own for kind, own in account["templates"].items()}


def _sms(account: dict[str, Any], url: str) -> dict[str, Any]:
    codes = {kind: template["code"] for kind, template in account["templates"].items()}
    return {"provider": "aliyun", "url": url, **account, "templates": codes}


def _couriers(accounts: dict[str, Any], sandbox: str) -> dict[str, Any]:
    """With the hall that licences leave from and papers go to, in a city that does not exist."""
    given = {name: dict(accounts[name]) for name in ("sf", "ems", "kuaidi100")}
    hall = {
        "name": "临江市政务服务中心",
        "phone": "02088886666",
        "province": "广东省",
        "city": "临江市",
        "county": "城东区",
        "address": "市民大道1号",
    }
    return {**{name: {"url": sandbox + one.pop("path"), **one} for name, one in given.items()}, "hall": hall}


def _dev_keys(path: Path) -> dict[str, str]:
    """Random keys of this data folder, each made once; readable by their owner only."""
    keys: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in ("field", "index", "actions") if name not in keys]
    if missing:
        keys.update({name: b64encode(secrets.token_bytes(32)).decode() for name in missing})
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(keys))
        fresh.replace(path)
    return keys
