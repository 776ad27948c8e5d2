"""Ratings of a resident, and what is published of them."""

from kit.clock import at_edge
from miniapp_api import case_rated, ratings_published, rectifying
from miniapp_api.gate import Call, Routes
from miniapp_api.rating_view import entry, for_resident, grade_entries, stage_entry
from miniapp_api.shapes_ratings import (
    CallBack,
    CaseRatings,
    Declined,
    NewRating,
    OpenRatings,
    OpenRatingsQuery,
    RatingEntry,
    RectificationView,
    ToRate,
    ToRateList,
)
from ratings.values import STAGE_WORDS

routes = Routes()
_CASE = "/v1/cases/<case_no:str>"


@routes.add("GET", f"{_CASE}/ratings", who="resident", summary="一件办件的评价：能否评价、可选的指标、差评整改到哪一步", reply=CaseRatings)
async def of_case(call: Call, case_no: str) -> CaseRatings:
    return await _stages(call, case_no)


@routes.add(
    "POST",
    f"{_CASE}/rating",
    who="resident",
    summary="评价一个环节（每个环节一次；不满意、非常不满意的转入整改）",
    body=NewRating,
    reply=RatingEntry,
    status=201,
    idempotent=True,
)
async def rate(call: Call, case_no: str) -> RatingEntry:
    made = await case_rated.rate(call, case_no)
    return entry(made, await call.deps.rating.store.rectifications.one(made.id))


@routes.add(
    "POST", f"{_CASE}/rating/decline", who="resident", summary="谢绝评价：不再请您评价这个环节，仍可以自己来评价", body=Declined, reply=CaseRatings
)
async def decline(call: Call, case_no: str) -> CaseRatings:
    await case_rated.decline(call, case_no, call.body.stage)
    return await _stages(call, case_no)


@routes.add("GET", "/v1/ratings/to-do", who="resident", summary="还可以评价的（谢绝过的不列）", reply=ToRateList)
async def to_do(call: Call) -> ToRateList:
    found = await case_rated.to_do(call)
    return ToRateList(
        items=[
            ToRate(case_no=case["case_no"], item_name=case["item_name"], stage=stage, stage_text=STAGE_WORDS[stage], until=at_edge(opening.until))
            for case, stage, opening in found
            if opening.until is not None
        ]
    )


@routes.add(
    "POST", "/v1/ratings/<rating_id:str>/call-back", who="resident", summary="差评整改：对部门的答复是否满意", body=CallBack, reply=RectificationView
)
async def call_back(call: Call, rating_id: str) -> RectificationView:
    return for_resident(await rectifying.called_back(call, rating_id))


@routes.add("GET", "/open/v1/ratings", who="anyone", summary="好差评：各部门的评价和公布的差评整改，按月", query=OpenRatingsQuery, reply=OpenRatings)
async def published(call: Call) -> OpenRatings:
    return await ratings_published.of_month(call.deps, call.query.month)


async def _stages(call: Call, case_no: str) -> CaseRatings:
    stages = [stage_entry(one) for one in await case_rated.of_case(call, case_no)]
    return CaseRatings(stages=stages, grades=grade_entries(call.resident.channel))
