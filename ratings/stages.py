"""When a stage of a case was reached, and how long it may be rated. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kit.workdays import day_of, end_of
from ratings.values import Stage, Terms

REACHED: dict[Stage, frozenset[str]] = {"acceptance": frozenset({"accepted"}), "result": frozenset({"approved", "rejected", "issued"})}
Why = Literal["stage_not_reached", "already_rated", "rating_closed"]


@dataclass(frozen=True, slots=True)
class Opening:
    """`why` None: it may be rated until `until`. `declined`: nobody is asked again, and may still rate."""

    why: Why | None
    until: datetime | None
    declined: bool


def reached_at(moves: Iterable[tuple[str, datetime]], stage: Stage) -> datetime | None:
    """`moves`: (state, at) of the timeline. The first time counts."""
    return min((at for state, at in moves if state in REACHED[stage]), default=None)


def opening(reached: datetime | None, at: datetime, terms: Terms, *, rated: bool = False, declined: bool = False) -> Opening:
    """Whoever was asked on the last day has the whole of it."""
    if reached is None:
        return Opening("stage_not_reached", None, declined)
    until = end_of(day_of(reached) + timedelta(days=terms.open_days))
    why: Why | None = "already_rated" if rated else "rating_closed" if until < at else None
    return Opening(why, until, declined)
