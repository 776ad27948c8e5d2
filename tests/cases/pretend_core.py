"""A core in this process that keeps what reached it, for tests that die half-way. `lost`: the next act arrives, its reply does not."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.case_acts import CorrectionAsk, FileRef, ReceivedFile, Submission, WithdrawalAsk
from core.frozen import Frozen
from core.licences import Licence, LicenceState, Presentation, PresentationAsk
from core.types import Applicant, Case, CaseMove, CaseState, CorrectionNotice, Finding
from kit.clock import now
from kit.errors import Refused, Unknown

M = TypeVar("M", bound=Frozen)


@dataclass(slots=True)
class PretendCore:
    """Counts every act by its id: `acts[id]` is how often it really was done."""

    cases: dict[str, Case] = field(default_factory=dict)
    sent: dict[str, Submission] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    corrections: dict[str, CorrectionAsk] = field(default_factory=dict)
    shown: dict[str, Presentation] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    held: tuple[Licence, ...] = ()
    refuse: str | None = None
    lost: bool = False

    async def submit(self, ask: Submission) -> Case:
        if self.refuse is not None:
            raise Refused("core", self.refuse)
        first = CaseMove(version=1, state=CaseState.SUBMITTED, at=now())
        case = self.cases.get(ask.request_id) or _case(ask, (first,))
        self.sent.setdefault(ask.request_id, ask)
        self._done(ask.request_id, new=ask.request_id not in self.cases)
        self.cases[ask.request_id] = case
        return self._reply(case)

    async def find_case(self, request_id: str) -> Case | None:
        return self.cases.get(request_id)

    def notice(self, request_id: str) -> CaseMove:
        finding = Finding(target="field", name="street", problem="缺少门牌号")
        return self.move(request_id, CaseState.CORRECTIONS, (finding,))

    def move(self, request_id: str, state: CaseState, findings: tuple[Finding, ...] = ()) -> CaseMove:
        case = self.cases[request_id]
        version = case.version + 1
        told = CorrectionNotice(notice_no=f"BZ{version}", ordinal=1) if state is CaseState.CORRECTIONS else None
        move = CaseMove(version=version, state=state, at=now(), findings=findings, notice=told)
        self.cases[request_id] = case.model_copy(update={"state": state, "version": version, "timeline": (*case.timeline, move)})
        return move

    async def correct(self, case_no: str, ask: CorrectionAsk) -> Case:
        self.corrections.setdefault(ask.correction_id, ask)
        return self._act(case_no, ask.correction_id, CaseState.SUPPLEMENTED)

    async def find_correction(self, case_no: str, correction_id: str) -> Case | None:
        return self._of(case_no) if correction_id in self.acts else None

    async def withdraw(self, case_no: str, ask: WithdrawalAsk) -> Case:
        return self._act(case_no, ask.withdrawal_id, CaseState.WITHDRAWN)

    async def find_withdrawal(self, case_no: str, withdrawal_id: str) -> Case | None:
        return self._of(case_no) if withdrawal_id in self.acts else None

    async def put_file(self, file: FileRef, body: bytes) -> ReceivedFile:
        self._done(file.sha256, new=file.sha256 not in self.files)
        self.files[file.sha256] = body
        return self._reply(ReceivedFile(sha256=file.sha256, size=file.size))

    async def find_file(self, sha256: str) -> ReceivedFile | None:
        return ReceivedFile(sha256=sha256, size=len(self.files[sha256])) if sha256 in self.files else None

    async def licences(self, subject: str) -> tuple[Licence, ...]:
        return self.held

    async def present(self, licence_id: str, ask: PresentationAsk) -> Presentation:
        made = Presentation(presentation_id=ask.presentation_id, licence_id=licence_id, code="1234", valid_until=ask.valid_until)
        self._done(ask.presentation_id, new=ask.presentation_id not in self.shown)
        self.shown[ask.presentation_id] = made
        return self._reply(made)

    async def find_presentation(self, licence_id: str, presentation_id: str) -> Presentation | None:
        return self.shown.get(presentation_id)

    async def applicant(self, subject_key: str | None, person_id: str, resident_id: str) -> Applicant:
        return Applicant(person_id=person_id, name="王五", id_number="11010519491231002X")

    def _act(self, case_no: str, act_id: str, state: CaseState) -> Case:
        case = self._of(case_no)
        new = act_id not in self.acts
        if new and state is CaseState.WITHDRAWN and case.state is CaseState.ISSUED:
            raise Refused("core", "too_late")
        if new:
            self.move(case.request_id, state)
        self._done(act_id, new=new)
        return self._reply(self._of(case_no))

    def _of(self, case_no: str) -> Case:
        return next(one for one in self.cases.values() if one.case_no == case_no)

    def _done(self, act_id: str, *, new: bool) -> None:
        self.acts[act_id] = self.acts.get(act_id, 0) + new

    def _reply(self, made: M) -> M:
        if self.lost:
            self.lost = False
            raise Unknown("core", "timeout")
        return made


def make_licence(kind: str = "居民身份证", licence_id: str = "L1") -> Licence:
    return Licence(licence_id=licence_id, type=kind, name=kind, number="1101", issuer="公安局", issued_at=now(), state=LicenceState.VALID)


def _case(ask: Submission, timeline: tuple[CaseMove, ...]) -> Case:
    known: dict[str, Any] = {"request_id": ask.request_id, "item_code": ask.item_code, "item_version": ask.item_version, "item_name": "事项"}
    return Case(case_no=f"C{ask.request_id}", **known, state=CaseState.SUBMITTED, version=1, submitted_at=now(), timeline=timeline)
