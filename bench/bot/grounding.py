"""Does a reply say only what the item it cites says? `ungrounded` is the whole question; it never guesses in the reply's favour."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from bench.bot.claims import COUNTED, HOTLINE, Claim, amount, claims, fold

COMBINATIONS = 500  # of situation options whose materials are counted; a guide with more is counted without
_OF_MATERIALS = re.compile(r"材料[^,。;\n]{0,3}$")
_REST = re.compile(r"(?:另有|另外|还有|其余|其他|剩下|余下|另)[^,。;]{0,6}$")


def ungrounded(text: str, item: dict[str, Any] | None, names: Sequence[str] = ()) -> list[str]:
    """Claims of `text`, as said, that the cited item (GET /v1/items/{code}) does not hold; with None, all its claims.

    `names`: item names on the reply's buttons, which may hold figures of their own.
    """
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    said = [one for one in claims(text) if not (one.kind == "phone" and one.what == HOTLINE)]
    if item is None:  # "the police station" names no place where nothing is cited
        return [one.said for one in said if one.kind != "place" and not (one.kind == "address" and not re.search("[0-9]", one.what))]
    facts = _facts(item)
    folded = fold(text)
    return [one.said for one in said if not _holds(facts, one, folded)]


@dataclass(slots=True)
class _Facts:
    """What an item holds. `counts`: unit -> numbers that counting in it can give."""

    corpus: str
    held: set[tuple[str, str]] = field(default_factory=set)  # (kind, what)
    numbers: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    counts: dict[str, set[int]] = field(default_factory=dict)


def _holds(facts: _Facts, claim: Claim, text: str) -> bool:
    match claim.kind:
        case "address" | "place":
            return claim.what in facts.corpus
        case "phone":
            return claim.what in facts.phones
        case "amount":
            value, _, unit = claim.what.partition(" ")
            if not unit:
                return value in facts.numbers
            return ("amount", claim.what) in facts.held or (unit in COUNTED and _counted(facts, value, unit, claim, text))
        case "ordinal":
            step = re.fullmatch(r"第([0-9]+)(?:步|个步骤|个环节)", claim.what)
            return ("ordinal", claim.what) in facts.held or bool(step and 1 <= int(step[1]) <= max(facts.counts["步"], default=0))
        case _:
            return (claim.kind, claim.what) in facts.held


def _counted(facts: _Facts, value: str, unit: str, claim: Claim, text: str) -> bool:
    """ "共 3 项" must be a count of something; "另有 2 处" at most that many."""
    if not value.isdecimal():
        return False
    place = max(0, text.find(claim.said))
    before, after = text[max(0, place - 12) : place], text[place + len(claim.said) :]
    counts = facts.counts["材料" if unit == "项" and (after.startswith("材料") or _OF_MATERIALS.search(before)) else unit]
    if _REST.search(before):
        return 0 < int(value) < max(counts, default=0)
    return int(value) in counts


def _facts(item: dict[str, Any]) -> _Facts:
    leaves = [fold(leaf) for leaf in _texts(item)]
    facts = _Facts("\n".join(leaves))
    for leaf in leaves:
        for one in claims(leaf, every=True):
            _hold(facts, one)
    for what in _recorded(item):
        _hold(facts, Claim("amount", what, ""))
    if item.get("fees") == []:
        facts.held.add(("word", "免费"))
    facts.held.add(("ordinal", f"第{item.get('version')}版"))
    facts.counts = _counts(item)
    return facts


def _hold(facts: _Facts, one: Claim) -> None:
    facts.held.add((one.kind, one.what))
    if one.kind == "phone":
        facts.phones |= {one.what, *_shorter(one.said)}
    elif one.kind == "amount":
        facts.numbers.add(one.what.partition(" ")[0])
    elif one.kind == "range":
        low, high = one.what.split("-", 1)
        unit = high.partition(" ")[2]
        for value in (low, high.partition(" ")[0]):
            facts.held.add(("amount", f"{value} {unit}".strip()))
            facts.numbers.add(value)
    elif one.kind == "hours":
        for clock in one.what.split("-"):
            facts.held |= {("time", clock), *((("amount", f"{clock.removesuffix(':00')} 点"),) if clock.endswith(":00") else ())}
    elif one.kind == "weekdays" and "-" in one.what:
        facts.held |= {("weekdays", day) for day in one.what.split("-")}
    elif one.kind == "date" and one.what.count("-") == 2:
        facts.held |= {("date", one.what.partition("-")[2]), ("date", one.what.rpartition("-")[0])}


def _shorter(phone: str) -> Iterator[str]:
    """0990-1234101转2 may be told without its area code and without its extension."""
    whole = re.sub(r"(?:转|(?<=[0-9]{7})-)[0-9]{1,6}$", "", phone)
    yield re.sub("[^0-9]", "", whole)
    if area := re.match(r"\(?0[0-9]{2,3}\)?[-\s]", whole):
        yield re.sub("[^0-9]", "", whole[area.end() :])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _recorded(item: dict[str, Any]) -> Iterator[str]:
    """Numbers that the item holds as numbers, with the unit that they are told in."""
    limits = [item.get("promised_limit"), item.get("statutory_limit"), *(item.get("special_procedures") or [])]
    units = {limit.get("unit", "working_days") for limit in limits if limit and limit.get("days") is not None}
    for limit in limits:
        if limit and limit.get("days") is not None:
            yield amount(limit["days"], "工作日" if limit.get("unit", "working_days") == "working_days" else "天")
    for step in item.get("steps") or []:  # a step states no unit: it is that of the item's own limits
        if step.get("days") is not None:
            yield from (amount(step["days"], "工作日" if unit == "working_days" else "天") for unit in units or {"working_days"})
    for fee in item.get("fees") or []:
        if fee.get("amount_fen") is not None:
            yield f"{fee['amount_fen'] // 100}{_cents(fee['amount_fen'] % 100)} 元"
    for material in item.get("materials") or []:
        if material.get("copies"):
            yield from (amount(material["copies"], unit) for unit in ("份", "张", "本"))
    if item.get("visits") is not None:
        yield amount(item["visits"], "次")


def _cents(fen: int) -> str:
    return f".{fen:02}".rstrip("0") if fen else ""


def _counts(item: dict[str, Any]) -> dict[str, set[int]]:
    def length(name: str) -> set[int]:
        return {len(item[name])} if item.get(name) else set()

    materials = length("materials") | _trimmed(item.get("materials") or [], item)
    listed = [length(name) for name in ("steps", "places", "fees", "results", "faq", "situations")]
    return {
        "步": length("steps"),
        "处": length("places"),
        "材料": materials,
        "项": materials.union(*listed),
    }  # 共 4 项 is said of whatever was listed


def _trimmed(materials: list[dict[str, Any]], item: dict[str, Any]) -> set[int]:
    """How many materials each choice of options leaves, with some questions unanswered."""
    asked = [[None, *(option["id"] for option in question["options"])] for question in item.get("situations") or []]
    total = 1
    for options in asked:
        total *= len(options)
    always = {sum(not material.get("situations") for material in materials)}
    if total > COMBINATIONS:
        return always
    return always | {
        sum(not material.get("situations") or bool(set(material["situations"]) & set(chosen)) for material in materials) for chosen in product(*asked)
    }
