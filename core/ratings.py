"""Ratings (好差评) at the core, which passes them on to the province; and what became of the bad ones. Each is the same act by rating_id."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.answers import agreeing, find, made_as_asked
from core.bills import Id
from core.client import Core, parsed, segment
from core.frozen import Frozen, Text
from core.subjects import PersonId

Stage = Literal["acceptance", "result"]  # 受理环节 | 办结环节
Grade = Annotated[int, Field(ge=1, le=5, strict=True)]  # 5 非常满意 … 1 非常不满意
RectificationState = Literal["rectified", "unsatisfied", "mistaken"]


class RatingAsk(Frozen):
    """What a resident thought of one stage of a case. `indicators`: codes of our list, e.g. guide_wrong."""

    rating_id: Id
    case_no: Annotated[str, Field(min_length=1, max_length=50)]
    stage: Stage
    grade: Grade
    indicators: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z_]{2,40}$")], ...], Field(max_length=20)] = ()
    text: Text = ""
    person_id: PersonId
    channel: Annotated[str, Field(min_length=1, max_length=20)]
    rated_at: AwareDatetime


class RectificationOutcome(Frozen):
    """How a bad rating ended, for good. `text`: the department's reply, or why it was mistaken.

    unsatisfied: answered twice, and whoever rated still does not call it put right. mistaken: an appeal was upheld, it counts no more.
    """

    state: RectificationState
    text: Text
    at: AwareDatetime


class Rating(RatingAsk):
    """As the core holds it. `outcome` None: a good one, or a bad one still being put right."""

    outcome: RectificationOutcome | None = None


class CoreRatings:
    """The rating part of contract v1. Raises NotReached, Unknown and Refused as `Core` does."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def rate(self, ask: RatingAsk) -> Rating:
        """One attempt, 6 s. Refused: unknown_case, not_their_case, stage_not_reached, already_rated (another id), rating_id_reused."""
        made = parsed(await self._core.post("/ratings", ask.model_dump_json().encode(), ask.rating_id, seconds=6), Rating)
        return made_as_asked(made, (made.rating_id, made.case_no, made.grade) == (ask.rating_id, ask.case_no, ask.grade))

    async def find_rating(self, rating_id: str) -> Rating | None:
        """None is the core's clear word that it holds no such rating."""
        found = await find(self._core, f"/ratings/{segment(rating_id)}", Rating, "unknown_rating")
        return agreeing(found, found is None or found.rating_id == rating_id)

    async def tell_outcome(self, rating_id: str, outcome: RectificationOutcome) -> Rating:
        """One attempt, 6 s; may be asked again as it was. Refused: unknown_rating, outcome_known (another one stands)."""
        path = f"/ratings/{segment(rating_id)}/outcome"
        made = parsed(await self._core.post(path, outcome.model_dump_json().encode(), rating_id, seconds=6), Rating)
        return made_as_asked(made, made.rating_id == rating_id and made.outcome is not None and made.outcome.state == outcome.state)
