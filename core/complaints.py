"""Complaints, suggestions and consultation at the core, which shares one number with the 12345 hotline and sends them to departments.

An act is the same however often it is asked, by its id: after Unknown it may be asked again as it was, or `find_complaint` asked first.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.answers import agreeing, find, made_as_asked
from core.bills import Id
from core.case_acts import FileRef
from core.client import Core, parsed, segment
from core.frozen import Code, Frozen, Name, Text
from core.subjects import PersonId

_WORD = re.compile(r"[a-z][a-z_]{1,39}")
ComplaintKind = Literal["complaint", "suggestion", "consultation"]  # 投诉 | 建议 | 咨询


class ComplaintState(StrEnum):
    """`reopened`: a follow-up question came. A word of a newer core is read as `other`."""

    RECEIVED = "received"
    ASSIGNED = "assigned"
    TRANSFERRED = "transferred"
    REPLIED = "replied"
    REOPENED = "reopened"
    CLOSED = "closed"
    NOT_ACCEPTED = "not_accepted"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "ComplaintState | None":
        return cls.OTHER if isinstance(value, str) and _WORD.fullmatch(value) else None


class Turn(Frozen):
    """One line of a talk with the assistant. Personal numbers are masked before they come here."""

    at: AwareDatetime
    by: Literal["resident", "assistant"]
    text: Text


class ComplaintAsk(Frozen):
    """What a resident has to say. `files` were brought with `put_file`; `conversation`: what was said to the assistant before."""

    complaint_id: Id
    kind: ComplaintKind
    title: Name
    text: Text
    person_id: PersonId
    item_code: Code | None = None
    case_no: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    files: Annotated[tuple[FileRef, ...], Field(max_length=20)] = ()
    conversation: Annotated[tuple[Turn, ...], Field(max_length=100)] = ()
    channel: Annotated[str, Field(min_length=1, max_length=20)]
    told_at: AwareDatetime


class ComplaintMove(Frozen):
    """One step. `version` grows by one per complaint. `department`: who has it now; `due_at`: by when they reply."""

    version: int = Field(ge=1)
    state: ComplaintState
    at: AwareDatetime
    text: Text = ""
    department: Name | None = None
    due_at: AwareDatetime | None = None


class Complaint(Frozen):
    """As the core holds it. `number`: the one 12345 knows it by."""

    complaint_id: Id
    number: Annotated[str, Field(min_length=1, max_length=40)]
    state: ComplaintState
    version: int = Field(ge=1)
    timeline: tuple[ComplaintMove, ...]


class FollowUp(Frozen):
    """A question after the reply; it opens the matter again."""

    follow_up_id: Id
    text: Text
    asked_at: AwareDatetime


class Satisfaction(Frozen):
    """What they thought of the reply: 5 very satisfied … 1 not at all."""

    satisfaction_id: Id
    grade: Annotated[int, Field(ge=1, le=5, strict=True)]
    text: Text = ""
    at: AwareDatetime


class ComplaintMoved(Frozen):
    """Comes as a case's move does."""

    event_id: Annotated[str, Field(min_length=1, max_length=64)]
    seq: int = Field(ge=1)
    type: Literal["complaint.moved"]
    complaint_id: Id
    number: Annotated[str, Field(min_length=1, max_length=40)]
    case_no: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    move: ComplaintMove


class CoreComplaints:
    """The complaint part of contract v1. Raises NotReached, Unknown and Refused as `Core` does."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def file(self, ask: ComplaintAsk) -> Complaint:
        """One attempt, 6 s. Refused: unknown_person, unknown_case, unknown_item, unknown_file, complaint_id_reused."""
        made = parsed(await self._core.post("/complaints", ask.model_dump_json().encode(), ask.complaint_id, seconds=6), Complaint)
        return made_as_asked(made, made.complaint_id == ask.complaint_id)

    async def find_complaint(self, complaint_id: str) -> Complaint | None:
        """None is the core's clear word that it holds no such complaint."""
        found = await find(self._core, f"/complaints/{segment(complaint_id)}", Complaint, "unknown_complaint")
        return agreeing(found, found is None or found.complaint_id == complaint_id)

    async def follow_up(self, complaint_id: str, ask: FollowUp) -> Complaint:
        """One attempt, 6 s. Refused: unknown_complaint, not_replied, follow_up_id_reused."""
        return await self._act(complaint_id, "follow-ups", ask.follow_up_id, ask)

    async def rate(self, complaint_id: str, ask: Satisfaction) -> Complaint:
        """One attempt, 6 s. It is closed by that. Refused: unknown_complaint, not_replied, already_rated."""
        return await self._act(complaint_id, "satisfaction", ask.satisfaction_id, ask)

    async def _act(self, complaint_id: str, act: str, key: str, ask: Frozen) -> Complaint:
        path = f"/complaints/{segment(complaint_id)}/{act}"
        made = parsed(await self._core.post(path, ask.model_dump_json().encode(), key, seconds=6), Complaint)
        return made_as_asked(made, made.complaint_id == complaint_id)
