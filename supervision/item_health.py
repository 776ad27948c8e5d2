"""How an item does online, step by step, and whether that is over a limit. Pure; over a limit is a suggestion with its numbers, never a closing.

What is counted: every draft begun in the period, for each item it is for, followed to where it is now. Guides read are openings, not people.
Whole numbers of days are added up (`Sums`); what takes every single draft (`Tally`) is only asked for the items that are shown.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Literal, get_args

Step = Literal["read", "draft", "checked", "submitted", "filed", "accepted", "finished"]
STEPS: tuple[Step, ...] = get_args(Step)
STEP_TEXTS: Mapping[Step, str] = {
    "read": "看指南",
    "draft": "开始填写",
    "checked": "预审通过",
    "submitted": "提交",
    "filed": "政务平台收到",
    "accepted": "受理",
    "finished": "办结",
}
GIVEN_UP = frozenset({"checked", "submitted"})  # whoever does not take these says nothing: one waits for Limits.given_up_after
JUDGED: tuple[Step, ...] = ("checked", "submitted", "filed")  # reading alone is no failure, and what follows is the department's decision
ACT_TEXTS = {"check": "预审", "submit": "提交"}
FAILED, REFUSED = "failed/", "refused/"  # before the code: we or the core could not; the resident can put it right
ERRORS = frozenset({"late", "core_silent"})
NO_ATTEMPT = frozenset({f"{REFUSED}item_closed"})  # nobody tried: it was closed


@dataclass(frozen=True, slots=True)
class Limits:
    """Over which an item is suggested for closing. Shares of 1; below the least numbers nothing is judged."""

    error_rate: float = 0.05
    least_attempts: int = 20
    drop_off: float = 0.60
    least_entered: int = 20
    given_up_after: timedelta = timedelta(days=1)  # an open draft nobody touched for so long


@dataclass(frozen=True, slots=True)
class Way:
    """One draft for one item: when it reached each step; None: not. `touched_at`: of the draft. `is_sending`, `is_over`: of its case."""

    code: str
    opened_at: datetime
    touched_at: datetime
    checked_at: datetime | None = None
    submitted_at: datetime | None = None
    filed_at: datetime | None = None
    accepted_at: datetime | None = None
    finished_at: datetime | None = None
    is_sending: bool = False
    is_over: bool = False  # withdrawn, turned away or refused for good: it goes no further

    def reached(self) -> list[datetime | None]:
        """By step from `draft` on; a later step says that the earlier ones were passed."""
        known = [self.opened_at, self.checked_at, self.submitted_at, self.filed_at, self.accepted_at, self.finished_at]
        for place in range(len(known) - 2, -1, -1):
            known[place] = known[place] or known[place + 1]
        return known

    def is_under_way(self, step: Step, moment: datetime, limits: Limits) -> bool:
        """It stands before `step` and may still take it."""
        if step in GIVEN_UP:
            return moment - self.touched_at < limits.given_up_after
        return self.is_sending if step == "filed" else not self.is_over


@dataclass(frozen=True, slots=True)
class OfStep:
    """`dropped` of `entered` did not take the step and will not; seconds from the step before, None where nobody is known to have taken it."""

    step: Step
    total: int
    entered: int
    under_way: int
    dropped: int
    median: float | None
    p90: float | None

    @property
    def drop_off(self) -> float | None:
        return self.dropped / self.entered if self.entered else None


@dataclass(frozen=True, slots=True)
class Errors:
    """Pre-checks and submissions that were tried, and those that failed through no fault of the resident's, by `act/reason`."""

    attempts: int
    errors: int
    reasons: Mapping[str, int]
    refusals: Mapping[str, int]  # what residents could put right: no errors

    @property
    def rate(self) -> float | None:
        return self.errors / self.attempts if self.attempts else None


NO_ERRORS = Errors(0, 0, {}, {})


@dataclass(frozen=True, slots=True)
class Health:
    code: str
    steps: tuple[OfStep, ...]
    errors: Errors


@dataclass(frozen=True, slots=True)
class Over:
    """One limit that is passed. `step` None: the error rate."""

    step: Step | None
    value: float
    limit: float
    of: int
    text: str


Counts = Mapping[str, Mapping[str, int]]  # act -> outcome -> how often


@dataclass(frozen=True, slots=True)
class Sums:
    """`total`: by step from `draft` on; `under_way`: by step. Of one item and any number of days."""

    total: tuple[int, ...] = (0,) * (len(STEPS) - 1)
    under_way: tuple[int, ...] = (0,) * len(STEPS)
    reads: int = 0
    attempts: int = 0
    errors: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        total = tuple(a + b for a, b in zip(self.total, other.total, strict=True))
        under_way = tuple(a + b for a, b in zip(self.under_way, other.under_way, strict=True))
        return Sums(total, under_way, self.reads + other.reads, self.attempts + other.attempts, self.errors + other.errors)


@dataclass(slots=True)
class Tally:
    """One item's, while it is counted. `seconds`: of every way from the step before; `counts`: what routes counted."""

    total: list[int] = field(default_factory=lambda: [0] * (len(STEPS) - 1))
    under_way: list[int] = field(default_factory=lambda: [0] * len(STEPS))
    seconds: list[list[float]] = field(default_factory=lambda: [[] for _ in STEPS])
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, way: Way, moment: datetime, limits: Limits) -> None:
        reached = way.reached()
        for place, at in enumerate(reached):
            if at is None:
                step = STEPS[place + 1]
                self.under_way[place + 1] += way.is_under_way(step, moment, limits)
                return
            self.total[place] += 1
            before = reached[place - 1] if place else None
            if before is not None:
                self.seconds[place + 1].append(max(0.0, (at - before).total_seconds()))

    def count(self, counts: Counts) -> None:
        for act, outcomes in counts.items():
            self.counts.setdefault(act, Counter()).update(outcomes)

    def more(self, seconds: Sequence[Sequence[float]], counts: Counts) -> None:
        """Of other days."""
        self.count(counts)
        for mine, theirs in zip(self.seconds, seconds, strict=True):
            mine.extend(theirs)

    def sums(self) -> Sums:
        errors = _errors(self.counts)
        return Sums(tuple(self.total), tuple(self.under_way), self.counts.get("read", Counter()).total(), errors.attempts, errors.errors)


def fold(tallies: dict[str, Tally], ways: Iterable[Way], moment: datetime, limits: Limits) -> None:
    """Counts more of them in."""
    for way in ways:
        tallies.setdefault(way.code, Tally()).add(way, moment, limits)


def health(code: str, sums: Sums, every: Tally | None = None) -> Health:
    """`every` has the seconds and the reasons; without it they are not told."""
    totals, known = (sums.reads, *sums.total), every or Tally()
    steps = []
    for place, step in enumerate(STEPS):
        entered = totals[place - 1] if place else 0
        dropped = max(0, entered - totals[place] - sums.under_way[place])
        middle, late = _at(known.seconds[place], 0.5), _at(known.seconds[place], 0.9)
        steps.append(OfStep(step, totals[place], entered, sums.under_way[place], dropped, middle, late))
    return Health(code, tuple(steps), replace(_errors(known.counts), attempts=sums.attempts, errors=sums.errors))


def over_limits(found: Health, limits: Limits) -> list[Over]:
    """The limits it passes, the error rate first."""
    passed = []
    errors, rate = found.errors, found.errors.rate
    if rate is not None and errors.attempts >= limits.least_attempts and rate > limits.error_rate:
        text = f"预审和提交 {errors.attempts} 次，出错 {errors.errors} 次（{_percent(rate)}），超过 {_percent(limits.error_rate)}"
        passed.append(Over(None, rate, limits.error_rate, errors.attempts, text))
    for one in found.steps:
        share = one.drop_off
        if one.step in JUDGED and share is not None and one.entered >= limits.least_entered and share > limits.drop_off:
            told = f"到“{STEP_TEXTS[one.step]}”之前的 {one.entered} 件中流失 {one.dropped} 件（{_percent(share)}），超过 {_percent(limits.drop_off)}"
            passed.append(Over(one.step, share, limits.drop_off, one.entered, told))
    return passed


def suggestion(passed: Sequence[Over]) -> str | None:
    """For staff to decide on."""
    return f"建议暂停网上办理并排查：{'；'.join(one.text for one in passed)}" if passed else None


def reason_text(reason: str) -> str:
    """`submit/failed/core_unavailable` in an operator's words."""
    act, _, outcome = reason.partition("/")
    code = outcome.removeprefix(FAILED).removeprefix(REFUSED)
    return f"{ACT_TEXTS.get(act, act)}：{_REASONS.get(code, code)}"


_REASONS = {
    "late": "政务平台没有及时回应，后台继续提交",
    "core_silent": "政务平台没有回应，只做了本地检查",
    "core_unavailable": "政务平台没有回应",
    "core_refused": "政务平台不接受",
    "time_out": "超时",
    "store_away": "数据库没有回应",
    "error": "程序出错",
    "blocked": "有问题要改",
    "draft_incomplete": "填写或材料不全",
    "item_closed": "已停办或暂停网上办理",
    "licence_refused": "证照不能出示",
    "file_gone": "文件已删除或没有通过检查",
    "real_name_needed": "没有实名",
}


def _errors(counts: Counts) -> Errors:
    reasons, refusals = Counter[str](), Counter[str]()
    attempts = 0
    for act in ACT_TEXTS:
        for outcome, times in counts.get(act, {}).items():
            if outcome not in NO_ATTEMPT:
                attempts += times
            if outcome in ERRORS or outcome.startswith(FAILED):
                reasons[f"{act}/{outcome}"] += times
            elif outcome.startswith(REFUSED) or outcome == "blocked":
                refusals[f"{act}/{outcome}"] += times
    return Errors(attempts, reasons.total(), dict(reasons.most_common()), dict(refusals.most_common()))


def _at(values: list[float], share: float) -> float | None:
    """Nearest rank."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else None


def _percent(share: float) -> str:
    return f"{share * 100:.1f}%"
