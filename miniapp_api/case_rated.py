"""Story: a resident rates a stage of a case, once, in their own name; declines to; and what there still is to rate.

The rating, the word to the core and, for the two lowest grades, the putting right are one write.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kit.clock import BEIJING, now
from kit.errors import Conflict, FieldError, Invalid
from kit.mongo import DuplicateKeyError, Tx
from miniapp_api import rating_told
from miniapp_api.gate import Call
from miniapp_api.item_place import place_of
from miniapp_api.may import may_do
from miniapp_api.routes.cases import item_as_filed, own_case
from ratings import machine, stages
from ratings.indicators import INDICATORS, offered
from ratings.stages import Opening
from ratings.values import GRADES, STAGE_WORDS, STAGES, About, Given, Rating, Rectification, Stage
from residents import subjects

AT_ONCE = 20  # open cases, and decided ones, looked at for what may still be rated


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage as the page shows it."""

    stage: Stage
    opening: Opening
    rating: Rating | None
    rectification: Rectification | None


async def rate(call: Call, case_no: str) -> Rating:
    """The same Idempotency-Key is the same rating. Raises NotFound, Invalid, Conflict: stage_not_reached, rating_closed, already_rated."""
    subject = await may_do(call, "apply")
    case, asked, store = await own_case(call, case_no), call.body, call.deps.rating.store
    given = Given(asked.stage, asked.grade, tuple(dict.fromkeys(asked.indicators)), asked.text.strip())
    own = _rating_id(call, case["_id"], given.stage)
    if (kept := await store.rating(own)) is not None:
        return kept  # the answer was lost, nothing else
    _check_indicators(given, call.resident.channel)
    _check_opening(stages.opening(_reached(case, given.stage), now(), call.deps.rating.terms), given.stage)
    made = Rating(
        id=own,
        about=await _about(call, case),
        given=given,
        person_id=subjects.bound(call.resident),
        resident_id=call.resident.resident_id,
        by_agent=subject.role == "agent",
        channel=call.resident.channel,
        rated_at=now(),
    )
    try:
        await call.deps.mongo.transaction(lambda tx: _write(call, tx, made))
    except DuplicateKeyError:
        first = await store.of_stage(case["_id"], given.stage)
        if first is None:
            raise
        if first.id != own:
            raise Conflict("already_rated", _already(first)) from None
    return made


async def _write(call: Call, tx: Tx, made: Rating) -> None:
    deps = call.deps
    await deps.rating.store.add(tx, made)
    await rating_told.put(deps, tx, rating_told.RATE, made.id, made.rated_at)
    if made.is_bad:
        dues = machine.opening(deps.workdays.current, deps.rating.terms, made.rated_at)
        await deps.rating.store.rectifications.open(tx, made.id, made.about, dues, made.rated_at)


async def decline(call: Call, case_no: str, stage: Stage) -> None:
    """Nobody is asked for it again. The second time changes nothing."""
    await may_do(call, "apply")
    case = await own_case(call, case_no)
    await call.deps.rating.store.decline(case["_id"], stage, subjects.bound(call.resident))


async def of_case(call: Call, case_no: str) -> list[StageView]:
    """Both stages, whatever may be done with them. Raises NotFound."""
    case, store = await own_case(call, case_no), call.deps.rating.store
    rated = {one.given.stage: one for one in await store.of_cases([case["_id"]])}
    declined = {stage for _, stage in await store.declined([case["_id"]])}
    put_right = await store.rectifications.of_ids([one.id for one in rated.values() if one.is_bad])
    return [_view(call, case, stage, rated, declined, put_right) for stage in STAGES]


def _view(call: Call, case: Mapping[str, Any], stage: Stage, rated: Mapping[Stage, Rating], declined: set[Stage], right: Any) -> StageView:
    one = rated.get(stage)
    reached = _reached(case, stage)
    found = stages.opening(reached, now(), call.deps.rating.terms, rated=one is not None, declined=stage in declined)
    return StageView(stage, found, one, right.get(one.id) if one is not None else None)


async def to_do(call: Call) -> list[tuple[Mapping[str, Any], Stage, Opening]]:
    """(case, stage, until when): what may still be rated and was not declined. Stages reached lately, of the newest cases."""
    subject, store, cases, at = call.resident.subject, call.deps.rating.store, call.deps.homing.cases, now()
    if subject is None:
        return []
    since = at - timedelta(days=call.deps.rating.terms.open_days + 1)
    (still_open, _), decided = await asyncio.gather(cases.open_of(subject.key, AT_ONCE), cases.decided_of(subject.key, since, AT_ONCE))
    rows = {row["_id"]: row for row in (*still_open, *decided) if row["case_no"] and (row.get("moved_at") or at) >= since}
    rated, declined = await asyncio.gather(store.of_cases(list(rows)), store.declined(list(rows)))
    done = {(one.about.request_id, one.given.stage) for one in rated} | declined
    found = [
        (row, stage, stages.opening(_reached(row, stage), at, call.deps.rating.terms))
        for row in sorted(rows.values(), key=lambda row: row["created_at"], reverse=True)
        for stage in STAGES
        if (row["_id"], stage) not in done
    ]
    return [one for one in found if one[2].why is None]


def _rating_id(call: Call, request_id: str, stage: Stage) -> str:
    """The same for the same request, in whatever process. It goes to the core: nothing of a person can be read from it."""
    about = "\n".join((call.resident.resident_id, request_id, stage, call.request.headers.get("idempotency-key", "")))
    return f"rt_{hashlib.sha256(about.encode()).hexdigest()[:26]}"


def _reached(case: Mapping[str, Any], stage: Stage) -> Any:
    return stages.reached_at([(str(move["state"]), move["at"]) for move in case["timeline"]], stage)


async def _about(call: Call, case: dict[str, Any]) -> About:
    department, region = place_of(await item_as_filed(call.deps.content, case))
    return About(case["case_no"], case["_id"], case["item_code"], case["item_name"], department, case["subject_key"], region)


def _check_indicators(given: Given, channel: str) -> None:
    """All of them at once."""
    fits = {one.code for one in offered(given.grade, channel)}
    wrong = [
        FieldError(f"indicators.{n}", f"“{INDICATORS[code].text if code in INDICATORS else code}”不适用于这次评价，请从页面给出的选项里选择")
        for n, code in enumerate(given.indicators)
        if code not in fits
    ]
    if wrong:
        raise Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=tuple(wrong))


def _check_opening(found: Opening, stage: Stage) -> None:
    if found.why == "stage_not_reached":
        raise Conflict("stage_not_reached", f"这件办件还没有{STAGE_WORDS[stage]}，到时候才能评价")
    if found.why == "rating_closed":
        raise Conflict("rating_closed", "已经过了评价的期限；如有意见，可以在“投诉建议”里提出，或致电 12345")


def _already(first: Rating) -> str:
    day = first.rated_at.astimezone(BEIJING)
    who = "授权的代办人" if first.by_agent else "您或经办人"
    words = f"{who}已在{day.year}年{day.month}月{day.day}日对{STAGE_WORDS[first.given.stage]}环节评价为“{GRADES[first.given.grade]}”"
    return f"{words}，每个环节只能评价一次"
