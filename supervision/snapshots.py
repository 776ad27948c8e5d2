"""A month as it was told, kept with all it was made of: whoever has the cases can make it again and compare. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson

from supervision.definitions import EDITION
from supervision.facts import Row
from supervision.figures import Groups, Items
from supervision.places import EVERYWHERE
from supervision.report import Inputs, OfCore, Part, report

_KINDS = ("received", "finished", "due", "second")
_NOT_HASHED = frozenset({"edition"})  # another calendar that changes no day changes nothing


class Digest:
    """Of facts in the order of their ids."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.count = 0

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            told = {name: value for name, value in row.items() if name not in _NOT_HASHED}
            self._hash.update(orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z) + b"\n")
            self.count += 1

    def __str__(self) -> str:
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class Made:
    """What the cases say of a month; `until` is when it was over."""

    month: str
    until: datetime
    groups: Groups
    cases: int
    digest: str


def snapshot(made: Made, inputs: Inputs, at: datetime, calendar: str) -> Row:
    """The row that is kept. `hash` is over all the figures come from."""
    groups, given = to_rows(made.groups), pack(inputs)
    return {
        "_id": made.month,
        "until": made.until,
        "taken_at": at,
        "calendar": calendar,
        "definitions": EDITION,
        "cases": made.cases,
        "cases_digest": made.digest,
        "groups": groups,
        "inputs": given,
        "figures": [asdict(one) for one in report(made.groups, inputs, EVERYWHERE).figures],
        "hash": _hash({"month": made.month, "definitions": EDITION, "cases": made.digest, "groups": groups, "inputs": given}),
    }


def differences(kept: Mapping[str, Any], made: Made) -> list[str]:
    """In words, what is not as it was kept, when the month is made again from the cases. Empty: equal."""
    again = snapshot(made, unpack(kept["inputs"]), made.until, kept["calendar"])
    wrong = []
    if again["cases_digest"] != kept["cases_digest"]:
        wrong.append(
            f"办件的记录不同：当时 {kept['cases']} 件，现在 {made.cases} 件（核心平台后来补报了这个月的进展、改了工作日历，或办件已到期删除）"
        )
    for name in _KINDS:
        if again["groups"][name] != kept["groups"][name]:
            wrong.append(f"计数不同：{name}")
    for now, before in zip(again["figures"], kept["figures"], strict=True):
        if now != before:
            wrong.append(f"指标不同：{before['id']} 当时 {before['text']}，现在 {now['text']}")
    if again["hash"] != kept["hash"] and not wrong:
        wrong.append("存下的输入与存下的摘要对不上，可能被改过" if again["definitions"] == kept["definitions"] else "指标的定义已经改过")
    return wrong


def to_rows(groups: Groups) -> dict[str, list[list[Any]]]:
    """Each [key…, count], in one order."""
    return {name: sorted(([*key, n] for key, n in getattr(groups, name).items() if n), key=repr) for name in _KINDS}


def to_groups(rows: Mapping[str, list[list[Any]]]) -> Groups:
    return Groups(*(Counter({tuple(row[:-1]): row[-1] for row in rows[name]}) for name in _KINDS))


def pack(inputs: Inputs) -> dict[str, Any]:
    items = [
        [department, region, list(one.wholly), list(one.permits), sorted(([visits, n] for visits, n in one.visits.items()), key=repr)]
        for (department, region), one in inputs.items.items()
    ]
    core = [
        {**asdict(one), "departments": None if one.departments is None else sorted([name, *row] for name, row in one.departments.items())}
        for one in inputs.core
    ]
    parts = {name: {"rows": None if part.rows is None else [dict(row) for row in part.rows], "why": part.why} for name, part in inputs.parts.items()}
    return {"items": sorted(items, key=repr), "core": core, "parts": parts}


def unpack(kept: Mapping[str, Any]) -> Inputs:
    items = {(one[0], one[1]): Items(_three(one[2]), _three(one[3]), dict(one[4])) for one in kept["items"]}
    core = [
        OfCore(**{**one, "departments": None if one["departments"] is None else {row[0]: (row[1], row[2]) for row in one["departments"]}})
        for one in kept["core"]
    ]
    return Inputs(items, core, {name: Part(one["rows"], one["why"]) for name, one in kept["parts"].items()})


def _three(told: list[int]) -> tuple[int, int, int]:
    yes, no, unknown = told
    return yes, no, unknown


def _hash(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)).hexdigest()
