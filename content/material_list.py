"""One list of what to bring for several items: the same paper is named once, in its strictest form, with every item that wants it."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_FORM = r"(?:原件|复印件|影印件|扫描件)"
_JOINED = r"(?:以?及|和|与|或者?|并|、|/)"
_SHEETS = r"(?:各?[0-9一二两三四五六七八九十]+[份张页])?"
_SUFFIX = re.compile(rf"[(\[【]?(?:的)?{_FORM}(?:{_JOINED}其?{_FORM})*{_SHEETS}[)\]】]?$")
_DANGLING = re.compile(rf"({_JOINED})其?$")
_SILENT = re.compile(r"[\s《》〈〉“”\"]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A material and who wants it. Items of one `group` stand for each other: together they want it once."""

    group: str
    code: str
    material: Json  # name, original, copies, note, required; only_if where the situation is still open


@dataclass(slots=True)
class _Entry:
    names: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    forms: set[str] = field(default_factory=set)
    other_forms: set[str] = field(default_factory=set)
    copies: set[int] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)
    required: set[bool | None] = field(default_factory=set)
    only_if: set[str] = field(default_factory=set)
    unconditional: bool = False


def same_papers(usual_names: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """{"居民身份证": ["身份证", …]} as `paper` and `combined` want it: every other name -> the usual one."""
    return {bare(other): bare(usual) for usual, others in usual_names.items() for other in others}


def paper(name: str, same: Mapping[str, str]) -> str:
    """What the name means once width, brackets, 《》 and "原件及复印件" are set aside, under its usual name."""
    text = bare(name)
    return same.get(text, text)


def bare(name: str) -> str:
    """The name without what it says of form and number. Doing it again changes nothing; never empty."""
    text = name
    while (shorter := _without_ending(_folded(text))) and shorter != text:
        text = shorter
    return text


def combined(wanted: Iterable[Wanted], same: Mapping[str, str]) -> list[Json]:
    """The merged list, in the order the papers first come up. Which entries there are, and what each says, does not depend on the order.

    `copies` is the largest number one item asks for; `times_needed` counts groups. A paper only some situations need keeps `only_if`
    (titles) unless someone needs it in any case.
    """
    entries: dict[str, _Entry] = {}
    for one in wanted:
        _note_down(entries.setdefault(paper(one.material["name"], same), _Entry()), one)
    return [_told(key, entry, same) for key, entry in entries.items()]


def _note_down(entry: _Entry, one: Wanted) -> None:
    material = one.material
    entry.names.add(material["name"])
    entry.codes.add(one.code)
    entry.groups.add(one.group)
    forms, others = _forms(material["name"], material.get("original"))
    entry.forms |= forms
    entry.other_forms |= others
    if material.get("copies") is not None:
        entry.copies.add(material["copies"])
    if material.get("note"):
        entry.notes.add(material["note"])
    entry.required.add(material.get("required"))
    only_if = material.get("only_if") or []
    entry.only_if.update(only_if)
    entry.unconditional = entry.unconditional or not only_if


def _told(key: str, entry: _Entry, same: Mapping[str, str]) -> Json:
    plain = [name for name in entry.names if not _ending(name)]
    return {
        "name": key if key in same.values() or not plain else min(plain, key=lambda name: (len(name), name)),
        "for": sorted(entry.codes),
        "original": _form_in_words(entry),
        "copies": max(entry.copies, default=None),
        "note": "；".join(sorted(entry.notes)) or None,
        "required": True if True in entry.required else None if None in entry.required else False,
        "only_if": [] if entry.unconditional else sorted(entry.only_if),
        "times_needed": len(entry.groups),
    }


def _form_in_words(entry: _Entry) -> str | None:
    """Paper comes before what is weaker (电子, 原件或复印件): whoever has the paper can show the rest."""
    if entry.forms:
        return "和".join(form for form in ("原件", "复印件") if form in entry.forms)
    return "、".join(sorted(entry.other_forms)) or None


def _forms(name: str, original: str | None) -> tuple[set[str], set[str]]:
    """(原件 and 复印件 that are needed for certain, other words about the form) from the field and from the name's own ending."""
    forms: set[str] = set()
    others: set[str] = set()
    for said in (_ending(name), original or ""):
        if "或" in said or not ("原件" in said or "复印件" in said):
            others |= {said} - {""}
        else:
            forms |= {form for form in ("原件", "复印件") if form in said}
    return forms, others


def _folded(name: str) -> str:
    return _SILENT.sub("", unicodedata.normalize("NFKC", name))


def _without_ending(text: str) -> str:
    match = _SUFFIX.search(text)
    return text if match is None else _DANGLING.sub("", text[: match.start()])


def _ending(name: str) -> str:
    """ "身份证及复印件" -> "原件及复印件"; "户口簿(原件)" -> "原件"; "" where the name does not speak of its form."""
    text = _folded(name)
    match = _SUFFIX.search(text)
    if match is None or match.start() == 0:
        return ""
    joined = _DANGLING.search(text[: match.start()])
    said = match[0].strip("()[]【】的")
    return f"原件{joined[1]}{said}" if joined else said
