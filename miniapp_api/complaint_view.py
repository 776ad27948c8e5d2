"""Complaints as people see them."""

from complaints.values import KINDS, NOT_THERE, STATES, Complaint
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

_WAITING = "正在登记，编号稍后就有；您写的内容已经保存，不用再次提交"
_REFUSED = "没有登记成：政务平台没有收下。工作人员会人工转交，转交到哪里会写在这里；您也可以修改后重新提交，着急请致电 12345"
_HANDED = "没有登记到政务平台，工作人员已人工转交：{text}。查询进展请致电 12345"
_LATE = "已超过答复期限，已标为超期，监督人员看得到；您也可以致电 12345 催办"


def entry(one: Complaint) -> ComplaintEntry:
    state, state_text = state_of(one)
    return ComplaintEntry(
        id=one.id,
        number=one.number,
        kind=one.said.kind,
        kind_text=KINDS[one.said.kind],
        title=one.said.title,
        state=state,
        state_text=state_text,
        department=one.department,
        due_at=_due(one),
        overdue=one.is_overdue(now()),
        can_follow_up=one.can_follow_up(now()),
        can_rate=one.can_rate,
        told_at=at_edge(one.told_at),
    )


def detail(one: Complaint) -> ComplaintDetail:
    return ComplaintDetail(
        **entry(one).model_dump(),
        text=one.said.text,
        item_code=one.said.item_code,
        case_no=one.said.case_no,
        files=list(one.said.files),
        conversation=_talk(one),
        timeline=_timeline(one),
        acts=_acts(one),
        note=_note(one),
    )


def for_staff(one: Complaint) -> StaffComplaint:
    state, state_text = state_of(one)
    return StaffComplaint(
        id=one.id,
        number=one.number,
        kind_text=KINDS[one.said.kind],
        state=state,
        state_text=state_text,
        department=one.department,
        due_at=_due(one),
        overdue=one.is_overdue(now()),
        at_core=one.at_core,
        case_no=one.said.case_no,
        item_code=one.said.item_code,
        told_at=at_edge(one.told_at),
    )


def opened(one: Complaint) -> StaffComplaintDetail:
    return StaffComplaintDetail(
        **for_staff(one).model_dump(),
        title=one.said.title,
        text=one.said.text,
        conversation=_talk(one),
        timeline=_timeline(one),
        acts=_acts(one),
        handed_over=one.handed.text if one.handed is not None else None,
    )


def state_of(one: Complaint) -> tuple[str, str]:
    """(the state, in words): the core's, and our own for what it did not take."""
    if one.at_core == "handed_over":
        return "handed_over", "已人工转交"
    if one.at_core == "refused":
        return "not_registered", "没有登记成"
    return one.state.value, "正在登记" if one.at_core == "waiting" else STATES[one.state]


def _note(one: Complaint) -> str:
    if one.at_core == "handed_over":
        return _HANDED.format(text=one.handed.text if one.handed is not None else "")
    told = {"waiting": _WAITING, "refused": _REFUSED}.get(one.at_core)
    return told or (_LATE if one.is_overdue(now()) else "")


def _due(one: Complaint) -> str | None:
    """Nobody has promised a reply to what was not registered."""
    return None if one.at_core in NOT_THERE else at_edge_or_none(one.due_at)


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
