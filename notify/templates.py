"""Templates registered with WeChat, Alipay and the SMS gateway: what of ours stands where, and what is wrong with a registration.

A template whose keys cannot show our fields would be refused at every single push, so it is refused here, before the first one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from notify.kinds import KINDS, REGISTERED
from notify.values import FITS, wechat_type

_WECHAT_KEY = re.compile(r"[a-z][a-z_]*[0-9]{1,3}")
_WECHAT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALIPAY_ID = re.compile(r"[A-Za-z0-9_+/=-]{1,64}")
_SMS_CODE = re.compile(r"SMS_[A-Za-z0-9_]{1,40}")
_PLACE = re.compile(r"([^\n{}]*?)[:：]?\s*\{\{\s*([A-Za-z_]+[0-9]+)\.DATA\s*\}\}")
_WECHAT_KINDS = {2: False, 3: True}  # gettemplate's `type`: one-time, long-term


@dataclass(frozen=True, slots=True)
class Template:
    """Of a WeChat account. `places`: WeChat's key -> our field."""

    kind: str
    template_id: str
    places: Mapping[str, str]
    long_term: bool = False


@dataclass(frozen=True, slots=True)
class AlipayTemplate:
    """`keywords`: our fields as keyword1, keyword2, … show them."""

    kind: str
    template_id: str
    keywords: tuple[str, ...]
    long_term: bool = False


T = TypeVar("T", Template, AlipayTemplate)


class Registered(Generic[T]):
    """What notify.channel.Channel asks of a platform's templates, by kind."""

    def __init__(self, templates: Mapping[str, T]) -> None:
        self.templates: Mapping[str, T] = templates

    def template(self, kind: str) -> str | None:
        found = self.templates.get(kind)
        return found.template_id if found is not None else None

    def kinds_by_template(self) -> Mapping[str, str]:
        return {one.template_id: kind for kind, one in self.templates.items()}

    def is_long_term(self, kind: str) -> bool:
        found = self.templates.get(kind)
        return found is not None and found.long_term


@dataclass(frozen=True, slots=True)
class Compared:
    """A registered template beside the account's own; `wrong` in Chinese, empty when they agree."""

    template: Template
    title: str
    wrong: tuple[str, ...]


def default_places(kind: str) -> Mapping[str, str]:
    return KINDS[kind].wechat if kind in KINDS else {}


def default_keywords(kind: str) -> tuple[str, ...]:
    return KINDS[kind].alipay if kind in KINDS else ()


def wrong_wechat(template: Template) -> list[str]:
    """Every problem of a registration, in Chinese."""
    wrong = _wrong_id(template.template_id, _WECHAT_ID)
    if unknown := _wrong_kind(template.kind):
        return [*unknown, *wrong]
    fields = KINDS[template.kind].fields
    if not template.places:
        wrong.append("fields 是空的：请写出模板里的每个字段")
    for key, name in template.places.items():
        shown = key[:40]
        if _WECHAT_KEY.fullmatch(key) is None:
            wrong.append(f"{shown} 不是微信的字段：应为类型加序号，如 thing1")
        elif wechat_type(key) not in FITS:
            wrong.append(f"{shown} 的类型放不下这里的任何内容：请换用 {'、'.join(sorted(FITS))} 类型的字段")
        elif name in fields and fields[name] not in FITS[wechat_type(key)]:
            wrong.append(f"{shown} 放不下 {name}：请换用 {'、'.join(sorted(one for one, fits in FITS.items() if fields[name] in fits))} 类型的字段")
    return wrong + _wrong_fields(template.kind, template.places.values())


def wrong_alipay(template: AlipayTemplate) -> list[str]:
    wrong = _wrong_id(template.template_id, _ALIPAY_ID)
    if unknown := _wrong_kind(template.kind):
        return [*unknown, *wrong]
    if not template.keywords:
        wrong.append("keywords 是空的：请按模板里的先后写出每个关键词")
    return wrong + _wrong_fields(template.kind, template.keywords)


def wrong_sms(kind: str, code: str) -> list[str]:
    """`code`: SMS_ and a number, as the gateway's console shows it."""
    wrong = [] if _SMS_CODE.fullmatch(code) else ["模板编号应为 SMS_ 开头的编号，在短信控制台的模板管理里"]
    if unknown := _wrong_kind(kind):
        return [*unknown, *wrong]
    return wrong if KINDS[kind].sms else ["这类消息不发短信", *wrong]


def compared(registered: Iterable[Template], listed: Iterable[Any]) -> list[Compared]:
    """`listed`: `data` of WeChat's gettemplate (developers.weixin.qq.com, getTemplateList)."""
    by_id = {str(one.get("priTmplId")): one for one in listed if isinstance(one, dict)}
    return [_compared(template, by_id.get(template.template_id)) for template in registered]


def _compared(template: Template, found: dict[str, Any] | None) -> Compared:
    if found is None:
        return Compared(template, "", ("这个账号没有这个模板：请在公众平台的“订阅消息”里添加，再核对编号",))
    wrong = []
    labels = {key: label.strip() for label, key in _PLACE.findall(str(found.get("content", "")))}
    if missing := [key for key in labels if key not in template.places]:
        wrong.append(f"模板还有字段 {'、'.join(f'{key} {labels[key]}'.strip() for key in missing)}，每次推送都会被拒绝：请写进 fields")
    if extra := [key for key in template.places if key not in labels]:
        wrong.append(f"模板没有字段 {'、'.join(extra)}：请改 fields")
    long_term = _WECHAT_KINDS.get(found.get("type", 0))
    if long_term is not None and long_term != template.long_term:
        wrong.append(f"微信登记的是{'长期' if long_term else '一次性'}订阅：请把 long_term 写成 {'true' if long_term else 'false'}")
    return Compared(template, str(found.get("title", "")), tuple(wrong))


def _wrong_kind(kind: str) -> list[str]:
    if kind not in KINDS:
        return [f"没有这类消息，可以用 {'、'.join(REGISTERED)}"]
    if (shared := KINDS[kind].template) != kind:
        return [f"这类消息用 {shared} 的模板，不用另外登记"]
    return [] if KINDS[kind].fields else ["这类消息只进收件箱，不推送"]


def _wrong_id(template_id: str, pattern: re.Pattern[str]) -> list[str]:
    if not template_id:
        return ["模板编号是空的"]
    return [] if pattern.fullmatch(template_id) else ["模板编号不对：请从平台的模板列表里复制，前后没有空格"]


def _wrong_fields(kind: str, names: Iterable[str]) -> list[str]:
    fields, placed = KINDS[kind].fields, list(names)
    wrong = [f"没有 {name[:40]} 这一项，可以用 {'、'.join(fields)}" for name in dict.fromkeys(placed) if name not in fields]
    return wrong + [f"{name} 放了两处" for name in dict.fromkeys(placed) if name in fields and placed.count(name) > 1]
