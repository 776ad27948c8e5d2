"""The people of the world: fictional names, valid ID numbers and phones; their codes, consents and answers."""

import random
import re
import secrets
from datetime import date, timedelta
from typing import Any

from sandbox.book import Book, now
from sandbox.templates import LONG_TERM

_FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜秀敏静丽强磊军洋勇艳杰涛明超霞平刚桂英华慧建文玲桦宇晨欣怡佳雨泽浩然子涵思远若兰清"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CODE_LIFE = 300  # seconds
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_NUMBER = re.compile(r"[0-9]{17}[0-9Xx]")


def check_digit(first17: str) -> str:
    """GB 11643."""
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True)) % 11]


def make_person(book: Book, wanted: dict[str, Any], templates: dict[str, str]) -> dict[str, Any] | list[str]:
    """{person, name, id_number, phone…}, or what is wrong. A person has tapped "allow" in WeChat `consents` times per template (1)."""
    wrong = _problems(wanted)
    number = wanted.get("id_number") or _free_number(book, None if wrong else wanted.get("born"))
    number = number.upper() if isinstance(number, str) else number
    if not wrong and book.get("id_number", number) is not None:
        wrong.append("这个身份证号已有人使用")
    if wrong:
        return wrong
    person = f"P{secrets.token_hex(8)}"
    body = {
        "person": person,
        "made": now().isoformat(),
        "name": wanted.get("name") or _name(),
        "id_number": number,
        "phone": wanted.get("phone") or f"1{secrets.choice('3578')}{secrets.randbelow(10**9):09d}",
        "enterprise": wanted.get("enterprise"),
        "openid": "o" + secrets.token_urlsafe(24)[:27],
        "unionid": "oU" + secrets.token_urlsafe(24)[:26] if secrets.randbelow(2) else None,
        "user_id": f"2088{secrets.randbelow(10**12):012d}",
        "open_id": "0" + secrets.token_urlsafe(40)[:46],
    }
    with book.together():
        book.put("person", person, body)
        book.put("id_number", number, {"person": person})
        for column in ("openid", "user_id", "open_id"):
            book.put("account", str(body[column]), {"person": person})
        book.put("phone", str(body["phone"]), {"person": person})
        taps = int(wanted.get("consents", 1))
        for key, template in templates.items():
            book.put("consent", f"{body['openid']}/{template}", {"left": min(taps, 1) if key in LONG_TERM else taps})
    return body


def shown(body: dict[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in ("person", "name", "id_number", "phone", "enterprise")}


def by_account(book: Book, account: str) -> dict[str, Any] | None:
    """The person behind an openid, user_id or open_id."""
    found = book.get("account", account)
    return None if found is None else book.get("person", found["person"])


def by_phone(book: Book, phone: str) -> dict[str, Any] | None:
    """Whoever was last made with this number."""
    found = book.get("phone", phone)
    return None if found is None else book.get("person", found["person"])


def _problems(wanted: dict[str, Any]) -> list[str]:
    wrong = []
    for field in ("name", "id_number", "phone"):
        if wanted.get(field) is not None and not isinstance(wanted[field], str):
            wrong.append(f"{field} 应为文字")
    name, number, phone = wanted.get("name"), wanted.get("id_number"), wanted.get("phone")
    if isinstance(name, str) and not 1 <= len(name.strip()) <= 50:
        wrong.append("name 应为 1 到 50 个字")
    if isinstance(number, str) and not _is_id_number(number):
        wrong.append("id_number 应为校验正确、出生日期真实的 18 位身份证号")
    if wanted.get("born") is not None and not _has_been(wanted["born"]):
        wrong.append("born 应为不晚于今天的日期，如 2016-05-01")
    if isinstance(phone, str) and not _MOBILE.fullmatch(phone):
        wrong.append("phone 应为 11 位手机号")
    consents = wanted.get("consents", 1)
    if not isinstance(consents, int) or isinstance(consents, bool) or not 0 <= consents <= 1000:
        wrong.append("consents 应为 0 到 1000 的整数")
    return wrong


def _is_id_number(number: str) -> bool:
    """GB 11643: the check digit, and a day that has been."""
    if not _NUMBER.fullmatch(number) or check_digit(number[:17]) != number[17].upper():
        return False
    try:
        return born_on(number) <= now().date()
    except ValueError:
        return False


def born_on(number: str) -> date:
    """Of an ID number. Raises ValueError for a day that is none."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def _has_been(day: Any) -> bool:
    try:
        return isinstance(day, str) and date(1900, 1, 1) <= date.fromisoformat(day) <= now().date()
    except ValueError:
        return False


def _free_number(book: Book, day: str | None = None) -> str:
    """Nobody has it yet. `day`: born then, otherwise grown up."""
    while True:
        born = date.fromisoformat(day) if day else date(1950, 1, 1) + timedelta(days=random.randrange(20000))  # noqa: S311 - invented people
        first = f"990100{born:%Y%m%d}{random.randrange(1, 1000):03d}"  # noqa: S311
        number = first + check_digit(first)
        if book.get("id_number", number) is None:
            return number


def _name() -> str:
    return secrets.choice(_FAMILY) + "".join(secrets.choice(_GIVEN) for _ in range(secrets.randbelow(2) + 1))
