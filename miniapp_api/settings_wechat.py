"""ZHANGBAN_WECHAT_MESSAGES: the accounts whose customer messages come here. Everything wrong is told at once, and never the value itself."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from kit.wechat_crypto import aes_key

NAME = "ZHANGBAN_WECHAT_MESSAGES"
_ACCOUNT = re.compile(r"[a-z0-9-]{1,32}")
_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}")  # WeChat's own rule
_KNOWN = frozenset({"name", "kind", "appid", "secret", "token", "aes_keys", "mode"})


@dataclass(frozen=True, slots=True)
class WeChatMessagesAccount:
    name: str
    kind: Literal["miniprogram", "official"]
    appid: str
    secret: str
    token: str
    aes_keys: tuple[str, ...]
    mode: Literal["plain", "compatible", "safe"]

    def __repr__(self) -> str:
        return f"WeChatMessagesAccount({self.name!r})"


def wechat_accounts(given: str, appid: str, secret: str, *, production: bool) -> tuple[list[WeChatMessagesAccount], list[str]]:
    """Accounts, and all that is wrong, in Chinese. `appid`, `secret`: the mini-program's own, whose secret need not be repeated."""
    if not given:
        return [], []
    try:
        listed = json.loads(given)
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return [], [f"{NAME} 应为 JSON 数组，每个账号一个对象（见 docs/operations.md）"]
    problems: list[str] = []
    accounts = []
    for place, one in enumerate(listed, 1):
        own = one if one.get("appid") != appid else {"secret": secret, **one}
        wrong = _wrong(own, production=production)
        problems += [f"{NAME} 第 {place} 个账号：{what}" for what in wrong]
        if not wrong:
            accounts.append(WeChatMessagesAccount(**{**own, "aes_keys": tuple(own.get("aes_keys", []))}))
    for field in ("name", "appid"):
        seen = [one.get(field) for one in listed]
        if len({str(value) for value in seen}) < len(seen):
            problems.append(f"{NAME} 里有两个账号的 {field} 相同")
    return accounts, problems


def _wrong(one: dict[str, Any], *, production: bool) -> list[str]:
    wrong = []
    if extra := sorted(set(one) - _KNOWN):
        wrong.append(f"不认识 {'、'.join(str(name)[:30] for name in extra)}")
    if not _matches(_ACCOUNT, one.get("name")):
        wrong.append("name 应为 1 到 32 个小写字母、数字或横线")
    if one.get("kind") not in ("miniprogram", "official"):
        wrong.append("kind 应为 miniprogram 或 official")
    if not isinstance(one.get("appid"), str) or not one["appid"]:
        wrong.append("缺少 appid")
    elif production and one["appid"].startswith("wxsandbox"):
        wrong.append("appid 是沙箱账号：正式环境不能使用")
    if not isinstance(one.get("secret"), str) or not one["secret"]:
        wrong.append("缺少 secret")
    if not _matches(_TOKEN, one.get("token")):
        wrong.append("token 应为 3 到 32 个字母或数字")
    return wrong + _wrong_keys(one.get("aes_keys", []), one.get("mode"), production=production)


def _wrong_keys(keys: Any, mode: Any, *, production: bool) -> list[str]:
    wrong = []
    if mode not in ("plain", "compatible", "safe"):
        wrong.append("mode 应为 plain、compatible 或 safe")
    elif mode == "plain" and production:
        wrong.append("正式环境不接受明文模式：明文模式的签名不含消息内容，请在微信后台改用安全模式")
    if not isinstance(keys, list) or not all(_is_key(key) for key in keys):
        wrong.append("aes_keys 的每一个应为 43 个字母或数字")
    elif not keys and mode in ("compatible", "safe"):
        wrong.append("缺少 aes_keys")
    return wrong


def _is_key(key: Any) -> bool:
    try:
        return isinstance(key, str) and len(aes_key(key)) == 32
    except ValueError:
        return False


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
