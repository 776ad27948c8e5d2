"""The short form of a guide, for reading aloud: at most eight plain sentences, the big things first, from the item's own facts alone."""

from collections.abc import Sequence
from typing import Any

from content import situations
from content.lists import credible_visits
from kit.money import yuan
from kit.phones import HOTLINE, first_phone, spoken

Json = dict[str, Any]

LONGEST = 40  # characters of a sentence, where the fact itself is not longer
NAMED = 5  # materials named; the rest are counted
ENDURABLE = 80  # a single fact longer than this is left to the whole guide


def short(item: Json, situation: str | None = None, *, is_closed: bool = False) -> Json:
    """{code, version, name, phone, sentences: [{part, text}], read_aloud}, without its date. Raises Invalid as the guide does.

    `is_closed`: for online handling, just now. `phone` is the number to dial; in the sentences it is spelt digit by digit. What is not recorded is said to be, with whom to ask.
    """
    materials = situations.shown(item, situations.chosen(item, situation))
    phone = first_phone(item["consult_phone"]) or HOTLINE
    ask = f"请打 {spoken(phone)} 问"
    told = [
        ("online", "现在暂停在手机上办，可以去窗口。" if is_closed else _online(item["online"], ask)),
        ("visits", _visits(item, ask)),
        *(("materials", text) for text in _materials(materials, ask)),
        ("time_limit", _limit(item["promised_limit"], item["statutory_limit"], ask)),
        ("fee", _fee(item["fees"], ask)),
        ("location", _place(item, ask)),
        ("contact", _contact(item["consult_phone"])),
    ]
    return {
        "code": item["code"],
        "version": item["version"],
        "name": item["name"],
        "phone": phone,
        "sentences": [{"part": part, "text": text} for part, text in told],
        "read_aloud": f"{item['name']}。" + "".join(text for _, text in told),
    }


def _online(online: bool | None, ask: str) -> str:
    if online is None:
        return f"能不能在手机上办没有登记，{ask}。"
    return "可以在手机上办。" if online else "不能在手机上办。"


def _visits(item: Json, ask: str) -> str:
    visits = credible_visits(item)
    if visits is None:
        return f"要跑几次{'没有登记' if item['visits'] is None else '登记得不清楚'}，{ask}。"
    return f"最多跑 {visits} 次。" if visits else "不用跑。"


def _materials(materials: Sequence[Json] | None, ask: str) -> list[str]:
    """One or two sentences: what is needed in any case by name, the first five of it; the rest and what depends on the case as numbers."""
    if materials is None:
        return [f"要带什么没有登记，{ask}。"]
    if not materials:
        return ["不用带材料。"]
    certain = [one["name"] for one in materials if not one["only_if"] and one["required"] is not False]
    depends = len(materials) - len(certain)
    if not certain:
        return [f"要带什么看情况，可能要 {depends} 样，见完整指南。"]
    first = _fitting(certain[:NAMED], LONGEST - len("要带：。")) or [name for name in certain[:1] if len(name) <= ENDURABLE]
    if not first:
        return [f"要带的有 {len(materials)} 样，名称较长，见完整指南。"]
    rest = len(certain) - len(first)
    if not rest and not depends:
        return [f"要带：{'、'.join(first)}。"]
    tail = _tail(rest, depends)
    whole = f"要带：{'、'.join(first)}，{tail}"
    if rest == max(0, len(certain) - NAMED) and len(whole) <= LONGEST:
        return [whole]
    second = _fitting(certain[len(first) : NAMED], LONGEST - len("还要：，") - len(tail))
    rest -= len(second)
    if not second:
        return [f"要带：{'、'.join(first)}。", _tail(rest, depends)]
    return [f"要带：{'、'.join(first)}。", f"还要：{'、'.join(second)}{'，' + _tail(rest, depends) if rest or depends else '。'}"]


def _tail(rest: int, depends: int) -> str:
    counted = [f"还有 {rest} 样"] * bool(rest) + [f"有的情况再加 {depends} 样"] * bool(depends)
    return f"{'、'.join(counted)}，见完整指南。"


def _fitting(names: Sequence[str], room: int) -> list[str]:
    """As many from the front as fit."""
    found: list[str] = []
    for name in names:
        if len("、".join([*found, name])) > room:
            break
        found.append(name)
    return found


def _limit(promised: Json | None, statutory: Json | None, ask: str) -> str:
    limit = promised or statutory
    if limit is None:
        return f"多久办好没有登记，{ask}。"
    if not limit["days"]:
        return "当场办好。"
    by = "" if promised else "法律规定"
    if limit["unit"] == "working_days":
        return f"{by}最多 {limit['days']} 个工作日（不算周末和节假日）办好。"
    return f"{by}最多 {limit['days']} 天办好。"


def _fee(fees: Sequence[Json] | None, ask: str) -> str:
    if fees is None:
        return f"要多少钱没有登记，{ask}。"
    if not fees:
        return "不收钱。"
    told = [_one_fee(fee) for fee in fees]
    whole = f"要交：{'；'.join(told)}。"
    if all(told) and len(whole) <= LONGEST:
        return whole
    if not any(told):
        return f"要收费，多少钱没有登记，{ask}。"
    return "要收费，多少钱见完整指南。" if len(fees) == 1 else f"收费有 {len(fees)} 种，看情况交，见完整指南。"


def _one_fee(fee: Json) -> str:
    """ "" where there is no figure and no wording."""
    if fee["amount_fen"] is not None:
        return f"{fee['name']}，{yuan(fee['amount_fen']).removesuffix('.00')} 元"
    return f"{fee['name']}，{fee['standard']}" if fee["standard"] else ""


def _place(item: Json, ask: str) -> str:
    """The first place; the others as a number."""
    places = item["places"]
    if not places:
        return f"去哪里办没有登记，{ask}。"
    start = "想去窗口办：" if item["online"] else "去："
    place, more = places[0], f"；共 {len(places)} 处。" if len(places) > 1 else "。"
    named = f"{place['name']}，{place['address']}" if place["name"] else place["address"]
    for fact in (named, place["address"]):
        if len(start + fact + more) <= LONGEST:
            return start + fact + more
    return f"{start}{place['address']}{more}" if len(place["address"]) <= ENDURABLE else f"{start}地址较长，见完整指南。"


def _contact(consult: str | None) -> str:
    if phone := first_phone(consult):
        return f"不清楚就打电话：{spoken(phone)}。"
    why = "咨询电话见完整指南" if consult else "咨询电话没有登记"
    return f"{why}，也可以打 {spoken(HOTLINE)}。"
