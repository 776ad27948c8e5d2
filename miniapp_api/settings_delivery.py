"""ZHANGBAN_COURIERS: who carries parcels, and the hall they leave from and come to. Everything wrong is told at once, never a secret's value."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from delivery.couriers import Courier, CourierName, Party
from delivery.ems import EmsCourier
from delivery.ems_gate import EmsAccount
from delivery.kuaidi100 import Kuaidi100Account, Kuaidi100Courier
from delivery.sf import SfCourier
from delivery.sf_gate import SfAccount
from kit.http import Http

NAME = "ZHANGBAN_COURIERS"
SF, EMS = "https://bspgw.sf-express.com/std/service", "https://api.ems.com.cn/amp-prod-api/f/amp/api/open"
KUAIDI100 = "https://poll.kuaidi100.com/poll"
CALLBACKS = "/callbacks"
PUSH_SECRET_LENGTH = 32  # in production
_KNOWN = {
    "": frozenset("sf ems kuaidi100 hall stuck_days".split()),
    "sf": frozenset("url partner_id check_word monthly_card push_secret oauth".split()),
    "ems": frozenset("url sender_no authorization sign_key".split()),
    "kuaidi100": frozenset("url customer key salt".split()),
    "hall": frozenset("name phone province city county address".split()),
}
_ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRET = re.compile(r"[\x21-\x7e]{4,256}")
_PUSH_SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")
_CARD = re.compile(r"[0-9]{10}")
_PHONE = re.compile(r"1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8}(?:-[0-9]{1,6})?|[48]00-?[0-9]{3}-?[0-9]{4}")
_WORDS = {"name": 50, "province": 30, "city": 50, "county": 50, "address": 150}  # most characters; couriers take 100 to 200
_NAMES = {"name": "收发部门的名称", "province": "省", "city": "市", "county": "区县", "address": "详细地址"}


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """`hall`: sends licences, receives papers. `stuck_days`: working days without a scan after which somebody looks."""

    sf: SfAccount | None
    ems: EmsAccount | None
    kuaidi100: Kuaidi100Account | None
    hall: Party
    stuck_days: int

    def urls(self) -> list[str]:
        """For the egress list."""
        return [one.url for one in (self.sf, self.ems, self.kuaidi100) if one is not None]

    def couriers(self, http: Http) -> dict[CourierName, Courier]:
        found: dict[CourierName, Courier] = {}
        if self.sf is not None:
            found["sf"] = SfCourier(http, self.sf)
        if self.ems is not None:
            found["ems"] = EmsCourier(http, self.ems)
        if self.kuaidi100 is not None:
            found["kuaidi100"] = Kuaidi100Courier(http, self.kuaidi100)
        return found


def couriers(given: str, public_url: str, *, production: bool) -> tuple[DeliverySettings | None, list[str]]:
    """None: not configured. `public_url`: where couriers' pushes reach us."""
    if not given:
        return None, []
    try:
        told = json.loads(given)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return None, [f"{NAME} 应为 JSON 对象（见 docs/operations.md）"]
    one = _with_defaults(told)
    wrong = _wrong(one, production=production)
    if not _is_address(public_url, production=production) or public_url.endswith("/"):
        wrong.append("开通了寄递，就要用 ZHANGBAN_PUBLIC_URL 给出快递公司能访问的地址：https 开头，末尾没有斜杠，如 https://api.example.gov.cn")
    if wrong:
        return None, [what if what.startswith("开通了") else f"{NAME}{what}" for what in wrong]
    sf, ems, rest = one.get("sf"), one.get("ems"), one.get("kuaidi100")
    return DeliverySettings(
        None if sf is None else SfAccount(**sf),
        None if ems is None else EmsAccount(**ems),
        None if rest is None else Kuaidi100Account(**rest, callback_url=f"{public_url}{CALLBACKS}/kuaidi100"),
        Party(**one["hall"]),
        one["stuck_days"],
    ), []


def _with_defaults(told: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, dict[str, Any]] = {
        "sf": {"url": SF, "monthly_card": "", "oauth": False},
        "ems": {"url": EMS},
        "kuaidi100": {"url": KUAIDI100},
    }
    filled = {name: {**own, **told[name]} for name, own in defaults.items() if isinstance(told.get(name), dict)}
    return {"stuck_days": 3, **told, **filled}


def _wrong(one: Mapping[str, Any], *, production: bool) -> list[str]:
    wrong = _unknown("", one)
    if not any(name in one for name in ("sf", "ems")):
        wrong.append("：至少要有 sf 或 ems，否则没有谁能寄")
    days = one["stuck_days"]
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= 30:
        wrong.append("：stuck_days 应为 1 到 30 的整数：几个工作日没有轨迹就请人去看")
    if "hall" not in one:
        wrong.append("：缺少 hall，证照从哪里寄出、材料寄到哪里")
    for name, checks in (("sf", _sf), ("ems", _ems), ("kuaidi100", _kuaidi100), ("hall", _hall)):
        if name not in one:
            continue
        part = one[name]
        if not isinstance(part, dict):
            wrong.append(f" 的 {name}：应为 JSON 对象")
            continue
        wrong += _unknown(name, part) + [f" 的 {name}：{what}" for what, holds in checks(part, production).items() if not holds]
    return wrong


def _unknown(name: str, part: Mapping[str, Any]) -> list[str]:
    extra = sorted(set(part) - _KNOWN[name])
    return [f"{f' 的 {name}' if name else ''}：不认识 {'、'.join(one[:30] for one in extra)}"] if extra else []


def _sf(one: Mapping[str, Any], production: bool) -> dict[str, bool]:
    secret = one.get("push_secret")
    return {
        **_url(one, production, SF),
        "partner_id 应为丰桥的顾客编码": _matches(_ACCOUNT, one.get("partner_id")),
        "check_word 应为丰桥的校验码": _matches(_SECRET, one.get("check_word")),
        "partner_id 是沙箱账号：正式环境不能使用": not (production and _is_pretend(one.get("partner_id"))),
        "monthly_card 应为 10 位月结卡号；没有就删去": one["monthly_card"] == "" or _matches(_CARD, one["monthly_card"]),
        "push_secret 应为 16 到 128 个字母、数字、横线、下划线：路由推送的地址以它结尾": _matches(_PUSH_SECRET, secret),
        f"push_secret 太短：正式环境至少 {PUSH_SECRET_LENGTH} 个字符": not production
        or not _matches(_PUSH_SECRET, secret)
        or len(str(secret)) >= PUSH_SECRET_LENGTH,
        "oauth 应为 true 或 false": isinstance(one["oauth"], bool),
    }


def _ems(one: Mapping[str, Any], production: bool) -> dict[str, bool]:
    return {
        **_url(one, production, EMS),
        "sender_no 应为协议客户号": _matches(_ACCOUNT, one.get("sender_no")),
        "sender_no 是沙箱账号：正式环境不能使用": not (production and _is_pretend(one.get("sender_no"))),
        "authorization 应为授权码": _matches(_SECRET, one.get("authorization")),
        "sign_key 应为 16 字节 SM4 密钥的 base64": _is_key(one.get("sign_key")),
    }


def _kuaidi100(one: Mapping[str, Any], production: bool) -> dict[str, bool]:
    return {
        **_url(one, production, KUAIDI100),
        "customer 应为授权信息里的 customer": _matches(_ACCOUNT, one.get("customer")),
        "key 是沙箱账号：正式环境不能使用": not (production and _is_pretend(one.get("key"))),
        "key 应为授权 key": _matches(_SECRET, one.get("key")),
        "salt 应为 16 到 128 个字母、数字、横线、下划线：推送用它签名，自己定": _matches(_PUSH_SECRET, one.get("salt")),
    }


def _hall(one: Mapping[str, Any], production: bool) -> dict[str, bool]:
    checks = {
        f"{name} 应为{_NAMES[name]}，1 到 {most} 个字": isinstance(one.get(name), str)
        and 0 < len(one[name].strip()) <= most
        and not re.search(r"[\x00-\x1f\x7f]", one[name])
        for name, most in _WORDS.items()
    }
    return {**checks, "phone 应为手机号，或带区号的固定电话": _matches(_PHONE, one.get("phone"))}


def _url(one: Mapping[str, Any], production: bool, usual: str) -> dict[str, bool]:
    good = _is_address(one.get("url"), production=False)
    return {
        f"url 应为 http 地址，如 {usual}": good,
        "url 指向沙箱或不安全的地址：正式环境只接受 https 的真实地址": not good or not production or _is_address(one["url"], production=True),
    }


def _is_address(value: Any, *, production: bool) -> bool:
    """An http address with a host, and nothing after its path; in production an encrypted one of somebody else's machine, none for tests."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) <= 0:
            return False
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False
    if parts.query or parts.fragment or parts.username is not None or re.search(r"[\s%]", parts.path):
        return False
    host = parts.hostname
    local = host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")  # noqa: S104 - a list to refuse, not an address to bind
    pretend = "sandbox" in host or "sbox" in host or parts.path.endswith("/amp/api/test")
    return not production or (parts.scheme == "https" and not local and not pretend)


def _is_pretend(value: Any) -> bool:
    return "sandbox" in str(value).lower()


def _is_key(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
