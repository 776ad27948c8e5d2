"""一次性告知: a notice of corrections is one document with every finding, and what could have been told the first time is told apart.

A later notice is always delivered. A finding of it is marked `again` when it could have been told with the first one (行政许可法 §32 (4): 一次告知
申请人需要补正的全部内容). The rule, per finding of a notice that is not the case's first:

1. What it is about (target and name) was in the first submission and is still as it was there: again. What was corrected in between, and be it
   badly, may be found wrong anew.
2. It was not there the first time and still is not (a missing paper): again, unless something else was corrected in between, for which it may
   have become necessary.
3. It is about the case as a whole: again, unless anything was corrected in between.
4. Whatever 1 to 3 say: the very same finding (target, name, problem) stood in an earlier notice and was not answered: not again, a reminder.

Where the first submission is not on record, nothing is marked. The rule looks at versions, never at the order in which we were told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cases.handed_in import Content, Round, standing_at
from core.types import CaseMove, CaseState, Finding
from kit.errors import FieldError

UNCHANGED = "unchanged_since_first"
STILL_MISSING = "missing_since_first"
NOTHING_CORRECTED = "nothing_corrected"
REASONS = {
    UNCHANGED: "这一项首次提交后没有变动，首次补正通知时就可以一并告知",
    STILL_MISSING: "这一项首次提交时就没有，首次补正通知时就可以一并告知",
    NOTHING_CORRECTED: "首次提交后没有变动，首次补正通知时就可以一并告知",
}
_ORDER = {"material": 0, "field": 1}


@dataclass(frozen=True, slots=True)
class Told:
    """One finding. `again`: why it could have been told the first time, else None."""

    target: str
    name: str
    problem: str
    fix: str
    again: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice of corrections, whole. `due_at` None: the core set no day."""

    notice_no: str
    ordinal: int
    version: int
    issued_at: datetime
    due_at: datetime | None
    text: str
    findings: tuple[Told, ...]

    @property
    def again(self) -> bool:
        return any(one.again for one in self.findings)


def notices_of(case_no: str, timeline: Sequence[CaseMove], first: Content | None, rounds: Sequence[Round]) -> tuple[Notice, ...]:
    """Every notice in a timeline that is sorted by version. A core that does not number them: the case's number and the move's version."""
    made: list[Notice] = []
    for move in timeline:
        if move.state is not CaseState.CORRECTIONS:
            continue
        reasons = [_why_again(finding, move.version, made, first, rounds) for finding in move.findings]
        told = [Told(_target(one), one.name, one.problem, one.fix, why) for one, why in zip(move.findings, reasons, strict=True)]
        told.sort(key=lambda one: (_ORDER.get(one.target, 2), one.name))
        number = move.notice
        made.append(
            Notice(
                notice_no=number.notice_no if number else f"{case_no}-{move.version}",
                ordinal=number.ordinal if number else len(made) + 1,
                version=move.version,
                issued_at=move.at,
                due_at=number.due_at if number else None,
                text=move.text,
                findings=tuple(told),
            )
        )
    return tuple(made)


def unanswered(notice: Notice, answers: Mapping[str, Any], materials: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Everything the notice asks for that is not among the corrections yet, before they are sent: they answer it in one round.

    `answers` and `materials` are those of the corrections alone. A finding about the case as a whole asks for something, whatever it is.
    """
    given = {_field(name, answers) for name, value in answers.items() if value not in (None, "", [], {})}
    handed = {str(one.get("name")) for one in materials if _comes(one)}
    missing: dict[str, FieldError] = {}
    for one in notice.findings:
        path = f"answers.{_field(one.name, answers)}" if one.target == "field" else f"materials.{one.name}"
        if one.target == "field" and _field(one.name, answers) not in given:
            missing.setdefault(path, FieldError(path, f"请改正“{one.name}”：{_sentence(one)}"))
        elif one.target == "material" and one.name not in handed:
            missing.setdefault(path, FieldError(path, f"请重新提交“{one.name}”：{_sentence(one)}"))
    if not given and not handed and not missing:
        missing["answers"] = FieldError("answers", "还没有填写或提交任何补正内容，请按补正通知逐项补正")
    return list(missing.values())


def _why_again(finding: Finding, version: int, earlier: Sequence[Notice], first: Content | None, rounds: Sequence[Round]) -> str | None:
    if not earlier or first is None:
        return None
    target = _target(finding)
    if any((target, finding.name, finding.problem) == (one.target, one.name, one.problem) for notice in earlier for one in notice.findings):
        return None
    then = standing_at(first, rounds, version)
    if target == "case":
        return NOTHING_CORRECTED if then == first else None
    place = (target, _field(finding.name, [name for kind, name in first if kind == "field"]) if target == "field" else finding.name)
    if place in first:
        return UNCHANGED if then.get(place) == first[place] else None
    return STILL_MISSING if place not in then and then == first else None


def _target(finding: Finding) -> str:
    """A word of a newer core, and a finding that names nothing, are about the case as a whole."""
    return finding.target if finding.target in _ORDER and finding.name else "case"


def _field(name: str, known: Iterable[str]) -> str:
    """`answers.address.street` and `address.street` are about the answer `address`, unless one has that very name."""
    bare = name.removeprefix("answers.")
    return bare if bare in known else bare.partition(".")[0]


def _comes(material: Mapping[str, Any]) -> bool:
    """Something is handed in: a file, a licence in its place, or paper at the window or by courier."""
    return bool(material.get("files") or material.get("presentation") or material.get("hand_in") in ("window", "courier"))


def _sentence(one: Told) -> str:
    return f"{one.problem}；{one.fix}" if one.fix else one.problem
