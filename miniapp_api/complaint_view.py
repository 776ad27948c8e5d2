"""Complaints as people see them."""

from complaints.values import KINDS, STATES, Complaint
from kit.clock import at_edge, at_edge_or_none, now
from miniapp_api.shapes_complaints import (
    ComplaintActEntry,
    ComplaintDetail,
    ComplaintEntry,
    ComplaintMoveEntry,
    StaffComplaint,
    StaffComplaintDetail,
    TalkLine,
)

_WAITING, _REFUSED = "正在登记，编号稍后就有；您写的内容已经保存，不用再次提交", "没有登记成，工作人员会转交处理；着急请致电 12345"
_LATE = "已超过答复期限，已标为超期，监督人员看得到；您也可以致电 12345 催办"


def entry(one: Complaint) -> ComplaintEntry:
    return ComplaintEntry(
        id=one.id,
        number=one.number,
        kind=one.said.kind,
        kind_text=KINDS[one.said.kind],
        title=one.said.title,
        state=one.state,
        state_text=_state(one),
        department=one.department,
        due_at=at_edge_or_none(one.due_at),
        overdue=one.is_overdue(now()),
        can_follow_up=one.can_follow_up(now()),
        can_rate=one.can_rate,
        told_at=at_edge(one.told_at),
    )


def detail(one: Complaint) -> ComplaintDetail:
    note = _WAITING if one.at_core == "waiting" else _REFUSED if one.at_core == "refused" else _LATE if one.is_overdue(now()) else ""
    return ComplaintDetail(
        **entry(one).model_dump(),
        text=one.said.text,
        item_code=one.said.item_code,
        case_no=one.said.case_no,
        files=list(one.said.files),
        conversation=_talk(one),
        timeline=_timeline(one),
        acts=_acts(one),
        note=note,
    )


def for_staff(one: Complaint) -> StaffComplaint:
    return StaffComplaint(
        id=one.id,
        number=one.number,
        kind_text=KINDS[one.said.kind],
        state=one.state,
        state_text=STATES[one.state],
        department=one.department,
        due_at=at_edge_or_none(one.due_at),
        overdue=one.is_overdue(now()),
        at_core=one.at_core,
        case_no=one.said.case_no,
        item_code=one.said.item_code,
        told_at=at_edge(one.told_at),
    )


def opened(one: Complaint) -> StaffComplaintDetail:
    shown = for_staff(one).model_dump()
    return StaffComplaintDetail(**shown, title=one.said.title, text=one.said.text, conversation=_talk(one), timeline=_timeline(one), acts=_acts(one))


def _state(one: Complaint) -> str:
    return "正在登记" if one.at_core == "waiting" else STATES[one.state]


def _talk(one: Complaint) -> list[TalkLine]:
    return [TalkLine(at=at_edge(line.at), by=line.by, text=line.text) for line in one.said.conversation]


def _timeline(one: Complaint) -> list[ComplaintMoveEntry]:
    return [
        ComplaintMoveEntry(
            state=move.state,
            state_text=STATES[move.state],
            at=at_edge(move.at),
            text=move.text,
            department=move.department,
            due_at=at_edge_or_none(move.due_at),
        )
        for move in one.moves
    ]


def _acts(one: Complaint) -> list[ComplaintActEntry]:
    return [
        ComplaintActEntry(
            kind="question" if act.grade is None else "satisfaction", text=act.text, grade=act.grade, at=at_edge(act.at), registered=act.at_core
        )
        for act in one.acts
    ]
