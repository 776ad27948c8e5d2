"""A fact depends on what the core told of a case and on nothing else: any order, loss and repetition; the store counts what a fold over them counts."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from cases import store as store_module
from cases.moves import change_of, project
from cases.store import Cases
from content.store import Content
from core.types import CaseMove, CaseState, CoreEvent
from kit.crypto import Keyring
from kit.mongo import Mongo, Tx
from kit.workdays import Workdays, built_in, day_of
from miniapp_api.supervised import Supervised, count_anew, fact_of, rebuild
from supervision import store as facts_module
from supervision.build_store import Builds
from supervision.facts import Row
from supervision.figures import fold
from supervision.kept import Kept
from supervision.store import Facts
from tests.cases.sendings import make_sending, record
from tests.cases.test_projection import histories, tellings

BEGAN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ITEM = {
    "code": "I1",
    "kind": "行政许可",
    "department": {"name": "一局"},
    "region": {"code": "440703", "name": "蓬江区"},
    "visits": 0,
    "online": True,
    "places": None,
    "promised_limit": {"days": 10, "unit": "working_days", "text": ""},
    "statutory_limit": {"days": 20, "unit": "working_days", "text": ""},
}


def stored(moves: Sequence[CaseMove], **more: Any) -> Row:
    row = {"_id": "q1", "item_code": "I1", "item_version": 1, "channel": "wechat", "case_no": "C1", "materials": [], "timeline": [], **more}
    return {**row, **change_of(row, project(moves), BEGAN)}


def fact_after(moves: Sequence[CaseMove], **more: Any) -> Row:
    made = fact_of(stored(moves, **more), ITEM, built_in())
    assert made is not None
    return made


def walk(*steps: tuple[str, datetime]) -> list[CaseMove]:
    return [CaseMove(version=n, state=CaseState(state), at=at) for n, (state, at) in enumerate(steps, 1)]


@given(tellings())
@settings(max_examples=200)
def test_a_fact_depends_on_what_was_told_and_not_on_the_order(told: tuple[list[CaseMove], list[int]]) -> None:
    moves, order = told
    if not order:
        return
    row: Row = stored([])
    for place in order:
        row = {**row, **change_of(row, project([CaseMove.model_validate(one) for one in row["timeline"]] + [moves[place]]), BEGAN)}
    assert fact_of(row, ITEM, built_in()) == fact_after([moves[place] for place in sorted(set(order))])


@given(histories())
@settings(max_examples=200)
def test_a_fact_counts_what_stands_in_the_timeline(moves: list[CaseMove]) -> None:
    made = fact_after(moves)
    ends = [one for one in moves if one.state.value in ("approved", "rejected", "issued")]
    assert made["second_notices"] == sum(one.notice is not None and one.notice.ordinal >= 2 for one in moves)
    assert made["finished_at"] == (ends[0].at if ends else None) and made["result"] == (ends[0].state.value if ends else None)
    assert made["open"] == (not ends and moves[-1].state is not CaseState.WITHDRAWN)
    assert sum(made["steps"].values()) == int((moves[-1].at - moves[0].at).total_seconds())
    assert (made["near_at"] is None) == (made["due_at"] is None)
    assert made["near_at"] is None or made["near_at"] <= made["due_at"]
    assert not {"person_id", "subject_key", "resident_id", "answers", "materials"} & set(made)


def test_days_of_corrections_do_not_count_and_the_first_limit_to_end_is_the_due_day() -> None:
    day = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # a Monday
    plain = fact_after(walk(("submitted", day), ("accepted", day)))
    assert plain["due_kind"] == "promised" and str(day_of(plain["due_at"])) == "2026-03-16"
    assert str(day_of(plain["near_at"])) == "2026-03-12"  # two of ten working days left
    assert str(day_of(plain["legal_due_at"])) == "2026-03-30"
    paused = walk(("submitted", day), ("accepted", day), ("corrections", day + timedelta(days=1)))
    assert fact_after(paused)["due_at"] is None
    resumed = fact_after([*paused, CaseMove(version=4, state=CaseState.ACCEPTED, at=day + timedelta(days=8))])
    assert str(day_of(resumed["due_at"])) == "2026-03-23"  # five working days later
    late = fact_after(walk(("submitted", day), ("accepted", day), ("corrections", day + timedelta(days=40))))
    assert str(day_of(late["due_at"])) == "2026-03-16"  # it was over before the days stood still


def test_a_permit_nobody_answers_is_due_after_five_working_days() -> None:
    made = fact_after(walk(("submitted", BEGAN)))
    assert made["due_kind"] == "reply" and str(day_of(made["due_at"])) == "2026-03-09"
    other = fact_of(stored(walk(("submitted", BEGAN))), {**ITEM, "kind": "公共服务"}, built_in())
    assert other is not None and other["due_at"] is None


@pytest.mark.parametrize(
    ("item", "materials", "online"),
    [
        ({"visits": 0}, [], True),
        ({"visits": 1}, [], False),
        ({"visits": None}, [], None),
        ({"visits": 0}, [{"name": "照片", "hand_in": "window"}], False),
        ({"visits": 0, "online": None, "places": [{"address": "一号窗口"}]}, [], None),  # 0 that nobody filled in
    ],
)
def test_what_is_not_recorded_is_unknown(item: dict[str, Any], materials: list[Any], online: bool | None) -> None:
    row = stored(walk(("submitted", BEGAN), ("accepted", BEGAN), ("approved", BEGAN)), materials=materials)
    made = fact_of(row, {**ITEM, **item}, built_in())
    assert made is not None and made["online"] is online
    nothing = fact_of(row, None, built_in())
    assert nothing is not None and (nothing["department"], nothing["in_time"]) == (None, None)


# the store


async def prepared(mongo: Mongo, keys: Keyring) -> tuple[Cases, Supervised]:
    for module in (store_module, facts_module):
        await mongo.create_indexes(module.INDEXES)
    await mongo.create_indexes({"item_versions": []})
    await mongo["item_versions"].insert_one({"_id": "I1@1", "code": "I1", "version": 1, "item": ITEM, "starts_at": None})
    return Cases(mongo, keys), Supervised(Facts(mongo), Content(mongo), Workdays(mongo))


async def move(mongo: Mongo, cases: Cases, supervised: Supervised, request_id: str, move: CaseMove) -> None:
    """As miniapp_api/case_moved.py does."""
    event = CoreEvent(event_id=f"{request_id}{move.version}", seq=1, type="case.moved", case_no=f"C{request_id}", request_id=request_id, move=move)

    async def both(tx: Tx) -> None:
        rows = await cases.apply_moves(tx, [(event.request_id, event.case_no, event.move)])
        await supervised.moved(tx, [row for row in rows if row is not None])

    await mongo.transaction(both)


async def facts(mongo: Mongo) -> list[Row]:
    return [row async for row in mongo["case_facts"].find().sort("_id", 1)]


async def some(mongo: Mongo, cases: Cases, supervised: Supervised, count: int) -> None:
    day, states = BEGAN, ("submitted", "accepted", "corrections", "accepted", "approved", "issued")
    for n in range(count):
        request_id = await record(mongo, cases, make_sending(kind="行政许可"))
        for version, state in enumerate(states[: n % len(states) + 1], 1):
            await move(mongo, cases, supervised, request_id, CaseMove(version=version, state=CaseState(state), at=day + timedelta(days=n + version)))


async def test_the_store_counts_what_a_fold_over_the_facts_counts(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised = await prepared(mongo, keys)
    await some(mongo, cases, supervised, 14)
    for months in (["2026-03"], ["2026-02", "2026-03", "2026-04"], ["2026-01"]):
        for moment in (BEGAN, BEGAN + timedelta(days=20), BEGAN + timedelta(days=90)):
            rows = await facts(mongo)
            groups = (await Kept(supervised.facts, Builds(mongo)).months(months)).groups
            groups.due = await supervised.facts.due(moment)
            assert groups == fold(rows, months, moment)
            assert await supervised.facts.due(moment, "二局") == {}
    due = await supervised.facts.due(BEGAN + timedelta(days=90))
    assert sum(due.values()) > 0 and any(key[4] for key in due)


async def test_all_facts_can_be_made_again_while_events_go_on_coming(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised = await prepared(mongo, keys)
    await some(mongo, cases, supervised, 8)
    open_one = (await facts(mongo))[0]["_id"]
    before = await facts(mongo)
    await mongo["case_facts"].delete_many({"_id": {"$ne": open_one}})
    await mongo["case_facts"].update_one({"_id": open_one}, {"$set": {"department": "不对的局", "month": "1999-01"}})

    async def again() -> int:
        builds = Builds(mongo)
        build = await builds.take_anew()
        return [reached.cases async for reached in rebuild(mongo, cases, supervised, builds, build)][-1]

    assert await again() == 8 and await facts(mongo) == before
    assert await again() == 8 and await facts(mongo) == before
    request_id = await record(mongo, cases, make_sending(kind="行政许可"))
    late = [CaseMove(version=n, state=CaseState.ACCEPTED, at=BEGAN + timedelta(hours=n)) for n in range(1, 9)]
    await asyncio.gather(*(move(mongo, cases, supervised, request_id, one) for one in reversed(late)), again())
    made = (await supervised.facts.of_cases([request_id]))[request_id]
    assert made["version"] == 8 and made["submitted_at"] == BEGAN + timedelta(hours=1)


async def test_what_is_written_half_way_is_not_written(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised = await prepared(mongo, keys)
    request_id = await record(mongo, cases, make_sending())

    async def dies(tx: Tx) -> None:
        rows = await cases.apply_moves(tx, [(request_id, "C1", CaseMove(version=1, state=CaseState.SUBMITTED, at=BEGAN))])
        await supervised.moved(tx, [row for row in rows if row is not None])
        raise KeyError("dead")

    with pytest.raises(KeyError):
        await mongo.transaction(dies)
    assert await facts(mongo) == []


async def test_days_counted_by_another_calendar_are_counted_anew(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised = await prepared(mongo, keys)
    await some(mongo, cases, supervised, 3)
    right = await facts(mongo)
    await mongo["case_facts"].update_many({"open": True}, {"$set": {"edition": "old", "due_at": BEGAN}})
    assert await count_anew(mongo, cases, supervised, built_in()) == 3
    assert await facts(mongo) == right
    assert await count_anew(mongo, cases, supervised, built_in()) == 0
