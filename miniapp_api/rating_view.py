"""Ratings as people see them: whoever rated, staff who never learn who it was, everybody."""

from datetime import datetime

from kit.clock import at_edge, at_edge_or_none, now
from kit.workdays import day_of
from miniapp_api.case_rated import StageView
from miniapp_api.rectifying import words_for_staff
from miniapp_api.shapes_ratings import (
    AppealEntry,
    CallBackEntry,
    DecisionEntry,
    GradeEntry,
    IndicatorEntry,
    PublishedRectification,
    RatingEntry,
    RectificationEntry,
    RectificationView,
    ReplyEntry,
    StaffRating,
    StageEntry,
)
from miniapp_api.wiring import Deps
from ratings.indicators import INDICATORS, offered
from ratings.values import GRADES, STAGE_WORDS, STATE_WORDS, Rating, Rectification, State


def stage_entry(one: StageView) -> StageEntry:
    may = one.opening.why is None
    return StageEntry(
        stage=one.stage,
        stage_text=STAGE_WORDS[one.stage],
        may_rate=may,
        why_not=one.opening.why,
        until=at_edge_or_none(one.opening.until),
        declined=one.opening.declined,
        asks=may and not one.opening.declined,
        rating=entry(one.rating, one.rectification) if one.rating is not None else None,
    )


def grade_entries(channel: str) -> list[GradeEntry]:
    """The best first."""
    return [
        GradeEntry(grade=grade, text=text, indicators=_indicators([one.code for one in offered(grade, channel)])) for grade, text in GRADES.items()
    ]


def entry(one: Rating, right: Rectification | None) -> RatingEntry:
    return RatingEntry(
        id=one.id,
        stage=one.given.stage,
        grade=one.given.grade,
        grade_text=GRADES[one.given.grade],
        indicators=list(one.given.indicators),
        text=one.given.text,
        by_agent=one.by_agent,
        rated_at=at_edge(one.rated_at),
        counted=not one.excluded,
        rectification=for_resident(right) if right is not None else None,
    )


def for_resident(one: Rectification) -> RectificationView:
    upheld = one.decision.reason if one.decision is not None and one.state is State.UPHELD else None
    return RectificationView(
        state=one.state,
        state_text=STATE_WORDS[one.state],
        opened_at=at_edge(one.opened_at),
        due_at=at_edge(one.due_at) if one.closed_at is None else None,
        replies=_replies(one),
        can_call_back=one.state is State.CALL_BACK,
        not_counted_because=upheld,
        closed_at=_maybe(one.closed_at),
    )


async def for_staff(deps: Deps, one: Rating) -> StaffRating:
    return StaffRating(
        id=one.id,
        case_no=one.about.case_no,
        item_code=one.about.item_code,
        item_name=one.about.item_name,
        department=one.about.department,
        stage=one.given.stage,
        grade=one.given.grade,
        grade_text=GRADES[one.given.grade],
        indicators=_indicators(one.given.indicators),
        text=await words_for_staff(deps, one),
        by_agent=one.by_agent,
        channel=one.channel,
        rated_at=at_edge(one.rated_at),
        counted=not one.excluded,
        at_core=one.at_core,
        core_reason=one.core_reason,
    )


async def rectification_entry(deps: Deps, one: Rectification, rating: Rating) -> RectificationEntry:
    appeal, decision = one.appeal, one.decision
    words = [(word, await words_for_staff(deps, rating, text), at, by_phone) for word, text, at, by_phone in one.words]
    return RectificationEntry(
        id=one.id,
        state=one.state,
        state_text=STATE_WORDS[one.state],
        revision=one.revision,
        round=one.round,
        department=one.department,
        opened_at=at_edge(one.opened_at),
        due_at=at_edge(one.due_at),
        total_due_at=at_edge(one.total_due_at),
        overdue=one.is_overdue(now()),
        escalated_at=_maybe(one.escalated_at),
        missed_limits=one.lates,
        note=one.note,
        replies=_replies(one),
        appeal=AppealEntry(kind=appeal.kind, reason=appeal.reason, at=at_edge(appeal.at)) if appeal is not None else None,
        decision=DecisionEntry(uphold=decision.uphold, reason=decision.reason, at=at_edge(decision.at)) if decision is not None else None,
        call_backs=[CallBackEntry(word=word, text=text, at=at_edge(at), by_phone=by_phone) for word, text, at, by_phone in words],
        published_text=one.published.text if one.published is not None else None,
        closed_at=_maybe(one.closed_at),
        rating=await for_staff(deps, rating),
    )


def published_entry(one: Rectification, rating: Rating) -> PublishedRectification:
    """Only of a closed one with approved words."""
    if one.published is None or one.closed_at is None:
        raise LookupError("what was not approved is not published")
    return PublishedRectification(
        department=one.department,
        item_name=rating.about.item_name,
        grade=rating.given.grade,
        grade_text=GRADES[rating.given.grade],
        indicators=_indicators(rating.given.indicators),
        result=STATE_WORDS[one.state],
        text=one.published.text,
        rated_on=day_of(rating.rated_at).isoformat(),
        closed_on=day_of(one.closed_at).isoformat(),
    )


def _indicators(codes: list[str] | tuple[str, ...]) -> list[IndicatorEntry]:
    known = [INDICATORS[code] for code in codes if code in INDICATORS]
    return [IndicatorEntry(code=one.code, topic=one.topic, text=one.text) for one in known]


def _replies(one: Rectification) -> list[ReplyEntry]:
    return [ReplyEntry(round=said.round, text=said.text, at=at_edge(said.at)) for said in one.replies]


def _maybe(moment: datetime | None) -> str | None:
    return at_edge_or_none(moment)
