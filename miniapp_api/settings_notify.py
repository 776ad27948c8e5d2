"""ZHANGBAN_WECHAT_TEMPLATES, ZHANGBAN_ALIPAY_TEMPLATES and ZHANGBAN_SMS: what goes out to phones. Everything wrong is told at once, never a secret's value."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kit.aliyun import Access
from notify.sms import SmsAccount
from notify.templates import AlipayTemplate, Template, default_keywords, default_places, wrong_alipay, wrong_sms, wrong_wechat

WECHAT, ALIPAY, SMS = "ZHANGBAN_WECHAT_TEMPLATES", "ZHANGBAN_ALIPAY_TEMPLATES", "ZHANGBAN_SMS"
GATEWAY = "https://dysmsapi.aliyuncs.com/"
_SMS_KNOWN = frozenset("provider url access_key_id access_key_secret sign_name templates daily daily_total".split())
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_KEY_SECRET = re.compile(r"[\x21-\x7e]{8,256}")
_SIGN_NAME = re.compile(r"[^\s【】\[\]]{2,30}")


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """`templates`: kind -> code. `daily`: messages to one number in a day; `daily_total`: to all of them."""

    account: SmsAccount
    templates: Mapping[str, str]
    daily: int
    daily_total: int


def wechat_templates(given: Mapping[str, Any]) -> tuple[dict[str, Template], list[str]]:
    """By kind, and all that is wrong, in Chinese. Each value is WeChat's id, or {id, fields?, long_term?}; `fields`: WeChat's key -> our field."""
    found: dict[str, Template] = {}
    problems: list[str] = []
    for kind, value in given.items():
        one, wrong = _entry(value, "fields")
        fields = one.get("fields", default_places(kind))
        if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields.values()):
            fields, wrong = default_places(kind), [*wrong, 'fields 应为对象，如 {"thing1": "item"}']
        template = Template(kind, one["id"], fields, one["long_term"])
        found[kind] = template
        problems += [f"{WECHAT} 的 {kind[:40]}：{what}" for what in (*wrong, *wrong_wechat(template))]
    return found, problems + _shared(WECHAT, [one.template_id for one in found.values()])


def alipay_templates(given: Mapping[str, Any]) -> tuple[dict[str, AlipayTemplate], list[str]]:
    """As above; {id, keywords?, long_term?}. `keywords`: our fields in the order of the template's."""
    found: dict[str, AlipayTemplate] = {}
    problems: list[str] = []
    for kind, value in given.items():
        one, wrong = _entry(value, "keywords")
        keywords = one.get("keywords", default_keywords(kind))
        if not isinstance(keywords, list | tuple) or not all(isinstance(name, str) for name in keywords):
            keywords, wrong = default_keywords(kind), [*wrong, 'keywords 应为数组，如 ["item", "state"]']
        template = AlipayTemplate(kind, one["id"], tuple(keywords), one["long_term"])
        found[kind] = template
        problems += [f"{ALIPAY} 的 {kind[:40]}：{what}" for what in (*wrong, *wrong_alipay(template))]
    return found, problems + _shared(ALIPAY, [one.template_id for one in found.values()])


def sms(given: str, *, production: bool) -> tuple[SmsSettings | None, list[str]]:
    """None: not configured."""
    if not given:
        return None, []
    if not is_object(given):
        return None, [f"{SMS} 应为 JSON 对象（见 docs/operations.md）"]
    one: dict[str, Any] = {"url": GATEWAY, "daily": 3, "daily_total": 20_000, **json.loads(given)}
    if wrong := _wrong_sms(one, production=production):
        return None, [f"{SMS}：{what}" for what in wrong]
    address = one["url"] if urlsplit(one["url"]).path else one["url"] + "/"
    account = SmsAccount(address, Access(one["access_key_id"], one["access_key_secret"]), one["sign_name"])
    return SmsSettings(account, one["templates"], one["daily"], one["daily_total"]), []


def is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _entry(value: Any, own: str) -> tuple[dict[str, Any], list[str]]:
    """The long form of a template, with an id and long_term always there, and what is wrong with its shape."""
    if isinstance(value, str):
        return {"id": value, "long_term": False}, []
    if not isinstance(value, dict):
        return {"id": "", "long_term": False}, ["应为模板编号，或带 id 的对象"]
    wrong = [f"不认识 {'、'.join(str(name)[:30] for name in extra)}"] if (extra := sorted(set(value) - {"id", own, "long_term"})) else []
    one = {"id": "", "long_term": False, **value}
    if not isinstance(one["id"], str):
        one["id"] = ""
    if not isinstance(one["long_term"], bool):
        one["long_term"], wrong = False, [*wrong, "long_term 应为 true 或 false"]
    return one, wrong


def _shared(name: str, ids: list[str]) -> list[str]:
    """One template is one consent, and so stands for one kind."""
    given = [own for own in ids if own]
    return [f"{name}：同一个模板编号写在了两类消息下，请各用各的模板"] if len(set(given)) < len(given) else []


def _wrong_sms(one: dict[str, Any], *, production: bool) -> list[str]:
    wrong = [f"不认识 {'、'.join(str(name)[:30] for name in extra)}"] if (extra := sorted(set(one) - _SMS_KNOWN)) else []
    checks = {
        "provider 应为 aliyun": one.get("provider") == "aliyun",
        "url 应为短信网关的 http 地址，如 https://dysmsapi.aliyuncs.com/": _is_address(one["url"], production=False),
        "url 指向沙箱或不安全的地址：正式环境只接受 https 的真实地址": not production
        or not _is_address(one["url"], production=False)
        or _is_address(one["url"], production=True),
        "access_key_id 应为访问密钥的编号": _matches(_KEY_ID, one.get("access_key_id")),
        "access_key_id 是沙箱账号：正式环境不能使用": not production or "sandbox" not in str(one.get("access_key_id")).lower(),
        "access_key_secret 应为访问密钥，至少 8 个字符": _matches(_KEY_SECRET, one.get("access_key_secret")),
        "sign_name 应为审核通过的签名，不带【】和空格": _matches(_SIGN_NAME, one.get("sign_name")),
        "daily 应为 1 到 50 的整数：一个号码一天最多几条": _is_within(one["daily"], 50),
        "daily_total 应为 1 到 10000000 的整数：一天一共最多几条": _is_within(one["daily_total"], 10_000_000),
    }
    return wrong + [what for what, holds in checks.items() if not holds] + _wrong_codes(one.get("templates"))


def _wrong_codes(templates: Any) -> list[str]:
    if not isinstance(templates, dict) or not templates:
        return ['templates 应为对象，至少一项，如 {"case_corrections": "SMS_100001"}']
    return [
        f"templates 的 {kind[:40]}：{what}" for kind, code in templates.items() for what in wrong_sms(kind, code if isinstance(code, str) else "")
    ]


def _is_address(value: Any, *, production: bool) -> bool:
    """An http address with a host, and nothing after its path; in production an encrypted one of somebody else's machine."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) <= 0:
            return False
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False
    if parts.query or parts.fragment or parts.username is not None or re.search(r"[\s%]", parts.path):
        return False
    host = parts.hostname
    local = host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.") or "sandbox" in host  # noqa: S104 - a list to refuse, not an address to bind
    return not production or (parts.scheme == "https" and not local)


def _is_within(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
