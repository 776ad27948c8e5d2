"""Figures and warnings as staff and the public read them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cases.states import TEXTS
from core.types import CaseState
from kit.clock import at_edge
from miniapp_api import shapes_supervision as shapes
from supervision import published
from supervision.definitions import DEFINITIONS
from supervision.figures import Figure
from supervision.report import NOT_WHOLE, OfCore, OfDepartment, Part, Report

_ABOUT = {one.id: one for one in DEFINITIONS}
LEVELS = {"yellow": "临期", "red": "逾期", "escalated": "逾期多日"}
KINDS = {"reply": "收件后五个工作日内答复", "promised": "承诺时限", "legal": "法定时限"}
NOTE = f"办件数少于 {published.SMALL} 的不公布，会由合计和其他部门算出来的也不公布；value 为 null 表示未知，不是 0"


def figures(told: Sequence[Figure]) -> list[shapes.FigureEntry]:
    return [
        shapes.FigureEntry(
            id=one.id,
            name=_ABOUT[one.id].name,
            definition=_ABOUT[one.id].text,
            unit="visits" if one.unit == "visits" else "share",
            numerator=one.numerator,
            denominator=one.denominator,
            unknown=one.unknown,
            value=one.value,
            text=one.text,
        )
        for one in told
    ]


def for_staff(report: Report, period: str, department: str, as_of: str) -> shapes.SupervisionTold:
    return shapes.SupervisionTold(
        period=period,
        department=department or None,
        as_of=as_of,
        received=report.received,
        finished=report.finished,
        withdrawn=report.withdrawn,
        results=dict(report.results),
        second_notices=report.second_notices,
        figures=figures(report.figures),
        due=[
            shapes.DueEntry(
                department=one.department,
                step=one.step,
                step_text=step_text(one.step),
                near=one.near,
                overdue=one.overdue,
                past_legal=one.past_legal,
            )
            for one in report.due
        ],
        departments=[_department(one, one.received, one.finished, one.figures) for one in report.departments],
        satisfaction=_part(report.parts["satisfaction"]),
        complaints=_part(report.parts["complaints"]),
        delivery_failures=_part(report.parts["delivery_failures"]),
        assistant_misses=_part(report.parts["assistant_misses"]),
        core=_core(report.core),
        facts_whole=report.facts_whole,
        facts_note=_note(report),
    )


def for_everybody(report: Report, about: Mapping[str, Any]) -> shapes.OpenFigures:
    """`about`: period, as_of, kept, hash, licence. Numbers of cases are told once every case is in them."""
    number = published.number if report.facts_whole else _unknown
    return shapes.OpenFigures(
        **about,
        received=number(report.received),
        finished=number(report.finished),
        figures=figures(published.published(report.figures)),
        departments=[_department(row, got, done, told, number) for row, got, done, told in published.departments(report.departments, report.figures)],
        core=_core(report.core),
        facts_whole=report.facts_whole,
        facts_note=_note(report),
        note=NOTE,
    )


def step_text(step: str) -> str:
    return TEXTS[CaseState(step)]


def _department(
    row: OfDepartment, received: int | None, finished: int | None, told: Sequence[Figure], shown: Callable[[int], int | None] = int
) -> shapes.DepartmentFigures:
    return shapes.DepartmentFigures(
        department=row.department,
        received=None if received is None else shown(received),
        finished=None if finished is None else shown(finished),
        near=shown(row.near),
        overdue=shown(row.overdue),
        second_notices=shown(row.second_notices),
        figures=figures(told),
    )


def _unknown(_: int) -> None:
    return None


def _note(report: Report) -> str:
    return "" if report.facts_whole else NOT_WHOLE


def _part(part: Part) -> shapes.PartEntry:
    rows = [dict(row) for row in part.rows or ()]
    return shapes.PartEntry(
        known=part.rows is not None, why=part.why, rows=rows, total=None if part.rows is None else sum(int(row.get("count") or 0) for row in rows)
    )


def _core(months: Sequence[OfCore]) -> list[shapes.CoreMonth]:
    return [shapes.CoreMonth(month=one.month, known=one.departments is not None, why=one.why, as_of=one.as_of, whole=one.whole) for one in months]


def warning(row: Mapping[str, Any], is_open: bool, staff_id: str) -> shapes.WarningEntry:
    return shapes.WarningEntry(
        id=row["_id"],
        level_text=LEVELS[row["level"]],
        step_text=step_text(row["step"]),
        due_kind_text=KINDS[row["due_kind"]],
        due_at=at_edge(row["due_at"]),
        at=at_edge(row["at"]),
        is_open=is_open,
        seen=[shapes.Looked(at=at_edge(one["at"]), mine=one["by"] == staff_id, note=one["note"]) for one in row["seen"]],
        **{name: row[name] for name in ("level", "case_no", "item_code", "department", "region", "step", "due_kind")},
    )
