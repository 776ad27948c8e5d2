"""What may be done about a case at the core: bring files, have it checked beforehand, file it, supplement it, take it back.

Reads are repeated a few times. An act never is: after Unknown ask `find_correction`, `find_withdrawal` or `Core.find_case` before acting again.
Files are known by the SHA-256 of their bytes, so bringing one again is harmless.
"""

import hashlib
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field

from core.answers import agreeing, find, made_as_asked
from core.bills import Id
from core.client import Core, parsed, segment
from core.frozen import Code, Frozen, Name, Text
from core.subjects import PersonId, SubjectKey
from core.types import Applicant, Case, Finding

Sha256 = Annotated[str, Field(min_length=64, max_length=64, pattern=r"^[0-9a-f]{64}$")]


class FileRef(Frozen):
    """A file brought with `put_file`. `name` as the resident sees it."""

    sha256: Sha256
    name: Annotated[str, Field(min_length=1, max_length=255)]
    size: int = Field(ge=1, le=2**40)
    media_type: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-z]+/[0-9A-Za-z.+-]+$")]


class PresentationRef(Frozen):
    """A licence shown in place of the paper: see core/licences.py."""

    presentation_id: Id
    licence_id: Id


class HandedIn(Frozen):
    """One material of the item and how it comes: its files, a licence in its place, or later on paper."""

    name: Name
    hand_in: Literal["window", "courier", "online"]
    files: Annotated[tuple[FileRef, ...], Field(max_length=50)] = ()
    presentation: PresentationRef | None = None


class Submission(Frozen):
    """File this case. The same values every time it is asked.

    `applicant` is a natural person: for an enterprise whoever acts for it, for a ward or for who granted it, they themselves. Without
    `subject` the case is the applicant's own; without `by_person_id` they act themselves.
    """

    request_id: Id
    item_code: Code
    item_version: int = Field(ge=1)
    applicant: Applicant
    answers: dict[str, Any]
    materials: tuple[HandedIn, ...]
    channel: Annotated[str, Field(min_length=1, max_length=64)]
    subject: SubjectKey | None = None
    by_person_id: PersonId | None = None
    project_code: Annotated[str, Field(min_length=1, max_length=64)] | None = None  # 项目代码 of an investment project
    joint_id: Id | None = None  # cases filed together (一件事) carry the same one


class PrecheckAsk(Frozen):
    """What would be filed, to be looked at. Changes nothing there."""

    item_code: Code
    item_version: int = Field(ge=1)
    applicant: Applicant
    subject: SubjectKey
    answers: dict[str, Any]
    materials: tuple[HandedIn, ...]


class Findings(Frozen):
    findings: tuple[Finding, ...]


class CorrectionAsk(Frozen):
    """What a notice of corrections asked for. `answers`: those that changed; a material replaces the one of the same name."""

    correction_id: Id
    answers: dict[str, Any] = Field(default_factory=dict)
    materials: tuple[HandedIn, ...] = ()


class WithdrawalAsk(Frozen):
    withdrawal_id: Id
    reason: Text = ""


class ReceivedFile(Frozen):
    sha256: Sha256
    size: int = Field(ge=1)


class CoreCaseActs:
    """The acts of contract v1. Raises NotReached, Unknown and Refused as `Core` does.

    An answer that cannot be read, or is about something else than was asked (wrong_content), proves nothing: Unknown for an act,
    NotReached for a read.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def submit(self, ask: Submission) -> Case:
        """One attempt, 6 s; after Unknown, `Core.find_case`. Refused: unknown_item, unknown_applicant, not_entitled, unknown_file,
        unknown_presentation, request_id_reused."""
        body = ask.model_dump_json(exclude_none=True).encode()
        made = parsed(await self._core.post("/cases", body, ask.request_id, seconds=6), Case)
        return made_as_asked(made, (made.request_id, made.item_code) == (ask.request_id, ask.item_code))

    async def precheck(self, ask: PrecheckAsk) -> tuple[Finding, ...]:
        """Everything the core would object to; () if nothing. One attempt, 5 s. Refused: unknown_item, unknown_applicant."""
        return parsed(await self._core.post("/prechecks", ask.model_dump_json(exclude_none=True).encode()), Findings).findings

    async def put_file(self, file: FileRef, body: bytes) -> ReceivedFile:
        """One attempt, 30 s; may be called again after Unknown. Refused: wrong_hash. Raises ValueError if `body` is not the file's."""
        if len(body) != file.size or hashlib.sha256(body).hexdigest() != file.sha256:
            raise ValueError("these are not the bytes of the file")
        headers = {"Content-Type": file.media_type, "X-Core-File-Name": quote(file.name, safe="")}
        made = parsed(await self._core.put(f"/files/{file.sha256}", body, headers, seconds=30), ReceivedFile)
        return made_as_asked(made, (made.sha256, made.size) == (file.sha256, file.size))

    async def find_file(self, sha256: str) -> ReceivedFile | None:
        """Whether the core holds these bytes. None is its clear word."""
        found = await find(self._core, f"/files/{segment(sha256)}", ReceivedFile, "unknown_file")
        return agreeing(found, found is None or found.sha256 == sha256)

    async def correct(self, case_no: str, ask: CorrectionAsk) -> Case:
        """The case afterwards. One attempt, 6 s. Refused: unknown_case, not_waiting_for_corrections, unknown_file, unknown_presentation,
        correction_id_reused."""
        path = f"{_case(case_no)}/corrections"
        made = parsed(await self._core.post(path, ask.model_dump_json().encode(), ask.correction_id, seconds=6), Case)
        return made_as_asked(made, made.case_no == case_no)

    async def find_correction(self, case_no: str, correction_id: str) -> Case | None:
        """The case, if it holds this correction. None is the core's clear word that it does not."""
        return await self._find_act(case_no, f"/corrections/{segment(correction_id)}", "unknown_correction")

    async def withdraw(self, case_no: str, ask: WithdrawalAsk) -> Case:
        """The case afterwards. One attempt, 6 s. Refused: unknown_case, too_late, withdrawal_id_reused."""
        path = f"{_case(case_no)}/withdrawals"
        made = parsed(await self._core.post(path, ask.model_dump_json().encode(), ask.withdrawal_id, seconds=6), Case)
        return made_as_asked(made, made.case_no == case_no)

    async def find_withdrawal(self, case_no: str, withdrawal_id: str) -> Case | None:
        """Like `find_correction`."""
        return await self._find_act(case_no, f"/withdrawals/{segment(withdrawal_id)}", "unknown_withdrawal")

    async def _find_act(self, case_no: str, path: str, none: str) -> Case | None:
        found = await find(self._core, _case(case_no) + path, Case, none)
        return agreeing(found, found is None or found.case_no == case_no)


def _case(case_no: str) -> str:
    return f"/cases/{segment(case_no)}"
