"""Story, what follows a rating: the core is told of it once, and of how a bad one ended. Each is a row of its own; the outcome never comes first."""

import logging
from datetime import datetime

from core.client import AWAY_AT_MOST
from core.ratings import RatingAsk, RectificationOutcome
from kit import kill_points
from kit.errors import Refused
from kit.mongo import Tx
from kit.outbox import Row
from miniapp_api.wiring import Deps
from ratings.values import CLOSED, Rating, Rectification, State

log = logging.getLogger(__name__)

RATE, OUTCOME = "rating.core", "rating.core_outcome"


async def put(deps: Deps, tx: Tx, kind: str, rating_id: str, at: datetime) -> None:
    await deps.outbox.put(tx, kind, f"{kind}:{rating_id}", {"rating_id": rating_id}, until=at + AWAY_AT_MOST)


async def tell_core(deps: Deps, row: Row) -> None:
    """Worker. After an unknown outcome the core is asked what it has before it is told again. A refusal is kept, for staff to see."""
    rating = await deps.rating.store.rating(row.payload["rating_id"])
    if rating is None or rating.at_core != "waiting":
        await deps.outbox.done(row.key)
        return
    await _made_known(deps, rating, row, look_first=row.attempt > 1)


async def tell_outcome(deps: Deps, row: Row) -> None:
    """Worker. May be told again as it was; what the core refused to hold has no end there."""
    rating = await deps.rating.store.rating(row.payload["rating_id"])
    ended = await deps.rating.store.rectifications.one(row.payload["rating_id"])
    outcome = None if ended is None else outcome_of(ended)
    if rating is not None and rating.at_core == "waiting":
        await _made_known(deps, rating, None, look_first=True)
        rating = await deps.rating.store.rating(rating.id)
    if rating is not None and rating.at_core == "told" and outcome is not None:
        try:
            kill_points.reached("ratings.before_outcome")
            await deps.rating.core.tell_outcome(rating.id, outcome)
            kill_points.reached("ratings.after_outcome")
        except Refused as exc:
            log.error("the core did not take the end of a rating", extra={"rating_id": rating.id, "reason": exc.reason})
    await deps.outbox.done(row.key)


def outcome_of(ended: Rectification) -> RectificationOutcome | None:
    """None: it has not ended."""
    if ended.closed_at is None:
        return None
    if ended.state is State.UPHELD:
        reason = ended.decision.reason if ended.decision is not None else ""
        return RectificationOutcome(state="mistaken", text=reason, at=ended.closed_at)
    if ended.state not in CLOSED:
        return None
    text = ended.replies[-1].text if ended.replies else ""
    return RectificationOutcome(state="unsatisfied" if ended.state is State.CLOSED_UNSATISFIED else "rectified", text=text, at=ended.closed_at)


async def _made_known(deps: Deps, rating: Rating, row: Row | None, *, look_first: bool) -> None:
    """`row` is done in the same write. Raises Outside to be called again."""
    reason = None
    if not look_first or await deps.rating.core.find_rating(rating.id) is None:
        try:
            kill_points.reached("ratings.before_rate")
            await deps.rating.core.rate(_ask(rating))
            kill_points.reached("ratings.after_rate")
        except Refused as exc:
            reason = exc.reason
            log.error("the core refused a rating", extra={"rating_id": rating.id, "reason": reason})

    async def write(tx: Tx) -> None:
        await deps.rating.store.told(tx, rating.id, "told" if reason is None else "refused", reason)
        if row is not None:
            await deps.outbox.done(row.key, tx)

    await deps.mongo.transaction(write)


def _ask(rating: Rating) -> RatingAsk:
    given = rating.given
    return RatingAsk(
        rating_id=rating.id,
        case_no=rating.about.case_no,
        stage=given.stage,
        grade=given.grade,
        indicators=given.indicators,
        text=given.text,
        person_id=rating.person_id,
        channel=rating.channel,
        rated_at=rating.rated_at,
    )
