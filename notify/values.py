"""A field's value as each channel takes it: within its type's rule whatever the value, shortened where it is too long.

WeChat's types and limits: developers.weixin.qq.com, subscribe message parameters (订阅消息参数值内容限制说明).
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime

from kit.clock import BEIJING, in_words
from kit.money import yuan
from notify.kinds import FieldType, Kind, Value

# What a WeChat type can show of ours. A template that asks for anything else is refused when it is registered.
FITS: Mapping[str, frozenset[FieldType]] = {
    "thing": frozenset({"words", "state", "count", "money", "moment", "day", "number"}),
    "phrase": frozenset({"state"}),
    "number": frozenset({"count"}),
    "character_string": frozenset({"number", "count"}),
    "time": frozenset({"moment"}),
    "date": frozenset({"moment", "day"}),
    "amount": frozenset({"money"}),
}
_DOMAINS = "com|cn|net|org|gov|edu|top|xyz|vip|cc|io|info|shop|site|link|club|online|ink|wang|tv|co|me|app|dev|icu|biz|mobi"
_LINK = re.compile(rf"(?i)(?:[a-z][a-z0-9+.-]*://|www\.)\S*|(?<![a-z0-9])(?:[a-z0-9-]+\.)+(?:{_DOMAINS})(?![a-z0-9])[/?:#]?[^\s，。；、）”]*")
_THING, _STRING, _PHRASE, _NUMBER = 20, 32, 5, 32
_SMS_VALUE = 35  # characters of one variable, the gateway's limit


def wechat_type(key: str) -> str:
    """`character_string5` -> `character_string`"""
    return re.sub(r"[0-9]+$", "", key)


def in_full(kind: FieldType, value: Value) -> str:
    """As a sentence would say it; harmless."""
    if isinstance(value, datetime):
        local = value.astimezone(BEIJING)
        return f"{local.year}年{local.month}月{local.day}日" if kind == "day" else in_words(value)
    if kind == "money":
        return f"{yuan(int(value))}元"
    return plain(str(value)).strip()


def for_wechat(key: str, kind: FieldType, value: Value) -> str:
    """Always a value WeChat takes for `key`."""
    shape, text = wechat_type(key), in_full(kind, value)
    if shape == "phrase":
        return "".join(char for char in text if _is_han(char))[:_PHRASE] or "有更新"
    if shape == "number":
        return text[:_NUMBER] if re.fullmatch(r"[+-]?[0-9]+", text) else "0"
    if shape == "character_string":
        return character_string(text)
    if shape in ("time", "date", "amount"):
        return text
    return thing(text)


def for_alipay(kind: FieldType, value: Value) -> str:
    return _cut(in_full(kind, value) or "无", 50)


def for_sms(kind: FieldType, value: Value) -> str:
    """No brackets the gateway reads as a signature, no links and nothing that dials."""
    return _cut(re.sub(r"[【】\[\]]", "", in_full(kind, value)) or "无", _SMS_VALUE)


def wechat_data(kind: Kind, places: Mapping[str, str], fields: Mapping[str, Value]) -> dict[str, dict[str, str]]:
    """`data` of subscribeMessage.send; `places`: WeChat's key -> our field."""
    return {key: {"value": for_wechat(key, kind.fields[name], fields[name])} for key, name in places.items()}


def thing(text: str) -> str:
    """WeChat `thing`: at most 20 characters, no control characters; longer ones are cut with an ellipsis."""
    return _cut(plain(text).strip() or "无", _THING)


def character_string(text: str) -> str:
    """WeChat `character_string`: at most 32 ASCII characters; of a long number the end is what tells cases apart."""
    text = "".join(char for char in text if "!" <= char <= "~") or "-"
    return text if len(text) <= _STRING else "..." + text[-(_STRING - 3) :]


def plain(text: str) -> str:
    """Free text from outside, made harmless: no control characters, no line breaks, nothing a client would turn into a link."""
    if not text.isprintable():  # which is what most texts are: nothing of the categories C and Z but plain spaces
        text = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return _LINK.sub("（链接已略去）", text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _is_han(char: str) -> bool:
    return "一" <= char <= "鿿" or "㐀" <= char <= "䶿"
